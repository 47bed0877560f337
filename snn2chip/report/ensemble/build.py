"""From a result to what the report says of an ensemble, and the activity that it shows."""

from __future__ import annotations

import numpy as np

from snn2chip.core import Activity
from snn2chip.pipeline import Result
from snn2chip.pipeline.ensembles.joining import acting
from snn2chip.report.ensemble.types import EnsembleInfo, MemberRow


def ensemble_info(result: Result) -> EnsembleInfo | None:
    """None of a single network."""
    run = result.ensemble
    if run is None:
        return None
    ensemble, active = run.ensemble, run.decision.active
    policy = ensemble.policy
    layers = {layer.counts.name: layer.counts for layer in result.energy.layers}
    rows = []
    for member in ensemble.order:
        names = ensemble.populations(member)
        cores = {c for name in names for c in result.mapping.assignment[name].tolist()}
        alone = (ensemble.bias + run.logits[member]).argmax(axis=1)
        rows.append(
            MemberRow(
                name=ensemble.names[member],
                neurons=sum(result.program.population(name).size for name in names),
                synapses=sum(layers[name].synapses for name in names if name in layers),
                cores=len(cores),
                active=float(active[:, member].mean()),
                accuracy=None if result.labels is None else float(np.mean(alone == result.labels)),
            )
        )
    number = active.sum(axis=1)
    setting = policy.members if policy.threshold is None else policy.threshold
    return EnsembleInfo(
        policy=policy.kind,
        setting=float(setting or 0.0),
        idle=ensemble.idle,
        active_members=float(number.mean()),
        rounds=float(run.decision.rounds.any(axis=2).sum(axis=0).mean()),
        members=tuple(rows),
        active=tuple(float(np.mean(number == k + 1)) for k in range(len(ensemble.members))),
        curve=run.curve,
    )


def acted(result: Result) -> Activity:
    """The activity that pictures and metrics show: nothing of members that were not active."""
    run = result.ensemble
    if run is None:
        return result.activity
    return acting(run.ensemble, result.activity, run.decision.active)


def acted_reference(result: Result) -> Activity | None:
    """The same of the float network, by the decisions that it makes."""
    run = result.ensemble
    decision = None if run is None else run.reference_decision
    if run is None or result.reference is None or decision is None:
        return result.reference
    return acting(run.ensemble, result.reference, decision.active)
