"""Numbers that make no sense: negative time constants, delays between steps."""

from __future__ import annotations

import numpy as np

from snn2chip.frontends.nir.lowering.delays import off_grid
from snn2chip.frontends.nir.nodes import NirGraph, Param
from snn2chip.frontends.nir.repair.types import Repair, leaves, with_params

_TIME_CONSTANTS = {"LIF": ("tau",), "LI": ("tau",)} | dict.fromkeys(
    ("CubaLIF", "CubaLI"), ("tau_syn", "tau_mem")
)


def repair_time_constants(graph: NirGraph) -> tuple[NirGraph, list[Repair]]:
    """Negative time constants with their sign flipped.

    A neuron with a negative time constant grows without bound, so that no working network was
    trained with one: the sign is a slip of the export. Zero stays, and is refused.
    """
    changed: dict[str, dict[str, Param]] = {}
    found = []
    for name, node in leaves(graph):
        for key in _TIME_CONSTANTS.get(node.kind, ()):
            value = node.params.get(key)
            if value is None or isinstance(value, str):
                continue
            tau = np.asarray(value)
            negative = tau < 0
            if not negative.any():
                continue
            changed.setdefault(name, dict(node.params))[key] = np.abs(tau)
            found.append(
                Repair(
                    name,
                    f"{key} is negative for {int(negative.sum())} of {tau.size} neurons",
                    "the sign is flipped: only a positive time constant is stable",
                )
            )
    return with_params(graph, changed), found


def repair_delays(graph: NirGraph, dt: float) -> tuple[NirGraph, list[Repair]]:
    """Delays rounded to the nearest multiple of dt, those halfway to the even one."""
    changed: dict[str, dict[str, Param]] = {}
    found = []
    for name, node in leaves(graph):
        value = node.params.get("delay")
        if node.kind != "Delay" or value is None or isinstance(value, str):
            continue
        delay = np.asarray(value, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            bad = off_grid(delay, dt)
            if not bad.any() or not np.isfinite(delay).all():
                continue
            rounded = np.where(bad, np.round(delay / dt) * dt, delay)
        changed[name] = {**node.params, "delay": rounded}
        worst = float(np.abs(rounded - delay).max())
        found.append(
            Repair(
                name,
                f"{int(bad.sum())} of {delay.size} delays are no multiple of dt = {dt:g}",
                f"rounded to whole steps, by at most {worst / dt:.3g} steps",
            )
        )
    return with_params(graph, changed), found
