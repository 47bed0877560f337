"""The chain for an ensemble: every member by itself, then all of them on one mapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from snn2chip.backends import find_backend
from snn2chip.core import Activity
from snn2chip.core import Mapping as CoreMapping
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Ensemble
from snn2chip.pipeline.ensembles.joining import (
    join_activities,
    join_programs,
    join_traces,
)
from snn2chip.pipeline.ensembles.policies import contributions, decide, gate_scores
from snn2chip.pipeline.ensembles.types import EnsembleRun
from snn2chip.pipeline.placing import placed_on
from snn2chip.pipeline.results.finish import Recorded, finish
from snn2chip.pipeline.types import PRICES_ONLY, Check, Network, Options, Result

Runs = Callable[[Network, Options], Result]
Checks = Callable[[Network, Options], Check]


def check_ensemble(network: Network, options: Options, check: Checks) -> Check:
    """Realises the members and maps them together; every violation at once."""
    ensemble = _ensemble_of(network)
    found = [check(member, _alone(options)) for member in _members(network)]
    program = join_programs(ensemble, [each.program for each in found])
    target = found[0].target
    backend = find_backend(target.family)
    mapping, violations = placed_on(network, program, backend, target, options)
    mapping = _told(ensemble, mapping)
    return Check(network.graph, target, program, mapping, violations)


def run_ensemble(network: Network, options: Options, run: Runs) -> Result:
    """Runs every member once on the same samples, decides, maps them together, and prices rounds.

    Raises:
        UnsupportedError: figures by the number of steps.
    """
    if options.steps_curve:
        raise UnsupportedError(
            f"{network.origin}: --steps-curve of an ensemble",
            needs="one network, whose readout every step has",
            has="a policy that decides on the whole readout",
            remedy="--steps-curve of a member's own file",
        )
    ensemble = _ensemble_of(network)
    found = [run(member, _alone(options)) for member in _members(network)]
    first = found[0]
    program = join_programs(ensemble, [each.program for each in found])
    inputs = [first.activity.populations[p.name].spikes for p in program.inputs]
    gate = gate_scores(ensemble, inputs)
    logits = contributions(ensemble, [each.activity.scores for each in found])
    decision = decide(ensemble, logits, gate)
    references = [each.reference for each in found if each.reference is not None]
    reference, reference_logits = None, None
    if len(references) == len(found):
        reference_logits = contributions(ensemble, [each.scores for each in references])
        answered = decide(ensemble, reference_logits, gate).logits
        reference = join_activities(ensemble, references, answered)
    activity = join_activities(ensemble, [each.activity for each in found], decision.logits)
    recorded = Recorded(
        graph=network.graph,
        program=program,
        activity=activity,
        reference=reference,
        labels=first.labels,
        data=first.data,
        calibrated_on=first.calibrated_on,
        quantization=first.quantization,
        seed=options.seed,
        synthetic=first.synthetic,
        notes=tuple(dict.fromkeys(note for each in found for note in each.notes)),
        ensemble=EnsembleRun(ensemble, logits, reference_logits, gate, decision),
    )
    result = _finished(network, options, recorded, first)
    walls: dict[str, float] = {}
    for each in found:
        for stage, seconds in each.wall_times.items():
            walls[stage] = walls.get(stage, 0.0) + seconds
    return replace(
        result,
        trace=join_traces(ensemble, [each.trace for each in found]),
        simulated=first.target.family != PRICES_ONLY,
        wall_times=walls,
    )


def _finished(network: Network, options: Options, recorded: Recorded, first: Result) -> Result:
    """Mapped together and priced."""
    target = first.target
    backend = find_backend(target.family)
    activity: Activity = recorded.activity
    placed = placed_on(network, recorded.program, backend, target, options, activity)
    mapping = _told(_ensemble_of(network), placed[0])
    return finish(
        recorded,
        target,
        backend.fidelity(recorded.program),
        (mapping, placed[1]),
        options.costs,
        timing=options.timing,
    )


def _ensemble_of(network: Network) -> Ensemble:
    assert network.ensemble is not None
    return network.ensemble


def _members(network: Network) -> list[Network]:
    """Each member as a network of its own."""
    return [
        Network(
            replace(member.graph, name=member.name),
            f"member {member.name} of {network.origin}",
            network.path,
        )
        for member in _ensemble_of(network).members
    ]


def _alone(options: Options) -> Options:
    """Of a member by itself, whose mapping and prices nobody reads."""
    return replace(
        options,
        mapping=None,
        objective=None,
        partition="auto",
        chips=1,
        cores=None,
        timing="simple",
        policy=None,
        idle=None,
    )


def _told(ensemble: Ensemble, mapping: CoreMapping) -> CoreMapping:
    """The mapping with a note where members share cores: gating one gates the other."""
    owner: dict[int, int] = {}
    sharing: set[str] = set()
    for member in range(len(ensemble.members)):
        for name in ensemble.populations(member):
            for core in set(mapping.assignment[name].tolist()):
                other = owner.setdefault(core, member)
                if other != member:
                    sharing |= {ensemble.names[other], ensemble.names[member]}
    if not sharing:
        return mapping
    names = ", ".join(name for name in ensemble.names if name in sharing)
    return replace(mapping, notes=(*mapping.notes, f"members share cores: {names}"))
