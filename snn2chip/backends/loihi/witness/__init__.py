"""Lava as a witness: it runs the same ``.net`` on the same samples, and must give the same."""

from snn2chip.backends.loihi.witness.comparing import Difference, compare_net, compare_program
from snn2chip.backends.loihi.witness.engine import LAVA_PYTHON, environment, found, lava_engine
from snn2chip.backends.loihi.witness.running import Plan, Recordings, run_net

__all__ = [
    "LAVA_PYTHON",
    "Difference",
    "Plan",
    "Recordings",
    "compare_net",
    "compare_program",
    "environment",
    "found",
    "lava_engine",
    "run_net",
]
