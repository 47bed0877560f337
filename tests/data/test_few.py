"""A few of many samples: the first, unless they lack a class."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.data.few import few, few_first


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 70), st.booleans())
def test_an_order_loses_nobody(labels: list[int], count: int, is_sorted: bool) -> None:
    y = np.array(sorted(labels) if is_sorted else labels)
    order = few_first(count, y)
    assert sorted(order) == list(range(len(y)))
    chosen = few(len(y), count, y)
    assert len(chosen) == min(count, len(y)) == len(set(chosen.tolist()))
    assert np.array_equal(order[: len(chosen)], chosen)


def test_a_sorted_file_gives_every_class() -> None:
    y = np.repeat(np.arange(10), 100)
    assert len(np.unique(y[few(1000, 50, y)])) == 10
    shuffled = np.random.default_rng(0).permutation(y)
    assert np.array_equal(few(1000, 256, shuffled), np.arange(256))
    assert np.array_equal(few(1000, 5, None), np.arange(5))
