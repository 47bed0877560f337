"""Delays of a linear path: NIR's times into whole steps, per source, target or synapse."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import InputFileError, UnsupportedError
from snn2chip.graph import Delay, Operator
from snn2chip.graph.operators import Array, Dense, Identity

_TOLERANCE = 1e-6
"""Relative: a float32 time over dt is that close to a whole number of steps."""

_MOST_STEPS = 2**31 - 1

Steps = NDArray[np.int64]


def off_grid(delay: Array, dt: float) -> NDArray[np.bool_]:
    """Which delays are no multiple of dt."""
    exact = delay / dt
    steps = np.round(exact)
    bad: NDArray[np.bool_] = np.abs(exact - steps) > _TOLERANCE * np.maximum(steps, 1.0)
    return bad


def in_steps(delay: Array, dt: float, where: str) -> Steps:
    """Whole steps of delays in the unit of dt.

    Raises:
        InputFileError: a delay is no multiple of dt.
    """
    steps = np.round(delay / dt)
    bad = off_grid(delay, dt)
    if bad.any():
        worst = float(delay[bad].reshape(-1)[0])
        raise InputFileError(
            f"{where}: a delay of {worst} is no multiple of dt",
            needs=f"multiples of dt = {dt}",
            has=f"{worst / dt:.6g} steps",
            remedy="--dt with a divisor of the delays",
        )
    if (steps > _MOST_STEPS).any():
        raise InputFileError(f"{where}: a delay of {steps.max():.3g} steps")
    return steps.astype(np.int64)


class PathDelay:
    """Adds up the delays along one path while its operator is composed."""

    def __init__(self) -> None:
        self.total = 0
        self.source: Steps | None = None
        self.target: Steps | None = None

    def add(self, steps: Steps, before: Operator, where: str) -> None:
        """A Delay node after the operator ``before``, the path so far."""
        if (steps == steps.reshape(-1)[0]).all():
            self.total += int(steps.reshape(-1)[0])
        elif isinstance(before, Identity):
            steps = steps.reshape(before.source_shape)
            self.source = steps if self.source is None else self.source + steps
        else:
            flat = steps.reshape(before.target_shape)
            self.target = flat if self.target is None else self.target + flat

    def pass_layer(self, link: Operator, where: str) -> None:
        """A layer after the delays seen so far.

        Raises:
            UnsupportedError: it would mix signals that were delayed one by one.
        """
        if self.target is not None and not isinstance(link, Identity):
            raise UnsupportedError(
                f"{where}: a delay per element lies between two layers of weights",
                needs="delays per source or per target of the composed projection",
                remedy="use one delay for all elements, or put a neuron population between",
            )

    def delay(self, operator: Operator, where: str) -> Delay:
        """The delay of the composed projection.

        Raises:
            UnsupportedError: per source and per target at once, and not through a matrix.
        """
        if self.source is None and self.target is None:
            return Delay(np.array(self.total, np.int64))
        if self.target is None:
            assert self.source is not None
            return Delay(self.source.reshape(operator.source_shape) + self.total, "source")
        steps = self.target.reshape(operator.target_shape) + self.total
        if self.source is None:
            return Delay(steps, "target")
        if isinstance(operator, Dense):
            both = steps.reshape(-1, 1) + self.source.reshape(1, -1)
            return Delay(both, "synapse")
        raise UnsupportedError(
            f"{where}: delays per source and per target of a convolution",
            needs="one of the two",
            remedy="use one delay for all elements on one side",
        )
