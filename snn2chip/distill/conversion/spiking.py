"""The converted network at work, step by step, and its accuracy after every step.

One run over the largest T gives the whole curve, since the readout after t steps is a sum over
them::

    v += W x_t + b        s_t = v > 1        v -= s_t  (subtract)   or   v = 0 where s_t  (zero)
    logits_t = sum of the last layer's W s + b up to step t

The reset by subtraction and a start at half the threshold (Bu et al., AAAI 2022, 10.1609/
aaai.v36i1.19874) are those of the papers; chips reset to zero and start at 0, where a bias of
``1 / (2 T)`` does the same in T steps (Deng, Gu 2021, arXiv:2103.00476).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snn2chip.distill.conversion.balance import Balanced
from snn2chip.distill.conversion.chain import Link, cast
from snn2chip.errors import ConfigError

BATCH = 250
"""Samples at a time: encoded ones take as much memory as there are steps."""


@dataclass(frozen=True, slots=True)
class Dynamics:
    """How the converted neurons integrate.

    Attributes:
        reset: ``subtract`` keeps what lies above the threshold, ``zero`` drops it.
        start: membrane before the first step, in thresholds; 0.5 rounds instead of cutting.
    """

    reset: Literal["subtract", "zero"] = "subtract"
    start: float = 0.0

    def __post_init__(self) -> None:
        if self.reset not in ("subtract", "zero"):
            raise ConfigError(f"reset = {self.reset!r}", needs="'subtract' or 'zero'")
        if not 0.0 <= self.start < 1.0:
            raise ConfigError(f"start = {self.start}", needs="thresholds, at least 0, less than 1")


@dataclass(frozen=True, eq=False)
class Curve:
    """A converted network after each of its steps.

    Attributes:
        accuracy: [step], read out after that step.
        spikes: layer -> mean spikes per sample up to and with that step [step].
    """

    accuracy: NDArray[np.float64]
    spikes: dict[str, NDArray[np.float64]]

    def first_reached(self, reference: float, margin: float) -> int | None:
        """The first number of steps with ``reference - margin`` or more; None where there is none.

        Later ones may fall behind again.
        """
        good = np.flatnonzero(self.accuracy >= reference - margin)
        return int(good[0]) + 1 if good.size else None

    def first_within(self, reference: float, margin: float) -> int | None:
        """The number of steps from which the accuracy stays at ``reference - margin`` or above.

        None where it never does; a single lucky step that later ones fall behind is not counted.
        """
        low = np.flatnonzero(self.accuracy < reference - margin)
        first = int(low[-1]) + 2 if low.size else 1
        return first if first <= len(self.accuracy) else None


def half_biased(
    links: Sequence[Link], steps: int, scales: Sequence[float] | None = None
) -> tuple[Link, ...]:
    """The links with half a threshold spread over the biases of T steps, of all but the last.

    Args:
        scales: value that a threshold stands for, of every link; 1 for balanced ones.
    """
    known = (1.0,) * len(links) if scales is None else scales
    return tuple(
        _raised(link, 0.5 * scale / steps) if link.relu else link
        for link, scale in zip(links, known, strict=True)
    )


def _raised(link: Link, amount: float) -> Link:
    if link.norm is None:
        return replace(link, bias=link.bias + amount)
    return replace(link, norm=replace(link.norm, bias=link.norm.bias + amount))


def run(
    links: Sequence[Link], inputs: Iterator[Tensor], dynamics: Dynamics
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Of every step the sum of the last link's drive [sample, class], and all spikes.

    Args:
        links: in units of their thresholds.
        inputs: of every step [sample, *shape], in the links' float type.
    """
    membranes: list[Tensor | None] = [None] * len(links)
    total: Tensor | None = None
    first: tuple[Tensor, Tensor] | None = None
    for x in inputs:
        spikes = []
        if first is None or first[0] is not x:  # else the very same values as at the last step
            first = x, links[0].drive(x)
        for index, link in enumerate(links[:-1]):
            drive = link.drive(x) if index else first[1]
            before = membranes[index]
            v = drive + (dynamics.start if before is None else before)
            fired = v > 1.0
            x = fired.to(drive.dtype)
            membranes[index] = v - x if dynamics.reset == "subtract" else v.masked_fill(fired, 0.0)
            spikes.append(x)
        drive = links[-1].drive(x)
        total = drive if total is None else total + drive
        yield total, spikes


def conversion_curve(
    network: Balanced,
    x: Tensor,
    y: NDArray[np.int64],
    encode: Callable[[Tensor], Tensor],
    dynamics: Dynamics,
    dtype: torch.dtype = torch.float32,
    tell: Callable[[int, int], None] | None = None,
) -> Curve:
    """Accuracy and spikes after every step, in one run.

    Args:
        x: values [sample, *shape].
        y: classes [sample].
        encode: gives of values [sample, *shape] what goes in at every step [step, sample, *shape].
        dtype: in which it is computed.
        tell: called with steps of samples done and all of them.
    """
    links = cast(network.links, dtype)
    steps = len(encode(x[:1]))
    right = np.zeros(steps, np.int64)
    counts = {link.name: np.zeros(steps) for link in links[:-1]}
    with torch.no_grad():
        for start in range(0, len(y), BATCH):
            part = slice(start, start + BATCH)
            frames = _frames(encode(x[part].to(dtype)))
            for t, (total, spikes) in enumerate(run(links, frames, dynamics)):
                right[t] += int((total.argmax(1).numpy() == y[part]).sum())
                for name, values in zip(counts, spikes, strict=True):
                    counts[name][t] += float(values.sum())
                if tell is not None:
                    tell(start * steps + (t + 1) * len(y[part]), len(y) * steps)
    cumulated = {name: np.cumsum(values) / len(y) for name, values in counts.items()}
    return Curve(right / len(y), cumulated)


def _frames(encoded: Tensor) -> Iterator[Tensor]:
    """The values of each step: one and the same tensor where they never change."""
    constant = len(encoded) > 1 and encoded.stride(0) == 0
    return repeat(encoded[0], len(encoded)) if constant else iter(encoded)
