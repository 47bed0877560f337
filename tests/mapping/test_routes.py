"""Link loads against a plain walk of every packet."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Place
from snn2chip.energy import count
from snn2chip.mapping.routes import LinkLoads, link_loads, multicast, unicast
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
    loads = link_loads([unicast(*columns, places)])
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


@settings(max_examples=80, deadline=None)
@given(traffic(), st.data())
def test_trees_cross_each_link_of_their_routes_once(
    case: tuple[dict[int, Place], list[tuple[int, int, int]]], data: st.DataObject
) -> None:
    places, _ = case
    cores = st.sampled_from(sorted(places))
    trees = data.draw(
        st.lists(st.tuples(cores, st.sets(cores, min_size=1), st.integers(1, 9)), max_size=6)
    )
    expected: Counter[Link] = Counter()
    for source, targets, number in trees:
        a = places[source]
        routes = [walk((a.x, a.y), (places[t].x, places[t].y)) for t in targets]
        for link in {link for route in routes for link in route}:
            expected[link] += number
    source, number = (np.array([tree[k] for tree in trees], np.int64) for k in (0, 2))
    first = np.cumsum([0, *(len(tree[1]) for tree in trees)])
    targets = np.array([t for tree in trees for t in sorted(tree[1])], np.int64)
    routed = multicast(source, first, targets, number, places)
    assert as_dict(link_loads([routed])) == dict(expected)
    assert sum(int(run.hops.sum()) for run in routed) == sum(expected.values())


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_copied_packets_arrive_as_often_and_travel_less(data: st.DataObject) -> None:
    network = data.draw(programs())
    activity = random_activity(network, 3, 2, 1)
    mapping = data.draw(mappings(network))
    one, many = count(network, activity, mapping, True), count(network, activity, mapping)
    for tree, each in zip(one.layers, many.layers, strict=True):
        assert (tree.packets, tree.synaptic_events) == (each.packets, each.synaptic_events)
        assert tree.packets_sent <= min(tree.spikes, each.packets_sent)
        assert tree.hops <= each.hops
    assert one.links.traversals == sum(layer.hops for layer in one.layers)
    sent = one.series.events.get("packets_out", np.zeros(1))
    assert int(sent.sum()) == sum(layer.packets_sent for layer in one.layers)
