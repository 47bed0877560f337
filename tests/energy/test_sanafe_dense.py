"""Counts, energies and times equal SANA-FE 2.2.9 on a dense 784-256-10 network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.backends.reference import sanafe
from snn2chip.core import Mapping, Place, Program, ProgramPopulation, ProgramProjection, Slice
from snn2chip.energy import Counts, EnergyReport, count, price
from snn2chip.graph import Delay, Dense, Encoding, Readout
from snn2chip.mapping import map_program
from snn2chip.targets import load_target

RELATIVE = 1e-9


def build(network: Any) -> Program:
    weights = network["W1"].T, network["W2"].T
    parameters = {"threshold": network["threshold"], "leak": network["leak"]}
    sizes = (784, 256, 10)
    populations = [ProgramPopulation("input", "input", "input", (784,))]
    populations += [
        ProgramPopulation(f"layer{k}", "sanafe-lif", "LIF", (sizes[k],), parameters) for k in (1, 2)
    ]
    names = [p.name for p in populations]
    delay = Delay(np.array(1))
    projections = tuple(
        ProgramProjection(
            names[k], names[k + 1], Dense(weights[k], sizes[k : k + 1], sizes[k + 1 : k + 2]), delay
        )
        for k in (0, 1)
    )
    return Program(
        "sanafe_dense",
        "sanafe",
        tuple(populations),
        projections,
        ("layer2",),
        Readout(),
        Encoding(),
    )


@pytest.fixture(scope="module")
def folder(shared_fixtures: Path) -> Path:
    return shared_fixtures / "sanafe_dense"


@pytest.fixture(scope="module")
def expected(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "expected.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def network(folder: Path) -> Any:
    return np.load(folder / "network.npz", allow_pickle=False)


@pytest.fixture(scope="module")
def program(network: Any) -> Program:
    return build(network)


@pytest.fixture(scope="module")
def counts(network: Any, program: Program) -> Counts:
    x = np.unpackbits(network["x"], axis=1, count=784).astype(bool)
    activity = sanafe.run(program, {"input": x[:, None]})
    cores = {
        "input": (Slice(0, 783, 0),),
        "layer1": (Slice(0, 255, 1),),
        "layer2": (Slice(0, 9, 2),),
    }
    pinned = Mapping.from_slices("loihi1", cores, {core: Place(0, 0, 0) for core in range(3)})
    mapping, _ = map_program(program, load_target("loihi1"), pinned)
    return count(program, activity, mapping)


@pytest.fixture(scope="module")
def report(counts: Counts) -> EnergyReport:
    return price(counts, load_target("loihi1"), "sanafe_nahuku")


def test_spikes(counts: Counts, expected: dict[str, Any]) -> None:
    assert sum(layer.spikes for layer in counts.layers) == expected["neurons_fired"]


def test_updates_are_those_of_neurons_only(counts: Counts, expected: dict[str, Any]) -> None:
    updates = sum(layer.neuron_updates for layer in counts.layers)
    assert updates + counts.layers[0].spikes == expected["neurons_updated"]
    assert counts.layers[0].neuron_updates == counts.layers[0].neuron_steps == 0


def test_synaptic_events_and_packets(counts: Counts, expected: dict[str, Any]) -> None:
    assert sum(layer.synaptic_events for layer in counts.layers) == expected["synaptic_events"]
    assert sum(layer.packets for layer in counts.layers) == expected["packets"]
    assert all(layer.hops == 0 for layer in counts.layers)


def test_energy_by_term(report: EnergyReport, expected: dict[str, Any]) -> None:
    def total(term: str) -> float:
        return float(sum(getattr(layer.energy_pj, term) for layer in report.layers)) * 1e-12

    energy = expected["energy_J"]
    assert total("synapse") == pytest.approx(energy["synapse"], rel=RELATIVE)
    assert total("neuron") == pytest.approx(energy["soma"] + energy["dendrite"], rel=RELATIVE)
    assert total("packet") + total("hop") == pytest.approx(energy["network"], rel=RELATIVE)
    assert report.dynamic_pj is not None
    assert report.dynamic_pj * 1e-12 == pytest.approx(energy["total"], rel=RELATIVE)
    assert report.total_pj == report.dynamic_pj, "static power is no part of SANA-FE's model"


def test_time(report: EnergyReport, expected: dict[str, Any]) -> None:
    assert report.latency_us is not None
    assert report.latency_us * 1e-6 == pytest.approx(expected["sim_time_s"], rel=RELATIVE)
    assert sum(report.step_ns) * 1e-9 == pytest.approx(expected["sim_time_s"], rel=RELATIVE)
    assert len(report.step_ns) == 400


def test_bottleneck_is_the_core_that_receives_the_input(report: EnergyReport) -> None:
    assert report.bottleneck is not None
    assert (report.bottleneck.core, report.bottleneck.layer) == (1, "layer1")
    assert report.bottleneck.term == "t_synop_dense"


def test_another_table_prices_the_same_counts(counts: Counts, report: EnergyReport) -> None:
    davies = price(counts, load_target("loihi1"), "davies2018")
    assert [a.counts for a in davies.layers] == [b.counts for b in report.layers]
    assert davies.dynamic_pj != report.dynamic_pj
    assert davies.static_pj is not None
    assert davies.static_pj == pytest.approx(104.4 * sum(davies.step_ns), rel=RELATIVE)
