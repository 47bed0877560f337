"""Magnitude pruning: the smallest weights become 0 and stay it, a baseline for quiet students."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snn2chip.distill.methods.base import Context, Objective, Penalty, Signals, Term
from snn2chip.distill.tables import between


@dataclass(frozen=True, slots=True)
class MagnitudePruning(Penalty):
    """A share of all weights of Linear and Conv2d layers is set to 0, epoch by epoch.

    After epoch e the share is ``share x (1 - (1 - p)^3)``, p running from 0 to 1 between ``begin``
    and ``end`` (Zhu, Gupta 2017, arXiv:1710.01878); with ``begin = end`` it is taken at once. Only
    epochs of the full share may be kept. Zeros survive export, as zeros of the chip's integers.
    The student's figures on chips are those of its program without synapses of weight 0.

    Attributes:
        share: of the weights, at the end.
        begin, end: when, as shares of all epochs.
        scope: smallest weights of the whole network, or of each layer by itself.
        output: the layer to the classes is pruned too.
    """

    prunes: ClassVar[bool] = True

    share: float = 0.5
    begin: float = 0.2
    end: float = 0.7
    scope: Literal["network", "layer"] = "network"
    output: bool = True

    def __post_init__(self) -> None:
        between("share", self.share, 0.0, 1.0)
        between("begin", self.begin, 0.0, 1.0, closed=True)
        between("end", self.end, self.begin, 1.0, closed=True)

    def share_after(self, done: float) -> float:
        """Share of zeros once a share ``done`` of all epochs is done."""
        if done < self.begin:
            return 0.0
        if done >= self.end:
            return self.share
        return self.share * (1.0 - (1.0 - (done - self.begin) / (self.end - self.begin)) ** 3)

    def objective(self, context: Context) -> Objective:
        return _Pruning(self, context)


class _Pruning(Objective):
    """Masks as buffers, so that a training that goes on has them; the student is not part of it."""

    def __init__(self, options: MagnitudePruning, context: Context) -> None:
        super().__init__()
        self._options = options
        self._student = (context.student,)  # in a tuple, or it would be a part of this module
        self._epochs = max(1, sum(s.epochs for s in _stages(context)))
        self.register_buffer("done", torch.zeros((), dtype=torch.int64))
        self._names: dict[str, str] = {}
        for index, (name, weight) in enumerate(_weights(context.student, options.output)):
            self._names[name] = f"mask{index}"
            self.register_buffer(f"mask{index}", weight.detach() != 0.0)

    def forward(self, signals: Signals) -> dict[str, Term]:
        return {}

    def after_step(self, student: nn.Module) -> None:
        self._apply_masks()

    def end_epoch(self, epoch: int) -> dict[str, float]:
        done: Any = self.done
        done += 1
        share = self._options.share_after(int(done) / self._epochs)
        weights = dict(_weights(self._student[0], self._options.output))
        for name, mask in smallest(weights, share, self._options.scope).items():
            getattr(self, self._names[name]).logical_and_(mask)
        self._apply_masks()
        zeros = sum(int((w == 0.0).sum()) for w in weights.values())
        return {"zeros": zeros / sum(w.numel() for w in weights.values())}

    @property
    def acceptable(self) -> bool:
        done: Any = self.done
        return self._options.share_after(int(done) / self._epochs) >= self._options.share

    def _apply_masks(self) -> None:
        with torch.no_grad():
            for name, weight in _weights(self._student[0], self._options.output):
                weight.mul_(getattr(self, self._names[name]))


def smallest(weights: Mapping[str, Tensor], share: float, scope: str) -> dict[str, Tensor]:
    """Masks of the weights that stay: all but the share of smallest magnitude."""
    if scope == "layer":
        return {
            name: smallest({name: weight}, share, "network")[name]
            for name, weight in weights.items()
        }
    sizes = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    cut = round(share * sizes.numel())
    stay = torch.ones(sizes.numel(), dtype=torch.bool)
    stay[sizes.argsort(stable=True)[:cut]] = False
    parts = torch.split(stay, [weight.numel() for weight in weights.values()])
    return {
        name: part.reshape(weight.shape)
        for (name, weight), part in zip(weights.items(), parts, strict=True)
    }


def _weights(student: nn.Module, output: bool) -> Iterator[tuple[str, Tensor]]:
    """Weights of a student's layers by module path, those before any rounding."""
    layers = [
        (name, module)
        for name, module in student.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    for name, module in layers if output else layers[:-1]:
        if parametrize.is_parametrized(module, "weight"):
            chain: Any = module.parametrizations.weight  # type: ignore[union-attr, unused-ignore]
            yield name, chain.original
        else:
            yield name, module.weight


def _stages(context: Context) -> Any:
    return context.recipe.method.stages(context.recipe.training.epochs)
