"""The oracle on networks small enough to compute by hand, and against the firmware's traces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from snn2chip.backends.spinnaker.fixed import ONE, accum
from snn2chip.backends.spinnaker.loaded import MODELS, Model, loaded, weight_words
from snn2chip.backends.spinnaker.oracle import MOST, Recording, Synapses, run

from .random_networks import by_oracle, random_network, random_spikes
from .verify_firmware import GOLDEN, GOLDEN_RATE, GOLDEN_SIZE

CELL = {
    "tau_m": 100.0,  # leaks one percent a step
    "cm": 1.0,  # 1 nA for a step moves the membrane by nearly 1 mV
    "v_rest": 0.0,
    "v_reset": -1.0,
    "v_thresh": 10.0,
    "tau_refrac": 0.0,
    "i_offset": 0.0,
}
SHIFT = 4


def one_neuron(
    fired: Sequence[int],
    weight: float = 3.0,
    delay: int = 1,
    steps: int = 12,
    model: Model = "IF_curr_delta",
    inhibitory: bool = False,
    **changes: float,
) -> Recording:
    """A neuron behind a source that fires in these steps."""
    words = weight_words(np.array([weight]), SHIFT)
    zero = np.zeros(1, np.int64)
    none = Synapses(*[np.zeros(0, np.int64)] * 4)
    group = Synapses(zero, zero, words, np.array([delay]))
    arrivals = np.zeros((steps, 1), np.bool_)
    arrivals[list(fired)] = True
    parameters = {name: np.array([value]) for name, value in {**CELL, **changes}.items()}
    groups = [none, group] if inhibitory else [group, none]
    return run(loaded(model, parameters), accum([0.0]), groups, (SHIFT, SHIFT), arrivals)


def test_a_spike_acts_after_its_delay_and_is_seen_a_step_later() -> None:
    v = one_neuron([2], delay=3).v[:, 0] / ONE
    assert (v[:6] == 0).all()  # acts in step 5, and a membrane is recorded before its update
    assert v[6] == pytest.approx(3.0, rel=0.01)


def test_an_inhibitory_spike_takes_away() -> None:
    assert one_neuron([0], inhibitory=True).v[2, 0] / ONE == pytest.approx(-3.0, rel=0.01)


def test_a_neuron_above_its_threshold_fires_and_is_reset() -> None:
    run = one_neuron([0], weight=10.2)
    assert np.flatnonzero(run.fired[:, 0]).tolist() == [1]
    assert run.v[2, 0] == -ONE


@pytest.mark.parametrize(("refractory", "steps"), [(0.0, 1), (1.0, 2), (2.5, 4)])
def test_refractory_neurons_stay_at_their_reset(refractory: float, steps: int) -> None:
    fired = one_neuron(range(12), weight=12.0, tau_refrac=refractory).fired[:, 0]
    assert np.diff(np.flatnonzero(fired)).tolist()[:2] == [steps, steps]


def test_an_offset_is_a_constant_current() -> None:
    assert one_neuron([], i_offset=0.5).v[4, 0] / ONE == pytest.approx(2.0, rel=0.03)


def test_a_slot_of_a_ring_buffer_saturates() -> None:
    zeros, ones = np.zeros(2, np.int64), np.ones(2, np.int64)
    two = Synapses(zeros, zeros, np.array([MOST, MOST]), ones)
    none = Synapses(*[np.zeros(0, np.int64)] * 4)
    parameters = {name: np.array([value]) for name, value in {**CELL, "v_thresh": 1e3}.items()}
    arrivals = np.zeros((4, 1), np.bool_)
    arrivals[0] = True
    groups, shifts = [two, none], (SHIFT, SHIFT)
    found = run(loaded("IF_curr_delta", parameters), accum([0.0]), groups, shifts, arrivals)
    assert found.v[2, 0] / ONE == pytest.approx(MOST * 2.0**SHIFT / ONE, rel=0.01)
    assert found.full == 1


def test_a_current_that_decays_goes_on_acting() -> None:
    small = {"tau_syn_E": 5.0, "tau_syn_I": 5.0, "weight": 1.0}
    rises = np.diff(one_neuron([0], model="IF_curr_exp", **small).v[1:8, 0] / ONE)
    assert (rises > 0).all()
    assert rises[1:] / rises[:-1] == pytest.approx(np.exp(-0.2), rel=0.06)


@pytest.mark.parametrize("model", MODELS)
def test_the_firmware_recorded_the_same(model: Model) -> None:
    """Made by ``python -m tests.backends.spinnaker.verify_firmware --golden``."""
    network = random_network(model, **GOLDEN_SIZE)
    fired = random_spikes(1, network, GOLDEN_RATE, GOLDEN_SIZE["seed"] + 1)[0]
    with np.load(GOLDEN, allow_pickle=False) as file:
        v, bits, shifts = (file[f"{model}.{name}"] for name in ("v", "fired", "shifts"))
    ours = by_oracle(network, fired, (int(shifts[0]), int(shifts[1])))
    theirs = np.unpackbits(bits, axis=1, count=v.shape[1]).astype(np.bool_)
    assert theirs.sum() > 20
    np.testing.assert_array_equal(ours.v, v)
    np.testing.assert_array_equal(ours.fired, theirs)


@pytest.mark.parametrize("tau_m", [1.5, 10.0, 100.0])
def test_no_gap_brings_a_membrane_back_from_above(tau_m: float) -> None:
    """Products are cut down: it stops short of its rest, and comes all the way from below."""
    decay = int(
        loaded(
            "IF_curr_delta", {k: np.array([v]) for k, v in {**CELL, "tau_m": tau_m}.items()}
        ).membrane_decay[0]
    )
    left = -(-ONE // (ONE - decay)) - 1
    weight = 6.0 / tau_m
    above = one_neuron([0], weight, steps=2000, tau_m=tau_m).v[:, 0]
    below = one_neuron([0], weight, steps=2000, tau_m=tau_m, inhibitory=True).v[:, 0]
    assert above[3] > left > 0
    assert (above[-500:] == left).all()
    assert below[3] < 0
    assert (below[-500:] == 0).all()
