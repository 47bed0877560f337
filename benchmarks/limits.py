"""What this machine is and can do: its processor, and measured rates of products and of memory."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

ROWS, INNER, COLUMNS = 8192, 784, 128

INT8_IS_QUICK = 5.0
"""int8 products have matrix hardware where they are so many times as quick as float32's: vector
instructions such as VNNI reach four times."""


@dataclass(frozen=True)
class Limits:
    """Measured rates.

    Attributes:
        float32, int8: operations per second, two per multiply and add; int8 is None without torch.
        memory: bytes per second, read and written.
    """

    float32: float
    int8: float | None
    memory: float

    @staticmethod
    def measure() -> Limits:
        """Each over a second or more."""
        return Limits(float32_rate(), int8_rate(), memory_rate())

    @property
    def int8_hardware(self) -> bool:
        """Whether int8 products are done by matrix hardware, such as AMX."""
        return self.int8 is not None and self.int8 > INT8_IS_QUICK * self.float32

    def __str__(self) -> str:
        int8 = "-" if self.int8 is None else f"{self.int8 / 1e9:.0f}"
        return (
            f"float32 products {self.float32 / 1e9:.0f} GOP/s (numpy), int8 products {int8} GOP/s "
            f"(`torch._int_mm`), memory {self.memory / 1e9:.0f} GB/s"
        )


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


def machine() -> str:
    """The processor, how many of them may be used, and what of its instructions matters here."""
    name, flags = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in lines.items()}
        name, flags = fields.get("model name", name), fields.get("flags", "")
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
    has = ", ".join(flag for flag in wanted if flag in flags.split()) or "none of AVX2 and later"
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} cores, {has}"


def versions() -> str:
    """Of everything that takes part."""
    found = [f"Python {platform.python_version()}"]
    for package in ("snn2chip", "numpy", "numba", "torch", "norse"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
