"""Threads that share a batch; compiled kernels run without Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import TracebackType
from typing import TypeVar

from snn2chip.engine.kernels.accelerate import reason_against

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def default_threads() -> int:
    """Processors that this process may use, or OMP_NUM_THREADS; 1 where nothing is compiled."""
    if reason_against() is not None:
        return 1
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """A number of threads; one of them is none beside the caller."""

    def __init__(self, threads: int) -> None:
        self._threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def shares(self, first: int, last: int, most: int | None = None) -> list[slice]:
        """Parts of first..last of nearly equal length, one per thread or ``most``, in order."""
        count = min(self._threads, last - first, most or self._threads)
        ends = [first + (last - first) * k // count for k in range(count + 1)]
        return [slice(a, b) for a, b in pairwise(ends)]

    def map(self, function: Callable[[_Item], _Result], items: list[_Item]) -> list[_Result]:
        """Results in the order of the items; the first error is raised."""
        if self._pool is None or len(items) < 2:
            return [function(item) for item in items]
        return list(self._pool.map(function, items))
