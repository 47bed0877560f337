"""What this machine can do: measured rates of products and of memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

import numpy as np

ROWS, INNER, COLUMNS = 8192, 784, 128


def seconds_per_call(function: Callable[[], object], at_least: float = 1.0) -> float:
    """Mean seconds of a call over a loop of at least ``at_least`` seconds."""
    function()
    calls, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < at_least or calls == 0:
        function()
        calls += 1
    return spent / calls


def alternating(
    candidates: dict[str, Callable[[], float]], rounds: int = 5
) -> dict[str, tuple[float, float]]:
    """Median and smallest seconds of each candidate, measured in turns so that all share the load.

    Args:
        candidates: by name, functions that measure themselves and return seconds.
    """
    seen: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, measure in candidates.items():
            seen[name].append(measure())
    return {name: (median(values), min(values)) for name, values in seen.items()}


def float32_rate() -> float:
    """float32 operations per second of numpy's matrix product (two per multiply and add)."""
    a = np.ones((ROWS, INNER), np.float32)
    b = np.ones((INNER, COLUMNS), np.float32)
    return 2 * ROWS * INNER * COLUMNS / seconds_per_call(lambda: a @ b)


def int8_rate() -> float | None:
    """int8 operations per second of ``torch._int_mm``, or None without torch."""
    if find_spec("torch") is None:
        return None
    import torch

    a = torch.ones((ROWS, INNER), dtype=torch.int8)
    b = torch.ones((COLUMNS, INNER), dtype=torch.int8).t()
    return 2 * ROWS * INNER * COLUMNS / seconds_per_call(lambda: torch._int_mm(a, b))


def memory_rate() -> float:
    """Bytes per second read and written by one copy."""
    source = np.zeros(1 << 27, np.uint8)
    target = np.empty_like(source)
    return 2 * source.nbytes / seconds_per_call(lambda: np.copyto(target, source))
