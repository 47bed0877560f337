"""Counts equal a count of every single spike and synapse."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.core import Activity, Mapping, PopulationActivity, Program, Raster, Slice
from snn2chip.energy import Counts, LayerCounts, count, price
from snn2chip.energy import tally as tallies
from snn2chip.energy.blocks import blocks
from snn2chip.energy.tally import Weights, tally
from snn2chip.energy.terms import KINDS
from snn2chip.mapping import map_program
from snn2chip.mapping.place import place_all
from snn2chip.targets import load_target
from tests.energy import oracle
from tests.energy.networks import (
    Draw,
    mappings,
    programs,
    random_activity,
    two_layers,
)
from tests.examples import examples

Case = tuple[Program, Activity, Mapping]


@st.composite
def cases(draw: Draw) -> Case:
    network = draw(programs())
    activity = random_activity(
        network, draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 999))
    )
    return network, activity, draw(mappings(network))


@settings(max_examples=examples(60), deadline=None)
@given(cases())
def test_totals_equal_the_oracle(case: Case) -> None:
    network, activity, mapping = case
    found, expected = count(network, activity, mapping), oracle.tally(network, activity, mapping)
    for layer in found.layers:
        assert layer.spikes == expected.spikes[layer.name]
        assert layer.synaptic_events == expected.events[layer.name]
        assert sum(layer.events_by_operator.values()) == layer.synaptic_events
        assert layer.neuron_updates == expected.updates[layer.name]
        assert layer.packets == layer.packets_sent == expected.packets[layer.name]
        assert layer.packets_within_tile == expected.within[layer.name]
        assert (layer.hops_x, layer.hops_y) == (
            expected.hops_x[layer.name],
            expected.hops_y[layer.name],
        )
        synapses = [len(oracle.synapse_list(p.operator)) for p in network.incoming(layer.name)]
        assert layer.synapses == sum(synapses)


@settings(max_examples=examples(60), deadline=None)
@given(cases())
def test_series_equal_the_oracle(case: Case) -> None:
    network, activity, mapping = case
    found, expected = count(network, activity, mapping), oracle.tally(network, activity, mapping)
    series: dict[str, dict[oracle.Key, int]] = defaultdict(dict)
    for event, values in found.series.events.items():
        for (core, step, sample), number in np.ndenumerate(values):
            if number:
                series[event][int(found.series.cores[core]), step, sample] = int(number)
    assert {event: dict(keys) for event, keys in series.items()} == {
        event: dict(keys) for event, keys in expected.series.items() if keys
    }


@settings(max_examples=examples(40), deadline=None)
@given(cases())
def test_step_times_equal_the_oracle(case: Case) -> None:
    network, activity, mapping = case
    target = load_target("loihi1")
    table = target.costs["sanafe_nahuku"]
    ns = {
        name: table.value(name) or 0.0
        for name in table.constants
        if name.startswith("t_") and name != "t_barrier_by_tiles"
    }
    barrier = {1: 600.0, 2: 1000.0, 3: 1000.0}[len({p.tile for p in mapping.places.values()})]
    expected = oracle.step_times(network, activity, mapping, ns, barrier)
    report = price(count(network, activity, mapping), target, "sanafe_nahuku")
    np.testing.assert_allclose(report.step_ns, expected.mean(axis=1), rtol=1e-12)
    assert report.latency_us == pytest.approx(expected.sum(axis=0).mean() / 1000, rel=1e-12)


@settings(max_examples=examples(40), deadline=None)
@given(cases())
def test_core_series_add_up_to_the_totals(case: Case) -> None:
    found = count(*case)

    def total(event: str) -> int:
        return int(found.series.events[event].sum()) if event in found.series.events else 0

    assert sum(total(f"events_{kind}") for kind in KINDS) == sum(
        layer.synaptic_events for layer in found.layers
    )
    packets = sum(layer.packets for layer in found.layers)
    assert total("packets_in") == total("packets_out") == packets
    assert total("updates") == sum(layer.neuron_updates for layer in found.layers)


def added(parts: list[Counts], field: str) -> list[int]:
    return [sum(getattr(c.layers[k], field) for c in parts) for k in range(len(parts[0].layers))]


def part_of(activity: Activity, samples: slice) -> Activity:
    def cut(raster: Raster) -> Raster:
        return Raster(raster.bits[:, samples], raster.shape)

    populations = {
        name: PopulationActivity(cut(p.spikes), cut(p.updated))
        for name, p in activity.populations.items()
    }
    number = len(range(*samples.indices(activity.samples)))
    return replace(
        activity, samples=number, populations=populations, scores=activity.scores[samples]
    )


COUNTED = (
    "spikes", "synaptic_events", "neuron_steps", "neuron_updates", "packets", "hops_x", "hops_y",
    "packets_within_tile",
)  # fmt: skip


@settings(max_examples=examples(30), deadline=None)
@given(st.data(), st.integers(0, 99))
def test_adding_samples_adds_counts(data: st.DataObject, seed: int) -> None:
    network = data.draw(programs())
    mapping = data.draw(mappings(network))
    activity = random_activity(network, 3, 5, seed)
    whole = count(network, activity, mapping)
    parts = [count(network, part_of(activity, s), mapping) for s in (slice(0, 2), slice(2, 5))]
    for field in COUNTED:
        assert added([whole], field) == added(parts, field)
    target = load_target("loihi1")
    reports = [price(c, target).total_pj or 0.0 for c in (whole, *parts)]
    assert reports[0] == pytest.approx(reports[1] + reports[2])


@settings(max_examples=examples(30), deadline=None)
@given(st.data(), st.integers(0, 99))
def test_splitting_over_cores_changes_only_routing(data: st.DataObject, seed: int) -> None:
    network = data.draw(programs())
    activity = random_activity(network, 2, 2, seed)
    one, other = (count(network, activity, data.draw(mappings(network))) for _ in range(2))

    def rest(layer: LayerCounts) -> LayerCounts:
        return replace(
            layer, cores=0, packets=0, packets_sent=0, packets_within_tile=0, hops_x=0, hops_y=0
        )

    assert [rest(layer) for layer in one.layers] == [rest(layer) for layer in other.layers]


def test_one_core_per_neuron_sends_a_packet_per_synapse() -> None:
    network = two_layers(3, 4, 2)
    activity = random_activity(network, 4, 3, seed=1)
    target = load_target("loihi1")
    mapping, _ = map_program(network, target)
    apart = {}
    core = 0
    for p in network.populations:
        slices = []
        for k in range(p.size):
            slices.append(mapping.cores[p.name][0]._replace(first=k, last=k, core=core))
            core += 1
        apart[p.name] = tuple(slices)
    spread = Mapping.from_slices("loihi1", apart, place_all(range(core), target.mesh))
    layers = {layer.name: layer for layer in count(network, activity, spread).layers}
    assert layers["input"].packets == layers["hidden"].synaptic_events
    assert layers["hidden"].packets == layers["out"].synaptic_events
    assert layers["out"].packets == 0


def test_slices_may_come_in_any_order() -> None:
    network = two_layers(6, 5, 3)
    activity = random_activity(network, 4, 2, seed=4)
    target = load_target("loihi1")
    mapping, _ = map_program(network, target)
    split = (Slice(0, 1, 5), Slice(2, 2, 6), Slice(3, 4, 1))
    places = {**mapping.places, **place_all((5, 6), target.mesh)}
    found = []
    for order in (split, split[::-1]):
        pinned = Mapping.from_slices("loihi1", {**mapping.cores, "hidden": order}, places)
        found.append(count(network, activity, map_program(network, target, pinned)[0]))
    assert found[0].layers == found[1].layers
    one, other = (counts.series for counts in found)
    np.testing.assert_array_equal(one.cores, other.cores)
    np.testing.assert_array_equal(one.visited, other.visited)
    assert one.layers == other.layers
    assert set(one.events) == set(other.events)
    for event in one.events:
        np.testing.assert_array_equal(one.events[event], other.events[event])


def test_windows_shift_by_the_latency() -> None:
    network = two_layers()
    activity = random_activity(network, 4, 1, seed=2, rate=1.0)
    mapping, _ = map_program(network, load_target("loihi1"))
    counts = count(network, activity, mapping)
    assert counts.chip_steps == 4 + 2
    assert counts.series.cores.tolist() == [0, 1, 2]
    busy = {event: array[..., 0].tolist() for event, array in counts.series.events.items()}
    assert busy["packets_out"][0] == [6, 6, 6, 6, 0, 0]
    assert busy["packets_in"][1] == [6, 6, 6, 6, 0, 0]
    assert busy["spikes"][1] == [0, 5, 5, 5, 5, 0]
    assert busy["updates"][2] == [0, 0, 3, 3, 3, 3]


def test_inputs_are_neither_updated_nor_visited() -> None:
    network = two_layers()
    counts = count(
        network,
        random_activity(network, 3, 2, seed=3),
        map_program(network, load_target("loihi1"))[0],
    )
    first = counts.layers[0]
    assert (first.kind, first.neuron_steps, first.neuron_updates) == ("input", 0, 0)
    assert first.spike_rate == first.spikes / (6 * 3 * 2)
    assert counts.series.visited[0] == 0
    assert {event for event, array in counts.series.events.items() if array[0].any()} == {
        "packets_out"
    }
    assert counts.layers[1].neuron_steps == 5 * 3 * 2


@pytest.mark.parametrize("size", [1, 7, 40, 10**6])
def test_blocks_of_any_size_give_the_same_sums(size: int) -> None:
    rng = np.random.default_rng(0)
    flags = rng.random((5, 4, 3, 7)) < 0.4
    raster = Raster.pack(flags, (3, 7))
    covered = np.zeros((5, 4), int)
    for steps, samples, part in blocks(raster, size):
        covered[steps, samples] += 1
        np.testing.assert_array_equal(part, flags[steps, samples].reshape(*part.shape[:2], -1))
    assert (covered == 1).all()


@pytest.mark.parametrize("compiled", ["1", "0"])
@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    neurons=st.integers(1, 40),
    rows=st.integers(1, 5),
    cores=st.integers(1, 4),
    seed=st.integers(0, 99),
    filled=st.sampled_from([1 / 16, 100.0]),
    largest=st.sampled_from([8, 1 << 24]),
)
def test_tallies_equal_a_product(
    compiled: str,
    neurons: int,
    rows: int,
    cores: int,
    seed: int,
    filled: float,
    largest: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows one by one, rows counted first, and products with tables; in blocks of any size."""
    monkeypatch.setenv("SNN2CHIP_NUMBA", compiled)
    monkeypatch.setattr(tallies, "_FILLED", filled)
    monkeypatch.setattr(tallies, "_LARGEST", largest)
    rng = np.random.default_rng(seed)
    flags = rng.random((3, 2, neurons)) < 0.4
    table = rng.integers(0, 2**20, (rows, cores)) * (rng.random((rows, cores)) < 0.7)
    row_of, (row, core) = rng.integers(0, rows, neurons), np.nonzero(table)
    first = np.searchsorted(row, np.arange(rows + 1))
    weights = Weights(row_of, first, core, table[row, core])
    out = rng.integers(0, 9, (3, 2, cores))
    expected = out + flags.astype(np.int64) @ table[row_of]
    raster = Raster.pack(flags, (neurons,))
    again, entries = out.copy(), np.zeros_like(out)
    tally(raster, weights, out)
    np.testing.assert_array_equal(out, expected)
    tally(raster, weights, again, entries)
    np.testing.assert_array_equal(again, expected)
    np.testing.assert_array_equal(entries, flags.astype(np.int64) @ (table[row_of] > 0))


def test_totals_per_neuron_and_flows_say_the_same() -> None:
    network = two_layers(6, 5, 3)
    activity = random_activity(network, 300, 2, seed=4)
    cores = {"input": (Slice(0, 5, 0),), "hidden": (Slice(0, 2, 1), Slice(3, 4, 2)),
             "out": (Slice(0, 2, 1),)}  # fmt: skip
    mapping = Mapping.from_slices("loihi1", cores, place_all(range(3), load_target("loihi1").mesh))
    counts = count(network, activity, mapping)
    for layer in counts.layers:
        own, flow = counts.neurons[layer.name], counts.flows[layer.name]
        raster = activity.populations[layer.name]
        np.testing.assert_array_equal(own.spikes, raster.spikes.unpack().sum(axis=(0, 1)))
        assert own.updates.sum() == layer.neuron_updates
        assert own.packets.sum() == layer.packets == flow.packets.sum()
    flow = counts.flows["hidden"]
    assert (flow.source.tolist(), flow.target.tolist()) == ([1, 2], [1, 1])
    assert counts.neurons["input"].synaptic_events.sum() == counts.layers[1].synaptic_events
