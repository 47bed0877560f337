"""Engine and oracle equal recordings of Lava's other models, at every step."""

from __future__ import annotations

import numpy as np
import pytest

from snn2chip.backends.loihi.neurons import NEURON_MODELS
from snn2chip.backends.loihi.oracle import run_sample

from .golden.make_models_golden import FILE
from .witness.specs import given_input, image, program, read
from .witness.verify_lava import mismatches

NETWORKS, ARRAYS = read(FILE)
RECORDED = {
    key.removeprefix("recorded/"): values
    for key, values in ARRAYS.items()
    if key.startswith("recorded/")
}
EVERY_NETWORK = pytest.mark.parametrize("name", NETWORKS)


@EVERY_NETWORK
def test_the_engine_equals_lava(name):
    assert mismatches(NETWORKS[name], ARRAYS, RECORDED) == []


@EVERY_NETWORK
def test_the_oracle_equals_lava(name):
    network = NETWORKS[name]
    made, steps = program(network, ARRAYS), 20
    run = run_sample(made, {"in": given_input(network, ARRAYS)}, steps)
    for p in made.populations[1:]:
        for key, values in RECORDED.items():
            if key.startswith(f"{name}/{p.name}."):
                state = key.rpartition(".")[2]
                found = run.spikes[p.name] if state == "spikes" else run.states[state][p.name]
                expected = image(values)[:steps].reshape(steps, -1)
                np.testing.assert_array_equal(found, expected, key)


def test_every_model_is_there_and_does_something():
    """All but those that are fed from outside; each sends something in some network."""
    active = {
        p.model
        for name, network in NETWORKS.items()
        for p in program(network, ARRAYS).populations[1:]
        if RECORDED[f"{name}/{p.name}.spikes"].any()
    }
    assert active == {model for model in NEURON_MODELS if "driven" not in model}
    kinds = {(p["kind"]) for network in NETWORKS.values() for p in network["projections"]}
    assert kinds == {"dense", "sparse", "delay_dense", "delay_sparse", "conv", "direct"}


@pytest.mark.parametrize("name", ["cuba0", "ternary0", "sigma_delta0", "resonate0", "image0"])
def test_a_wrong_weight_would_be_noticed(name):
    """Any other weights of the first synapses give other numbers."""
    key = next(k for k in ARRAYS if k.startswith(f"{name}/") and k.endswith(".weights"))
    wrong = {**ARRAYS, key: np.where(ARRAYS[key] == 0, 40, -ARRAYS[key] // 2)}
    assert mismatches(NETWORKS[name], wrong, RECORDED)


def test_the_file_stays_small():
    assert FILE.stat().st_size < 300_000
