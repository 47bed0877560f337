"""Random populations for the firmware: unlike neurons, both receptors, all delays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.fixed import accum
from snn2chip.backends.spinnaker.loaded import RECEPTORS, Model, loaded, weight_words
from snn2chip.backends.spinnaker.oracle import Recording, Synapses, run
from snn2chip.backends.spinnaker.witness import (
    FirmwareNetwork,
    FirmwarePopulation,
    FirmwareProjection,
)

INPUT, NEURONS = "in", "neurons"
_LATEST = 16
_SIZES = (1.0, 0.6)
"""Largest weights in nA of both receptors."""


def random_network(
    model: Model, neurons: int, sources: int, steps: int, seed: int
) -> FirmwareNetwork:
    """One population behind one input."""
    rng = np.random.default_rng(seed)
    parameters = {
        "tau_m": rng.uniform(2.0, 40.0, neurons),
        "cm": rng.uniform(0.1, 2.0, neurons),
        "v_rest": rng.uniform(-70.0, -60.0, neurons),
        "v_reset": rng.uniform(-75.0, -65.0, neurons),
        "v_thresh": rng.uniform(-60.0, -45.0, neurons),
        "tau_refrac": rng.uniform(0.0, 5.0, neurons),
        "i_offset": rng.uniform(0.0, 0.3, neurons),
    }
    if model == "IF_curr_exp":
        parameters["tau_syn_E"] = rng.uniform(0.5, 20.0, neurons)
        parameters["tau_syn_I"] = rng.uniform(0.5, 20.0, neurons)
    first = rng.uniform(-70.0, -60.0, neurons)
    populations = (
        FirmwarePopulation(INPUT, sources),
        FirmwarePopulation(NEURONS, neurons, model, parameters, first),
    )
    projections = []
    for receptor, size in zip(RECEPTORS, _SIZES, strict=True):
        pre, post = np.nonzero(rng.random((sources, neurons)) < 0.3)
        weights = rng.uniform(0.0, size, len(pre))
        delays = rng.integers(1, _LATEST + 1, len(pre))
        projections.append(FirmwareProjection(INPUT, NEURONS, receptor, pre, post, weights, delays))
    return FirmwareNetwork(populations, tuple(projections), steps)


def random_spikes(
    samples: int, network: FirmwareNetwork, rate: float, seed: int
) -> NDArray[np.bool_]:
    """Spikes of the input [sample, step, source]."""
    rng = np.random.default_rng(seed)
    return rng.random((samples, network.steps, network.populations[0].size)) < rate


def by_oracle(
    network: FirmwareNetwork, fired: NDArray[np.bool_], shifts: tuple[int, int]
) -> Recording:
    """What the oracle says of one sample [step, source]."""
    neurons = network.populations[1]
    assert neurons.model is not None
    assert neurons.parameters is not None
    assert neurons.v is not None
    groups = [
        Synapses(p.sources, p.targets, weight_words(p.weights, shift), p.delays)
        for p, shift in zip(network.projections, shifts, strict=True)
    ]
    population = loaded(neurons.model, neurons.parameters, network.time_step_ms)
    return run(population, accum(neurons.v), groups, shifts, fired)
