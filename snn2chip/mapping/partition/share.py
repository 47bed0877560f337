"""Cores that several populations share: parts put together where all limits allow it.

First fit, the fullest part first. Axons and thresholds of parts are added up, as if none were the
same, so that what is put together keeps every limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from snn2chip.mapping.partition.fill import Parts
from snn2chip.mapping.partition.needs import Need

Floats = NDArray[np.float64]

_HALVINGS = 12
"""Halvings of the range of loads, on a scale of ratios."""


def share(
    partition: Mapping[str, Parts],
    needs: Mapping[str, Sequence[Need]],
    loads: Mapping[str, Floats] | None = None,
    most_load: float = np.inf,
    most_cores: int | None = None,
    groups: Mapping[str, int] | None = None,
) -> dict[str, NDArray[np.int32]]:
    """Core of each neuron, fewer cores than parts where parts fit together.

    Args:
        loads: of each part, [part]; parts of together more than ``most_load`` stay apart.
        most_cores: where more would be taken, the load that a core may have is raised, as little
            as brings the cores down to so many.
        groups: population -> number of its group; those of different groups share no core. None:
            all are of one group.
    """
    amounts = np.concatenate([_amounts(partition[name], needs[name]) for name in partition])
    kinds = np.concatenate(
        [np.full(_number(partition[name]), (groups or {}).get(name, 0)) for name in partition]
    )
    if loads is None:
        bins = _first_fit(amounts, kinds)
    else:
        each = np.concatenate([loads[name] for name in partition])
        bins = _loaded(amounts, kinds, each, max(most_load, 1e-300), most_cores)
    order = dict.fromkeys(bins.tolist())
    number = {old: new for new, old in enumerate(order)}
    cores = np.array([number[each] for each in bins.tolist()], np.int32)
    found, first = {}, 0
    for name, parts in partition.items():
        found[name] = cores[first + parts]
        first += _number(parts)
    return found


def _number(parts: Parts) -> int:
    return int(parts.max(initial=-1)) + 1


def _loaded(
    amounts: Floats,
    kinds: NDArray[np.int64],
    loads: Floats,
    most_load: float,
    most_cores: int | None,
) -> NDArray[np.int64]:
    """Bins of parts that have loads too; more than ``most_cores`` only where limits want it."""

    def packed(most: float) -> NDArray[np.int64]:
        return _first_fit(np.column_stack([amounts, loads / most]), kinds)

    bins = packed(most_load)
    if most_cores is None or bins.max(initial=-1) < most_cores:
        return bins
    low, high = most_load, max(most_load, float(loads.sum()))
    best = packed(high)
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        found = packed(middle)
        if found.max(initial=-1) < most_cores:
            high, best = middle, found
        else:
            low = middle
    return best


def _amounts(parts: Parts, needs: Sequence[Need]) -> Floats:
    """Shares of each limit that each part takes, [part, limit]; 1 is all of it."""
    limits = ("neurons_per_core", "synaptic_words_per_core", "axons_in_per_core",
              "axons_out_per_core", "thresholds_per_core", "synapses_per_core")  # fmt: skip
    order = np.argsort(parts, kind="stable")
    cuts = np.cumsum(np.bincount(parts))[:-1]
    found = np.zeros((cuts.size + 1, len(limits)))
    for part, neurons in enumerate(np.split(order, cuts)):
        for need in needs:
            found[part, limits.index(need.limit)] = need.amount(neurons) / max(need.most, 1e-9)
    return found


def _first_fit(amounts: Floats, kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bin of each part; no bin of several parts takes more than 1 of anything, or two kinds."""
    bins = np.empty(len(amounts), np.int64)
    filled = np.zeros((len(amounts), amounts.shape[1]))
    kind = np.zeros(len(amounts), np.int64)
    used = 0
    for part in np.argsort(-amounts.max(axis=1), kind="stable").tolist():
        fits = (filled[:used] + amounts[part] <= 1.0).all(axis=1)
        free = np.flatnonzero(fits & (kind[:used] == kinds[part]))
        chosen = int(free[0]) if free.size else used
        used = max(used, chosen + 1)
        filled[chosen] += amounts[part]
        kind[chosen] = kinds[part]
        bins[part] = chosen
    return bins
