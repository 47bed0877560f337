"""Modules into NIR nodes, by a walk over them in order.

A BatchNorm is folded into the linear layer before it, from its running statistics; without one it
becomes a 1x1 convolution per channel. Dropout and Identity are dropped. The cells of a spiking
library are emitted as that library says; anything else is refused by path and type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.nodes import NirGraph
from snn2chip.frontends.torch import layers
from snn2chip.frontends.torch.builder import Builder
from snn2chip.frontends.torch.framework import Framework, framework_of, require_torch
from snn2chip.graph.operators import Shape


@dataclass(frozen=True, eq=False)
class Walked:
    """The result of a walk.

    Attributes:
        nodes: the NIR graph.
        cells: module path -> name of the population it became.
        overrides: options of the discretization that the cells ask for.
        preset: of the library.
    """

    nodes: NirGraph
    cells: Mapping[str, str]
    overrides: Mapping[str, str]
    preset: str


def walk(module: Any, input_shape: Shape, dt: float, name: str = "model") -> Walked:
    """The NIR graph of a module with cells of one library.

    Args:
        module: a torch module; BatchNorms are read as in evaluation.
        input_shape: without batch and time.
        dt: step length, in the unit of 1 / tau_mem_inv.

    Raises:
        UnsupportedError: a module or option that NIR cannot hold, by path and type.
        ConfigError: torch is not installed.
        InputFileError: shapes that do not fit, or parameters that are not finite.
    """
    require_torch()
    taken = {path.replace(".", "/") for path, _ in module.named_modules()}
    first, last = (_free(end, taken) for end in ("input", "output"))
    library = framework_of(module)
    shape = tuple(int(n) for n in input_shape)
    builder = Builder(library.name, float(dt), shape, (first,))
    builder.add(first, "Input", shape=np.array(shape, np.int64))
    _visit(builder, library, module, "")
    builder.add(last, "Output", shape=np.array(builder.shape, np.int64))
    builder.edges += [(source, last) for source in builder.sources]
    nodes = NirGraph(builder.nodes, tuple(builder.edges), name=name)
    return Walked(nodes, builder.cells, builder.overrides(), library.name)


def _free(name: str, taken: set[str]) -> str:
    """``name``, or the first of name#2, name#3, ... that no module has."""
    found, k = name, 1
    while found in taken:
        k += 1
        found = f"{name}#{k}"
    return found


def _visit(builder: Builder, library: Framework, module: Any, path: str) -> None:
    """Emits one module and its children."""
    kind = type(module).__name__
    own = library.owns(module)
    if own and kind in library.cells:
        library.cells[kind](builder, module, path)
    elif own and kind in library.layers:
        library.layers[kind](builder, module, path)
    elif layers.is_container(module) or (own and kind in library.containers):
        _visit_children(builder, library, module, path)
    else:
        refused = own and kind in (library.refused or {})
        emit = None if refused else layers.emitter(module)
        if emit is None:
            raise _refusal(library, module, path)
        emit(builder, module, path)


def _visit_children(builder: Builder, library: Framework, module: Any, path: str) -> None:
    if getattr(module, "return_hidden", False):
        raise UnsupportedError(
            f"module {path or 'itself'!r} returns all hidden layers", needs="return_hidden=False"
        )
    for key, child in module._modules.items():  # named_children leaves out repeated modules
        _visit(builder, library, child, f"{path}/{key}" if path else key)


def _refusal(library: Framework, module: Any, path: str) -> UnsupportedError:
    kind = type(module).__name__
    remedies = {
        "MaxPool2d": "use AvgPool2d: a maximum is no linear operator of spikes",
        **(library.refused or {}),
    }
    known = [*layers.NAMES, *sorted(library.containers), *library.cells, *library.layers]
    return UnsupportedError(
        f"module {path or 'itself'!r} is a {type(module).__module__}.{kind}",
        needs="a module that NIR can hold",
        has=", ".join(known),
        remedy=remedies.get(kind, "build the model of these modules, or export NIR yourself"),
    )
