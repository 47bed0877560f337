"""Link loads against a plain walk of every packet."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Place
from snn2chip.energy import count
from snn2chip.mapping.routes import LinkLoads, link_loads
from tests.energy.networks import Draw, mappings, programs, random_activity

Link = tuple[int, int, int, int]


def walk(start: tuple[int, int], end: tuple[int, int]) -> list[Link]:
    """Links of a route, along the row first."""
    x, y = start
    links = []
    while (x, y) != end:
        if x != end[0]:
            step = (x + (1 if end[0] > x else -1), y)
        else:
            step = (x, y + (1 if end[1] > y else -1))
        links.append((x, y, *step))
        x, y = step
    return links


def as_dict(loads: LinkLoads) -> dict[Link, int]:
    ends = zip(*(a.tolist() for a in (loads.x, loads.y, loads.to_x, loads.to_y)), strict=True)
    return dict(zip(ends, loads.packets.tolist(), strict=True))


@st.composite
def traffic(draw: Draw) -> tuple[dict[int, Place], list[tuple[int, int, int]]]:
    places = {
        core: Place(0, draw(st.integers(0, 5)), draw(st.integers(0, 3)))
        for core in draw(st.lists(st.integers(0, 40), min_size=1, max_size=8, unique=True))
    }
    core = st.sampled_from(sorted(places))
    return places, draw(st.lists(st.tuples(core, core, st.integers(1, 9)), max_size=20))


@settings(max_examples=80, deadline=None)
@given(traffic())
def test_loads_are_those_of_a_walk(
    case: tuple[dict[int, Place], list[tuple[int, int, int]]],
) -> None:
    places, packets = case
    expected: Counter[Link] = Counter()
    for source, target, number in packets:
        a, b = places[source], places[target]
        for link in walk((a.x, a.y), (b.x, b.y)):
            expected[link] += number
    columns = np.array(packets, np.int64).reshape(-1, 3).T
    loads = link_loads([tuple(columns)], places)  # type: ignore[list-item]
    assert as_dict(loads) == dict(expected)
    assert list(as_dict(loads)) == sorted(expected)
    assert loads.largest == max(expected.values(), default=0)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_all_loads_together_are_the_hops(data: st.DataObject) -> None:
    network = data.draw(programs())
    counts = count(network, random_activity(network, 3, 2, 1), data.draw(mappings(network)))
    assert counts.links.traversals == sum(layer.hops for layer in counts.layers)
    across = sum(layer.hops_x for layer in counts.layers)
    moved = counts.links.x != counts.links.to_x
    assert int(counts.links.packets[moved].sum()) == across
