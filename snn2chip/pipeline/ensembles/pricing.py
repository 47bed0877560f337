"""Rounds counted and priced: each set of members that runs together, on the samples it runs on.

With every idle member gated, a set A counts exactly as the network of A alone does on this mapping.
Clocked, its idle neurons are visited too, and input packets reach their cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, Program
from snn2chip.energy import Counts, EnergyReport, core_costs, count, price
from snn2chip.graph import Ensemble, Policy
from snn2chip.pipeline.ensembles.joining import masked, of_samples, without
from snn2chip.pipeline.ensembles.merging import merged
from snn2chip.pipeline.ensembles.policies import Decision, criteria, decide, settings
from snn2chip.pipeline.ensembles.types import EnsemblePoint, EnsembleRun
from snn2chip.targets.types import Target

MOST_THRESHOLDS = 9
"""Of the curve: each point counts and prices every round."""

_PJ_PER_NJ = 1000.0

Prices = Callable[[Program, Mapping, Counts], EnergyReport]

_ASSUMED = {
    "clocked": (
        "idle members are clocked: their neurons are visited at every step, input packets reach "
        "their cores and are dropped before their synapses"
    ),
    "gated": (
        "idle members are gated: their cores take no power, and no packets reach them; not every "
        "chip can do that"
    ),
}
_HOST = "who answers is decided on the host, and the members' logits are added up there: unpriced"
_ROUNDS = (
    "a round begins after the readout of the one before: inputs and their packets come again, "
    "states are reset, and static energy and latency add up"
)


@dataclass(frozen=True, eq=False)
class Pricer:
    """Prices decisions on one run; what the same members do on the same samples is priced once.

    Attributes:
        program, activity, mapping: of all members side by side.
        prices: prices the counts of a program on a mapping.
        copies: as of ``snn2chip.energy.count``.
    """

    ensemble: Ensemble
    program: Program
    activity: Activity
    mapping: Mapping
    prices: Prices
    copies: bool
    known: dict[tuple[tuple[int, ...], bytes], EnergyReport] = field(default_factory=dict)

    def energy(self, decision: Decision) -> EnergyReport:
        """The energy of all rounds of a decision."""
        parts = list(shown(decision))
        whole = merged(
            [self._part(*part) for part in parts], self.activity.samples, self.activity.steps
        )
        names = [p.name for p in self.program.populations]
        layers = sorted(whole.layers, key=lambda layer: names.index(layer.counts.name))
        said = [_HOST]
        if any(len(members) < len(self.ensemble.members) for members, _ in parts):
            said.append(_ASSUMED[self.ensemble.idle])
        if len(decision.rounds) > 1:
            said.append(_ROUNDS)
        return replace(whole, layers=tuple(layers), assumptions=(*said, *whole.assumptions))

    def _part(self, members: tuple[int, ...], samples: NDArray[np.intp]) -> EnergyReport:
        key = members, samples.tobytes()
        if key not in self.known:
            run = self.program, self.activity, self.mapping
            counted = counts_of(self.ensemble, members, samples, *run, self.copies)
            self.known[key] = self.prices(*counted)
        return self.known[key]


def shown(decision: Decision) -> Iterator[tuple[tuple[int, ...], NDArray[np.intp]]]:
    """(members that run together, samples that they run on, one for each of its rounds)."""
    rounds, samples, members = decision.rounds.shape
    sets = decision.rounds.reshape(-1, members)
    kinds, which = np.unique(sets, axis=0, return_inverse=True)
    places = np.tile(np.arange(samples), rounds)
    for number, kind in enumerate(kinds):
        if kind.any():
            chosen = np.sort(places[which.reshape(-1) == number])
            yield tuple(np.flatnonzero(kind).tolist()), chosen


def counts_of(
    ensemble: Ensemble,
    members: tuple[int, ...],
    samples: NDArray[np.intp],
    program: Program,
    activity: Activity,
    mapping: Mapping,
    copies: bool = False,
) -> tuple[Program, Mapping, Counts]:
    """What a set of members counts, with the program and the mapping that it is counted on."""
    idle = frozenset(
        name
        for member in range(len(ensemble.members))
        if member not in members
        for name in ensemble.populations(member)
    )
    part = of_samples(activity, samples)
    if ensemble.idle == "gated":
        alone, part, kept = without(program, part, mapping, idle)
        return alone, kept, count(alone, part, kept, copies)
    return program, mapping, count(program, masked(part, idle), mapping, copies, idle)


def ensemble_curve(
    run: EnsembleRun,
    labels: NDArray[np.int64] | None,
    energy: Callable[[Decision], EnergyReport],
) -> tuple[EnsemblePoint, ...]:
    """Budgets from one member to all, then thresholds of the ensemble's own policy."""
    policy = run.ensemble.policy
    budgets = [Policy("budget", n + 1) for n in range(len(run.ensemble.members))]
    thresholds = []
    if policy.kind != "budget":
        values = criteria(run.ensemble, run.logits, run.gate)
        thresholds = [
            replace(policy, threshold=t) for t in settings(policy, values, MOST_THRESHOLDS)
        ]
    return tuple(_point(run, each, labels, energy) for each in (*budgets, *thresholds))


def _point(
    run: EnsembleRun,
    policy: Policy,
    labels: NDArray[np.int64] | None,
    energy: Callable[[Decision], EnergyReport],
) -> EnsemblePoint:
    decision = decide(run.ensemble.with_policy(policy), run.logits, run.gate)
    found = energy(decision)

    def each(pj: float | None) -> float | None:
        return None if pj is None else pj / found.samples / _PJ_PER_NJ

    right = None if labels is None else decision.logits.argmax(axis=1) == labels
    own = run.ensemble.policy
    setting = policy.members if policy.threshold is None else policy.threshold
    assert setting is not None
    return EnsemblePoint(
        policy=policy.kind,
        setting=float(setting),
        members=float(decision.active.sum(axis=1).mean()),
        rounds=float(decision.rounds.any(axis=2).sum(axis=0).mean()),
        accuracy=None if right is None else float(right.mean()),
        energy_nj=each(found.total_pj),
        dynamic_nj=each(found.dynamic_pj),
        static_nj=each(found.static_pj),
        latency_us=found.latency_us,
        own=(policy.kind, policy.members, policy.threshold)
        == (own.kind, own.members, own.threshold),
    )


def priced(target: Target, costs: str | None, timing: str, *, by_core: bool = False) -> Prices:
    """How counts are priced: by a cost table of a target, and by core too where that is wanted."""

    def prices(program: Program, mapping: Mapping, counts: Counts) -> EnergyReport:
        report = price(counts, target, costs, timing)
        if not by_core:
            return report
        return replace(report, by_core=core_costs(program, mapping, counts, target, costs))

    return prices
