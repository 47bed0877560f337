"""Costs of single spikes: linear in what happened, and equal to what is counted and priced."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Activity, Mapping, Program, Raster
from snn2chip.energy import InputCounts, LayerCounts, count, price
from snn2chip.energy.linear import SpikeCosts, spike_costs
from snn2chip.energy.terms import table_of
from snn2chip.errors import ConfigError
from snn2chip.mapping import map_program
from snn2chip.targets import Constant, CostTable, Target, load_target
from snn2chip.targets.load import list_targets
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

PRICED = [
    (load_target(name), table)
    for name in list_targets()
    for table in load_target(name).costs
    if (name, table) != ("asic45", "horowitz2014")
]
"""All bundled tables but the one of plain logic, which prices nothing that a run does."""

Case = tuple[Program, Activity, Mapping]


@st.composite
def cases(draw: Draw) -> Case:
    network = draw(programs())
    rate = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    activity = random_activity(network, 2, 3, draw(st.integers(0, 999)), rate)
    return network, activity, draw(mappings(network))


def dynamic_pj(case: Case, target: Target, table: str | None) -> float:
    network, activity, mapping = case
    found = price(count(network, activity, mapping, target.mesh.multicast), target, table)
    assert found.dynamic_pj is not None
    return found.dynamic_pj


@settings(max_examples=examples(60), deadline=None)
@given(cases(), st.sampled_from(PRICED))
def test_costs_of_spikes_give_the_priced_counts(case: Case, priced: tuple[Target, str]) -> None:
    network, activity, mapping = case
    costs = spike_costs(network, mapping, *priced)
    assert costs.energy(activity).dynamic_pj == pytest.approx(
        dynamic_pj(case, *priced), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("priced", PRICED, ids=[f"{t.name}-{n}" for t, n in PRICED])
def test_every_bundled_table_is_linear(priced: tuple[Target, str]) -> None:
    network = two_layers(40, 30, 5)
    activity = random_activity(network, 4, 3, 1)
    mapping, _ = map_program(network, priced[0])
    costs = spike_costs(network, mapping, *priced)
    expected = dynamic_pj((network, activity, mapping), *priced)
    assert costs.energy(activity).dynamic_pj == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("multicast", [False, True])
def test_a_spike_alone_costs_what_it_adds(multicast: bool) -> None:
    """One spike of one neuron, each neuron in turn, over cores, tiles and chips."""
    base = load_target("loihi1")
    target = replace(base, mesh=replace(base.mesh, multicast=multicast))
    prices = {**base.costs["sanafe_nahuku"].constants}
    prices["e_chip_hop"] = Constant(17.0, "derived", "a test")
    table = replace(base.costs["sanafe_nahuku"], constants=prices)
    target = replace(target, costs={"t": replace(table, name="t")}, default_costs="t")
    network = two_layers(7, 6, 5)
    rng = np.random.default_rng(3)
    mapping, _ = map_program(network, target)
    cores = {name: rng.integers(0, 4, x.size).astype(np.int32)
             for name, x in mapping.assignment.items()}  # fmt: skip
    places = {core: mapping.places[0]._replace(tile=core, x=core % 2, y=core // 2, chip=core // 3)
              for core in range(4)}  # fmt: skip
    mapping = replace(mapping, assignment=cores, places=places)
    costs = spike_costs(network, mapping, target)
    silent = random_activity(network, 1, 1, 0, 0.0)
    rest = dynamic_pj((network, silent, mapping), target, None)
    for name, each in costs.spike_pj.items():
        for neuron in range(each.size):
            flags = np.zeros((1, 1, each.size), bool)
            flags[..., neuron] = True
            run = replace(silent.populations[name], spikes=Raster.pack(flags, each.shape))
            activity = replace(silent, populations={**silent.populations, name: run})
            added = dynamic_pj((network, activity, mapping), target, None) - rest
            assert each[neuron] == pytest.approx(added, rel=1e-9)


def test_by_hand() -> None:
    """Davies' prices, all on one tile: 23.6 pJ per synaptic event, 1.7 per packet, 81 and 52."""
    network, target = two_layers(6, 5, 3), load_target("loihi1")
    mapping, _ = map_program(network, target)
    costs = spike_costs(network, mapping, target, "davies2018")
    np.testing.assert_allclose(costs.spike_pj["input"], 5 * 23.6 + 1.7, rtol=1e-12)
    np.testing.assert_allclose(costs.spike_pj["hidden"], 3 * 23.6 + 1.7, rtol=1e-12)
    np.testing.assert_allclose(costs.spike_pj["out"], 0.0, atol=1e-12)
    assert costs.update_pj == {"hidden": pytest.approx(29.0), "out": pytest.approx(29.0)}
    assert costs.constant_pj == pytest.approx(8 * 52.0)
    assert costs.idle_pj == {
        "input": 0.0,
        "hidden": pytest.approx(260.0),
        "out": pytest.approx(156),
    }
    np.testing.assert_allclose(costs.arriving_pj["input", "hidden"], 5 * 23.6, rtol=1e-12)
    np.testing.assert_allclose(costs.arriving_pj["hidden", "out"], 3 * 23.6, rtol=1e-12)
    assert any(line.startswith("e_packet_out") for line in costs.unpriced)


@settings(max_examples=examples(30), deadline=None)
@given(cases(), st.sampled_from(PRICED), st.sampled_from([2.0**-7, 1024.0]))
def test_prices_times_a_power_of_two_are_costs_times_the_same_to_the_bit(
    case: Case, priced: tuple[Target, str], factor: float
) -> None:
    network, _, mapping = case
    target, name = priced
    plain = spike_costs(network, mapping, target, name)
    scaled = spike_costs(network, mapping, target, times(target, name, factor))
    for population_name, each in plain.spike_pj.items():
        assert np.array_equal(each * factor, scaled.spike_pj[population_name])
    assert {n: u * factor for n, u in plain.update_pj.items()} == scaled.update_pj
    assert plain.constant_pj * factor == scaled.constant_pj


def times(target: Target, name: str, factor: float) -> CostTable:
    """A table with every energy and power multiplied."""
    table = table_of(target, name)

    def scaled(constant: Constant) -> Constant:
        value = constant.value
        if isinstance(value, dict):
            return replace(constant, value={k: v * factor for k, v in value.items()})
        return replace(constant, value=value * factor)

    changed = {
        n: scaled(c) if n.startswith(("e_", "p_")) and not isinstance(c.value, list) else c
        for n, c in table.constants.items()
    }
    return replace(table, constants=changed)


@settings(max_examples=examples(30), deadline=None)
@given(cases(), st.sampled_from(PRICED), st.randoms(use_true_random=False))
def test_permuting_cores_of_one_tile_changes_no_cost(
    case: Case, priced: tuple[Target, str], random: object
) -> None:
    """Names of cores mean nothing: renumbered, with their places, they cost the same."""
    network, _, mapping = case
    cores = sorted(mapping.places)
    other = list(cores)
    random.shuffle(other)  # type: ignore[attr-defined]
    rename = dict(zip(cores, other, strict=True))
    renamed = replace(
        mapping,
        assignment={n: np.array([rename[c] for c in a.tolist()], np.int32)
                    for n, a in mapping.assignment.items()},
        places={rename[core]: place for core, place in mapping.places.items()},
    )  # fmt: skip
    first, second = (spike_costs(network, m, *priced) for m in (mapping, renamed))
    for name, each in first.spike_pj.items():
        np.testing.assert_allclose(each, second.spike_pj[name], rtol=1e-12)


def test_a_convolution_costs_less_at_its_border() -> None:
    from snn2chip.graph import Conv

    conv = Conv(np.zeros((2, 1, 3, 3)), (1, 5, 5), (1, 1), ((1, 1), (1, 1)), (1, 1), 1)
    network = program(
        [population("input", (1, 5, 5)), population("a", conv.target_shape, 1)],
        [project("input", "a", conv)],
    )
    target = load_target("loihi1")
    mapping, _ = map_program(network, target)
    found = spike_costs(network, mapping, target, "sanafe_nahuku").spike_pj["input"]
    events = np.array([4, 6, 6, 6, 4])[:, None] * np.array([1, 1.5, 1.5, 1.5, 1]) * 2
    np.testing.assert_allclose(found[0], events * 24.0 + 111.0, rtol=1e-12)


def test_a_table_without_prices_is_refused() -> None:
    network, target = two_layers(), load_target("asic45")
    mapping, _ = map_program(network, target)
    with pytest.raises(ConfigError, match="horowitz2014"):
        spike_costs(network, mapping, target, "horowitz2014")
    with pytest.raises(ConfigError, match="no cost table"):
        spike_costs(network, mapping, target, "davies2018")


def test_processors_that_visit_every_synapse_have_no_cost_of_spikes() -> None:
    network, target = two_layers(), load_target("keras_spiking")
    mapping, _ = map_program(network, target)
    costs: SpikeCosts = spike_costs(network, mapping, target, "cpu")
    assert not any(each.any() for each in costs.spike_pj.values())
    assert costs.constant_pj == pytest.approx(8600.0 * (6 * 5 + 5 * 3 + 8))


def test_energy_needs_the_populations_of_its_program() -> None:
    network, target = two_layers(), load_target("loihi1")
    mapping, _ = map_program(network, target)
    costs = spike_costs(network, mapping, target)
    with pytest.raises(KeyError):
        costs.energy(Activity("test", 1, 1, {}, np.zeros((1, 1))))


def test_every_count_of_a_layer_is_known_here() -> None:
    """A new count must be added to the costs of spikes, or to those that do not follow activity."""
    fixed = {"name", "kind", "shape", "neurons", "synapses", "cores", "biases"}
    followed = {
        "spikes", "synaptic_events", "events_by_operator", "neuron_steps", "neuron_updates",
        "packets", "packets_sent", "packets_within_tile", "packets_between_chips", "hops_x",
        "hops_y", "chip_hops", "inputs",
    }  # fmt: skip
    derived = {"spike_rate"}
    assert {f.name for f in fields(LayerCounts)} == fixed | followed | derived
    assert {f.name for f in fields(InputCounts)} == {
        "source", "kind", "neurons", "spikes", "synaptic_events", "weights",
    }  # fmt: skip


def test_dense_is_shared_by_all_neurons_of_a_core() -> None:
    """Many neurons, few kinds: costs of a large dense layer are one number per core."""
    sizes = {"input": (3000,), "out": (500,)}
    network = program(
        [population(n, s, k) for k, (n, s) in enumerate(sizes.items())],
        [project("input", "out", dense(*sizes.values()))],
    )
    target = load_target("truenorth")
    mapping, _ = map_program(network, target)
    costs = spike_costs(network, mapping, target, "akopyan2015")
    assert np.unique(costs.spike_pj["input"]).size == 1
    assert costs.spike_pj["input"][0] == pytest.approx(500 * 2.297)
