"""What the checkpoint of a recipe says about itself."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from snn2chip.data import Split
from snn2chip.distill.checkpoint import CheckpointMetadata, DataSource
from snn2chip.distill.recipe import Recipe
from snn2chip.distill.students import architecture
from snn2chip.graph import Readout
from snn2chip.neurons import from_preset

PACKAGES = ("torch", "norse", "numpy", "scikit-learn", "safetensors")


def describe(recipe: Recipe, split: Split) -> CheckpointMetadata:
    """The metadata of the checkpoint that this recipe makes."""
    shape = tuple(split.x_train.shape[1:])
    classes = int(split.y_train.max()) + 1
    return CheckpointMetadata(
        architecture=tuple(architecture(recipe.student, shape, classes)),
        discretization=from_preset("norse", recipe.encoding.dt),
        encoding=replace(recipe.encoding.to_graph(), byte_scale=split.byte_scale),
        readout=Readout(recipe.student.readout),
        input_shape=shape,
        class_names=tuple(str(label) for label in range(classes)),
        data=DataSource(Path(recipe.data.name).name, recipe.data.split_seed, recipe.data.test_size),
        recipe=recipe.to_dict(),
        trained_with={"python": platform.python_version(), **_versions()},
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
