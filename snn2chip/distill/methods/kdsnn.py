"""KDSNN: a conventional teacher's answers and features (Xu et al., CVPR 2023, arXiv:2304.05627).

The feature part is that of Heo et al. (arXiv:1904.01866): the teacher's values before their ReLU,
cut at a margin of each channel, against the student's rates behind a 1x1 adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from snn2chip.distill.layout import step_mean
from snn2chip.distill.losses.features import (
    gaussian_margin,
    layer_weights,
    margin_relu,
    measured_margin,
    partial_distance,
)
from snn2chip.distill.methods.base import Context, Method, Objective, Signals, Term
from snn2chip.distill.methods.pairing import paired_taps
from snn2chip.distill.methods.response import taught
from snn2chip.distill.tables import at_least, between, positive
from snn2chip.errors import ConfigError

MOMENTUM = 0.1
"""Of the running margin of layers without BatchNorm."""


@dataclass(frozen=True, slots=True)
class KDSNN(Method):
    """``L = (1 - a) CE + a T^2 KL(z_t / T || z_s / T) + b sum_l w_l D_l``.

    D_l is the squared distance between the teacher's feature behind a margin ReLU and the
    student's mean rate behind its adapter, summed over features, averaged over samples, and left
    out where the student is below a silent teacher; w_l = 1 / 2^(n - l - 1).

    Attributes:
        alpha: a, the share of the response; 0 leaves it out.
        temperature: T.
        feature: b; 0 leaves the features out.
        student_taps, teacher_taps: module paths, pair by pair, from the input to the output; the
            student's hidden populations and the teacher's values before its ReLUs where left out.
    """

    alpha: float = 0.5
    temperature: float = 4.0
    feature: float = 1e-3
    student_taps: tuple[str, ...] = ()
    teacher_taps: tuple[str, ...] = ()

    needs_teacher: ClassVar[bool] = True

    def __post_init__(self) -> None:
        between("alpha", self.alpha, 0.0, 1.0 + 1e-12, closed=True)
        positive("temperature", self.temperature)
        at_least("feature", self.feature, 0)

    def objective(self, context: Context) -> Objective:
        return _Distillation(self, context)


class _Distillation(Objective):
    def __init__(self, options: KDSNN, context: Context) -> None:
        super().__init__()
        self._options = options
        pairs: tuple[tuple[str, str], ...] = ()
        if options.feature:
            pairs = paired_taps(context, options.student_taps, options.teacher_taps, "before")
        self.student_taps = tuple(mine for mine, _ in pairs)
        self.teacher_taps = tuple(theirs for _, theirs in pairs)
        self.layers = nn.ModuleList([FeaturePair(context, *pair) for pair in pairs])

    def forward(self, signals: Signals) -> dict[str, Term]:
        options, teacher = self._options, signals.teacher
        assert teacher is not None
        terms = taught(signals, options.alpha, options.temperature)
        if len(self.layers):
            terms["feature"] = Term(self._features(signals), options.feature)
        return terms

    def _features(self, signals: Signals) -> Tensor:
        assert signals.teacher is not None
        distances = [
            weight * layer(step_mean(signals.taps[mine]), signals.teacher.taps[theirs])
            for weight, layer, mine, theirs in zip(
                layer_weights(len(self.layers)),
                self.layers,
                self.student_taps,
                self.teacher_taps,
                strict=True,
            )
        ]
        return torch.stack(distances).sum()


class FeaturePair(nn.Module):
    """One student layer beside one teacher layer: adapter, margin, and their distance.

    Where images have other sizes, both are averaged to the smaller one.

    Raises:
        ConfigError: shapes of another kind, such as an image beside a list of units.
    """

    margin: Tensor
    seen: Tensor

    def __init__(self, context: Context, student: str, teacher: str) -> None:
        super().__init__()
        mine, theirs = context.student_shape(student), context.teacher_shape(teacher)
        if len(mine) != len(theirs) or len(mine) not in (1, 3):
            raise ConfigError(
                f"student tap {student!r} of shape {list(mine)} beside teacher tap {teacher!r}",
                needs="two images [channel, height, width], or two lists of units",
                has=f"shape {list(theirs)}",
            )
        self.adapter = _adapter(mine[0], theirs[0], image=len(mine) == 3)
        self._image = len(mine) == 3
        self._places = tuple(min(pair) for pair in zip(mine[1:], theirs[1:], strict=True))
        margin = _known_margin(context, teacher)
        self._measured = margin is None
        self.register_buffer("margin", torch.zeros(theirs[0]) if margin is None else margin)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, rate: Tensor, feature: Tensor) -> Tensor:
        """Distance of rates [sample, ...] and features before the ReLU [sample, ...]."""
        if self._measured and self.training:
            self._measure(feature)
        target = margin_relu(feature, self.margin)
        if self._image:
            height, width = self._places
            rate = adaptive_avg_pool2d(rate, (height, width))
            target = adaptive_avg_pool2d(target, (height, width))
        return partial_distance(target, self.adapter(rate))

    def _measure(self, feature: Tensor) -> None:
        share = MOMENTUM if bool(self.seen) else 1.0
        self.margin.lerp_(measured_margin(feature).to(self.margin), share)
        self.seen.fill_(1.0)


def _adapter(inputs: int, outputs: int, image: bool) -> nn.Module:
    """Linear in the channels, with BatchNorm; only training needs it."""
    if image:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
    return nn.Sequential(nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs))


def _known_margin(context: Context, path: str) -> Tensor | None:
    """From the BatchNorm that gives the values, or None where something else does."""
    module = None if context.teacher is None else context.teacher.module
    norm = None if module is None else dict(module.named_modules()).get(path)
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) or not norm.affine:
        return None
    return gaussian_margin(norm.bias.detach(), norm.weight.detach())
