"""NIR into a Graph: from a file, or from a node graph in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snn2chip.errors import ConfigError, InputFileError, Snn2chipError, did_you_mean
from snn2chip.frontends.nir.lowering import (
    FlatGraph,
    check_kinds,
    flatten,
    lower,
    merge_thresholds,
    without_reset,
)
from snn2chip.frontends.nir.metadata import KEY, Metadata, choose_discretization, from_text
from snn2chip.frontends.nir.nodes import NirGraph
from snn2chip.frontends.nir.repair import (
    Repair,
    repair_delays,
    repair_edges,
    repair_ports,
    repair_shapes,
    repair_time_constants,
)
from snn2chip.frontends.nir.storage import read_nodes
from snn2chip.graph import Graph, Population, Readout, validate
from snn2chip.neurons import Discretization

_TIMED = frozenset({"LIF", "LI", "CubaLIF", "CubaLI", "Delay"})
"""Primitives with a parameter in units of time."""

_TOLD = 3
"""Repairs that an error tells."""


def read_graph(
    path: str | Path,
    preset: str | None = None,
    dt: float | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    repair: bool = False,
) -> Graph:
    """The network of a NIR file, named after the file.

    Args:
        preset, dt, overrides: of the discretization; they go before the file's metadata.
        repair: a malformed file is repaired where there is one reading (``read_repaired`` tells
            how), and not refused.

    Raises:
        InputFileError: the file is missing, damaged, foreign or inconsistent (exit code 3).
        UnsupportedError: a primitive or structure that a Graph cannot hold (4).
        ConfigError: neither arguments nor file say how time becomes steps (2).
    """
    if repair:
        return read_repaired(path, preset, dt, overrides)[0]
    path = Path(path)
    return graph_of(read_nodes(path), str(path), preset, dt, overrides)


def read_repaired(
    path: str | Path,
    preset: str | None = None,
    dt: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Graph, tuple[Repair, ...]]:
    """As ``read_graph``, with repairs, which are told; a sound file needs none.

    Raises:
        As ``read_graph``: what has several readings, or none, stays refused.
    """
    path = Path(path)
    return _repaired(read_nodes(path), str(path), preset, dt, overrides)


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
    try:
        return _graph(nodes, file, preset, dt, overrides)
    except InputFileError as error:
        try:
            repairs = _repaired(nodes, file, preset, dt, overrides)[1]
        except Snn2chipError:
            raise error from None
        raise _with_hint(error, repairs) from error


def _with_hint(error: InputFileError, repairs: tuple[Repair, ...]) -> InputFileError:
    """The error of a file that repairs make sound."""
    told = "; ".join(str(repair) for repair in repairs[:_TOLD])
    more = f"; and {len(repairs) - _TOLD} more" if len(repairs) > _TOLD else ""
    before = f"{error.remedy}; or " if error.remedy else ""
    remedy = f"{before}--repair: {told}{more}"
    return InputFileError(error.what, needs=error.needs, has=error.has, remedy=remedy)


def _repaired(
    nodes: NirGraph,
    file: str,
    preset: str | None,
    dt: float | None,
    overrides: Mapping[str, Any] | None,
) -> tuple[Graph, tuple[Repair, ...]]:
    found: list[Repair] = []
    for repair in (repair_edges, repair_ports, repair_time_constants):
        nodes, more = repair(nodes)
        found += more
    nodes, more = repair_shapes(nodes, file)
    found += more
    flat = flatten(nodes, file)
    check_kinds(flat, file)
    step = _discretization(nodes, flat, file, preset, dt, overrides)[1].dt
    nodes, more = repair_delays(nodes, step)
    return _graph(nodes, file, preset, dt, overrides), (*found, *more)


def _discretization(
    nodes: NirGraph,
    flat: FlatGraph,
    file: str,
    preset: str | None,
    dt: float | None,
    overrides: Mapping[str, Any] | None,
) -> tuple[Metadata, Discretization]:
    metadata = from_text(nodes.metadata[KEY], file) if KEY in nodes.metadata else Metadata()
    timed = _is_timed(flat)
    return metadata, choose_discretization(metadata, file, preset, dt, overrides, timed)


def _graph(
    nodes: NirGraph,
    file: str,
    preset: str | None,
    dt: float | None,
    overrides: Mapping[str, Any] | None,
) -> Graph:
    flat = flatten(nodes, file)
    check_kinds(flat, file)
    flat, unreset = merge_thresholds(flat, file)
    metadata, discretization = _discretization(nodes, flat, file, preset, dt, overrides)
    discretization = without_reset(discretization, unreset, flat)
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
        module=metadata.module,
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
