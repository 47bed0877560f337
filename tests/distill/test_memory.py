"""A training keeps the memory that it frees."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from snn2chip.distill.training.memory import keep_freed_memory
import numpy as np
if sys.argv[1] == "keep":
    keep_freed_memory()
np.ones(1 << 23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    np.ones(1 << 23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, way],
        capture_output=True,
        text=True,
        check=True,
        env={"NUMPY_MADVISE_HUGEPAGE": "0", "PATH": ""},
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_pages_are_touched_once() -> None:
    """Eight arrays of 64 MiB: thousands of pages each, if they are mapped anew."""
    pytest.importorskip("torch", reason="the package of the trainings imports it")
    assert faults("as it is") > 20 * faults("keep")
