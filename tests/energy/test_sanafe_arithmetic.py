"""SANA-FE's LIF by hand: leak, truncation, strict threshold, hard reset, delay of one step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.backends.reference import sanafe
from snn2chip.core import Activity, Program, ProgramPopulation
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Delay, Dense
from tests.energy.networks import population, program, project


def neuron(weight: float, threshold: float = 1.0, leak: float = 0.5) -> Program:
    parameters = {"threshold": np.array(threshold), "leak": np.array(leak)}
    lif = ProgramPopulation("a", "sanafe-lif", "LIF", (1,), parameters)
    synapse = Dense(np.array([[weight]]), (1,), (1,))
    return program([population("input", (1,)), lif], [project("input", "a", synapse, delay=1)])


def run(network: Program, spikes: list[int]) -> Activity:
    return sanafe.run(network, {"input": np.array(spikes, bool)[:, None, None]})


def fired(activity: Activity) -> list[int]:
    return activity.populations["a"].spikes.unpack()[:, 0, 0].astype(int).tolist()


def updated(activity: Activity) -> list[int]:
    return activity.populations["a"].updated.unpack()[:, 0, 0].astype(int).tolist()


def test_a_spike_is_integrated_one_step_later() -> None:
    assert fired(run(neuron(2.0), [1, 0, 0, 1, 0])) == [0, 1, 0, 0, 1]


def test_the_threshold_is_strict() -> None:
    assert fired(run(neuron(1.0), [1, 0])) == [0, 0]
    assert fired(run(neuron(1.0 + 2**-20), [1, 0])) == [0, 1]


def test_the_leak_comes_before_the_input() -> None:
    """0.75 leaks to 0.375; with 0.75 more it is 1.125 > 1."""
    assert fired(run(neuron(0.75), [1, 1, 0])) == [0, 0, 1]


def test_a_spike_resets_to_zero() -> None:
    assert fired(run(neuron(3.0), [1, 0, 0, 0])) == [0, 1, 0, 0]
    assert updated(run(neuron(3.0), [1, 0, 0, 0])) == [0, 1, 0, 0]


def test_leaked_membranes_are_truncated_to_64ths() -> None:
    """3/128 leaks to 1/64, then to 0; -1/64 leaks to 0, not to -1/64."""
    assert updated(run(neuron(3 / 128, leak=0.999), [1, 0, 0, 0, 0])) == [0, 1, 1, 1, 0]
    assert updated(run(neuron(-1 / 64), [1, 0, 0, 0])) == [0, 1, 1, 0]


def test_updated_is_tested_before_the_leak() -> None:
    activity = run(neuron(1 / 64), [1, 0, 0, 0, 0])
    assert updated(activity) == [0, 1, 1, 0, 0]


def test_samples_do_not_mix() -> None:
    rng = np.random.default_rng(0)
    spikes = rng.random((12, 3, 1)) < 0.5
    together = sanafe.run(neuron(0.75), {"input": spikes})
    for k in range(3):
        alone = sanafe.run(neuron(0.75), {"input": spikes[:, k : k + 1]})
        np.testing.assert_array_equal(
            together.populations["a"].spikes.unpack()[:, k : k + 1],
            alone.populations["a"].spikes.unpack(),
        )
        assert together.scores[k] == alone.scores[0]


def test_only_free_running_programs() -> None:
    network = neuron(1.0)
    late = replace(network, populations=(network.populations[0], population("a", (1,), 1)))
    slow = replace(
        network, projections=(replace(network.projections[0], delay=Delay(np.array(2))),)
    )
    for wrong in (late, slow):
        with pytest.raises(UnsupportedError, match="delay of one step"):
            run(wrong, [1])


def test_weights_leak_and_threshold_are_float32() -> None:
    """0.1 is 1.5e-9 larger as float32, on both sides of the threshold."""
    assert fired(run(neuron(0.1, threshold=0.1), [1, 0])) == [0, 0]
    assert fired(run(neuron(0.1 + 1e-8, threshold=0.1), [1, 0])) == [0, 1]
    # 10/64 leaks to less than 9/64, because 0.9 is smaller as float32.
    assert fired(run(neuron(10 / 64, threshold=18.5 / 64, leak=0.9), [1, 1, 0])) == [0, 0, 0]
    assert fired(run(neuron(10 / 64, threshold=17.5 / 64, leak=0.9), [1, 1, 0])) == [0, 0, 1]
