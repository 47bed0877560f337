"""Students are given the spikes that chips are given, whatever the encoding and the batch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.data import Keys, encode  # noqa: E402
from snn2chip.distill import encode_spikes, evaluate  # noqa: E402
from snn2chip.distill.training import fit  # noqa: E402
from snn2chip.graph import Encoding, Readout  # noqa: E402

KINDS = ("if", "rate", "latency", "direct")


@pytest.fixture(params=["1", "0"], ids=["kernels", "numpy"])
def numba(request, monkeypatch):
    """With compiled kernels and without."""
    monkeypatch.setenv("SNN2CHIP_NUMBA", request.param)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gain", [1.0, 0.7])
def test_they_are_those_of_the_encoder(kind, gain, numba):
    """Thirds and fifths of 1 add up to 1, or to a little more: the type of the sum decides."""
    x = np.arange(256, dtype=np.float32).reshape(2, 1, 8, 16) / np.float32(255)
    encoding = Encoding(kind, steps=12, gain=gain)
    keys = Keys(4, np.array([3, 9]), stream=2)
    found = encode_spikes(torch.as_tensor(x), encoding, keys)
    assert found.dtype == torch.float32
    expected = encode(x.astype(np.float64), encoding, 12, keys)
    if kind == "direct":
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    else:
        np.testing.assert_array_equal(found.numpy(), expected)


def test_a_judged_sample_has_the_spikes_of_its_place_in_the_data(tiny_recipe, few_digits):
    recipe = tiny_recipe("mlp", encoding__kind="rate", training__epochs=1)
    x, y = np.tile(few_digits[0], (4, 1, 1, 1))[:600], np.tile(few_digits[1], 4)[:600]
    student = fit(recipe, *few_digits).student
    encoding = recipe.encoding.to_graph()
    judged = evaluate(student, x, y, encoding, Readout())
    spikes = encode(x.astype(np.float32).astype(np.float64), encoding, encoding.steps)
    assert judged.spikes["input"] == pytest.approx(spikes.sum() / len(x), rel=1e-12)


@pytest.mark.parametrize("kind", ["rate", "latency"])
def test_a_training_is_the_same_again(kind, tiny_recipe, few_digits):
    recipe = tiny_recipe("mlp", encoding__kind=kind, training__epochs=3, training__drive_weight=1.0)
    one, other = (fit(recipe, *few_digits) for _ in range(2))
    assert one.losses == other.losses
    assert one.losses[-1] < one.losses[0]


def test_every_epoch_has_random_spikes_of_its_own(tiny_recipe, few_digits, monkeypatch):
    from snn2chip.distill.training import trainer as module

    given = []

    def spy(x, encoding, keys=None):
        given.append(keys)
        return encode_spikes(x, encoding, keys)

    monkeypatch.setattr(module, "encode_spikes", spy)
    fit(tiny_recipe("mlp", encoding__kind="rate", training__epochs=2), *few_digits)
    keys = [k for k in given if k is not None]
    streams = {k.stream for k in keys}
    assert len(streams) == 2
    assert 0 not in streams
    for stream in streams:
        seen = np.concatenate([k.samples for k in keys if k.stream == stream])
        np.testing.assert_array_equal(np.sort(seen), np.arange(len(few_digits[1])))
