"""Checkpoints of snn2chip (safetensors) into Graphs, and into proven NIR files.

PyTorch and Norse are imported only where a checkpoint is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from snn2chip.errors import ConfigError
from snn2chip.frontends.nir.metadata import KEY, Metadata, to_text
from snn2chip.frontends.nir.nodes import NirGraph
from snn2chip.frontends.nir.read import graph_of
from snn2chip.frontends.torch.framework import framework_of, require_torch
from snn2chip.frontends.torch.walk import Shapes, Walked, walk
from snn2chip.graph import Graph, ModuleSize, Readout
from snn2chip.graph.operators import Shape
from snn2chip.neurons.presets import overrides_of


def open_checkpoint(path: str | Path) -> tuple[Any, Metadata, Shape]:
    """The module of a checkpoint, what its file says about running it, and the input's shape.

    Raises:
        ConfigError: torch or norse is not installed.
        InputFileError: the checkpoint is damaged or foreign.
    """
    require_torch()
    from snn2chip.distill.checkpoint import load_checkpoint

    module, content = load_checkpoint(Path(path))
    return module, metadata_of(content), tuple(content.input_shape)


def metadata_of(content: Any) -> Metadata:
    """What a checkpoint says about running it, in the words of a NIR file.

    Args:
        content: ``snn2chip.distill.CheckpointMetadata``.
    """
    return Metadata(
        dt=content.discretization.dt,
        preset=content.discretization.preset,
        overrides=overrides_of(content.discretization),
        encoding=content.encoding,
        readout=content.readout,
        classes=tuple(content.class_names),
        data=content.data.name,
        split_seed=content.data.split_seed,
    )


def graph_of_checkpoint(
    path: str | Path,
    preset: str | None = None,
    dt: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Graph:
    """The network of a checkpoint, walked in memory and not proven; ``export`` proves.

    Raises:
        As ``open_checkpoint``; UnsupportedError: a module that NIR cannot hold.
    """
    module, metadata, shape = open_checkpoint(path)
    nodes, _ = nodes_of_module(module, metadata, shape, Path(path).stem)
    return graph_of(nodes, str(path), preset, dt, overrides)


def nodes_of_module(
    module: Any, metadata: Metadata, input_shape: Shapes, name: str
) -> tuple[NirGraph, Walked]:
    """The node graph of a module with its metadata; and what the walk found.

    Args:
        metadata: dt may be missing where the library has one; the preset is the library's. A
            readout that it does not name is what the module's own loop over time computes.
        input_shape: without steps and samples; of several inputs one each by name.

    Raises:
        ConfigError: no dt is known, or a preset that is not the library's.
        UnsupportedError: a module that NIR cannot hold.
    """
    require_torch()
    library = framework_of(module)
    dt = library.dt if metadata.dt is None else metadata.dt
    if dt is None:
        raise ConfigError(
            f"{name}: the length of a step is unknown",
            needs=f"the dt that the cells of {library.name} were built with",
            remedy="--dt 1e-3, or Metadata(dt=1e-3)",
        )
    walked = walk(module, input_shape, dt, name)
    if metadata.preset not in (None, walked.preset):
        raise ConfigError(
            f"{name}: preset {metadata.preset!r} for a module of {walked.preset}",
            remedy=f"preset {walked.preset!r}",
        )
    overrides = {**metadata.overrides, **walked.overrides}
    readout = metadata.readout
    if readout is None and walked.readout is not None:
        readout = Readout(walked.readout)  # type: ignore[arg-type]
    full = replace(
        metadata,
        dt=dt,
        preset=walked.preset,
        overrides=overrides,
        readout=readout,
        module=size_of(module),
    )
    return replace(walked.nodes, metadata={KEY: to_text(full)}), walked


def size_of(module: Any) -> ModuleSize:
    """What a module holds; the states that its cells keep between steps are no part of it."""
    kept = module.state_dict()
    parameters = list(module.parameters())
    held = [*parameters, *(array for name, array in module.named_buffers() if name in kept)]
    return ModuleSize(
        parameters=sum(array.numel() for array in parameters),
        bytes=sum(array.numel() * array.element_size() for array in held),
    )
