"""SpikingJelly's layers that are none of torch's, or differ from those that they derive from.

``layer.Linear``, ``Conv1d``, ``Conv2d``, ``AvgPool2d``, ``Flatten``, ``BatchNorm1d`` and
``BatchNorm2d`` compute in both step modes what torch's do to one step, and are emitted as those.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.torch import layers
from snn2chip.frontends.torch.builder import Builder
from snn2chip.frontends.torch.framework import Emit


def _nothing(builder: Builder, module: Any, path: str) -> None:
    """What does nothing in evaluation."""


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


def _last_axis(builder: Builder, module: Any, path: str) -> None:
    raise UnsupportedError(
        f"module {path!r} is a {type(module).__name__}, whose time is the last axis",
        needs="time as the first axis",
        remedy="use MultiStepContainer or SeqToANNContainer",
    )


def _online(builder: Builder, module: Any, path: str) -> None:
    raise UnsupportedError(
        f"module {path!r} is an OTTTSequential, which hands traces on",
        needs="layers that hand spikes on",
        remedy="put the trained layers into a Sequential, with LIFNode",
    )


LAYERS: dict[str, Emit] = {
    "Dropout": _nothing,
    "Dropout2d": _nothing,
    "PrintShapeModule": _nothing,
    "Delay": _delay,
    "WSLinear": _standardized,
    "WSConv2d": _standardized,
    "ThresholdDependentBatchNorm1d": layers.batch_norm,
    "ThresholdDependentBatchNorm2d": layers.batch_norm,
    "TLastMultiStepContainer": _last_axis,
    "TLastSeqToANNContainer": _last_axis,
    "OTTTSequential": _online,
}
