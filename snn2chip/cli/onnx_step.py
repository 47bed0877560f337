"""``snn2chip export --format onnx``: one step of a network, proven in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from snn2chip.cli import console
from snn2chip.errors import UnsupportedError

if TYPE_CHECKING:
    from snn2chip.frontends.onnx import OnnxReport
    from snn2chip.graph import Graph
    from snn2chip.graph.operators import Array
    from snn2chip.pipeline import Options


def export_network(network: str, path: Path, opening: Options, data: Options) -> None:
    """Write a step of a file or a bundled model, proven on its data.

    Raises:
        UnsupportedError: a ``.net`` file, which is a program in integers and no graph.
    """
    from snn2chip.pipeline import open_network
    from snn2chip.pipeline.samples import scored_samples

    opened = open_network(network, opening)
    if opened.family is not None:
        raise UnsupportedError(
            f"{opened.origin}: a program in a chip's integers as ONNX",
            needs="a network in floats: a checkpoint, a .nir file or a bundled model",
        )
    export_graph(opened.graph, path, scored_samples(opened.graph, data).spikes)


def export_graph(graph: Graph, path: Path, spikes: Mapping[str, Array]) -> None:
    """Write a step of a graph and say what was proven."""
    from snn2chip.frontends.onnx import export_onnx

    console.out(sentence(export_onnx(graph, spikes, path)))
    console.wrote(path)


def sentence(proof: OnnxReport) -> str:
    """What was proven, for people."""
    silent = (
        ""
        if proof.spikes
        else "\nno neuron fired on these samples, so the proof says little: give data on which "
        "the network is active (--data)"
    )
    return (
        f"proven on {proof.samples} samples x {proof.steps} steps: in onnxruntime "
        f"{proof.values:,} outputs ({proof.spikes:,} spikes) are equal, membranes differ by at "
        f"most {proof.largest_difference:.1e} (float64){silent}"
    )
