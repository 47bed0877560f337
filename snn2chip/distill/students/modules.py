"""Layers into modules of torch and cells of Norse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import norse.torch as norse
import torch
from norse.torch.functional.reset import reset_subtract
from torch import nn

from snn2chip.distill.students.layers import Layer, check_layer, names
from snn2chip.distill.students.residual import Residual
from snn2chip.distill.students.surrogates import with_surrogate

SPIKING = (norse.LIFBoxCell, norse.IAFCell, norse.LIFCell)
STATEFUL = (*SPIKING, norse.LIBoxCell)


class Student(norse.SequentialState):  # type: ignore[misc]
    """A ``SequentialState`` whose modules have names, which populations and reports then bear."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__(*modules.values())
        self.layers: list[Layer] = []
        """The architecture that the modules were built of, where there is one."""
        for index, (name, module) in enumerate(modules.items()):
            delattr(self, str(index))
            self.add_module(name, module)


def build_student(layers: Sequence[Mapping[str, Any]], dt: float) -> norse.SequentialState:
    """The module of an architecture, with torch's initial weights.

    Neuron parameters are float64 scalars: they apply to a whole population, and they keep a
    float32 module in float32.

    Args:
        dt: length of a step in seconds.

    Raises:
        InputFileError: a layer that does not exist, or options that do not fit it.
    """
    for index, layer in enumerate(layers):
        check_layer(layer, index)
    student = Student(dict(zip(names(layers), (_module(x, dt) for x in layers), strict=True)))
    student.layers = [dict(layer) for layer in layers]
    return student


def _module(layer: Mapping[str, Any], dt: float) -> nn.Module:
    return _BUILDERS[layer["kind"]](layer, dt)


def _linear(layer: Mapping[str, Any], dt: float) -> nn.Module:
    return nn.Linear(layer["inputs"], layer["outputs"], bias=layer["bias"])


def _conv2d(layer: Mapping[str, Any], dt: float) -> nn.Module:
    return nn.Conv2d(
        layer["inputs"],
        layer["outputs"],
        layer["kernel"],
        stride=layer.get("stride", 1),
        padding=layer["padding"],
        bias=layer["bias"],
    )


def _conv_time(layer: Mapping[str, Any], dt: float) -> nn.Module:
    return nn.Conv2d(
        layer["inputs"],
        layer["outputs"],
        (layer["kernel"], layer["bins"]),
        stride=(layer["stride"], 1),
        padding=(layer["padding"], 0),
        bias=layer["bias"],
    )


def _residual(layer: Mapping[str, Any], dt: float) -> nn.Module:
    cells = (_module(layer["neuron"], dt) for _ in range(2))
    return Residual(layer["channels"], layer["kernel"], *cells)


def _li(layer: Mapping[str, Any], dt: float) -> Any:
    p = norse.LIBoxParameters(tau_mem_inv=_scalar(1.0 / layer["tau"]), v_leak=_scalar(0.0))
    return norse.LIBoxCell(p, dt=dt)


def _iaf(layer: Mapping[str, Any], dt: float) -> Any:
    p = norse.IAFParameters(**_spiking(layer))
    return with_surrogate(norse.IAFCell(p, dt=dt), layer["surrogate"])


def _lif(layer: Mapping[str, Any], dt: float) -> Any:
    """A cell that leaks to 0 and is reset to 0, or by its threshold."""
    soft = {"reset_method": reset_subtract} if layer.get("reset", "zero") == "subtract" else {}
    tau_mem_inv = _scalar(1.0 / layer["tau"])
    p = norse.LIFBoxParameters(
        tau_mem_inv=tau_mem_inv, v_leak=_scalar(0.0), **_spiking(layer), **soft
    )
    return with_surrogate(norse.LIFBoxCell(p, dt=dt), layer["surrogate"])


def _cubalif(layer: Mapping[str, Any], dt: float) -> Any:
    p = norse.LIFParameters(
        tau_syn_inv=_scalar(1.0 / layer["tau_syn"]),
        tau_mem_inv=_scalar(1.0 / layer["tau"]),
        v_leak=_scalar(0.0),
        **_spiking(layer),
    )
    with torch.device("cpu"):  # Norse computes with the scalars, also while there is no memory
        cell = norse.LIFCell(p, dt=dt)
    return with_surrogate(cell, layer["surrogate"])


def _spiking(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that all spiking cells have."""
    return {
        "v_th": _scalar(layer["v_threshold"]),
        "v_reset": _scalar(0.0),
        "method": layer["surrogate"],
        "alpha": _scalar(layer["alpha"]),
    }


def _scalar(value: float) -> torch.Tensor:
    """A float64 scalar in memory, also while modules are laid out on torch's meta device."""
    return torch.tensor(value, dtype=torch.float64, device="cpu")


_BUILDERS: dict[str, Callable[[Mapping[str, Any], float], nn.Module]] = {
    "flatten": lambda layer, dt: nn.Flatten(),
    "linear": _linear,
    "conv2d": _conv2d,
    "conv_time": _conv_time,
    "batchnorm2d": lambda layer, dt: nn.BatchNorm2d(layer["channels"]),
    "avgpool2d": lambda layer, dt: nn.AvgPool2d(layer["kernel"]),
    "avgpool_time": lambda layer, dt: nn.AvgPool2d((layer["kernel"], 1)),
    "dropout": lambda layer, dt: nn.Dropout(layer["share"]),
    "residual": _residual,
    "relu": lambda layer, dt: nn.ReLU(),
    "li": _li,
    "iaf": _iaf,
    "lif": _lif,
    "cubalif": _cubalif,
}
