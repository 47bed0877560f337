"""A set of active members counts exactly as the network of these members alone."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends.reference import ReferenceBackend
from snn2chip.core import Activity, Mapping, Program
from snn2chip.energy import Counts, count, price
from snn2chip.graph import Ensemble, Policy
from snn2chip.mapping import Plan, map_program
from snn2chip.mapping.objective import Goal, Traffic
from snn2chip.pipeline.ensembles.merging import merged
from snn2chip.pipeline.ensembles.policies import Decision
from snn2chip.pipeline.ensembles.pricing import Pricer, counts_of, priced, shown
from snn2chip.targets import load_target
from tests.energy.networks import random_activity

from .ensembles import ensemble

LOIHI = load_target("loihi2")


def whole(made: Ensemble, seed: int, samples: int = 3) -> tuple[Program, Activity, Mapping]:
    """All members side by side: a program, random activity, and a mapping."""
    program = ReferenceBackend().program(made.graph)
    activity = random_activity(program, 4, samples, seed)
    activity = replace(activity, scores=np.zeros((samples, 4)))
    return program, activity, map_program(program, LOIHI)[0]


def alone(made: Ensemble, members: tuple[int, ...], activity: Activity, mapping: Mapping) -> Counts:
    """The network of some members, joined anew from their graphs, with what they did."""
    part = Ensemble(
        "part",
        tuple(made.members[m] for m in members),
        made.bias,
        Policy("budget", len(members)),
    )
    program = ReferenceBackend().program(part.graph)
    names = [p.name for p in program.populations]
    assignment = {name: mapping.assignment[name] for name in names}
    used = {int(core) for cores in assignment.values() for core in cores}
    own = Mapping(
        mapping.target, assignment, {c: p for c, p in mapping.places.items() if c in used}
    )
    did = replace(activity, populations={name: activity.populations[name] for name in names})
    return count(program, did, own)


def equal(one: Any, other: Any) -> bool:
    """Field by field, arrays bit by bit; the run itself, which holds the names, is left out."""
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if hasattr(one, "__dataclass_fields__"):
        names = [f.name for f in fields(one) if f.name != "run"]
        return all(equal(getattr(one, n), getattr(other, n)) for n in names)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


SETS = st.sets(st.integers(0, 2), min_size=1).map(lambda s: tuple(sorted(s)))
CHOSEN = st.lists(st.integers(0, 2), min_size=1, max_size=4).map(lambda x: np.array(x, np.intp))


@given(SETS, CHOSEN, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_gated_members_count_as_if_they_were_not_there(
    members: tuple[int, ...], samples: Any, seed: int
) -> None:
    made = ensemble(3, idle="gated")
    program, activity, mapping = whole(made, seed)
    _, _, found = counts_of(made, members, samples, program, activity, mapping)
    shown_ = replace(
        activity,
        samples=len(samples),
        populations={
            name: replace(
                p,
                spikes=replace(p.spikes, bits=p.spikes.bits[:, samples]),
                updated=replace(p.updated, bits=p.updated.bits[:, samples]),
            )
            for name, p in activity.populations.items()
        },
    )
    expected = alone(made, members, shown_, mapping)
    assert equal(found, expected)
    assert equal(price(found, LOIHI), price(expected, LOIHI))


@given(SETS, st.integers(0, 99), st.booleans())
@settings(max_examples=30, deadline=None)
def test_clocked_members_add_idle_neurons_and_input_packets_only(
    members: tuple[int, ...], seed: int, copies: bool
) -> None:
    made = ensemble(3)
    program, activity, mapping = whole(made, seed)
    every = np.arange(3)
    _, _, found = counts_of(made, members, every, program, activity, mapping, copies)
    of = {layer.name: layer for layer in found.layers}
    all_run = {layer.name: layer for layer in count(program, activity, mapping, copies).layers}
    idle = {n for m in range(3) if m not in members for n in made.populations(m)}
    for name, layer in of.items():
        full = all_run[name]
        if name not in idle:
            assert equal(layer, full)
            continue
        assert layer.neuron_steps == full.neuron_steps > 0
        zero = (
            layer.spikes,
            layer.neuron_updates,
            layer.synaptic_events,
            layer.packets,
            layer.hops,
        )
        assert zero == (0, 0, 0, 0, 0)
        assert all(source.synaptic_events == 0 for source in layer.inputs)
    events = found.series.events
    by_kind = sum(int(array.sum()) for name, array in events.items() if name.startswith("events_"))
    assert by_kind == sum(layer.synaptic_events for layer in found.layers)
    inputs = count(program, activity, mapping, copies).series.events["packets_in"].sum()
    lost = sum(all_run[n].packets for n in idle)
    assert events["packets_in"].sum() == inputs - lost
    assert found.neurons["input"].synaptic_events.sum() == sum(
        source.synaptic_events
        for layer in found.layers
        for source in layer.inputs
        if source.source == "input"
    )


def decision(rounds: list[list[list[int]]], members: int = 3) -> Decision:
    """Rounds as lists of members, by round and sample."""
    flags = np.zeros((len(rounds), len(rounds[0]), members), np.bool_)
    for r, of in enumerate(rounds):
        for sample, mine in enumerate(of):
            flags[r, sample, mine] = True
    return Decision(flags, np.zeros((len(rounds[0]), 4)))


def test_every_round_of_every_sample_is_shown_once() -> None:
    found = dict(shown(decision([[[0], [0], [0, 1]], [[1], [], [0]]])))
    assert {k: v.tolist() for k, v in found.items()} == {(0,): [0, 1, 2], (1,): [0], (0, 1): [2]}


@pytest.mark.parametrize("idle", ["clocked", "gated"])
@pytest.mark.parametrize("timing", ["simple", "detailed"])
def test_rounds_add_up_sample_by_sample(idle: str, timing: str) -> None:
    """The energy of a run is the sum over all (sample, round), each priced by itself."""
    made = ensemble(3, idle=idle)
    program, activity, mapping = whole(made, 7)
    target = load_target("loihi1") if timing == "detailed" else LOIHI
    costs = "sanafe_nahuku" if timing == "detailed" else None
    mapping = map_program(program, target)[0]
    prices = priced(target, costs, timing)
    chosen = decision([[[0], [0], [0]], [[1], [], [1]], [[2], [], []]])
    found = Pricer(made, program, activity, mapping, prices, False).energy(chosen)
    singles = [
        prices(*counts_of(made, (m,), np.array([s]), program, activity, mapping))
        for s, m in [(0, 0), (1, 0), (2, 0), (0, 1), (2, 1), (0, 2)]
    ]
    for name in ("dynamic_pj", "static_pj", "total_pj"):
        total = sum(getattr(r, name) or 0.0 for r in singles)
        assert (getattr(found, name) or 0.0) == pytest.approx(total, rel=1e-12)
    assert found.latency_us == pytest.approx(sum(r.latency_us or 0.0 for r in singles) / 3)
    assert sum(found.step_ns) / 1000.0 == pytest.approx(found.latency_us)
    assert found.samples == 3
    spikes = {layer.counts.name: layer.counts.spikes for layer in found.layers}
    fired = activity.populations["m1/out"].spikes
    assert spikes["m1/out"] == int(fired.unpack()[:, [0, 2]].sum())
    given_ = activity.populations["input"].spikes.unpack().sum(axis=(0, 2))
    assert spikes["input"] == 3 * given_[0] + given_[1] + 2 * given_[2]


def test_one_round_of_all_is_a_plain_count() -> None:
    made = ensemble(3)
    program, activity, mapping = whole(made, 3)
    prices = priced(LOIHI, None, "simple", by_core=True)
    plain = prices(program, mapping, count(program, activity, mapping))
    found = Pricer(made, program, activity, mapping, prices, False).energy(
        decision([[[0, 1, 2]] * 3])
    )
    assert found.layers == plain.layers
    assert found.by_core == plain.by_core
    assert found.links == plain.links
    for name in ("dynamic_pj", "static_pj", "total_pj", "latency_us"):
        assert getattr(found, name) == getattr(plain, name)


def test_merging_equal_halves_gives_the_whole() -> None:
    """Counts of disjoint samples add up to those of all of them."""
    made = ensemble(2)
    program, activity, mapping = whole(made, 5, samples=4)
    prices = priced(LOIHI, None, "simple", by_core=True)
    halves = [
        prices(*counts_of(made, (0, 1), np.array(part), program, activity, mapping))
        for part in ([0, 2], [1, 3])
    ]
    plain = prices(program, mapping, count(program, activity, mapping))
    both = merged(halves, 4, 4)
    assert [layer.counts for layer in both.layers] == [layer.counts for layer in plain.layers]
    assert both.links == plain.links
    assert both.total_pj == pytest.approx(plain.total_pj)
    assert both.step_ns == pytest.approx(plain.step_ns)
    assert both.range is not None
    assert plain.range is not None
    assert both.range.high.total_pj == pytest.approx(plain.range.high.total_pj)


@pytest.mark.parametrize("objective", ["cores", "packets", "energy"])
def test_members_share_no_core(objective: str) -> None:
    made = ensemble(3)
    program, activity, _ = whole(made, 1)
    groups = tuple(made.populations(m) for m in range(3))
    traffic = Goal(Traffic.of(program, activity))
    mixed = map_program(program, LOIHI, None, Plan(objective), traffic)[0]
    apart = map_program(program, LOIHI, None, Plan(objective, groups=groups), traffic)[0]
    owners: dict[int, set[int]] = {}
    for member, names in enumerate(groups):
        for name in names:
            for core in apart.assignment[name].tolist():
                owners.setdefault(core, set()).add(member)
    assert all(len(found) == 1 for found in owners.values())
    assert set(apart.assignment["input"].tolist()).isdisjoint(owners)
    if objective == "cores":
        assert mixed.cores_used == 1
        assert apart.cores_used == 4
