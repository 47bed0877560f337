"""Every neuron and synapse model: the engine equals the plain integers, for any cut of time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.modes import CHIP, LAVA
from snn2chip.backends.loihi.neurons import NEURON_MODELS
from snn2chip.backends.loihi.oracle import run_sample
from snn2chip.engine import RunOptions, simulate

from .witness.random_networks import BUILD, random_network
from .witness.specs import given_input, program

STEPS = 14


def engine(network, spikes, **options):
    """(activity, {array name: [chip step, *shape]}) of one sample."""
    chosen = RunOptions(trace=True, trace_state=True, **options)
    arithmetic = LoihiArithmetic("lava" if network.arithmetic == LAVA else "chip")
    activity, trace = simulate(network, {"in": spikes[:, np.newaxis]}, arithmetic, chosen)
    return activity, {name: array[0] for name, array in trace.arrays.items()}


def assert_equal_to_oracle(network, spikes, block_steps=None):
    activity, found = engine(network, spikes, block_steps=block_steps)
    run = run_sample(network, {"in": spikes}, len(spikes))
    for p in network.populations[1:]:
        where = f"{p.name} ({p.model})"
        np.testing.assert_array_equal(found[p.name].reshape(len(spikes), -1), run.spikes[p.name])
        states = {key for key in run.states if p.name in run.states[key]}
        assert {f"{p.name}.{key}" for key in states} == {
            n for n in found if n.startswith(p.name + ".")
        }
        for key in states:
            array = found[f"{p.name}.{key}"].reshape(len(spikes), -1)
            np.testing.assert_array_equal(array, run.states[key][p.name], f"{where}.{key}")
        updated = activity.populations[p.name].updated.unpack()[:, 0].reshape(len(spikes), -1)
        np.testing.assert_array_equal(updated, run.updated[p.name], f"{where} updated")


@pytest.mark.parametrize("family", BUILD)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), block_steps=st.sampled_from([None, 1, 5]))
def test_spikes_states_and_updates_are_equal(family, seed, block_steps):
    network, arrays = random_network("n", seed, STEPS, family)
    made = program(network, arrays)
    assert_equal_to_oracle(made, given_input(network, arrays), block_steps)
    chip = replace(made, arithmetic=CHIP)
    assert_equal_to_oracle(chip, given_input(network, arrays), block_steps)


def test_the_networks_reach_every_model():
    """All models but those that are fed from outside, whose files the tests of .net have."""
    networks = [
        program(*random_network("n", seed, STEPS, family)) for family in BUILD for seed in range(25)
    ]
    found = {p.model for network in networks for p in network.populations[1:]}
    assert found == {name for name in NEURON_MODELS if "driven" not in name}
    assert {p.model for n in networks for p in n.projections} == {"spikes", "graded", "writes"}


@pytest.mark.parametrize("family", BUILD)
def test_the_networks_are_not_silent(family):
    active = 0
    for seed in range(30):
        network, arrays = random_network("n", seed, 40, family)
        made = program(network, arrays)
        _, found = engine(made, given_input(network, arrays))
        active += all(found[p.name].any() for p in made.populations[1:])
    assert active > 3
