"""Export with proof: an ONNX file appears only if onnxruntime gives the Graph's spikes from it.

The file is written under a temporary name, and what is in it is run in onnxruntime step by step,
beside the float64 reference, on all samples. No spike may differ, and no membrane by more than
``TOLERANCE``; then the file takes its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, DriftError
from snn2chip.files import replacing
from snn2chip.frontends.onnx.libraries import library
from snn2chip.frontends.onnx.running import steps
from snn2chip.frontends.onnx.step import step_of
from snn2chip.frontends.onnx.write import to_bytes
from snn2chip.graph import Graph
from snn2chip.graph.operators import Array
from snn2chip.graph.oracle import run_graph

TOLERANCE = 1e-9
"""Largest difference of a membrane, absolute below 1 and relative above."""

_BATCH_VALUES = 2**24
"""Values recorded at a time: steps x samples x neurons."""


@dataclass(frozen=True)
class OnnxReport:
    """What a proof compared.

    Attributes:
        values: number of outputs compared: steps x samples x neurons.
        spikes: how many spikes were among them.
        largest_difference: of a membrane.
    """

    path: Path
    samples: int
    steps: int
    values: int
    spikes: int
    largest_difference: float


def export_onnx(graph: Graph, spikes: Mapping[str, Array], path: str | Path) -> OnnxReport:
    """Writes one step of a graph as ONNX, proven with onnxruntime on all samples.

    Args:
        spikes: input name -> [step, sample, *shape], at least one of each.

    Raises:
        DriftError: onnxruntime gives other spikes; names the first step, population, neuron and
            sample. Nothing is written then.
        ConfigError: no samples, a library that is missing, or a place that cannot be written to.
        UnsupportedError: the network is too large for such a file.
    """
    path = Path(path)
    library("onnxruntime", "proving an ONNX file")
    shapes = {name: np.shape(x) for name, x in spikes.items()}
    if not shapes or any(0 in shape for shape in shapes.values()):
        raise ConfigError(
            f"{path}: a proof on inputs of shape {[list(shape) for shape in shapes.values()]}",
            needs="input spikes [step, sample, *shape], at least one",
        )
    content = to_bytes(graph)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        return prove(graph, spikes, temporary.read_bytes(), path)


def prove(graph: Graph, spikes: Mapping[str, Array], content: bytes, path: Path) -> OnnxReport:
    """Compares a file's content with the graph; arguments and errors as ``export_onnx``."""
    count = largest = 0.0
    step = step_of(graph)
    for start, batch in _batches(graph, spikes):
        expected = run_graph(graph, batch)
        given = {step.tensors[name]: x for name, x in batch.items()}
        for t, found in enumerate(steps(content, given)):
            for population in graph.populations:
                if population.is_input:
                    continue
                name = population.name
                output, v = found[step.tensors[name]], found[step.membranes[name]]
                wanted, u = expected[name][t], expected[f"{name}.v"][t]
                apart = np.abs(v - u)
                wrong = ~(apart <= TOLERANCE * np.maximum(1.0, np.abs(u)))
                if population.neuron.spiking:
                    wrong |= output != wanted
                    count += float(output.sum())
                if wrong.any():
                    where = tuple(int(k) for k in np.argwhere(wrong)[0])
                    told = [f"output {o[where]:g}, v {w[where]!r}" for o, w in
                            ((output, v), (wanted, u))]  # fmt: skip
                    raise _drift(graph, name, t, (start + where[0], *where[1:]), told)
                largest = max(largest, float(apart.max()))
    neurons = sum(p.size for p in graph.populations if not p.is_input)
    length, samples = next(iter(spikes.values())).shape[:2]
    return OnnxReport(path, samples, length, length * samples * neurons, int(count), largest)


def _batches(
    graph: Graph, spikes: Mapping[str, Array]
) -> Iterator[tuple[int, dict[str, NDArray[np.float64]]]]:
    length, samples = next(iter(spikes.values())).shape[:2]
    neurons = sum(p.size for p in graph.populations)
    size = max(1, _BATCH_VALUES // (length * neurons))
    for start in range(0, samples, size):
        yield (
            start,
            {
                name: np.asarray(x[:, start : start + size], np.float64)
                for name, x in spikes.items()
            },
        )


def _drift(
    graph: Graph, population: str, step: int, where: tuple[int, ...], told: list[str]
) -> DriftError:
    return DriftError(
        f"export of {graph.name!r}: population {population!r} differs in onnxruntime at step "
        f"{step}, neuron {list(where[1:])}, sample {where[0]}",
        needs=f"equal spikes, and membranes within {TOLERANCE}, in float64",
        has=f"onnxruntime: {told[0]}; the graph: {told[1]}",
        remedy="where v is the threshold but for the last digits, which depend on the order of a "
        "sum, move the threshold a little; else report it with the network. Nothing was written",
    )
