"""The codes ``rate`` and ``latency`` against plain loops and under change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.data import Keys, encode
from snn2chip.graph import Encoding

values = hnp.arrays(np.int64, (3, 5), elements=st.integers(-16, 80)).map(lambda x: x / 64)
seeds = st.integers(0, 2**32 - 1)


def philox(key, counter):
    """Four words of Philox4x64-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3)."""
    mask = 2**64 - 1
    key, words = list(key), list(counter)
    for _ in range(10):
        low, high = words[0] * 0xD2E7470EE14C6C93, words[2] * 0xCA5A826395121157
        words = [
            (high >> 64) ^ words[1] ^ key[0],
            high & mask,
            (low >> 64) ^ words[3] ^ key[1],
            low & mask,
        ]
        key = [(key[0] + 0x9E3779B97F4A7C15) & mask, (key[1] + 0xBB67AE8584CAA73B) & mask]
    return words


def draws(seed, sample, stream, channel):
    """32-bit draws of one sample, without end; numpy counts up before it makes words."""
    block = 0
    while True:
        block += 1
        for word in philox((seed, sample), (block, 0, stream, channel)):
            yield word & (2**32 - 1)
            yield word >> 32


@given(values, st.integers(1, 5), seeds, st.integers(0, 3), st.integers(0, 2))
def test_rate_spikes_are_those_of_one_draw_after_another(x, steps, seed, stream, channel):
    samples = np.array([7, 0, 2**31])
    keys = Keys(seed, samples, stream, channel)
    spikes = encode(x, Encoding("rate", gain=2.0), steps, keys)
    assert spikes.dtype == np.bool_
    for row, sample in enumerate(samples.tolist()):
        drawn = draws(seed, sample, stream, channel)
        for step in range(steps):
            for column in range(5):
                p = min(max(2.0 * x[row, column], 0.0), 1.0)
                assert spikes[step, row, column] == (next(drawn) < p * 2**32)


@given(values, st.integers(1, 9), st.integers(1, 9), seeds)
def test_a_longer_rate_code_begins_with_the_shorter_one(x, short, more, seed):
    longer = encode(x, Encoding("rate"), short + more, Keys(seed))
    np.testing.assert_array_equal(longer[:short], encode(x, Encoding("rate"), short, Keys(seed)))


@given(values, st.permutations(range(3)), seeds)
def test_a_sample_has_the_same_spikes_in_every_batch(x, order, seed):
    whole = encode(x, Encoding("rate"), 7, Keys(seed))
    index = np.array(order)
    np.testing.assert_array_equal(
        encode(x[index], Encoding("rate"), 7, Keys(seed, index)), whole[:, index]
    )
    alone = encode(x[2:], Encoding("rate"), 7, Keys(seed, np.array([2])))
    np.testing.assert_array_equal(alone[:, 0], whole[:, 2])


def test_seed_sample_stream_and_channel_each_make_other_draws():
    x = np.full((1, 200), 0.5)
    first = encode(x, Encoding("rate"), 4)
    others = [Keys(1), Keys(0, np.array([1])), Keys(stream=1), Keys(channel=1)]
    for keys in others:
        differing = (encode(x, Encoding("rate"), 4, keys) != first).mean()
        assert 0.35 < differing < 0.65


def test_rates_are_the_values():
    x = np.array([[0.0, 0.125, 0.5, 0.9, 1.0, 1.5, -0.5]])
    rates = encode(x, Encoding("rate"), 20_000)[:, 0].mean(axis=0)
    np.testing.assert_allclose(rates, np.clip(x[0], 0, 1), atol=0.011)  # three deviations
    assert rates[0] == rates[6] == 0
    assert rates[4] == rates[5] == 1


@given(values, st.integers(1, 20))
def test_latency_is_one_spike_at_the_time_the_formula_says(x, steps):
    spikes = encode(x, Encoding("latency", gain=1.25), steps)
    for where in np.ndindex(x.shape):
        p = min(max(1.25 * x[where], 0.0), 1.0)
        fired = np.flatnonzero(spikes[(slice(None), *where)]).tolist()
        assert fired == ([round((steps - 1) * (1 - p))] if p > 0 else [])


def test_latency_is_that_of_snntorch():
    torch = pytest.importorskip("torch")
    spikegen = pytest.importorskip("snntorch.spikegen")
    rng = np.random.default_rng(5)
    x = rng.integers(1, 256, (4, 30)) / 256
    x[:, 0] = 1.0  # its normalization is by the step count alone for values up to 1
    theirs = spikegen.latency(
        torch.as_tensor(x, dtype=torch.float64),
        num_steps=9, threshold=1e-3, clip=True, normalize=True, linear=True,
    )  # fmt: skip
    np.testing.assert_array_equal(encode(x, Encoding("latency"), 9), theirs.numpy() != 0)
