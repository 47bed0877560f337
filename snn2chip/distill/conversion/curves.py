"""What plain conversion is worth at every T: the published variants side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from snn2chip.data import Split
from snn2chip.data.parts import check_count
from snn2chip.distill.conversion.balance import activation_scales, balanced, rate_scale
from snn2chip.distill.conversion.chain import cast, chain_of
from snn2chip.distill.conversion.spiking import BATCH, Curve, Dynamics, conversion_curve
from snn2chip.distill.sequence import encode_spikes
from snn2chip.distill.teachers.base import Teacher
from snn2chip.distill.teachers.making import teacher_accuracy
from snn2chip.errors import ConfigError
from snn2chip.graph import Encoding

CALIBRATION = 512
"""Training samples whose activations are measured."""

SCHEMA = "snn2chip/conversion/1"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to convert.

    Attributes:
        percentile: of the activations that a rate of 1 stands for.
    """

    name: str
    percentile: float
    dynamics: Dynamics


VARIANTS = (
    Variant("max-norm", 100.0, Dynamics()),
    Variant("99.9 %, v0 = 1/2", 99.9, Dynamics(start=0.5)),
    Variant("99.9 %, reset to zero", 99.9, Dynamics("zero")),
)
"""Diehl 2015; Rueckauer 2017 with the start of Bu 2022; and what a chip's neurons make of it."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """Curves of one teacher on the test split.

    Attributes:
        reference: the teacher's own accuracy there.
        encoding: how the values are given: constant, or as spikes.
    """

    reference: float
    encoding: str
    samples: int
    variants: tuple[Variant, ...]
    curves: tuple[Curve, ...]

    def rows(self, margin: float) -> list[tuple[str, ...]]:
        """A table: accuracy in percent at powers of two and at the end, and the good T.

        These are the first that is good, the one from which all are, and the spikes of a sample
        up to that.

        Args:
            margin: how far below the teacher is good, as a share.
        """
        found = []
        for variant, curve in zip(self.variants, self.curves, strict=True):
            first = curve.first_within(self.reference, margin)
            spikes = ""
            if first is not None:
                spikes = f"{sum(counts[first - 1] for counts in curve.spikes.values()):.0f}"
            at = (f"{100.0 * curve.accuracy[t - 1]:.2f}" for t in self.shown())
            reached = curve.first_reached(self.reference, margin)
            good = ("-" if t is None else str(t) for t in (reached, first))
            found.append((variant.name, *at, *good, spikes or "-"))
        return found

    def shown(self) -> list[int]:
        """Numbers of steps that a table has columns for."""
        steps = len(self.curves[0].accuracy)
        return sorted({1 << k for k in range(steps.bit_length()) if 1 << k <= steps} | {steps})

    def to_json(self, margin: float) -> str:
        """All of it, with the accuracy after every step."""
        tables: dict[str, Any] = {
            "schema": SCHEMA,
            "reference": self.reference,
            "margin": margin,
            "encoding": self.encoding,
            "samples": self.samples,
            "curves": [
                {
                    "name": variant.name,
                    "percentile": variant.percentile,
                    "reset": variant.dynamics.reset,
                    "start": variant.dynamics.start,
                    "first_reached": curve.first_reached(self.reference, margin),
                    "first_within": curve.first_within(self.reference, margin),
                    "accuracy": curve.accuracy.tolist(),
                    "spikes": {name: counts.tolist() for name, counts in curve.spikes.items()},
                }
                for variant, curve in zip(self.variants, self.curves, strict=True)
            ],
        }
        return json.dumps(tables, indent=1, allow_nan=False) + "\n"


def convert(
    teacher: Teacher,
    split: Split,
    encoding: Encoding,
    variants: Sequence[Variant] = VARIANTS,
    samples: int | None = None,
    tell: Callable[[str, int, int], None] | None = None,
) -> Conversion:
    """The teacher of a chain of ReLU layers, converted in each way and run on the test split.

    Args:
        encoding: with T steps: ``direct`` gives the values at every step, others spikes. The
            spikes' rate is scaled to the values by least squares on the calibration samples.
        samples: of the test split, the first so many; all of them where left out.
        tell: called with a variant's name, its steps of samples done, and all of them.

    Raises:
        ConfigError: a teacher without PyTorch layers, a silent one, or fewer samples.
        UnsupportedError: layers that have no spiking counterpart.
    """
    if teacher.module is None:
        raise ConfigError(
            "a conversion",
            needs="a teacher of PyTorch layers",
            has="one that gives outputs only, such as an ONNX file",
        )
    check_count("the test split", samples, len(split.y_test))
    links = cast(chain_of(teacher.module), torch.float32)
    split = replace(split, x_test=split.x_test[:samples], y_test=split.y_test[:samples])
    x, test = (torch.as_tensor(v, dtype=torch.float32) for v in (split.x_train, split.x_test))
    x = x[:CALIBRATION]

    def encode(values: Tensor) -> Tensor:
        return encode_spikes(values, encoding)

    rates = torch.cat([encode(part).mean(0) for part in torch.split(x, BATCH)])
    curves = []
    for variant in variants:
        scales = activation_scales(links, x, variant.percentile)
        network = balanced(links, scales, rate_scale(x, rates))
        curves.append(
            conversion_curve(
                *(network, test, split.y_test, encode, variant.dynamics),
                tell=None if tell is None else partial(tell, variant.name),
            )
        )
    return Conversion(
        teacher_accuracy(teacher, split),
        encoding.kind,
        len(split.y_test),
        tuple(variants),
        tuple(curves),
    )
