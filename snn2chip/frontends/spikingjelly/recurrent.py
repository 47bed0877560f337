"""SpikingJelly's recurrent containers: what they hold reads its own output of the step before.

The equations were read in spikingjelly 2.0.0 ``activation_based/layer/container``; y is 0 before
the first step::

    LinearRecurrentContainer       y = sub_module(W [x, y] + b)
    ElementWiseRecurrentContainer  y = sub_module(f(y, x))          with f = torch.add

The feedback takes the step that closes every cycle: the preset's ``recurrent_delay``.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.spikingjelly.layers import one_step
from snn2chip.frontends.torch.builder import Builder, numbers
from snn2chip.frontends.torch.framework import Emit


def linear_recurrent(builder: Builder, module: Any, path: str) -> None:
    """A LinearRecurrentContainer: ``rc`` reads the input, ``rc/recurrent`` the output.

    Raises:
        UnsupportedError: an input of another size, or a sub-module that NIR cannot hold.
    """
    prefix = f"{path}/" if path else ""
    weight = numbers(module.rc.weight)
    size = module.rc.out_features
    if builder.shape != (size,):
        raise UnsupportedError(
            f"module {path or 'itself'!r} (LinearRecurrentContainer) reads {list(builder.shape)}",
            needs=f"{size} values, its in_features",
        )
    bias = np.zeros(size) if module.rc.bias is None else numbers(module.rc.bias)
    builder.emit(f"{prefix}rc", "Affine", weight=weight[:, :size], bias=bias)
    feedback = f"{prefix}rc/recurrent"
    builder.add(feedback, "Linear", weight=weight[:, size:])
    _close(builder, module, path, feedback)
    if builder.shape != (module.sub_module_out_features,):
        raise UnsupportedError(
            f"module {path or 'itself'!r} (LinearRecurrentContainer) gives {list(builder.shape)}",
            needs=f"{module.sub_module_out_features} values, its out_features",
        )


def elementwise_recurrent(builder: Builder, module: Any, path: str) -> None:
    """An ElementWiseRecurrentContainer that adds its output to its input.

    Raises:
        UnsupportedError: another function, an output of another shape than the input, or a
            sub-module that NIR cannot hold.
    """
    import torch

    shape, added = builder.shape, (torch.add, operator.add, torch.Tensor.add)
    where = f"module {path or 'itself'!r} (ElementWiseRecurrentContainer)"
    if module.element_wise_function not in added:
        raise UnsupportedError(
            f"{where} combines by {module.element_wise_function}",
            needs="a sum, as the function torch.add or operator.add: another cannot be looked into",
            remedy="element_wise_function=torch.add",
        )
    feedback = f"{path}/recurrent" if path else "recurrent"
    builder.add(feedback, "Scale", scale=np.ones(shape))
    _close(builder, module, path, feedback)
    if builder.shape != shape:
        raise UnsupportedError(
            f"{where} reads {list(shape)} and gives {list(builder.shape)}",
            needs="an output of the input's shape",
        )


CONTAINERS: dict[str, Emit] = {
    "LinearRecurrentContainer": linear_recurrent,
    "ElementWiseRecurrentContainer": elementwise_recurrent,
}


def _close(builder: Builder, module: Any, path: str, feedback: str) -> None:
    """The sub-module behind the sources and the node ``feedback``, which reads its output."""
    builder.sources = (*builder.sources, feedback)
    with one_step(builder):
        builder.visit(module.sub_module, f"{path}/sub_module" if path else "sub_module")
    builder.edges += [(source, feedback) for source in builder.sources]
