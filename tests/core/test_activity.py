"""Packed rasters give back what went in, and count it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.core import Activity, Raster

shapes = hnp.array_shapes(min_dims=1, max_dims=3, max_side=5)


@st.composite
def rasters(draw):
    shape = draw(shapes)
    steps, samples = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    flags = draw(hnp.arrays(np.bool_, (steps, samples, *shape)))
    return flags, Raster.pack(flags, shape)


@given(rasters())
def test_unpack_gives_back_the_flags(drawn):
    flags, raster = drawn
    np.testing.assert_array_equal(raster.unpack(), flags)
    assert (raster.steps, raster.samples) == flags.shape[:2]


@given(rasters())
def test_counts(drawn):
    flags, raster = drawn
    assert raster.total() == flags.sum()
    axes = tuple(range(2, flags.ndim))
    np.testing.assert_array_equal(raster.per_step(), flags.sum(axis=axes))
    np.testing.assert_array_equal(raster.per_neuron(), flags.sum(axis=(0, 1)))


@given(rasters(), st.integers(0, 3))
def test_unpack_of_a_part(drawn, first):
    flags, raster = drawn
    np.testing.assert_array_equal(raster.unpack(first, first + 2), flags[first : first + 2])


def test_packing_takes_an_eighth():
    raster = Raster.pack(np.ones((2, 3, 80), bool), (80,))
    assert raster.bits.nbytes == 2 * 3 * 10


def test_predictions_take_the_lowest_of_equal_scores():
    scores = np.array([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
    activity = Activity("float64", 1, 2, {}, scores)
    np.testing.assert_array_equal(activity.predictions, [1, 0])
