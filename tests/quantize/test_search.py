"""Scale search: cheapest candidate per population, upstream settled first."""

from __future__ import annotations

from snn2chip.quantize import coordinate_search


def test_finds_the_minimum_of_a_separable_cost():
    best = {"a": 2.0, "b": 0.5}
    chosen = coordinate_search(
        ["a", "b"], [1.0, 0.5, 2.0], lambda scales, name: (scales[name] - best[name]) ** 2
    )
    assert chosen == best


def test_downstream_is_judged_with_upstream_settled():
    seen = []

    def cost(scales, name):
        seen.append((name, dict(scales)))
        return abs(scales[name] - 2.0)

    coordinate_search(["a", "b"], [1.0, 2.0], cost)
    assert all(scales["a"] == 2.0 for name, scales in seen if name == "b")
    assert all(scales["b"] == 1.0 for name, scales in seen if name == "a")


def test_the_first_wins_among_equals():
    assert coordinate_search(["a"], [1.0, 2.0], lambda *_: 0.0) == {"a": 1.0}


def test_progress_counts_populations():
    told = []
    coordinate_search(
        ["a", "b"], [1.0], lambda *_: 0.0, lambda done, total: told.append((done, total))
    )
    assert told == [(1, 2), (2, 2)]


def test_no_populations_need_no_evaluation():
    assert coordinate_search([], [1.0, 2.0], lambda *_: 1 / 0) == {}
