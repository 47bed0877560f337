"""Students in a target's integers: graph, program, and how many samples the program gets right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import norse.torch as norse
import numpy as np
from numpy.typing import NDArray

from snn2chip.backends import Backend, find_backend
from snn2chip.backends.defaults import Defaults
from snn2chip.backends.reference import ReferenceBackend
from snn2chip.core import Activity, Program
from snn2chip.data import encode
from snn2chip.data.few import CALIBRATION_SAMPLES
from snn2chip.distill.checkpoint import CheckpointMetadata
from snn2chip.distill.recipe import QuantizationConfig
from snn2chip.drift import accuracy
from snn2chip.engine import simulate
from snn2chip.errors import ConfigError
from snn2chip.frontends.checkpoint import metadata_of, nodes_of_module
from snn2chip.frontends.nir.read import graph_of
from snn2chip.graph import Graph
from snn2chip.pipeline.calibrating import search_scales
from snn2chip.quantize import Grid
from snn2chip.targets import load_target
from snn2chip.targets.types import Target

FloatArray = NDArray[np.floating[Any]]
Spikes = Mapping[str, NDArray[np.bool_]]


def chosen_chip(config: QuantizationConfig) -> tuple[Target, Backend]:
    """The target that a recipe names, and its back end with the width that it asks for.

    Raises:
        ConfigError: no such target, one without integers, or no such width.
    """
    target = load_target(config.target)
    backend = find_backend("reference" if target.family == "none" else target.family)
    has = "prices only" if target.family == "none" else "float64"
    own = getattr(type(backend), "grids", None) is not Defaults.grids  # to round weights to
    if backend.scale_candidates and not own:
        has = f"{target.family}: its weights are quantized after the training"
    if not backend.scale_candidates or not own:
        raise ConfigError(
            f"quantization for {target.name!r}",
            needs="a chip that computes in integers, in which students can be fine-tuned",
            has=has,
            remedy="another target, such as loihi2",
        )
    return target, backend.with_scales(target, weight_bits=config.weight_bits)


@dataclass(frozen=True, eq=False)
class Quantized:
    """A student's graph, and the program that a target makes of it."""

    graph: Graph
    program: Program
    backend: Backend

    def run(self, x: FloatArray) -> Activity:
        """What the program does on values x [sample, *input_shape] in [0, 1]."""
        spikes = _encoded(self.graph, x)
        return simulate(self.program, spikes, self.backend.arithmetic(self.graph))[0]

    def accuracy(self, x: FloatArray, y: NDArray[np.int64]) -> float:
        """Share of the samples whose class y [sample] the program finds."""
        found = accuracy(self.run(x), y)
        assert found is not None
        return found


class IntegerSide:
    """A target, and what it makes of students.

    Args:
        chip: the target and its back end.
        metadata: how the students are run; their architectures may differ.
        x: samples that scales may be picked from, values [sample, *input_shape] in [0, 1]; the
            first few are taken.
    """

    def __init__(
        self, chip: tuple[Target, Backend], metadata: CheckpointMetadata, x: FloatArray
    ) -> None:
        self._target, self._backend = chip
        self._metadata = metadata
        self._x = x[:CALIBRATION_SAMPLES]

    def graph(self, student: norse.SequentialState) -> Graph:
        """The graph of a student in evaluation mode."""
        metadata = metadata_of(self._metadata)
        nodes, _ = nodes_of_module(student, metadata, self._metadata.input_shape, "student")
        return graph_of(nodes, "student", None, None, None)

    def reference(self, graph: Graph) -> Activity:
        """The float graph on the calibration samples."""
        backend = ReferenceBackend()
        program, spikes = backend.program(graph), _encoded(graph, self._x)
        return simulate(program, spikes, backend.arithmetic(graph))[0]

    def searched(self, graph: Graph, reference: Activity) -> Quantized:
        """The program whose scales are searched, as ``simulate`` and ``compile`` make it."""
        multipliers = search_scales(
            graph,
            self._backend,
            self._target,
            _encoded(graph, self._x),
            reference,
            lambda done, total: None,
        )
        return self.derived(graph, reference, multipliers)

    def derived(
        self, graph: Graph, reference: Activity, multipliers: Mapping[str, float] | None = None
    ) -> Quantized:
        """The program with the scales that the target derives from the weights, times these."""
        program = self._backend.realise(graph, self._target, multipliers, reference)
        return Quantized(graph, program, self._backend)

    def grids(self, quantized: Quantized) -> dict[str, Grid]:
        """The grid of each population's incoming weights and its biases, by its name."""
        found = self._backend.grids(quantized.graph, quantized.program, self._target)
        return {p.target: found[p.name] for p in quantized.program.projections}


def _encoded(graph: Graph, x: FloatArray) -> Spikes:
    assert graph.encoding.steps is not None
    return {
        graph.inputs[0].name: encode(
            np.asarray(x, np.float64), graph.encoding, graph.encoding.steps
        )
        != 0
    }
