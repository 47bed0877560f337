"""How quick the routes of a dense product are on this machine: measured once, where it matters.

The choice between them changes no sum.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from snn2chip.graph.operators import Dense

EVENTS, FLOAT32, INT8 = "events", "float32", "int8"

SWITCH = "SNN2CHIP_INT8"

_ROWS, _INNER, _TARGETS, _SHARE = 512, 512, 256, 0.1
_TRIES = 3

Routes = Mapping[str, Callable[[Any], object]]


def torch_for_products() -> Any:
    """torch where int8 products may use it, else None.

    It takes a second to import, so it is used where somebody has imported it before, or where
    ``SNN2CHIP_INT8=1`` asks for it.
    """
    loaded = sys.modules.get("torch")
    if loaded is None and os.environ.get(SWITCH) == "1" and find_spec("torch") is not None:
        loaded = import_module("torch")
    return loaded if hasattr(loaded, "_int_mm") else None


def seconds_per_weight(routes: Callable[[Dense], Routes]) -> dict[str, float]:
    """Seconds of each route on a product of a common size.

    Args:
        routes: of an operator, functions of flags [n, source].

    Returns:
        By route; of ``EVENTS`` for every weight that a spike adds, of others for every weight.
    """
    rng = np.random.default_rng(0)
    weights = 2 * rng.integers(-128, 128, size=(_TARGETS, _INNER))
    spikes = rng.random((_ROWS, _INNER)) < _SHARE
    added = int(spikes.sum()) * _TARGETS
    return {
        name: _best(lambda route=route: route(spikes))  # type: ignore[misc]
        / (added if name == EVENTS else spikes.size * _TARGETS)
        for name, route in routes(Dense(weights, (_INNER,), (_TARGETS,))).items()
    }


def _best(call: Callable[[], object]) -> float:
    """The quickest of a few calls, after one that may prepare something."""
    call()
    seconds = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


@cache
def measured(routes: Callable[[Dense], Routes], torch: Any) -> Mapping[str, float]:
    """``seconds_per_weight`` of routes, once; again where torch has come since."""
    return seconds_per_weight(routes)
