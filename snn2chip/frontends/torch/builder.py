"""The NIR nodes that a walk emits, one module after another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.lowering.layers import LINEAR_KINDS, layer
from snn2chip.frontends.nir.nodes import NirNode, Param
from snn2chip.graph.operators import Array, Shape
from snn2chip.neurons import from_preset


@dataclass
class Builder:
    """What has been emitted so far, and where the next module reads.

    Attributes:
        preset: of the library whose module is walked.
        dt: length of a step.
        sources: names of the nodes whose sum the next module reads.
        shape: of that sum, without batch and time.
        cells: path of each cell -> name of its population.
        options: population -> options of the discretization that it needs.
        seen: identity of each cell -> its path.
    """

    preset: str
    dt: float
    shape: Shape
    sources: tuple[str, ...]
    nodes: dict[str, NirNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    cells: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: dict[int, str] = field(default_factory=dict)

    def emit(self, name: str, kind: str, **params: Param) -> None:
        """A node behind the sources; it is the source of what comes next.

        Linear nodes change the shape.

        Raises:
            UnsupportedError: the name is taken.
            InputFileError: parameters that do not fit the shape.
        """
        self.add(name, kind, **params)
        self.edges += [(source, name) for source in self.sources]
        self.sources = (name,)
        if kind in LINEAR_KINDS:
            self.shape = layer(self.nodes[name], self.shape, "the module").target_shape

    def add(self, name: str, kind: str, **params: Param) -> None:
        """A node without edges.

        Raises:
            UnsupportedError: the name is taken.
        """
        if name in self.nodes:
            raise UnsupportedError(
                f"module {name!r}: its name is taken", remedy="rename the module"
            )
        self.nodes[name] = NirNode(kind, params, name)

    def cell(
        self, path: str, module: Any, kind: str, options: dict[str, str], **params: Param
    ) -> str:
        """A neuron layer as a population called as its path, which it returns.

        Args:
            options: of the discretization that this layer needs, where they may differ from the
                preset's.

        Raises:
            UnsupportedError: the module has been emitted already.
        """
        self.once(path, module)
        population = path or type(module).__name__
        self.emit(population, kind, **params)
        self.cells[path] = population
        self.options[population] = dict(options)
        return population

    def once(self, path: str, module: Any) -> None:
        """Refuses a cell that has been emitted already.

        Raises:
            UnsupportedError: it has.
        """
        if self.seen.get(id(module), path) != path:
            raise UnsupportedError(
                f"module {path!r} ({type(module).__name__}) is the same object as "
                f"{self.seen[id(module)]!r}",
                needs="one cell per population",
                remedy="build a cell for each place",
            )
        self.seen[id(module)] = path

    def foldable(self) -> bool:
        """Whether the next module alone reads the last node, as far as has been emitted."""
        return len(self.sources) == 1 and not any(s == self.sources[0] for s, _ in self.edges)

    def overrides(self) -> dict[str, str]:
        """Options of all cells that differ from the preset's: the most frequent value of each is
        the network's, cells with another are exceptions (``population.option``)."""
        preset = from_preset(self.preset, self.dt)
        found: dict[str, str] = {}
        for name in sorted({name for given in self.options.values() for name in given}):
            values = {cell: given[name] for cell, given in self.options.items() if name in given}
            common = Counter(values.values()).most_common(1)[0][0]
            if common != getattr(preset, name):
                found[name] = common
            found |= {f"{cell}.{name}": v for cell, v in values.items() if v != common}
        return found


def numbers(tensor: Any) -> Array:
    """A tensor as float64, in memory of its own."""
    array: Array = np.asarray(tensor.detach().cpu().double().numpy(), np.float64)
    return array.copy()


def spread(value: Any, shape: Shape, path: str, name: str) -> Array:
    """A parameter broadcast to the population's shape, as float64.

    Raises:
        UnsupportedError: it does not broadcast.
    """
    import torch

    array = numbers(torch.as_tensor(value))
    try:
        return np.broadcast_to(array, shape).copy()
    except ValueError as error:
        raise UnsupportedError(
            f"module {path!r}: {name} has shape {list(array.shape)}",
            needs=f"a shape that broadcasts to the population's {list(shape)}",
        ) from error
