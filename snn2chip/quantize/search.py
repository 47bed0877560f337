"""Scale search: coordinate descent over populations; how good a choice is, is passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Scales = Mapping[str, float]
Cost = Callable[[Scales, str], float]


def coordinate_search(
    names: Sequence[str],
    candidates: Sequence[float],
    cost: Cost,
    progress: Callable[[int, int], None] | None = None,
    start: Scales | None = None,
) -> dict[str, float]:
    """One pass over ``names`` in order, each fixed at its cheapest candidate.

    Args:
        names: populations, upstream first, so that each is judged with what feeds it settled.
        candidates: multipliers to try; the first wins among equals and is the start.
        cost: (multipliers of all populations, the population that is judged) -> what to minimise.
        start: another start, which is tried too and wins among equals.
    """
    chosen = {name: candidates[0] if start is None else start[name] for name in names}
    for done, name in enumerate(names):
        tried = list(dict.fromkeys([chosen[name], *candidates]))
        costs = [cost({**chosen, name: candidate}, name) for candidate in tried]
        chosen[name] = tried[costs.index(min(costs))]
        if progress is not None:
            progress(done + 1, len(names))
    return chosen
