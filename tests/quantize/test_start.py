"""A search that begins with what another one found."""

from __future__ import annotations

from snn2chip.quantize import coordinate_search


def test_a_start_is_tried_and_wins_among_equals():
    tried = []

    def cost(scales, name):
        tried.append(scales[name])
        return 0.0

    assert coordinate_search(["a"], [1.0, 2.0], cost, start={"a": 1.7}) == {"a": 1.7}
    assert tried == [1.7, 1.0, 2.0]


def test_a_start_that_is_worse_is_left():
    found = coordinate_search(
        ["a", "b"], [1.0, 2.0], lambda s, n: abs(s[n] - 2.0), start={"a": 1.0, "b": 3.0}
    )
    assert found == {"a": 2.0, "b": 2.0}


def test_a_start_among_the_candidates_is_tried_once():
    tried = []
    coordinate_search(["a"], [1.0, 2.0], lambda s, n: tried.append(s[n]) or 0.0, start={"a": 2.0})
    assert tried == [2.0, 1.0]
