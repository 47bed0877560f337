"""Students: from an architecture, a plain list of layers, to a torch module of Norse cells.

The module is a ``norse.torch.SequentialState`` of ordinary torch modules and Norse cells, so
anyone who knows both recognises it, and an exporter can walk it module by module. One call is one
step: ``(x [sample, *input_shape], state) -> (y [sample, class], state)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import norse.torch as norse
import torch
from norse.torch.functional.reset import reset_subtract
from torch import nn

from snn2chip.distill.recipe import StudentConfig
from snn2chip.errors import ConfigError, InputFileError, did_you_mean

Layer: TypeAlias = dict[str, Any]
"""One layer: ``kind``, and the options that `LAYERS` lists for that kind."""

Shape: TypeAlias = tuple[int, ...]

LAYERS: dict[str, dict[str, type]] = {
    "flatten": {},
    "linear": {"inputs": int, "outputs": int, "bias": bool},
    "conv2d": {"inputs": int, "outputs": int, "kernel": int, "padding": int, "bias": bool},
    "batchnorm2d": {"channels": int},
    "avgpool2d": {"kernel": int},
    "dropout": {"share": float},
    "lif": {"tau": float, "v_threshold": float, "surrogate": str, "alpha": float},
    "iaf": {"v_threshold": float, "surrogate": str, "alpha": float},
    "li": {"tau": float},
    "relu": {},
}
"""Layer kinds and their options; times in seconds."""

OPTIONAL = {"lif": {"reset": str}}
"""Options that layers may have, and mean nothing special where they are left out."""

MAX_SIZE = 1 << 24
"""Largest layer size that an architecture from a file may name."""

SURROGATES = ("circ", "tanh", "triangle", "heavi_erfc", "super")

RESETS = ("zero", "subtract")

NEURONS = ("lif", "iaf", "li", "relu")
WEIGHTS = {"linear": "hidden", "conv2d": "conv"}
PARTS = {
    "linear": "_weight",
    "conv2d": "_weight",
    "batchnorm2d": "_norm",
    "avgpool2d": "_pool",
    **dict.fromkeys(NEURONS, ""),
}
"""Layers that are named after the population whose weights came last, and how."""

SPIKING = (norse.LIFBoxCell, norse.IAFCell)
STATEFUL = (*SPIKING, norse.LIBoxCell)


def architecture(student: StudentConfig, input_shape: Shape, classes: int) -> list[Layer]:
    """The layers of a student.

    Args:
        input_shape: of one sample: [channel, height, width].

    Raises:
        ConfigError: the input is too small for the student's poolings.
    """
    hidden = _mlp if student.kind == "mlp" else _conv
    layers, features = hidden(student, input_shape)
    if student.dropout:
        layers.append({"kind": "dropout", "share": student.dropout})
    layers.append({"kind": "linear", "inputs": features, "outputs": classes, "bias": True})
    if student.neuron == "relu":
        return layers
    if student.readout == "spike_count":
        layers.append(_neurons(student, student.tau_out))
    else:
        layers.append({"kind": "li", "tau": student.tau_out})
    return layers


def _mlp(student: StudentConfig, input_shape: Shape) -> tuple[list[Layer], int]:
    """Flatten, then Linear and neurons for each width; and the number of values at the end."""
    layers: list[Layer] = [{"kind": "flatten"}]
    features = 1
    for size in input_shape:
        features *= size
    for width, tau in zip(student.widths, student.taus(), strict=True):
        layers.append({"kind": "linear", "inputs": features, "outputs": width, "bias": True})
        layers.append(_neurons(student, tau))
        features = width
    return layers, features


def _conv(student: StudentConfig, input_shape: Shape) -> tuple[list[Layer], int]:
    """Conv2d, BatchNorm2d, neurons and AvgPool2d for each width, then Flatten."""
    if len(input_shape) != 3:
        raise ConfigError(
            f"a conv student for samples of shape {list(input_shape)}",
            needs="samples of shape [channel, height, width]",
            remedy='kind = "mlp"',
        )
    layers: list[Layer] = []
    channels, height, width = input_shape
    for outputs, tau in zip(student.widths, student.taus(), strict=True):
        height, width = height // 2, width // 2
        if not height or not width:
            raise ConfigError(
                f"widths = {list(student.widths)}: {len(student.widths)} poolings by 2",
                has=f"samples of shape {list(input_shape)}",
                remedy="fewer widths",
            )
        convolution = {"inputs": channels, "outputs": outputs, "kernel": student.kernel}
        layers += [
            {"kind": "conv2d", **convolution, "padding": student.kernel // 2, "bias": False},
            {"kind": "batchnorm2d", "channels": outputs},
            _neurons(student, tau),
            {"kind": "avgpool2d", "kernel": 2},
        ]
        channels = outputs
    return [*layers, {"kind": "flatten"}], channels * height * width


def _neurons(student: StudentConfig, tau: float) -> Layer:
    options = {
        "v_threshold": student.v_threshold,
        "surrogate": student.surrogate,
        "alpha": student.alpha,
    }
    if student.neuron == "relu":
        return {"kind": "relu"}
    if student.neuron == "iaf":
        return {"kind": "iaf", **options}
    soft = {"reset": student.reset} if student.reset != "zero" else {}
    return {"kind": "lif", "tau": tau, **options, **soft}


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


class Student(norse.SequentialState):  # type: ignore[misc]
    """A ``SequentialState`` whose modules have names, which populations and reports then bear."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__(*modules.values())
        self.layers: list[Layer] = []
        """The architecture that the modules were built of, where there is one."""
        for index, (name, module) in enumerate(modules.items()):
            delattr(self, str(index))
            self.add_module(name, module)


class Parallel(nn.Module):
    """Members that share the input; what they give lies side by side.

    Attributes:
        mean: [value] of what they give, over training samples.
        order: which of a teacher's features each value stands for.
        centre, spread: of these features over training samples.
    """

    mean: torch.Tensor
    order: torch.Tensor
    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, members: Mapping[str, nn.Module], values: int) -> None:
        super().__init__()
        for name, member in members.items():
            self.add_module(name, member)
        self.sizes = tuple(_values(member) for member in members.values())
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("order", torch.arange(values))
        self.register_buffer("centre", torch.zeros(values))
        self.register_buffer("spread", torch.ones(values))

    def members(self) -> list[Student]:
        """In their order."""
        return [member for member in self.children() if isinstance(member, Student)]

    def describe(self, order: torch.Tensor, features: torch.Tensor) -> None:
        """Take centre and spread of features [sample, value] that are in the members' order."""
        self.order.copy_(order)
        self.centre.copy_(features.mean(0))
        spread = features.std(0, correction=0)
        self.spread.copy_(torch.where(spread > 0, spread, torch.ones_like(spread)))

    def standardised(self, features: torch.Tensor) -> torch.Tensor:
        """A teacher's features [sample, feature] in the members' order, mean 0 and spread 1."""
        return (features[:, self.order] - self.centre) / self.spread


def _values(member: nn.Module) -> int:
    """What the last matrix of a member gives."""
    last = [module for module in member.children() if isinstance(module, nn.Linear)][-1]
    return last.out_features


def names(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """One name per layer: neurons after what feeds them, the last ones ``out``, others by kind.

    ``conv1_weight, conv1_norm, conv1, conv1_pool, ..., flatten8, dropout9, out_weight, out``
    """
    kinds = [str(layer["kind"]) for layer in layers]
    last = max(
        (k for k, kind in enumerate(kinds) if kind in NEURONS or kind in WEIGHTS), default=-1
    )
    counts: dict[str, int] = {}
    stem, found = "", []
    for index, kind in enumerate(kinds):
        if kind in WEIGHTS:
            counts[kind] = counts.get(kind, 0) + 1
            is_last = not any(k in NEURONS for k in kinds[index:last])
            stem = "out" if is_last else f"{WEIGHTS[kind]}{counts[kind]}"
        name = f"{stem}{PARTS[kind]}" if stem and kind in PARTS else f"{kind}{index}"
        found.append(name if name not in found else f"{name}_{index}")
    return found


def check_layer(layer: Mapping[str, Any], index: int) -> None:
    """Refuse a layer with an unknown kind, missing, unknown or senseless options.

    Raises:
        InputFileError: naming the layer.
    """
    kind = layer.get("kind") if isinstance(layer, Mapping) else None
    if not isinstance(kind, str) or kind not in LAYERS:
        raise InputFileError(
            f"layer {index}: kind {kind!r}", remedy=did_you_mean(str(kind), list(LAYERS))
        )
    optional = OPTIONAL.get(kind, {})
    options = LAYERS[kind] | {name: wanted for name, wanted in optional.items() if name in layer}
    if set(layer) - {"kind"} != set(options):
        raise InputFileError(
            f"layer {index} ({kind}): options {sorted(set(layer) - {'kind'})}",
            needs=", ".join(options) or "no options",
        )
    for name, wanted in options.items():
        if not _sensible(name, layer[name], wanted):
            raise InputFileError(f"layer {index} ({kind}): {name} = {layer[name]!r}")


def _sensible(name: str, value: Any, wanted: type) -> bool:
    if wanted is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return 0.0 <= value < 1.0 if name == "share" else 0.0 < value < float("inf")
    if wanted is int:
        least = 0 if name == "padding" else 1
        return type(value) is int and least <= value <= MAX_SIZE
    if name in ("surrogate", "reset"):
        return value in (SURROGATES if name == "surrogate" else RESETS)
    return type(value) is wanted


def _module(layer: Mapping[str, Any], dt: float) -> nn.Module:
    match layer["kind"]:
        case "flatten":
            return nn.Flatten()
        case "linear":
            return nn.Linear(layer["inputs"], layer["outputs"], bias=layer["bias"])
        case "conv2d":
            return nn.Conv2d(
                layer["inputs"],
                layer["outputs"],
                layer["kernel"],
                padding=layer["padding"],
                bias=layer["bias"],
            )
        case "batchnorm2d":
            return nn.BatchNorm2d(layer["channels"])
        case "avgpool2d":
            return nn.AvgPool2d(layer["kernel"])
        case "dropout":
            return nn.Dropout(layer["share"])
        case "relu":
            return nn.ReLU()
        case _:
            cell: nn.Module = _cell(layer, dt)
            return cell


def _cell(layer: Mapping[str, Any], dt: float) -> Any:
    """A Norse cell that leaks to 0 and is reset to 0."""
    if layer["kind"] == "li":
        p = norse.LIBoxParameters(tau_mem_inv=_scalar(1.0 / layer["tau"]), v_leak=_scalar(0.0))
        return norse.LIBoxCell(p, dt=dt)
    options = {
        "v_th": _scalar(layer["v_threshold"]),
        "v_reset": _scalar(0.0),
        "method": layer["surrogate"],
        "alpha": _scalar(layer["alpha"]),
    }
    if layer["kind"] == "iaf":
        return norse.IAFCell(norse.IAFParameters(**options), dt=dt)
    tau_mem_inv = _scalar(1.0 / layer["tau"])
    if layer.get("reset", "zero") == "subtract":
        options["reset_method"] = reset_subtract
    p = norse.LIFBoxParameters(tau_mem_inv=tau_mem_inv, v_leak=_scalar(0.0), **options)
    return norse.LIFBoxCell(p, dt=dt)


def _scalar(value: float) -> torch.Tensor:
    """A float64 scalar in memory, also while modules are laid out on torch's meta device."""
    return torch.tensor(value, dtype=torch.float64, device="cpu")
