"""The memory-aware formula of Lemaire 2022 against a plain count of operations and accesses."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Activity, Program
from snn2chip.energy import EnergyReport, count, price
from snn2chip.graph.operators import Conv, weights_of
from snn2chip.mapping import map_program
from snn2chip.targets import load_target
from tests.energy.networks import (
    dense,
    population,
    program,
    programs,
    project,
    random_activity,
    two_layers,
)
from tests.energy.oracle import synapse_list

CHIP = load_target("asic45")
ADD, MUL = 0.1, 3.1


def access(words: int) -> float:
    """Lemaire 2022: an access costs what the size of its memory says; 4 bytes a word."""
    size = 4 * words
    points = ((0, 0.0), (8192, 10.0), (32768, 20.0), (1048576, 100.0))
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if size <= x1 or x1 == 1048576:
            return y0 + (y1 - y0) * (size - x0) / (x1 - x0)
    raise AssertionError


def report_of(network: Program, activity: Activity) -> EnergyReport:
    return price(count(network, activity, map_program(network, CHIP)[0]), CHIP, "lemaire2022")


def plain(network: Program, activity: Activity) -> dict[str, float]:
    """Every operation and access, one spike and one neuron-step at a time."""
    done: dict[str, Counter[str]] = {p.name: Counter() for p in network.populations}
    energy = dict.fromkeys(done, 0.0)
    spikes = {
        name: a.spikes.unpack().reshape(activity.steps, activity.samples, -1)
        for name, a in activity.populations.items()
    }
    for projection in network.projections:
        name = projection.target
        fan = Counter(source for source, _ in synapse_list(projection.operator))
        source = network.population(projection.source)
        for _, _, i in np.argwhere(spikes[projection.source]):
            energy[name] += access(source.size)  # the spike is read
            if isinstance(projection.operator, Conv):
                energy[name] += 2 * (MUL + ADD)  # its position
            for _ in range(fan[int(i)]):
                energy[name] += ADD  # the address of the weight
                energy[name] += access(int(weights_of(projection.operator).size))
                energy[name] += 2 * access(network.population(name).size) + ADD
    for p in network.populations:
        if p.is_input:
            continue
        for t, s, i in np.ndindex(*spikes[p.name].shape):
            energy[p.name] += ADD + (MUL + ADD) + 2 * access(p.size)  # bias, leak, potential
            if spikes[p.name][t, s, i]:
                energy[p.name] += ADD + access(p.size)  # reset, spike written
    return energy


@settings(max_examples=20, deadline=None)
@given(programs(), st.integers(0, 99))
def test_layers_cost_what_a_plain_count_says(network: Program, seed: int) -> None:
    activity = random_activity(network, 2, 2, seed)
    report = report_of(network, activity)
    expected = plain(network, activity)
    for layer in report.layers:
        assert layer.energy_pj.total == pytest.approx(expected[layer.counts.name], rel=1e-9)
        assert layer.energy_pj.hop is None
    assert report.dynamic_pj == pytest.approx(sum(expected.values()), rel=1e-9)


def test_a_fully_connected_layer_by_the_formulas_of_the_paper() -> None:
    """Equations 2.3, 2.4, 5, 8, 10, 13, 15, 17 with theta spikes in and out."""
    network = two_layers(inputs=40, hidden=30, outputs=5)
    steps, samples = 6, 3
    report = report_of(network, random_activity(network, steps, samples, seed=2))
    layers = {layer.counts.name: layer for layer in report.layers}
    theta_in, theta_out = (layers[name].counts.spikes for name in ("input", "hidden"))
    steps_of_neurons = 30 * steps * samples
    operations = theta_in * 30 * ADD + steps_of_neurons * (2 * ADD + MUL) + theta_out * ADD
    potentials = 2 * (theta_in * 30 + steps_of_neurons) * access(30)
    memory = theta_in * access(40) + theta_in * 30 * access(40 * 30) + theta_out * access(30)
    addressing = theta_in * 30 * ADD
    total = operations + potentials + memory + addressing
    assert layers["hidden"].energy_pj.total == pytest.approx(total, rel=1e-12)


def test_a_convolution_away_from_borders_by_the_formulas_of_the_paper() -> None:
    """Equations 1.4, 7, 9, 14, 16: every spike meets C_out x H x W weights."""
    conv = Conv(np.ones((4, 2, 3, 3)), (2, 9, 9), (1, 1), ((0, 0), (0, 0)), (1, 1))
    network = program(
        [population("input", (2, 9, 9)), population("a", conv.target_shape)],
        [project("input", "a", conv)],
    )
    inner = np.zeros((1, 1, 2, 9, 9), bool)
    inner[0, 0, :, 3:6, 4] = True
    activity = random_activity(network, 1, 1, seed=0, rate=0.0)
    activity.populations["input"] = type(activity.populations["input"])(
        *(type(activity.populations["input"].spikes).pack(inner, (2, 9, 9)),) * 2
    )
    layer = report_of(network, activity).layers[1]
    theta, each, size = 6, 4 * 9, 4 * 7 * 7
    synapse = theta * each * (ADD + access(72) + 2 * access(size))
    addressing = theta * (each * ADD + 2 * (MUL + ADD))
    assert layer.energy_pj.synapse == pytest.approx(synapse)
    assert layer.energy_pj.packet == pytest.approx(theta * access(2 * 81) + addressing)


def one_population(kind: str, **parameters: Any) -> tuple[Program, Activity]:
    target = population("a", (3,))
    target = type(target)("a", "cuba", kind, (3,), parameters=parameters)
    network = program(
        [population("input", (2,)), target], [project("input", "a", dense((2,), (3,)))]
    )
    return network, random_activity(network, 5, 1, seed=1, rate=0.0)


def test_biases_are_read_where_there_are_any() -> None:
    without = report_of(*one_population("LIF", bias=np.zeros(3)))
    given_ = report_of(*one_population("LIF", bias=np.ones(3)))
    assert without.dynamic_pj is not None
    assert given_.dynamic_pj == pytest.approx(without.dynamic_pj + 15 * access(3))


@pytest.mark.parametrize(
    ("kind", "leaks", "states"), [("IF", 0, 1), ("LIF", 1, 1), ("CubaLIF", 2, 2)]
)
def test_leaks_and_states_of_neuron_models(kind: str, leaks: int, states: int) -> None:
    report = report_of(*one_population(kind))
    expected = 15 * (ADD + leaks * (MUL + ADD) + 2 * states * access(3 * states))
    assert report.layers[1].energy_pj.neuron == pytest.approx(expected)


def test_memories_beyond_the_largest_cost_more() -> None:
    from snn2chip.energy.pricing.memory import _Prices

    sram = {0: 0.0, 8192: 10.0, 32768: 20.0, 1048576: 100.0}
    prices = _Prices(ADD, MUL, 4, sram)
    for words in (0, 1, 2048, 8192, 262144, 300000, 10**7):
        assert prices.access(words) == pytest.approx(access(words)), words


def test_there_is_no_time_and_what_is_unpriced_is_named() -> None:
    network = two_layers()
    report = report_of(network, random_activity(network, 2, 1, seed=0))
    assert report.latency_us is None
    names = [line.split(":")[0] for line in report.unpriced]
    assert set(names) == set(CHIP.costs["lemaire2022"].unknown)
    assert any("one processor with a memory" in line for line in report.assumptions)
