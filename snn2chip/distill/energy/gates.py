"""Which neurons and channels a student can do without: least loss for the energy they cost.

Removing unit j of a population changes the loss by about ``|sum_t g_j s_j|``, the mean over
samples of its spikes times their gradients (the first-order criterion of Molchanov et al., CVPR
2019), and saves what spikes that reach it, its updates and idle steps, and its own spikes cost.
Units go in the order of the first over the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snn2chip.distill.energy.shrinking import Site
from snn2chip.energy.linear import SpikeCosts

FloatArray = NDArray[np.float64]

_LEAST_PJ = 1e-12
"""So that a unit that costs nothing can be compared."""


class Saliency:
    """Sums over the batches of an epoch: what units do to the loss, and how often neurons fire.

    Args:
        sites: populations whose units can go.
    """

    def __init__(self, sites: tuple[Site, ...]) -> None:
        self._sites = {site.name: site for site in sites}
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.loss = {n: torch.zeros(s.units, dtype=torch.float64) for n, s in self._sites.items()}
        self.sent: dict[str, Tensor] = {}
        self.samples = 0

    def watch(self, spikes: Mapping[str, Tensor]) -> None:
        """Count a batch, and wait for its gradients."""
        self.samples += next(iter(spikes.values())).shape[1]
        for name, sent in spikes.items():
            counts = (sent.detach() != 0).sum((0, 1)).double()
            self.sent[name] = self.sent[name] + counts if name in self.sent else counts
            if name in self._sites and sent.requires_grad:
                sent.register_hook(self._hook(name, sent.detach()))  # type: ignore[no-untyped-call, unused-ignore]

    def _hook(self, name: str, sent: Tensor) -> Any:
        def add(gradient: Tensor) -> None:
            change = (gradient * sent).sum(0)
            each = change.reshape(*change.shape[:2], -1).sum(2)
            self.loss[name] += each.abs().sum(0).double().cpu()

        return add


def unit_costs(
    site: Site, costs: SpikeCosts, sent: Mapping[str, FloatArray], steps: int, live: int
) -> FloatArray:
    """pJ per sample that each unit of a population costs, float64 [unit].

    Args:
        sent: population -> mean spikes per sample of each neuron, [*shape].
        live: units of the population that are left; they share what arrives equally.
    """
    own = (sent[site.name] * costs.spike_pj[site.name]).reshape(site.units, -1).sum(1)
    arriving = sum(
        float((sent[source] * paid).sum())
        for (source, target), paid in costs.arriving_pj.items()
        if target == site.name
    )
    neurons = sent[site.name].size / site.units
    idle = costs.idle_pj[site.name] / live + neurons * costs.update_pj[site.name]
    found: FloatArray = own + arriving / live + steps * idle
    return found


def choose(
    sites: tuple[Site, ...],
    live: Mapping[str, NDArray[np.bool_]],
    saliency: Mapping[str, FloatArray],
    priced: Mapping[str, FloatArray],
    save_pj: float,
) -> dict[str, NDArray[np.bool_]]:
    """Units that stay, such that those that go cost so much; each population keeps one at least.

    Args:
        live: units that are there, bool [unit].
        priced: population -> pJ per sample that each unit costs.
        save_pj: per sample.
    """
    candidates = [
        (saliency[site.name][unit] / max(priced[site.name][unit], _LEAST_PJ), place, int(unit))
        for place, site in enumerate(sites)
        for unit in np.flatnonzero(live[site.name])
    ]
    kept = {name: units.copy() for name, units in live.items()}
    saved = 0.0
    for _, place, unit in sorted(candidates):
        name = sites[place].name
        if saved >= save_pj:
            break
        if kept[name].sum() > 1:
            kept[name][unit] = False
            saved += float(priced[name][unit])
    return kept
