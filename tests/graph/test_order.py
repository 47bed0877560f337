from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.graph.order import components, is_cyclic, latencies

Edges = list[tuple[str, str]]


@st.composite
def digraphs(draw: st.DrawFn) -> tuple[list[str], Edges]:
    names = [f"p{k}" for k in range(draw(st.integers(1, 7)))]
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(names))
    return names, draw(st.lists(pairs, max_size=14))


def reach(names: list[str], edges: Edges) -> set[tuple[str, str]]:
    """Transitive closure, by repetition."""
    found = set(edges)
    while True:
        more = {(a, d) for a, b in found for c, d in edges if b == c} - found
        if not more:
            return found
        found |= more


@given(digraphs())
@settings(max_examples=200)
def test_components_are_what_reaches_each_other(graph: tuple[list[str], Edges]) -> None:
    names, edges = graph
    closure = reach(names, edges)
    parts = components(names, edges)
    assert sorted(name for part in parts for name in part) == sorted(names)
    home = {name: k for k, part in enumerate(parts) for name in part}
    for a in names:
        for b in names:
            together = a == b or ((a, b) in closure and (b, a) in closure)
            assert (home[a] == home[b]) is together
    assert all(home[a] <= home[b] for a, b in edges)
    for part in parts:
        assert is_cyclic(part, edges) is any((name, name) in closure for name in part)


def test_long_chains_need_no_recursion() -> None:
    names = [str(k) for k in range(5000)]
    edges = list(pairwise(names))
    assert [part[0] for part in components(names, edges)] == names


@given(digraphs(), st.integers(0, 2))
@settings(max_examples=200)
def test_latencies_leave_each_synapse_a_step(graph: tuple[list[str], Edges], delay: int) -> None:
    names, edges = graph
    inputs = names[:1]
    delays = {(a, b): delay for a, b in edges if b not in inputs}
    closure = reach(names, list(delays))
    cyclic = any((name, name) in closure for name in names)
    if cyclic and delay == 0:
        with pytest.raises(ValueError, match="fewer delay steps"):
            latencies(names, inputs, delays)
        return
    found = latencies(names, inputs, delays)
    assert found[names[0]] == 0
    for (a, b), d in delays.items():
        assert d + found[b] - found[a] >= 1
    for name in names:
        tight = [a for (a, b), d in delays.items() if b == name and found[name] == found[a] + 1 - d]
        assert found[name] == 0 or tight
