"""One program, activity and trace of all members side by side, and parts of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import (
    Activity,
    PopulationActivity,
    Program,
    ProgramPopulation,
    ProgramProjection,
    Raster,
    Trace,
)
from snn2chip.core import Mapping as CoreMapping
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Ensemble
from snn2chip.graph.ensemble import JOIN


def join_programs(ensemble: Ensemble, programs: Sequence[Program]) -> Program:
    """The members' programs as one, on shared inputs.

    Raises:
        UnsupportedError: members whose inputs are other numbers on the target.
    """
    first = programs[0]
    populations = list(first.inputs)
    projections: list[ProgramProjection] = []
    hosted: list[ProgramProjection] = []
    common = [note for note in first.notes if _is_common(note, programs)]
    for name, program in zip(ensemble.names, programs, strict=True):
        _require_inputs(ensemble, name, first, program)
        own = {p.name: _own(name, p) for p in program.populations}
        populations += [replace(p, name=own[p.name]) for p in program.populations if not p.is_input]
        projections += _renamed(program.projections, own)
        hosted += _renamed(program.hosted, own)
        common += [f"{name}: {note}" for note in program.notes if note not in common]
    return replace(
        first,
        name=ensemble.name,
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=ensemble.graph.outputs,
        notes=tuple(common),
        hosted=tuple(hosted),
    )


def _renamed(
    projections: Iterable[ProgramProjection], own: Mapping[str, str]
) -> list[ProgramProjection]:
    return [replace(p, source=own[p.source], target=own[p.target]) for p in projections]


def join_activities(
    ensemble: Ensemble, activities: Sequence[Activity], scores: NDArray[np.float64]
) -> Activity:
    """What all members did with the same inputs; ``scores`` [sample, class] are the answer."""
    inputs = {p.name for p in ensemble.members[0].graph.inputs}
    populations = {name: activities[0].populations[name] for name in inputs}
    for name, activity in zip(ensemble.names, activities, strict=True):
        populations |= {
            f"{name}{JOIN}{own}": did
            for own, did in activity.populations.items()
            if own not in inputs
        }
    order = [p.name for p in ensemble.graph.populations]
    return replace(
        activities[0],
        populations={name: populations[name] for name in order},
        scores=scores,
        running_scores=None,
    )


def join_traces(ensemble: Ensemble, traces: Sequence[Trace | None]) -> Trace | None:
    """All recordings; those of members that end sooner are silent after that."""
    if any(trace is None for trace in traces):
        return None
    inputs = {p.name for p in ensemble.members[0].graph.inputs}
    known = [trace for trace in traces if trace is not None]
    longest = max(array.shape[1] for trace in known for array in trace.arrays.values())
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, trace in zip(ensemble.names, known, strict=True):
        for own, array in trace.arrays.items():
            missing = longest - array.shape[1]
            whole = np.pad(array, ((0, 0), (0, missing), *((0, 0),) * (array.ndim - 2)))
            arrays[own if own.removesuffix(".v") in inputs else f"{name}{JOIN}{own}"] = whole
    return Trace(arrays)


def masked(activity: Activity, idle: Collection[str]) -> Activity:
    """The run as if the idle populations had done nothing."""
    return replace(
        activity,
        populations={
            name: _silent(did) if name in idle else did
            for name, did in activity.populations.items()
        },
    )


def acting(ensemble: Ensemble, activity: Activity, active: NDArray[np.bool_]) -> Activity:
    """The run as if members had done nothing on samples for which they are not active.

    Args:
        active: [sample, member].
    """
    populations = dict(activity.populations)
    for member in range(len(ensemble.members)):
        for name in ensemble.populations(member):
            did, on = populations[name], active[:, member]
            populations[name] = replace(
                did, spikes=_where(did.spikes, on), updated=_where(did.updated, on)
            )
    return replace(activity, populations=populations)


def of_samples(activity: Activity, chosen: NDArray[np.intp]) -> Activity:
    """The run of some samples, one more than once where it was shown more than once."""

    def part(raster: Raster) -> Raster:
        return Raster(raster.bits[:, chosen], raster.shape)

    return replace(
        activity,
        samples=len(chosen),
        populations={
            name: replace(did, spikes=part(did.spikes), updated=part(did.updated))
            for name, did in activity.populations.items()
        },
        scores=activity.scores[chosen],
        running_scores=None,
    )


def without(
    program: Program, activity: Activity, mapping: CoreMapping, left_out: Collection[str]
) -> tuple[Program, Activity, CoreMapping]:
    """All three as if some populations, on which no others depend, were not there."""
    populations = tuple(p for p in program.populations if p.name not in left_out)
    names = [p.name for p in populations]
    kept = {name: mapping.assignment[name] for name in names}
    used = set(np.unique(np.concatenate(list(kept.values()))).tolist())
    return (
        replace(
            program,
            populations=populations,
            projections=tuple(p for p in program.projections if p.target not in left_out),
            hosted=tuple(p for p in program.hosted if p.target not in left_out),
            outputs=tuple(name for name in program.outputs if name not in left_out),
        ),
        replace(activity, populations={name: activity.populations[name] for name in names}),
        replace(
            mapping,
            assignment=kept,
            places={core: place for core, place in mapping.places.items() if core in used},
        ),
    )


def _is_common(note: str, programs: Sequence[Program]) -> bool:
    """Whether a note is of all members, and of no population, which each has of its own."""
    about = tuple(f"{p.name}{end}" for q in programs for p in q.populations for end in (":", "->"))
    return not note.startswith(about) and all(note in program.notes for program in programs)


def _own(member: str, population: ProgramPopulation) -> str:
    return population.name if population.is_input else f"{member}{JOIN}{population.name}"


def _require_inputs(ensemble: Ensemble, name: str, first: Program, other: Program) -> None:
    """Refuse inputs that the members would need differently, such as payloads of other scales."""
    for ours, its in zip(first.inputs, other.inputs, strict=True):
        same = (
            np.array_equal(ours.scale, its.scale)
            and np.array_equal(ours.offset, its.offset)
            and ours.parameters.keys() == its.parameters.keys()
            and all(np.array_equal(v, its.parameters[k]) for k, v in ours.parameters.items())
        )
        if not same:
            raise UnsupportedError(
                f"ensemble {ensemble.name!r}: input {ours.name!r} of member {name!r}",
                needs=f"the numbers that {ensemble.names[0]!r} takes: members share inputs",
                has="payloads of another scale",
                remedy="--encoding if",
            )


def _silent(did: PopulationActivity) -> PopulationActivity:
    return replace(
        did,
        spikes=Raster(np.zeros_like(did.spikes.bits), did.spikes.shape),
        updated=Raster(np.zeros_like(did.updated.bits), did.updated.shape),
        warnings={},
        membrane_changes=None if did.membrane_changes is None else 0,
    )


def _where(raster: Raster, on: NDArray[np.bool_]) -> Raster:
    """The raster, silent in samples that are not on."""
    if prod(raster.bits.shape) == 0:
        return raster
    return Raster(raster.bits * on[None, :, None].astype(np.uint8), raster.shape)
