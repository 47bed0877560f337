"""NIR's own graph as plain data: nodes with parameters, edges that sum at their targets.

Nothing here is checked or interpreted: ``storage`` reads and writes it, ``lowering`` gives it
meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from snn2chip.graph.operators import Array

Param: TypeAlias = Array | int | float | str
Edge: TypeAlias = tuple[str, str]


NIR_VERSION = "1.0.8"
"""Version of NIR's reference implementation whose files are written."""


def per_axis(values: Sequence[int]) -> Param:
    """Options of a convolution: NIR wants a number for one axis, an array for more."""
    return int(values[0]) if len(values) == 1 else np.array(values, np.int64)


@dataclass(frozen=True, eq=False)
class NirNode:
    """One primitive of NIR.

    Attributes:
        kind: NIR's name of the primitive, such as ``Affine``.
        params: arrays (never 0-d), whole numbers or words by NIR's names.
        name: the node's own name; in nested graphs the path, joined by "/".
    """

    kind: str
    params: Mapping[str, Param] = field(default_factory=dict)
    name: str = ""


@dataclass(frozen=True, eq=False)
class NirGraph:
    """A graph of NIR nodes, which may be graphs themselves.

    Attributes:
        nodes: by name.
        edges: (source, target) names of nodes of this graph.
        metadata: words by name.
        version: of NIR, as the file states it.
        name: path of a nested graph; of the outermost the file's stem.
    """

    nodes: Mapping[str, NirNode | NirGraph]
    edges: tuple[Edge, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    version: str = NIR_VERSION
    name: str = ""
