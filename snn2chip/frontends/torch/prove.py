"""Export with proof: a NIR file appears only if it gives what PyTorch gives.

The file is written under a temporary name, read back, and run by the float64 reference beside the
PyTorch model in float64 on real samples. Every spike must be equal and every membrane within
``TOLERANCE``; then the file takes its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, DriftError, Snn2chipError
from snn2chip.files import replacing
from snn2chip.frontends.checkpoint import nodes_of_module
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.nir.read import graph_of
from snn2chip.frontends.nir.storage import read_nodes
from snn2chip.frontends.nir.storage.writer import write_plain
from snn2chip.frontends.torch.dry import own_failure
from snn2chip.frontends.torch.framework import framework_of, require_torch
from snn2chip.frontends.torch.stepping import TimeLoop
from snn2chip.graph import Graph
from snn2chip.graph.operators import Array
from snn2chip.graph.oracle import run_graph

Samples: TypeAlias = Array | Mapping[str, Array]
Inputs: TypeAlias = NDArray[np.float64] | Mapping[str, NDArray[np.float64]]
"""Input spikes [step, sample, *shape], or one such array per input by its name."""

TOLERANCE = 1e-9
"""Largest difference of a membrane, absolute below 1 and relative above."""

_BATCH_VALUES = 2**24
"""Values recorded at a time: steps x samples x neurons."""


@dataclass(frozen=True)
class ExportReport:
    """What a proof compared.

    Attributes:
        populations: names of the populations, inputs left out.
        values: number of outputs compared: steps x samples x neurons.
        spikes: how many of them were spikes.
        largest_difference: of a membrane between PyTorch and the reference, both in float64.
        float32_differing: spikes that differ where PyTorch runs in float32; not judged.
    """

    path: Path
    populations: tuple[str, ...]
    samples: int
    steps: int
    values: int
    spikes: int
    largest_difference: float
    float32_differing: int


@dataclass(frozen=True)
class _Difference:
    """The first place where two runs disagree; ordered by step, then population."""

    step: int
    place: int
    population: str
    sample: int
    neuron: tuple[int, ...]
    torch: str
    graph: str


def export_module(
    module: Any, metadata: Metadata, samples: Samples, path: str | Path
) -> ExportReport:
    """Writes a module as NIR, proven against the module itself.

    Args:
        metadata: dt (which the cells must have), encoding, readout, classes, data, split.
        samples: input spikes [step, sample, *input shape], or one such array per input by name.
        path: of the file; nothing is written there if the proof fails.

    Raises:
        DriftError: the file's network differs from the module; names the first step, population,
            neuron and sample.
        UnsupportedError: a module that NIR cannot hold.
        ConfigError: no samples, no dt, a folder that cannot be written, or no torch.
        InputFileError: parameters that are not finite, or shapes that do not fit.
    """
    require_torch()
    path = Path(path)
    given = _checked(path, samples)
    shapes = (
        {name: array.shape[2:] for name, array in given.items()}
        if isinstance(given, Mapping)
        else given.shape[2:]
    )
    nodes, walked = nodes_of_module(module, metadata, shapes, path.stem)
    with replacing(path) as temporary:
        write_plain(nodes, temporary)
        graph = graph_of(replace(read_nodes(temporary), name=path.stem), str(path))
        return replace(prove(module, graph, walked.cells, given, walked.time), path=path)


def _checked(path: Path, samples: Samples) -> Inputs:
    """Samples as float64.

    Raises:
        ConfigError: none, or of another form.
    """
    if isinstance(samples, Mapping):
        several = {name: np.asarray(a, np.float64) for name, a in samples.items()}
        given: Inputs = several
        arrays = list(several.values())
    else:
        given = one = np.asarray(samples, np.float64)
        arrays = [one]
    runs = {array.shape[:2] for array in arrays}
    if len(runs) != 1 or any(array.ndim < 3 or 0 in array.shape for array in arrays):
        raise ConfigError(
            f"{path}: a proof on samples of shape "
            + ", ".join(str(list(array.shape)) for array in arrays),
            needs="input spikes [step, sample, *input shape], at least one; of several inputs "
            "equally many",
        )
    return given


def prove(
    module: Any,
    graph: Graph,
    cells: Mapping[str, str],
    samples: Inputs,
    time: TimeLoop | None = None,
) -> ExportReport:
    """Compares a module with the graph made of it.

    Args:
        cells: path of each cell of the module -> name of its population.
        time: of a module that loops over time itself: it is run as it is, on whole samples.

    Raises:
        DriftError: they differ.
        ConfigError: the user's own code fails.
    """
    try:
        return _compared(module, graph, cells, samples, time)
    except Snn2chipError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise own_failure(error, framework_of(module).package) from error


def _compared(
    module: Any,
    graph: Graph,
    cells: Mapping[str, str],
    samples: Inputs,
    time: TimeLoop | None,
) -> ExportReport:
    import torch

    library = framework_of(module)
    exact = library.twin(module, torch.float64)
    single = library.twin(module, torch.float32)
    spikes = float32 = 0
    largest = 0.0
    batch: Any  # libraries of one input only take arrays only
    for start, batch in _batches(graph, samples):
        ours = run_graph(graph, _for_graph(batch))
        theirs = library.record(exact, cells, batch, torch.float64, time)
        differences = [
            found
            for place, name in enumerate(cells.values())
            if (found := _first_difference(graph, name, place, ours, theirs, start)) is not None
        ]
        if differences:
            raise _drift(graph, min(differences, key=lambda d: (d.step, d.place)))
        rough = library.record(single, cells, batch, torch.float32, time)
        for name in cells.values():
            distance = np.abs(theirs[f"{name}.v"] - _flat(ours[f"{name}.v"]))
            largest = max(largest, float(distance.max()))
            if graph.population(name).neuron.spiking:
                spikes += int(theirs[name].sum())
                float32 += int((theirs[name] != rough[name]).sum())
    neurons = sum(graph.population(name).size for name in cells.values())
    steps, count = _runs(samples)
    names = tuple(cells.values())
    values = steps * count * neurons
    return ExportReport(Path(), names, count, steps, values, spikes, largest, float32)


def _runs(samples: Inputs) -> tuple[int, int]:
    """Numbers of steps and samples."""
    array = next(iter(samples.values())) if isinstance(samples, Mapping) else samples
    return array.shape[0], array.shape[1]


def _batches(graph: Graph, samples: Inputs) -> Iterator[tuple[int, Inputs]]:
    """Parts of the samples, each with the number of its first sample."""
    neurons = sum(p.size for p in graph.populations)
    steps, count = _runs(samples)
    size = max(1, _BATCH_VALUES // (steps * neurons))
    for start in range(0, count, size):
        if isinstance(samples, Mapping):
            yield start, {name: a[:, start : start + size] for name, a in samples.items()}
        else:
            yield start, samples[:, start : start + size]


def _for_graph(batch: Inputs) -> Inputs:
    """A batch as the graph's run takes it: the one input of a module is called ``input`` there."""
    if isinstance(batch, Mapping) and len(batch) == 1:
        return next(iter(batch.values()))
    return batch


def _flat(array: NDArray[np.float64]) -> NDArray[np.float64]:
    return array.reshape(*array.shape[:2], -1)


def _first_difference(
    graph: Graph,
    name: str,
    place: int,
    ours: Mapping[str, NDArray[np.float64]],
    theirs: Mapping[str, NDArray[np.float64]],
    first_sample: int,
) -> _Difference | None:
    """Where a population's spikes differ or its membranes are too far apart; None if nowhere."""
    population = graph.population(name)
    v, v_torch = _flat(ours[f"{name}.v"]), theirs[f"{name}.v"]
    output, output_torch = _flat(ours[name]), theirs[name]
    apart = np.abs(v - v_torch) > TOLERANCE * np.maximum(1.0, np.abs(v_torch))
    wrong = apart | ~np.isfinite(v_torch)
    if population.neuron.spiking:
        wrong |= output != output_torch
    if not wrong.any():
        return None
    t, sample, neuron = (int(k) for k in np.unravel_index(int(wrong.argmax()), wrong.shape))
    where = (t, sample, neuron)
    index = tuple(int(k) for k in np.unravel_index(neuron, population.shape))
    said = [f"output {float(o[where])!r}, v {float(u[where])!r}" for o, u in
            ((output_torch, v_torch), (output, v))]  # fmt: skip
    return _Difference(t, place, name, first_sample + sample, index, *said)


def _drift(graph: Graph, found: _Difference) -> DriftError:
    neuron = list(found.neuron) if prod(graph.population(found.population).shape) else []
    return DriftError(
        f"export of {graph.name!r}: population {found.population!r} differs from PyTorch at "
        f"step {found.step}, neuron {neuron}, sample {found.sample}",
        needs=f"equal spikes, and membranes within {TOLERANCE}, in float64",
        has=f"PyTorch: {found.torch}; the exported network: {found.graph}",
        remedy="hand the states of all cells from step to step, and let no other number change; "
        "otherwise report it with the model. Nothing was written",
    )
