"""The encoder ``if`` against a loop, under change, and at its limits."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.data import encode
from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.graph import Encoding

# Sixty-fourths add up exactly, so that the loop and the encoder compare the same numbers.
values = hnp.arrays(np.int64, (2, 3), elements=st.integers(-64, 128)).map(lambda x: x / 64)


@given(values, st.integers(1, 20), st.integers(1, 200))
def test_spikes_equal_those_of_one_neuron_after_another(x, steps, threshold):
    spikes = encode(x, Encoding("if", threshold=threshold / 64), steps)
    assert spikes.shape == (steps, 2, 3)
    for where in np.ndindex(2, 3):
        v = 0.0
        for step in range(steps):
            v += x[where]
            fired = v > threshold / 64
            assert spikes[(step, *where)] == fired
            v = 0.0 if fired else v


@given(values, st.integers(1, 20), st.sampled_from([0.25, 2.0, 16.0]))
def test_only_the_ratio_of_gain_and_threshold_matters(x, steps, factor):
    plain = encode(x, Encoding("if", threshold=1.5, gain=1.0), steps)
    scaled = encode(x, Encoding("if", threshold=1.5 * factor, gain=factor), steps)
    np.testing.assert_array_equal(plain, scaled)


@given(values, st.integers(1, 9), st.integers(1, 9))
def test_a_longer_run_begins_with_the_shorter_one(x, short, more):
    encoding = Encoding("if")
    longer = encode(x, encoding, short + more)
    np.testing.assert_array_equal(longer[:short], encode(x, encoding, short))


@given(values, st.permutations(range(2)))
def test_each_sample_is_encoded_alone(x, order):
    encoding = Encoding("if")
    np.testing.assert_array_equal(encode(x[order], encoding, 7), encode(x, encoding, 7)[:, order])


@given(st.integers(0, 64), st.integers(0, 64))
def test_a_larger_value_never_fires_less(one, other):
    counts = encode(np.array([[one, other]]) / 64, Encoding("if"), 40)[:, 0].sum(axis=0)
    assert (counts[0] <= counts[1]) if one <= other else (counts[0] >= counts[1])


@pytest.mark.parametrize(("value", "first"), [(0.5, 2), (0.51, 1), (1.0, 1), (1.5, 0), (0, None)])
def test_the_threshold_must_be_exceeded(value, first):
    fired = np.flatnonzero(encode(np.array([[value]]), Encoding("if"), 5)[:, 0, 0])
    assert (fired[0] if len(fired) else None) == first


def test_more_spikes_than_memory_should_hold_are_refused_from_the_first_on(monkeypatch):
    monkeypatch.setattr(import_module("snn2chip.data.encode"), "MAX_VALUES", 24)
    assert encode(np.zeros((4, 3)), Encoding("if"), 2).size == 24
    with pytest.raises(ConfigError) as caught:
        encode(np.zeros((5, 5)), Encoding("if"), 1)
    assert "5 samples x 1 steps" in caught.value.what
    assert caught.value.has
    assert "--steps" in caught.value.remedy


def test_static_values_without_an_encoding_name_the_encodings_there_are():
    with pytest.raises(UnsupportedError) as caught:
        encode(np.zeros((1, 2)), Encoding("none"), 3)
    assert caught.value.exit_code == 4
    assert "'none'" in caught.value.what
    for kind in ("if", "rate", "latency", "direct"):
        assert f"'{kind}'" in caught.value.has
    assert "--encoding if" in caught.value.remedy
