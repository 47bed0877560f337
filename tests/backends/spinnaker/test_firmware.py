"""The real binaries in the emulator, where their environment is there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from snn2chip.backends.spinnaker.loaded import MODELS, Model
from snn2chip.backends.spinnaker.witness import (
    FirmwareNetwork,
    FirmwarePopulation,
    FirmwareProjection,
    found_engine,
    run_firmware,
)
from snn2chip.errors import WitnessError
from snn2chip.witness import Engine

from .random_networks import INPUT, NEURONS, by_oracle, random_network, random_spikes


@pytest.fixture(scope="module")
def engine() -> Engine:
    found = found_engine()
    if found is None:
        pytest.skip("no sPyNNaker: make spinnaker")
    return found


@pytest.mark.parametrize("model", MODELS)
def test_two_samples_of_a_random_population(engine: Engine, model: Model) -> None:
    network = random_network(model, neurons=40, sources=20, steps=60, seed=11)
    fired = random_spikes(2, network, 0.15, 12)
    theirs = run_firmware(engine, network, {INPUT: fired})
    assert theirs.fired[NEURONS].any()
    for sample in range(2):
        ours = by_oracle(network, fired[sample], theirs.shifts[NEURONS])
        np.testing.assert_array_equal(ours.v, theirs.v[NEURONS][sample])
        np.testing.assert_array_equal(ours.fired, theirs.fired[NEURONS][sample])


def test_populations_send_to_each_other_through_routing_tables(engine: Engine) -> None:
    """300 neurons lie on several cores; each hands the spikes of its input on to one behind."""
    size, steps = 300, 8
    cell = {
        "tau_m": 20.0,
        "cm": 1.0,
        "v_rest": 0.0,
        "v_reset": 0.0,
        "v_thresh": 0.4,
        "tau_refrac": 0.0,
        "i_offset": 0.0,
    }
    same = {name: np.full(size, value) for name, value in cell.items()}
    names = (INPUT, "first", "second")
    populations = (
        FirmwarePopulation(INPUT, size),
        *(FirmwarePopulation(n, size, "IF_curr_delta", same, np.zeros(size)) for n in names[1:]),
    )
    each, weights, delays = np.arange(size), np.full(size, 0.5), np.ones(size, np.int64)
    projections = tuple(
        FirmwareProjection(a, b, "excitatory", each, each, weights, delays)
        for a, b in pairwise(names)
    )
    fired = np.zeros((1, steps, size), np.bool_)
    fired[0, 1, ::7] = True
    found = run_firmware(engine, FirmwareNetwork(populations, projections, steps), {INPUT: fired})
    for behind, name in enumerate(names[1:], start=1):
        np.testing.assert_array_equal(found.fired[name][0], np.roll(fired[0], behind, axis=0))
    assert found.v["first"].shape == (1, steps, size)


def test_a_network_that_spynnaker_refuses(engine: Engine) -> None:
    unknown = {"no_such": np.ones(4)}
    populations = (
        FirmwarePopulation(INPUT, 2),
        FirmwarePopulation(NEURONS, 4, "IF_curr_exp", unknown, np.zeros(4)),
    )
    with pytest.raises(WitnessError, match="sPyNNaker failed"):
        run_firmware(
            engine,
            FirmwareNetwork(populations, (), 5),
            {INPUT: np.zeros((1, 5, 2), np.bool_)},
        )
