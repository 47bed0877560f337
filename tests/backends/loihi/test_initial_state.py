"""Membranes that begin far from the reset: within the chip's 24 bits, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from snn2chip.backends.loihi.formats import formats_of
from snn2chip.backends.loihi.integers import STATE_LIMIT
from snn2chip.backends.loihi.realise import realise
from snn2chip.errors import UnsupportedError
from snn2chip.neurons import Input
from snn2chip.targets import load_target
from tests.networks import dense, graph, li, lif, population

FORMATS = formats_of(load_target("loihi2"))


def program(neuron, v_leak, multiplier=1.0):
    projection = dense("input", "out", np.ones((2, 3)), (3,), (2,))
    net = graph(
        [population("input", Input(), (3,)), population("out", neuron((2,), v_leak=v_leak), (2,))],
        [projection],
        readout="spike_count" if neuron is lif else "v_last",
    )
    return realise(net, FORMATS, {"out": multiplier})


@pytest.mark.parametrize("v_leak", [1e6, -1e6, 1e30, -1e30, 1e300])
def test_a_membrane_beyond_the_state_is_refused(v_leak):
    with pytest.raises(UnsupportedError, match="'out': the membrane begins at") as caught:
        program(lif, v_leak)
    assert "24 bits" in caught.value.has


@pytest.mark.parametrize("neuron", [lif, li])
@pytest.mark.parametrize("v_leak", [0.0, 0.5, -3.0, 1e3, 8e4, 1.3e5])
@pytest.mark.parametrize("multiplier", [0.8, 1.0, 2.0, 100.0])
def test_a_membrane_within_the_state_keeps_its_place(neuron, v_leak, multiplier):
    out = program(neuron, v_leak, multiplier).population("out")
    v0 = out.parameters["v0"]
    assert (np.abs(v0) < STATE_LIMIT).all()
    np.testing.assert_array_equal(v0, np.rint(v_leak * out.scale).astype(np.int64))


def test_a_readout_is_scaled_until_it_fits():
    out = program(li, 1e30, 100.0).population("out")
    assert (np.abs(out.parameters["v0"]) < STATE_LIMIT).all()
