"""Prices: counts times constants, unknown is None and named, time and static energy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.energy import CoreSeries, Counts, EnergyReport, LayerCounts, LayerEnergy, count, price
from snn2chip.energy.terms import NO_COSTS, table_of
from snn2chip.energy.time import model_time
from snn2chip.errors import ConfigError
from snn2chip.mapping import map_program
from snn2chip.targets import Constant, CostTable, Target, load_target
from tests.energy.networks import random_activity, two_layers

INPUT = LayerCounts(
    "input", "input", (4,), 4, 0, 1, 6, 0.5, 0, {}, 0, 0, 12, 12, 5, 20, 30
)  # fmt: skip
HIDDEN = LayerCounts(
    "hidden", "LIF", (3,), 3, 12, 2, 2, 0.1, 100, {"conv": 30, "dense": 60, "identity": 10}, 18, 11,
    4, 4, 4, 0, 0,
)  # fmt: skip


def series(*rows: list[int]) -> np.ndarray:
    """[core, chip step, sample] of one sample."""
    return np.array(rows, np.int64)[..., None]


def one_core(layers: dict[str, int], visited: int) -> CoreSeries:
    """A core on which nothing ever happens."""
    return CoreSeries(np.array([0]), (layers,), np.array([visited]), {})


NONE = [0, 0, 0]

COUNTS = Counts(
    samples=1,
    steps=2,
    chip_steps=3,
    layers=(INPUT, HIDDEN),
    series=CoreSeries(
        np.array([0, 1]),
        ({"input": 4}, {"hidden": 3}),
        np.array([0, 3]),
        {
            "packets_out": series([8, 4, 0], NONE),
            "packets_in": series(NONE, [8, 4, 0]),
            "events_dense": series(NONE, [40, 20, 0]),
            "events_conv": series(NONE, [20, 10, 0]),
            "events_identity": series(NONE, [0, 10, 0]),
            "updates": series(NONE, [0, 3, 3]),
            "spikes": series(NONE, [0, 1, 1]),
        },
    ),
    neurons={},
    flows={},
    tiles=2,
)


def table(scope: str = "per_term", unknown: tuple[str, ...] = (), **values: object) -> CostTable:
    constants = {name: Constant(value, "derived", "a test") for name, value in values.items()}
    return CostTable("t", "a test", scope, constants, unknown)  # type: ignore[arg-type]


def target(costs: CostTable, cores: int = 8) -> Target:
    base = load_target("loihi1")
    resources = {"cores": Constant(cores, "derived", "a test")}
    return replace(base, resources=resources, costs={"t": costs}, default_costs="t")


def priced(costs: CostTable, counts: Counts = COUNTS, cores: int = 8) -> EnergyReport:
    return price(counts, target(costs, cores))


def energies(costs: CostTable) -> tuple[LayerEnergy, LayerEnergy]:
    report = priced(costs)
    return report.layers[0].energy_pj, report.layers[1].energy_pj


def test_synaptic_events_are_priced_by_operator() -> None:
    costs = table(e_synop_dense=2.0, e_synop_conv=3.0, e_synop_sparse=5.0)
    first, second = energies(costs)
    assert second.synapse == 60 * 2.0 + 30 * 3.0 + 10 * 5.0
    assert first.synapse == 0.0


def test_an_operator_falls_back_to_e_synop() -> None:
    assert energies(table(e_synop=2.0, e_synop_conv=3.0))[1].synapse == 70 * 2.0 + 30 * 3.0


def test_an_operator_without_price_is_named() -> None:
    report = priced(table(e_synop_dense=2.0, e_synop_sparse=5.0))
    assert report.layers[1].energy_pj.synapse == 60 * 2.0 + 10 * 5.0
    assert any(line.startswith("e_synop_conv: ") for line in report.unpriced)
    assert not any(line.startswith("e_synop_dense: ") for line in report.unpriced)


def test_a_layer_whose_operator_has_no_price_is_none_not_zero() -> None:
    only_conv = replace(HIDDEN, events_by_operator={"conv": 100})
    counts = replace(COUNTS, layers=(INPUT, only_conv))
    report = priced(table(e_synop_dense=2.0), counts)
    assert report.layers[1].energy_pj.synapse is None
    assert report.dynamic_pj == 0.0, "the input's synaptic energy is known: it has no synapses"


def test_active_and_inactive_neurons() -> None:
    first, second = energies(table(e_neuron_active=10.0, e_neuron_inactive=1.0))
    assert second.neuron == 11 * 10.0 + (18 - 11) * 1.0
    assert first.neuron == 0.0


def test_access_update_and_spike() -> None:
    costs = table(e_neuron_access=1.0, e_neuron_update_extra=10.0, e_spike_out_extra=100.0)
    first, second = energies(costs)
    assert second.neuron == 18 + 110 + 200
    assert first.neuron == 0.0, "spikes of inputs are made outside of the cores"


def test_packets_and_hops_belong_to_the_sender() -> None:
    costs = table(e_packet_out=10.0, e_packet_in=1.0, e_spike_tile=0.5, e_hop_ew=2.0, e_hop_ns=3.0)
    first, second = energies(costs)
    assert first.packet == 12 * 11.0 + 5 * 0.5
    assert first.hop == 20 * 2.0 + 30 * 3.0
    assert second.packet == 4 * 11.0 + 4 * 0.5
    assert second.hop == 0.0
    assert first.total == first.packet + first.hop


def test_a_hop_direction_without_price_is_named() -> None:
    report = priced(table(e_hop_ew=2.0))
    assert report.layers[0].energy_pj.hop == 40.0
    assert any(line.startswith("e_hop_ns: ") for line in report.unpriced)


def test_packets_that_cost_only_what_is_unknown_are_none() -> None:
    far = replace(COUNTS, layers=(replace(INPUT, packets_within_tile=0), HIDDEN))
    report = priced(table(unknown=("e_packet_out",), e_spike_tile=1.0), far)
    assert report.layers[0].energy_pj.packet is None
    assert report.layers[1].energy_pj.packet == 4.0
    assert sum(line.startswith("e_packet_out: ") for line in report.unpriced) == 1


def test_without_costs_everything_is_none_and_named() -> None:
    report = price(COUNTS, load_target("reference"))
    for layer in report.layers:
        assert layer.energy_pj == LayerEnergy(None, None, None, None, None)
        assert layer.time_ns is None
    assert (report.dynamic_pj, report.static_pj, report.total_pj) == (None, None, None)
    assert report.energy_per_inference_nj is None
    assert (report.latency_us, report.step_ns, report.bottleneck) == (None, (), None)
    names = {line.partition(":")[0] for line in report.unpriced}
    assert {"e_synop_dense", "e_neuron", "e_packet_out", "e_hop_ew", "p_static_chip"} <= names
    assert len(report.unpriced) == len(names)


def test_an_all_in_price_is_added_to_nothing() -> None:
    report = priced(
        table(scope="all_in", e_synop=26.0, p_static_chip=100.0, t_neuron=1.0, t_synop=1.0)
    )
    assert report.layers[1].energy_pj == LayerEnergy(2600.0, None, None, None, 2600.0)
    assert report.static_pj is None
    assert report.total_pj == 2600.0
    assert not any(line.startswith(("e_neuron", "p_static")) for line in report.unpriced)
    assert any("all-in" in line for line in report.assumptions)


def test_time_is_the_busiest_core_and_the_barrier() -> None:
    costs = table(
        t_neuron_active=10.0, t_neuron_inactive=1.0, t_synop=0.5, t_packet_in=2.0, t_packet_out=6.0,
        t_barrier_by_tiles={1: 100.0, 3: 300.0}, p_static_chip=2.0,
    )  # fmt: skip
    report = priced(costs)
    first = max(8 * 6, 3 * 1.0, 60 * 0.5 + 8 * 2)
    second = max(4 * 6, 3 * 10.0, 40 * 0.5 + 4 * 2)
    assert report.step_ns == (first + 100, second + 100, 3 * 10.0 + 100)
    assert report.latency_us == pytest.approx(sum(report.step_ns) / 1000)
    assert report.layers[0].time_ns == 8 * 6 + 4 * 6
    assert report.layers[1].time_ns == 46 + 30 + 30
    assert report.static_pj == pytest.approx(2.0 * sum(report.step_ns))
    assert report.bottleneck is not None
    assert (report.bottleneck.core, report.bottleneck.layer) == (1, "hidden")
    assert report.bottleneck.term == "t_synop"


def test_the_bottleneck_names_the_term_of_the_longer_side() -> None:
    report = priced(table(t_neuron=50.0, t_synop=0.1, t_packet_in=0.1, t_packet_out=0.1))
    assert report.bottleneck is not None
    assert report.bottleneck.term == "t_neuron"


def test_the_first_of_equally_busy_cores_is_the_bottleneck() -> None:
    own = COUNTS.series
    twins = CoreSeries(
        np.array([0, 1, 2]),
        (*own.layers, own.layers[1]),
        own.visited[[0, 1, 1]],
        {event: array[[0, 1, 1]] for event, array in own.events.items()},
    )
    report = priced(table(t_neuron=1.0, t_synop=1.0), replace(COUNTS, series=twins))
    assert report.bottleneck is not None
    assert report.bottleneck.core == 1


def test_energy_per_inference_is_per_sample() -> None:
    report = replace(priced(table(e_synop=10.0)), samples=4)
    assert report.total_pj == 1000.0
    assert report.energy_per_inference_nj == 0.25


@pytest.mark.parametrize(
    ("tiles", "expected"), [(1, 600.0), (2, 1000.0), (3, 1000.0), (28, 1400.0), (40, 1800.0)]
)
def test_barrier_by_tiles_is_a_floor_look_up(tiles: int, expected: float) -> None:
    costs = load_target("loihi1").costs["sanafe_nahuku"]
    idle = replace(COUNTS, tiles=tiles, series=one_core({"hidden": 0, "input": 0}, 0))
    timing, _ = model_time(idle, costs)
    assert timing is not None
    assert timing.step_ns.tolist() == [[expected]] * 3


@pytest.mark.parametrize(("tiles", "expected"), [(1, 113.0), (32, 465.0), (99, 465.0)])
def test_barrier_range_is_linear_in_the_tiles(tiles: int, expected: float) -> None:
    costs = load_target("loihi1").costs["davies2018"]
    idle = replace(COUNTS, tiles=tiles, series=one_core({"hidden": 0, "input": 0}, 0))
    timing, _ = model_time(idle, costs)
    assert timing is not None
    assert timing.step_ns[0, 0] == expected
    middle, _ = model_time(replace(idle, tiles=11), costs)
    assert middle is not None
    assert middle.step_ns[0, 0] == pytest.approx(113.0 + 10 * (465.0 - 113.0) / 31)


def test_no_time_without_a_time_of_neurons_or_synapses() -> None:
    for lacking in (table(t_synop=1.0), table(t_neuron=1.0)):
        timing, names = model_time(COUNTS, lacking)
        assert timing is None
        assert names
    timing, names = model_time(COUNTS, table(t_synop_dense=1.0, t_neuron=1.0))
    assert timing is not None
    assert {"t_synop_conv", "t_synop_sparse", "t_packet_in", "t_packet_out", "t_barrier"} == set(
        names
    )


def test_static_power_without_time_is_unpriced() -> None:
    report = priced(table(e_synop=1.0, p_static_chip=5.0))
    assert report.static_pj is None
    assert report.total_pj == report.dynamic_pj
    assert any(line.startswith("static energy") for line in report.unpriced)


def test_a_network_beyond_one_chip_takes_the_static_power_of_several() -> None:
    costs = table(t_neuron=1.0, t_synop=1.0, p_static_chip=3.0)
    wide = replace(COUNTS, series=replace(COUNTS.series, cores=np.array([0, 17])))
    one, three = priced(costs), priced(costs, wide)
    assert one.static_pj is not None
    assert three.static_pj == pytest.approx(3 * one.static_pj)
    assert any(line.startswith("static energy: 3 chips") for line in three.assumptions)


def test_unknown_tables_are_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="davies2018") as caught:
        price(COUNTS, load_target("loihi1"), "davies")
    assert caught.value.exit_code == 2
    with pytest.raises(ConfigError, match="no cost tables"):
        table_of(load_target("reference"), "davies2018")
    assert table_of(load_target("reference"), None) is NO_COSTS


def test_the_table_of_loihi2_says_what_it_is() -> None:
    report = price(COUNTS, load_target("loihi2"))
    assert report.table == "loihi2_from_loihi1"
    assert "not a Loihi 2 measurement" in report.label
    assert "29.9-59.8 pJ" in report.label


def test_another_table_leaves_the_counts_alone() -> None:
    network = two_layers()
    chip = load_target("loihi1")
    counts = count(network, random_activity(network, 5, 2, seed=5), map_program(network, chip)[0])
    one, other = (price(counts, chip, name) for name in chip.costs)
    assert [layer.counts for layer in one.layers] == [layer.counts for layer in other.layers]
    assert one.dynamic_pj != other.dynamic_pj
