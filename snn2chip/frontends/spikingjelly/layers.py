"""SpikingJelly's layers that are none of torch's, or differ from those that they derive from.

``layer.Linear``, ``Conv1d``, ``Conv2d``, ``AvgPool1d``, ``AvgPool2d``, ``AdaptiveAvgPool2d``,
``BatchNorm1d`` and ``BatchNorm2d`` compute in both step modes what torch's do to one step, and are
emitted as those.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from snn2chip.frontends.torch import layers
from snn2chip.frontends.torch.builder import Builder
from snn2chip.frontends.torch.framework import Emit


def _nothing(builder: Builder, module: Any, path: str) -> None:
    """What does nothing in evaluation."""


@contextmanager
def one_step(builder: Builder) -> Iterator[None]:
    """Inside, modules see one step [sample, *shape], whatever the network sees."""
    before, builder.leading = builder.leading, 1
    try:
        yield
    finally:
        builder.leading = before


def _container(builder: Builder, module: Any, path: str) -> None:
    """The parts of a container that hands them single steps, one after another."""
    with one_step(builder):
        for key, part in module._modules.items():
            builder.visit(part, f"{path}/{key}" if path else key)


def _flatten(builder: Builder, module: Any, path: str) -> None:
    """A Flatten that counts the axes of one step in both step modes."""
    with one_step(builder):
        layers.flatten(builder, module, path)


def _standardized(builder: Builder, module: Any, path: str) -> None:
    """A layer whose weights are standardized whenever it runs."""
    import torch

    plain = copy.deepcopy(module).double()
    plain.weight = torch.nn.Parameter(plain.get_weight().detach())
    emit = layers.emitter(plain)
    assert emit is not None
    emit(builder, plain, path)


def _delay(builder: Builder, module: Any, path: str) -> None:
    """Every output comes ``delay_steps`` steps later; zeros come first."""
    steps = float(module.delay_steps)
    builder.emit(path, "Delay", delay=np.full(builder.shape, steps * builder.dt))


LAYERS: dict[str, Emit] = {
    "MultiStepContainer": _container,
    "SeqToANNContainer": _container,
    "StepModeContainer": _container,
    "Flatten": _flatten,
    "Dropout": _nothing,
    "Dropout2d": _nothing,
    "PrintShapeModule": _nothing,
    "Delay": _delay,
    "WSLinear": _standardized,
    "WSConv2d": _standardized,
    "ThresholdDependentBatchNorm1d": layers.batch_norm,
    "ThresholdDependentBatchNorm2d": layers.batch_norm,
}
