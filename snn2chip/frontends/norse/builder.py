"""The chain of NIR nodes that a walk emits, one module after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.lowering.layers import LINEAR_KINDS, layer
from snn2chip.frontends.nir.nodes import NirNode, Param
from snn2chip.graph.operators import Array, Shape


@dataclass
class Builder:
    """What has been emitted so far.

    Attributes:
        last: name of the node whose result comes next.
        shape: of that result.
        cells: path of each cell -> name of its population.
        resets: reset method -> path of the first cell that has it.
        seen: identity of each cell -> its path.
    """

    dt: float
    shape: Shape
    last: str
    nodes: dict[str, NirNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    cells: dict[str, str] = field(default_factory=dict)
    resets: dict[str, str] = field(default_factory=dict)
    seen: dict[int, str] = field(default_factory=dict)

    def emit(self, name: str, kind: str, **params: Param) -> None:
        """Appends a node to the chain; linear nodes change the shape."""
        if name in self.nodes:
            raise UnsupportedError(
                f"module {name!r}: its name is taken", remedy="rename the module"
            )
        node = NirNode(kind, params, name)
        self.nodes[name] = node
        self.edges.append((self.last, name))
        self.last = name
        if kind in LINEAR_KINDS:
            self.shape = layer(node, self.shape, "the module").target_shape


def numbers(tensor: Any) -> Array:
    """A tensor as float64, in memory of its own."""
    array: Array = np.asarray(tensor.detach().cpu().double().numpy(), np.float64)
    return array.copy()
