"""The NIR nodes that a walk emits, one module after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir.lowering.layers import LINEAR_KINDS, layer
from snn2chip.frontends.nir.nodes import NirNode, Param
from snn2chip.graph.operators import Array, Shape
from snn2chip.neurons import from_preset


def _no_visit(module: Any, path: str) -> None:
    raise AssertionError(f"module {path!r} outside of a walk")


def free(name: str, taken: Container[str]) -> str:
    """``name``, or the first of name#2, name#3, ... that is not taken."""
    found, k = name, 1
    while found in taken:
        k += 1
        found = f"{name}#{k}"
    return found


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
        timed: whether the whole module takes sequences [step, sample, *shape].
        leading: axes in front of ``shape`` that torch's layers see: 1 for samples, 2 for steps and
            samples. Inside the library's own modules it is 1.
        folds: how often something has been folded into a node.
        kept: nodes that nothing may be folded into, since others read them too.
        visit: follows another module, of the path given, behind the sources.
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
    timed: bool = False
    leading: int = 1
    folds: Counter[str] = field(default_factory=Counter)
    kept: frozenset[str] = frozenset()
    visit: Callable[[Any, str], None] = field(default=_no_visit)

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
        """Whether the next module alone reads the last node."""
        return (
            len(self.sources) == 1
            and self.sources[0] not in self.kept
            and not any(source == self.sources[0] for source, _ in self.edges)
        )

    def fold(self, **params: Param) -> None:
        """Replaces parameters of the node that is the source; see ``foldable``."""
        (name,) = self.sources
        before = self.nodes[name]
        self.nodes[name] = NirNode(before.kind, {**before.params, **params}, name)
        self.folds[name] += 1

    def copy(self, name: str, **params: Param) -> None:
        """A node that reads what the source reads, with other parameters; it is the source then."""
        (source,) = self.sources
        before = self.nodes[source]
        self.add(name, before.kind, **{**before.params, **params})
        self.edges += [(reads, name) for reads, node in list(self.edges) if node == source]
        self.sources = (name,)

    def free(self, name: str) -> str:
        """``name``, or the first of name#2, name#3, ... that no node has."""
        return free(name, self.nodes)

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
