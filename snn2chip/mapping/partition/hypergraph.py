"""Pieces of a population by hypergraph partitioning, with Mt-KaHyPar (the extra ``mapping``).

A source neuron is a hyperedge over the neurons that its spikes reach, weighted by its spikes: the
parts that an edge touches are the packets of a spike. Neurons that the same spikes reach, all
channels at one position of a convolution, are one node. Mt-KaHyPar balances neurons only; the
repair puts what breaks another limit into other parts that have room, or into new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramPopulation
from snn2chip.errors import ConfigError
from snn2chip.graph.operators import Conv, Sparse
from snn2chip.mapping.partition.fill import Parts
from snn2chip.mapping.partition.needs import Need, Neurons
from snn2chip.mapping.reach import reach

_MOST_PINS = 1 << 22
_MOST_POSITIONS = 1 << 12
_LARGEST_WEIGHT = 1 << 20
_IMBALANCE = 0.03


def installed() -> bool:
    """Whether Mt-KaHyPar can be imported."""
    return find_spec("mtkahypar") is not None


def require() -> None:
    """Refuse where Mt-KaHyPar is missing.

    Raises:
        ConfigError: with what installs it.
    """
    if not installed():
        raise ConfigError(
            "--partition hypergraph",
            needs="Mt-KaHyPar",
            has="it is not installed",
            remedy="pip install 'snn2chip[mapping]', or --partition tiles",
        )


def pieces(
    program: Program,
    population: ProgramPopulation,
    needs: Sequence[Need],
    spikes: Mapping[str, NDArray[np.float64]],
    parts: int,
    seed: int,
) -> Parts | None:
    """Parts that few packets reach; None where nothing is to be gained.

    Args:
        spikes: of each source population's neurons.
        parts: that are wanted; the repair may add some.
    """
    sources = [
        (p.operator, spikes[p.source])
        for p in program.incoming(population.name)
        if isinstance(p.operator, Conv | Sparse)
    ]
    if parts < 2 or not sources:
        return None
    node_of = _nodes(population, [operator for operator, _ in sources])
    edges: list[list[int]] = []
    weights: list[float] = []
    for operator, fired in sources:
        found = _edges(operator, node_of, fired)
        if found is None:
            return None
        edges += found[0]
        weights += found[1]
    if not edges or sum(map(len, edges)) > _MOST_PINS:
        return None
    sizes = np.bincount(node_of)
    blocks = _partitioned(sizes, edges, np.array(weights), parts, seed)
    return _repaired(blocks, node_of, needs)


def _nodes(population: ProgramPopulation, operators: Sequence[Conv | Sparse]) -> NDArray[np.intp]:
    """Node of each neuron: those that every spike reaches alike are one."""
    groups = {(o.groups, o.target_shape) for o in operators if isinstance(o, Conv)}
    if len(groups) != 1 or any(isinstance(o, Sparse) for o in operators):
        return np.arange(population.size)
    ((number, shape),) = groups
    area = prod(shape[1:])
    group = np.arange(shape[0]).repeat(area) // (shape[0] // number)
    return group * area + np.tile(np.arange(area), shape[0])


def _edges(
    operator: Conv | Sparse, node_of: NDArray[np.intp], spikes: NDArray[np.float64]
) -> tuple[list[list[int]], list[float]] | None:
    """Hyperedges of at least two nodes with their spikes; None where there would be too many."""
    size = prod(operator.target_shape)
    if isinstance(operator, Conv):
        if int(node_of.max()) >= _MOST_POSITIONS:
            return None
    elif size > _MOST_PINS or operator.targets.size > _MOST_PINS:
        return None
    found = reach(operator, node_of.astype(np.int32))
    weight = np.bincount(found.row_of, spikes, found.synapses.shape[0])
    table = found.synapses
    chosen = np.flatnonzero((np.diff(table.indptr) > 1) & (weight > 0))
    pins = [
        found.cores[table.indices[table.indptr[row] : table.indptr[row + 1]]].tolist()
        for row in chosen.tolist()
    ]
    return pins, weight[chosen].tolist()


@cache
def _library() -> Any:
    """Mt-KaHyPar, initialized once with one thread."""
    import mtkahypar

    return mtkahypar, mtkahypar.initialize(1)


def _partitioned(
    sizes: NDArray[np.intp],
    edges: list[list[int]],
    weights: NDArray[np.float64],
    parts: int,
    seed: int,
) -> NDArray[np.intp]:
    """Block of each node by the deterministic preset."""
    library, initialized = _library()
    library.set_seed(seed)
    context = initialized.context_from_preset(library.PresetType.DETERMINISTIC_QUALITY)
    context.set_partitioning_parameters(parts, _IMBALANCE, library.Objective.KM1)
    context.logging = False
    scale = max(1.0, float(weights.max()) / _LARGEST_WEIGHT)
    whole = np.maximum(1, np.round(weights / scale)).astype(np.int64)
    graph = initialized.create_hypergraph(
        context, sizes.size, len(edges), edges, sizes.tolist(), whole.tolist()
    )
    return np.array(graph.partition(context).get_partition(), np.intp)


def _repaired(blocks: NDArray[np.intp], node_of: NDArray[np.intp], needs: Sequence[Need]) -> Parts:
    """Parts of neurons that keep every limit which their neurons keep alone."""
    members = [np.flatnonzero(blocks[node_of] == block) for block in range(int(blocks.max()) + 1)]
    order = np.argsort(node_of, kind="stable")
    cuts = np.split(order, np.cumsum(np.bincount(node_of))[:-1])
    kept: list[Neurons] = []
    homeless: list[Neurons] = []
    for neurons in members:
        while neurons.size and not _fits(neurons, needs):
            node = node_of[neurons[-1]]
            moved = cuts[node] if cuts[node].size < neurons.size else neurons[-1:]
            homeless.append(moved)
            neurons = np.setdiff1d(neurons, moved, assume_unique=True)
        if neurons.size:
            kept.append(neurons)
    for moved in homeless:
        for piece in _placed(moved, kept, needs):
            kept.append(piece)
    parts = np.empty(node_of.size, np.int32)
    for number, neurons in enumerate(sorted(kept, key=lambda neurons: int(neurons[0]))):
        parts[neurons] = number
    return parts


def _placed(moved: Neurons, kept: list[Neurons], needs: Sequence[Need]) -> Iterator[Neurons]:
    """Adds neurons to the emptiest part that has room; yields them where none has."""
    for number in sorted(range(len(kept)), key=lambda number: (kept[number].size, number)):
        together = np.sort(np.concatenate([kept[number], moved]))
        if _fits(together, needs):
            kept[number] = together
            return
    yield moved


def _fits(neurons: Neurons, needs: Sequence[Need]) -> bool:
    """Whether a part keeps each limit, or breaks it by its first neuron alone."""
    return all(
        need.amount(neurons) <= need.most or need.amount(neurons[:1]) > need.most for need in needs
    )
