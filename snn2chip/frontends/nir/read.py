"""NIR into a Graph: from a file, or from a node graph in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snn2chip.errors import ConfigError, InputFileError, did_you_mean
from snn2chip.frontends.nir.lowering import FlatGraph, check_kinds, flatten, lower
from snn2chip.frontends.nir.metadata import KEY, Metadata, choose_discretization, from_text
from snn2chip.frontends.nir.nodes import NirGraph
from snn2chip.frontends.nir.storage import read_nodes
from snn2chip.graph import Graph, Population, Readout, validate

_TIMED = frozenset({"LIF", "LI", "CubaLIF", "CubaLI", "Delay"})
"""Primitives with a parameter in units of time."""


def read_graph(
    path: str | Path,
    preset: str | None = None,
    dt: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Graph:
    """The network of a NIR file, named after the file.

    Args:
        preset, dt, overrides: of the discretization; they go before the file's metadata.

    Raises:
        InputFileError: the file is missing, damaged, foreign or inconsistent (exit code 3).
        UnsupportedError: a primitive or structure that a Graph cannot hold (4).
        ConfigError: neither arguments nor file say how time becomes steps (2).
    """
    path = Path(path)
    return graph_of(read_nodes(path), str(path), preset, dt, overrides)


def graph_of(
    nodes: NirGraph,
    file: str,
    preset: str | None = None,
    dt: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Graph:
    """The network of a node graph.

    Args:
        file: what to call the network's origin in messages.

    Raises:
        As ``read_graph``.
    """
    flat = flatten(nodes, file)
    check_kinds(flat, file)
    metadata = from_text(nodes.metadata[KEY], file) if KEY in nodes.metadata else Metadata()
    discretization = choose_discretization(metadata, file, preset, dt, overrides, _is_timed(flat))
    populations, projections, outputs = lower(flat, file, discretization)
    _check_owners(overrides or {}, [p.name for p in populations], file)
    outputs = _sorted_outputs(outputs, metadata, file)
    graph = Graph(
        name=nodes.name,
        populations=populations,
        projections=projections,
        outputs=outputs,
        discretization=discretization,
        readout=metadata.readout or _default_readout(populations, outputs[0]),
        encoding=metadata.encoding,
        classes=metadata.classes,
        data=metadata.data,
        split_seed=metadata.split_seed,
    )
    validate(graph)
    return graph


def _check_owners(overrides: Mapping[str, Any], names: list[str], file: str) -> None:
    """Refuses options of single populations that the network has not."""
    for key in overrides:
        owner = key.rpartition(".")[0]
        if owner and owner not in names:
            raise ConfigError(
                f"{file}: option {key!r} of the discretization: no population {owner!r}",
                remedy=did_you_mean(owner, names),
            )


def _is_timed(flat: FlatGraph) -> bool:
    return any(node.kind in _TIMED for node in flat.nodes.values())


def _default_readout(populations: tuple[Population, ...], output: str) -> Readout:
    """Spikes are counted; of a membrane the maximum is read."""
    answer = next(p for p in populations if p.name == output)
    return Readout("spike_count" if answer.neuron.spiking else "v_max")


def _sorted_outputs(outputs: tuple[str, ...], metadata: Metadata, file: str) -> tuple[str, ...]:
    """The outputs in the order that the metadata give, if they give one."""
    if not metadata.outputs:
        return outputs
    if set(metadata.outputs) != set(outputs):
        raise InputFileError(
            f"{file}: metadata {KEY!r} names the outputs {', '.join(metadata.outputs)}",
            has="Output nodes that read " + ", ".join(outputs),
            remedy="export the network again",
        )
    return tuple(dict.fromkeys(metadata.outputs))
