"""From what a run did to its result: counted, priced, and compared with the float network."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends import Fidelity
from snn2chip.core import Activity, Drift, Mapping, Program, Violation
from snn2chip.drift import accuracy, compare
from snn2chip.energy import (
    TIMINGS,
    Counts,
    EnergyReport,
    ann_baseline,
    core_costs,
    count,
    late_ticks,
    price,
)
from snn2chip.graph import Graph
from snn2chip.mapping import assumptions
from snn2chip.pipeline.ensembles.pricing import Pricer, ensemble_curve, priced
from snn2chip.pipeline.ensembles.types import EnsembleRun
from snn2chip.pipeline.results.curves import steps_curve
from snn2chip.pipeline.types import PRICES_ONLY, Quantization, Result
from snn2chip.targets.types import Target

_CORES, _TIME = "neurons on cores: ", "time: "
_MODELS = {
    "simple": "the busiest core of each step",
    "detailed": "every message, through the links of the mesh and their queues",
}
_CONGESTION = {"simple": "congestion of links and of receiving cores"}


@dataclass(frozen=True, eq=False)
class Recorded:
    """What a run did, apart from any mapping and price; the fields are those of ``Result``."""

    graph: Graph
    program: Program
    activity: Activity
    reference: Activity | None
    labels: NDArray[np.int64] | None
    data: str
    calibrated_on: str
    quantization: Quantization | None
    seed: int
    synthetic: bool
    notes: tuple[str, ...]
    ensemble: EnsembleRun | None = None


def finish(
    recorded: Recorded,
    target: Target,
    fidelity: Fidelity,
    placed: tuple[Mapping, tuple[Violation, ...]],
    costs: str | None,
    *,
    timing: str = TIMINGS[0],
    curve: bool = False,
    counts: Counts | None = None,
) -> Result:
    """The result of a run on a mapping at the prices of a table.

    Args:
        placed: the mapping, and every limit that it breaks.
        timing: the model of time, one of ``TIMINGS``.
        curve: figures by the number of steps too; the activity has the readout of every step.
        counts: of this run on this mapping, where they were made before.
    """
    mapping, violations = placed
    program, activity, reference = recorded.program, recorded.activity, recorded.reference
    energies = partial(energy_of, program, mapping, target, costs, timing=timing)
    kept = {field.name: getattr(recorded, field.name) for field in fields(recorded)}
    if recorded.ensemble is not None:
        energy, kept["ensemble"] = _of_rounds(recorded, mapping, target, costs, timing)
        counts = None
    else:
        if counts is None or counts.copies != target.mesh.multicast:
            counts = count(program, activity, mapping, target.mesh.multicast)
        energy = replace(
            _priced(program, counts, target, costs, timing),
            by_core=core_costs(program, mapping, counts, target, costs),
        )
    return Result(
        target=target,
        mapping=mapping,
        violations=(*violations, *late_ticks(energy, target)),
        energy=energy,
        counts=counts,
        baseline=ann_baseline(program),
        drift=_drift(recorded),
        fidelity=_as_done(fidelity, target, mapping, energy),
        accuracy=accuracy(activity, recorded.labels),
        simulated=target.family != PRICES_ONLY,
        curve=steps_curve(activity, reference, recorded.labels, energies) if curve else (),
        **kept,
    )


def _of_rounds(
    recorded: Recorded, mapping: Mapping, target: Target, costs: str | None, timing: str
) -> tuple[EnergyReport, EnsembleRun]:
    """The energy of an ensemble's rounds, and its run with the curve."""
    run = recorded.ensemble
    assert run is not None
    program, multicast = recorded.program, target.mesh.multicast
    placed = (run.ensemble, program, recorded.activity, mapping)
    own = Pricer(*placed, priced(target, costs, timing, by_core=True), multicast)
    others = Pricer(*placed, priced(target, costs, timing), multicast)
    energy = _noted(own.energy(run.decision), program, target, mapping)
    curve = ensemble_curve(run, recorded.labels, others.energy)
    return energy, replace(run, curve=curve)


def _as_done(
    fidelity: Fidelity, target: Target, mapping: Mapping, energy: EnergyReport
) -> Fidelity:
    """What the back end says, with how cores and time were modelled in this result."""
    if not target.costs:
        return fidelity
    modelled = [line for line in fidelity.modelled if not line.startswith((_CORES, _TIME))]
    omitted = [line for line in fidelity.omitted if line not in _CONGESTION.values()]
    meshed = target.mesh.cores_per_tile > 0
    if target.limit("cores") is not None:
        modelled.append(_CORES + mapping.made + (", XY routing" if meshed else ""))
    if energy.latency_us is not None:
        modelled.append(_TIME + _MODELS[energy.timing])
        omitted += [_CONGESTION[energy.timing]] if energy.timing in _CONGESTION else []
    return replace(fidelity, modelled=tuple(modelled), omitted=tuple(omitted))


def energy_of(
    program: Program,
    mapping: Mapping,
    target: Target,
    costs: str | None,
    activity: Activity,
    timing: str = TIMINGS[0],
) -> EnergyReport:
    """A run counted and priced."""
    counts = count(program, activity, mapping, target.mesh.multicast)
    return _priced(program, counts, target, costs, timing)


def _priced(
    program: Program, counts: Counts, target: Target, costs: str | None, timing: str
) -> EnergyReport:
    """Counts at the target's prices, with what its mapping rests on."""
    energy = price(counts, target, costs, timing)
    return _noted(energy, program, target, None if counts.run is None else counts.run.mapping)


def _noted(
    energy: EnergyReport, program: Program, target: Target, mapping: Mapping | None
) -> EnergyReport:
    """With what the mapping rests on."""
    notes = () if mapping is None else mapping.notes
    found = (*energy.assumptions, *assumptions(program, target), *notes)
    if target.family == PRICES_ONLY:
        found = (f"spikes of {program.arithmetic}, not of this chip's own arithmetic", *found)
    return replace(energy, assumptions=found)


def _drift(recorded: Recorded) -> tuple[Drift, ...]:
    """What became of the float network, where there is one."""
    program, reference = recorded.program, recorded.reference
    if reference is None:
        return ()
    drift = compare(
        f"float64 graph -> {program.arithmetic}",
        reference,
        recorded.activity,
        order=[p.name for p in program.populations],
        outputs=program.outputs,
        latency={p.name: p.latency for p in program.populations},
        labels=recorded.labels,
    )
    run = recorded.ensemble
    if run is None or run.reference_decision is None:
        return (drift,)
    return (replace(drift, decisions_differing=run.decision.differing(run.reference_decision)),)
