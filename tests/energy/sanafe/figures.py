"""The figures that SANA-FE and we must agree on, and how they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snn2chip.backends.reference import sanafe
from snn2chip.core import Activity
from snn2chip.energy import Counts, EnergyReport, count, price
from snn2chip.targets import load_target

from .networks import TARGET, Case
from .networks_file import Found

TABLE = "sanafe_nahuku"
RELATIVE = 1e-9
"""How far energies and times may be apart."""

_PJ, _NS = 1e-12, 1e-9


@dataclass(frozen=True)
class Figures:
    """Of one network; counts of inputs are part of SANA-FE's ``fired`` and ``updated``.

    Attributes:
        fired, updated: per step.
        synaptic_events, packets, hops: of the run.
        energy_j: ``synapse``, ``neuron``, ``network`` and ``total``.
        simple_s, detailed_s: time of each step, by timing model.
    """

    fired: list[int]
    updated: list[int]
    synaptic_events: int
    packets: int
    hops: int
    energy_j: dict[str, float]
    simple_s: list[float]
    detailed_s: list[float]

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


def theirs(found: Found) -> Figures:
    """Of a run in SANA-FE."""
    steps, totals = found.steps["simple"], found.totals["simple"]
    energy = totals["energy"]
    return Figures(
        steps["fired"].tolist(),
        steps["updated"].tolist(),
        totals["spikes"],
        totals["packets_sent"],
        int(steps["hops"].sum()),
        {
            "synapse": energy["synapse"],
            "neuron": energy["soma"] + energy["dendrite"],
            "network": energy["network"],
            "total": energy["total"],
        },
        steps["sim_time"].tolist(),
        found.steps["detailed"]["sim_time"].tolist(),
    )


def run_here(case: Case) -> tuple[Activity, Counts]:
    """A run in our own words of SANA-FE's neurons, counted."""
    activity = sanafe.run(case.program, case.inputs)
    return activity, count(case.program, activity, case.mapping)


def ours(activity: Activity, counts: Counts) -> Figures:
    """Of our run."""
    target = load_target(TARGET)
    simple = price(counts, target, TABLE)
    detailed = price(counts, target, TABLE, timing="detailed")
    rasters = activity.populations.values()
    layers = counts.layers
    return Figures(
        sum(p.spikes.per_step()[:, 0] for p in rasters).tolist(),
        sum(p.updated.per_step()[:, 0] for p in rasters).tolist(),
        sum(layer.synaptic_events for layer in layers),
        sum(layer.packets for layer in layers),
        sum(layer.hops for layer in layers),
        _energies(simple),
        [ns * _NS for ns in simple.step_ns],
        [ns * _NS for ns in detailed.step_ns],
    )


def _energies(report: EnergyReport) -> dict[str, float]:
    def of(*terms: str) -> float:
        values = [
            getattr(layer.energy_pj, term) or 0.0 for term in terms for layer in report.layers
        ]
        return float(sum(values)) * _PJ

    total = report.dynamic_pj or 0.0
    return {
        "synapse": of("synapse"),
        "neuron": of("neuron"),
        "network": of("packet", "hop"),
        "total": total * _PJ,
    }


def differences(mine: Figures, other: Figures) -> Iterator[str]:
    """One sentence for each figure that is not equal; times of ``detailed`` are left out."""
    for name in ("fired", "updated", "synaptic_events", "packets", "hops"):
        if getattr(mine, name) != getattr(other, name):
            yield f"{name}: ours {getattr(mine, name)}, SANA-FE's {getattr(other, name)}"
    for name, joules in other.energy_j.items():
        if not np.isclose(mine.energy_j[name], joules, rtol=RELATIVE, atol=0):
            yield f"energy of {name}: ours {mine.energy_j[name]} J, SANA-FE's {joules} J"
    if not np.allclose(mine.simple_s, other.simple_s, rtol=RELATIVE, atol=0):
        yield f"simple times differ by up to {apart(mine.simple_s, other.simple_s):.2g}"


def apart(mine: list[float], other: list[float]) -> float:
    """The largest relative difference of any step."""
    return float(np.abs(np.array(mine) / np.array(other) - 1).max())
