"""Linear paths of a flat NIR graph: which populations reach which, through which layers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from snn2chip.errors import InputFileError, UnsupportedError
from snn2chip.frontends.nir.lowering.cells import NEURON_KINDS
from snn2chip.frontends.nir.lowering.layers import LINEAR_KINDS, Layer, layer
from snn2chip.frontends.nir.lowering.nested import FlatGraph
from snn2chip.graph.operators import Shape
from snn2chip.graph.order import components, is_cyclic

_PATH_NODES = 1_000_000
"""Most nodes over all paths: branches can make a small graph exponentially many paths."""


@dataclass(frozen=True)
class Path:
    """A way from a population to another through linear nodes.

    Attributes:
        source: name of an Input or a neuron.
        nodes: linear nodes, the first applied first.
    """

    source: str
    nodes: tuple[str, ...] = ()


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts "2" before "10"."""
    return tuple(_part_key(part) for part in re.findall(r"\d+|\D+", name))


def _part_key(part: str) -> tuple[int, int, str]:
    """Numbers by their value: by their count of digits, then by the digits, of which there may be
    more than ``int`` takes."""
    if not part.isdecimal():
        return 1, 0, part
    digits = "".join(str(unicodedata.decimal(c)) for c in part).lstrip("0")
    return 0, len(digits), f"{digits} {part}"


def check_kinds(flat: FlatGraph, file: str) -> None:
    """Refuses nodes that are no primitive of NIR.

    Raises:
        InputFileError: of what kind a node is instead.
    """
    for name, node in flat.nodes.items():
        if node.kind not in LINEAR_KINDS | NEURON_KINDS | {"Input", "Output", "Threshold"}:
            where = f"{file}: node {name!r} is of kind {node.kind!r}"
            raise InputFileError(where, needs="a primitive of NIR 1.0.8")


class LinearPart:
    """Shapes and paths of the linear nodes between populations.

    Args:
        shapes: of the populations, by name.

    Raises:
        InputFileError: a linear node without source or use, or shapes that do not fit.
        UnsupportedError: a cycle without a neuron, or too many paths.
    """

    def __init__(self, flat: FlatGraph, shapes: dict[str, Shape], file: str) -> None:
        self.file = file
        self._flat = flat
        self._sources = {
            name: sorted(sources, key=natural) for name, sources in flat.sources().items()
        }
        self._shapes = dict(shapes)
        self._paths: dict[str, list[Path]] = {}
        self.layers: dict[str, Layer] = {}
        self._steps = 0
        for name in self._order():
            source = self.shape_into(name)
            self.layers[name] = layer(flat.nodes[name], source, file)
            self._shapes[name] = self.layers[name].target_shape
            before = self.paths_into(name)
            self._paths[name] = [Path(p.source, (*p.nodes, name)) for p in before]
            self._steps += sum(len(p.nodes) + 1 for p in before)
            if self._steps > _PATH_NODES:
                raise UnsupportedError(
                    f"{file}: node {name!r}: its branches form more than {_PATH_NODES} paths",
                    remedy="put neuron populations between the branches",
                )

    def _order(self) -> list[str]:
        """Linear nodes in topological order."""
        names = sorted((n for n, k in self._flat.nodes.items() if k.kind in LINEAR_KINDS))
        inside = set(names)
        used = {source for source, _ in self._flat.edges}
        edges = [(s, t) for s, t in self._flat.edges if s in inside and t in inside]
        order = []
        for component in components(names, edges):
            if is_cyclic(component, edges):
                raise UnsupportedError(
                    f"{self.file}: nodes {', '.join(component)} form a cycle without a neuron",
                    needs="a neuron population in every cycle",
                    remedy="add an LI, or remove the edge that closes the cycle",
                )
            order.append(component[0])
        for name in order:
            if name not in used:
                raise InputFileError(
                    f"{self.file}: node {name!r}: its result goes nowhere",
                    needs="an edge to a neuron or an Output",
                )
        return order

    def shape_into(self, name: str) -> Shape:
        """Shape of what the nodes before ``name`` send; they must agree."""
        sources = self._sources[name]
        if not sources:
            raise InputFileError(
                f"{self.file}: node {name!r} has no input",
                needs="an edge from an Input or a neuron",
            )
        shape = self._shapes[sources[0]]
        for other in sources[1:]:
            if self._shapes[other] != shape:
                raise InputFileError(
                    f"{self.file}: node {name!r} sums inputs of different shapes",
                    has=f"{list(shape)} from {sources[0]!r}, "
                    f"{list(self._shapes[other])} from {other!r}",
                    needs="one shape",
                )
        return shape

    def paths_into(self, name: str) -> list[Path]:
        """All paths that end just before ``name``, in a stable order."""
        paths: list[Path] = []
        for source in self._sources[name]:
            paths.extend(self._paths[source] if source in self._paths else [Path(source)])
        return paths

    def sources(self, name: str) -> Sequence[str]:
        """Names of the nodes that feed ``name``."""
        return self._sources[name]
