"""Energy under change: of names, samples, steps, cores, tables and prices."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Activity, Mapping, Place, PopulationActivity, Program, Raster, Slice
from snn2chip.energy import EnergyReport, ann_baseline, count, price
from snn2chip.mapping import map_program
from snn2chip.targets import Constant, CostTable, Target, load_target
from snn2chip.targets.vocabulary import COSTS, ENERGIES
from tests.energy.networks import (
    Draw,
    dense,
    mappings,
    population,
    program,
    programs,
    project,
    random_activity,
    two_layers,
)
from tests.examples import examples

LOIHI1 = load_target("loihi1")
TABLES = sorted(LOIHI1.costs)
Case = tuple[Program, Activity, Mapping]


@st.composite
def cases(draw: Draw) -> Case:
    network = draw(programs())
    activity = random_activity(network, 3, 3, draw(st.integers(0, 999)))
    return network, activity, draw(mappings(network))


def with_prices(table: CostTable, factors: dict[str, float]) -> Target:
    """Loihi 1 with the constants of ``factors`` only, each multiplied."""

    def scaled(name: str, constant: Constant) -> Constant:
        factor, value = factors[name], constant.value
        return replace(
            constant,
            value={k: v * factor for k, v in value.items()}
            if isinstance(value, dict)
            else value * factor,
        )

    constants = {n: scaled(n, c) for n, c in table.constants.items() if n in factors}
    return replace(LOIHI1, costs={table.name: replace(table, constants=constants)},
                   default_costs=table.name)  # fmt: skip


def by_layer(report: EnergyReport) -> np.ndarray:
    columns = ("synapse", "neuron", "packet", "hop", "total")
    rows = [[getattr(layer.energy_pj, c) or 0.0 for c in columns] for layer in report.layers]
    return np.array(rows)


@settings(max_examples=examples(40))
@given(cases(), st.sampled_from(TABLES))
def test_energy_is_linear_in_the_prices(case: Case, name: str) -> None:
    """The whole table costs what its prices cost one at a time, and twice the prices twice that."""
    counts, table = count(*case), LOIHI1.costs[name]
    energies = [each for each in table.constants if each in ENERGIES]
    whole = by_layer(price(counts, LOIHI1, name))
    doubled = by_layer(price(counts, with_prices(table, dict.fromkeys(energies, 2.0))))
    np.testing.assert_allclose(doubled, 2 * whole)
    single = [by_layer(price(counts, with_prices(table, {each: 1.0}))) for each in energies]
    np.testing.assert_allclose(sum(single), whole, rtol=1e-12)


@settings(max_examples=examples(40))
@given(cases(), st.sampled_from(TABLES), st.sampled_from([0.25, 8.0]))
def test_time_scales_with_the_times_and_static_energy_with_both(
    case: Case, name: str, factor: float
) -> None:
    counts, table = count(*case), LOIHI1.costs[name]
    prices = {n: Constant(2.0, "derived", "x") for n in ("p_static_chip",)}
    table = replace(table, constants={**table.constants, **prices})
    plain = price(counts, with_prices(table, dict.fromkeys(table.constants, 1.0)))
    factors = {n: factor if n.startswith("t_") else 1.0 for n in table.constants}
    slow = price(counts, with_prices(table, factors))
    np.testing.assert_allclose(slow.step_ns, np.array(plain.step_ns) * factor)
    assert slow.latency_us == pytest.approx((plain.latency_us or 0) * factor)
    assert slow.static_pj == pytest.approx((plain.static_pj or 0) * factor)
    assert slow.dynamic_pj == plain.dynamic_pj
    assert slow.bottleneck == plain.bottleneck
    assert plain.static_pj == pytest.approx(2.0 * sum(plain.step_ns) * counts.samples)
    twice = price(counts, with_prices(table, {**factors, "p_static_chip": 2.0}))
    assert twice.static_pj == pytest.approx(2 * (slow.static_pj or 0))


@settings(max_examples=examples(40))
@given(cases(), st.sampled_from(TABLES))
def test_the_columns_add_up_to_the_layer_and_the_layers_to_the_whole(case: Case, name: str) -> None:
    report = price(count(*case), LOIHI1, name)
    for layer in report.layers:
        parts = layer.energy_pj
        known = [v for v in (parts.synapse, parts.neuron, parts.packet, parts.hop) if v is not None]
        assert parts.total == pytest.approx(sum(known))
        assert min(known) >= 0
    totals = [layer.energy_pj.total or 0.0 for layer in report.layers]
    assert report.dynamic_pj == pytest.approx(sum(totals))
    assert report.total_pj == pytest.approx((report.dynamic_pj or 0) + (report.static_pj or 0))
    assert report.energy_per_inference_nj == pytest.approx((report.total_pj or 0) / 3 / 1000)
    assert report.latency_us == pytest.approx(sum(report.step_ns) / 1000)


def turned(activity: Activity, samples: list[int]) -> Activity:
    populations = {
        name: PopulationActivity(
            Raster(p.spikes.bits[:, samples], p.spikes.shape),
            Raster(p.updated.bits[:, samples], p.updated.shape),
        )
        for name, p in activity.populations.items()
    }
    return replace(activity, populations=populations, scores=activity.scores[samples])


@settings(max_examples=examples(40))
@given(cases(), st.permutations(range(3)), st.sampled_from(TABLES))
def test_the_order_of_samples_does_not_matter(case: Case, order: list[int], name: str) -> None:
    network, activity, mapping = case
    one = price(count(network, activity, mapping), LOIHI1, name)
    other = price(count(network, turned(activity, order), mapping), LOIHI1, name)
    assert [layer.counts for layer in one.layers] == [layer.counts for layer in other.layers]
    np.testing.assert_array_equal(by_layer(one), by_layer(other))
    np.testing.assert_allclose(one.step_ns, other.step_ns)


@settings(max_examples=examples(40))
@given(cases(), st.permutations(range(4)))
def test_renumbering_cores_with_their_places_changes_no_energy(
    case: Case, order: list[int]
) -> None:
    network, activity, mapping = case
    cores = {
        name: tuple(Slice(s.first, s.last, order[s.core]) for s in slices)
        for name, slices in mapping.cores.items()
    }
    places = {order[core]: here for core, here in mapping.places.items()}
    one = price(count(network, activity, mapping), LOIHI1)
    other = price(count(network, activity, Mapping.from_slices("loihi1", cores, places)), LOIHI1)
    assert [layer.counts for layer in one.layers] == [layer.counts for layer in other.layers]
    assert one.total_pj == pytest.approx(other.total_pj)
    np.testing.assert_allclose(one.step_ns, other.step_ns)


@settings(max_examples=examples(40))
@given(cases(), st.integers(-3, 3), st.integers(-3, 3))
def test_shifting_and_mirroring_the_mesh_changes_no_hops(case: Case, right: int, down: int) -> None:
    network, activity, mapping = case
    one = count(network, activity, mapping)
    moved = {c: Place(p.tile, p.x + right, p.y + down) for c, p in mapping.places.items()}
    mirrored = {c: Place(p.tile, p.y, -p.x) for c, p in mapping.places.items()}
    shifted = count(network, activity, replace(mapping, places=moved))
    assert shifted.layers == one.layers
    turned_round = count(network, activity, replace(mapping, places=mirrored))
    assert [(x.hops_x, x.hops_y) for x in turned_round.layers] == [
        (x.hops_y, x.hops_x) for x in one.layers
    ]


@settings(max_examples=examples(40))
@given(cases())
def test_all_on_one_core_sends_a_packet_a_spike_and_makes_no_hop(case: Case) -> None:
    network, activity, _ = case
    cores = {p.name: (Slice(0, p.size - 1, 0),) for p in network.populations}
    counts = count(network, activity, Mapping.from_slices("loihi1", cores, {0: Place(0, 0, 0)}))
    for layer in counts.layers:
        assert layer.hops == 0
        assert layer.packets == layer.packets_within_tile <= layer.spikes
        if all(type(p.operator).__name__ != "Conv" for p in network.outgoing(layer.name)):
            assert layer.packets == (layer.spikes if network.outgoing(layer.name) else 0)


@settings(max_examples=examples(30))
@given(cases())
def test_names_do_not_matter(case: Case) -> None:
    network, activity, mapping = case
    new = {p.name: f"x/{k}->é" for k, p in enumerate(network.populations)}
    renamed = replace(
        network,
        populations=tuple(replace(p, name=new[p.name]) for p in network.populations),
        projections=tuple(
            replace(p, source=new[p.source], target=new[p.target]) for p in network.projections
        ),
    )
    again = replace(activity, populations={new[n]: p for n, p in activity.populations.items()})
    cores = {new[name]: numbers for name, numbers in mapping.assignment.items()}
    one = price(count(network, activity, mapping), LOIHI1)
    other = price(count(renamed, again, replace(mapping, assignment=cores)), LOIHI1)
    np.testing.assert_array_equal(by_layer(one), by_layer(other))
    assert [new[layer.counts.name] for layer in one.layers] == [
        layer.counts.name for layer in other.layers
    ]
    assert (one.step_ns, one.total_pj) == (other.step_ns, other.total_pj)


@settings(max_examples=examples(30))
@given(programs(), st.integers(0, 99))
def test_a_silent_run_costs_its_idle_neurons_alone(network: Program, seed: int) -> None:
    activity = random_activity(network, 4, 2, seed, rate=0.0)
    mapping, _ = map_program(network, LOIHI1)
    report = price(count(network, activity, mapping), LOIHI1, "davies2018")
    neurons = sum(p.size for p in network.populations if not p.is_input)
    assert report.dynamic_pj == pytest.approx(neurons * 4 * 2 * 52.0)


@pytest.mark.parametrize(("core", "chips"), [(127, 1), (128, 2), (255, 2), (256, 3)])
def test_a_chip_more_from_its_first_core_on(core: int, chips: int) -> None:
    network = two_layers(2, 1, 1)
    cores = {"input": (Slice(0, 1, 0),), "hidden": (Slice(0, 0, 1),), "out": (Slice(0, 0, core),)}
    places = {0: Place(0, 0, 0), 1: Place(0, 0, 0), core: Place(1, 1, 0)}
    counts = count(
        network, random_activity(network, 2, 1, 0), Mapping.from_slices("loihi1", cores, places)
    )
    report = price(counts, LOIHI1, "davies2018")
    assert report.static_pj == pytest.approx(chips * 104.4 * sum(report.step_ns))
    assert f"static energy: {chips} chip{'s' * (chips > 1)} over the modelled time" in (
        report.assumptions
    )


def test_what_has_no_price_is_listed_once_with_its_meaning() -> None:
    network = two_layers()
    counts = count(network, random_activity(network, 3, 2, 0), map_program(network, LOIHI1)[0])
    for name in TABLES:
        lines = price(counts, LOIHI1, name).unpriced
        assert len(lines) == len(set(lines))
        assert set(LOIHI1.costs[name].unknown) <= {line.partition(": ")[0] for line in lines}
        for line in lines:
            term, _, meaning = line.partition(": ")
            assert COSTS[term].meaning == meaning
            assert term not in LOIHI1.costs[name].constants


@given(st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 6))
def test_the_baseline_counts_each_synapse_of_the_shape_and_nothing_else(
    sizes: list[int], bits: int
) -> None:
    """Weights, their bits, latencies and names are no part of an int8 network of the same shape."""
    names = ["input", *(f"layer{k}" for k in range(1, len(sizes)))]

    def network(prefix: str, bits: int, late: int) -> Program:
        return program(
            [
                population(n if n == "input" else prefix + n, (s,), late * k)
                for k, (n, s) in enumerate(zip(names, sizes, strict=True))
            ],
            [
                project(
                    a if a == "input" else prefix + a,
                    prefix + b,
                    dense((sizes[k],), (sizes[k + 1],)),
                    bits=bits,
                )
                for k, (a, b) in enumerate(itertools.pairwise(names))
            ],
        )

    one, other = ann_baseline(network("", 8, 0)), ann_baseline(network("x", bits, 1))
    assert one == other
    assert one.macs_per_inference == sum(a * b for a, b in itertools.pairwise(sizes))
    assert one.energy_per_inference_nj == pytest.approx(one.compute_nj + one.memory_nj)
