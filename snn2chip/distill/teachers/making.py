"""From the table ``[teacher]`` to a teacher: trained and kept, or out of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from snn2chip.data import Split
from snn2chip.distill.checkpoint import CheckpointMetadata, load_checkpoint, save_checkpoint
from snn2chip.distill.describing import describe
from snn2chip.distill.recipe import Recipe
from snn2chip.distill.teachers.base import Teacher
from snn2chip.distill.teachers.network import NetworkTeacher, teacher_recipe
from snn2chip.distill.teachers.onnx import Gives, onnx_teacher
from snn2chip.distill.training import ProgressCallback, fit
from snn2chip.distill.training.samples import samples_digest
from snn2chip.errors import ConfigError, InputFileError

_BATCH = 512


def trained_teacher(
    recipe: Recipe,
    split: Split,
    path: Path,
    progress: ProgressCallback | None = None,
) -> NetworkTeacher:
    """The teacher that a recipe describes: the one in ``path`` if it is that, else trained there.

    A teacher of the same recipe whose training samples were others is trained anew.

    A training that was broken off goes on.
    """
    wanted = teacher_recipe(recipe)
    metadata = describe(wanted, split)
    digest = samples_digest(split.x_train, split.y_train)
    metadata = replace(metadata, data=replace(metadata.data, digest=digest))
    state = path.with_suffix(".resume")
    if path.exists():
        module, found = _loaded(path, "", "remove the file: the teacher is trained again")
        if found.recipe == metadata.recipe and found.data.digest in ("", digest):
            state.unlink(missing_ok=True)  # whoever wrote the file may have been killed before this
            return NetworkTeacher(module)
    fitted = fit(wanted, split.x_train, split.y_train, "teacher", progress, state=state)
    save_checkpoint(path, fitted.student, metadata)
    state.unlink(missing_ok=True)
    return NetworkTeacher(fitted.student)


def _loaded(path: Path, needs: str, remedy: str) -> tuple[nn.Module, CheckpointMetadata]:
    """A checkpoint of a teacher, whose errors say what a teacher needs ("": what they say)."""
    try:
        return load_checkpoint(path)
    except InputFileError as error:
        raise InputFileError(
            error.what, needs=needs or error.needs, has=error.has, remedy=remedy
        ) from error


def teacher_of_samples(
    recipe: Recipe,
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    name: str,
    progress: ProgressCallback | None = None,
) -> NetworkTeacher:
    """The teacher that a recipe describes, trained on just these samples and kept nowhere.

    Args:
        name: of the training, for progress.
    """
    return NetworkTeacher(fit(teacher_recipe(recipe), x, y, name, progress).student)


def teacher_in_file(path: Path, split: Split, gives: Gives = "logits") -> Teacher:
    """A teacher that an earlier run wrote, or an ONNX classifier.

    Args:
        gives: what an ONNX classifier's output is.

    Raises:
        ConfigError: a file of another kind, or a classifier of other samples.
        InputFileError: the file is damaged, a spiking student, or a teacher of other samples.
        UnsupportedError: an ONNX model that is no classifier.
    """
    if path.suffix == ".onnx":
        return onnx_teacher(path, split, gives)
    if path.suffix != ".safetensors":
        raise ConfigError(
            f"teacher.file = {path.name!r}",
            needs="a .safetensors checkpoint of a teacher, or an .onnx classifier",
        )
    module, metadata = _loaded(
        path,
        "a teacher.safetensors that `snn2chip distill` wrote",
        "the file of an earlier run, or an ONNX classifier of any other network",
    )
    if (metadata.encoding.kind, metadata.encoding.steps) != ("direct", 1):
        raise InputFileError(
            f"{path}: a spiking student, no teacher",
            needs="a conventional network, as a run keeps it in teacher.safetensors",
            has=f"a network of {metadata.encoding.steps} steps, encoding {metadata.encoding.kind}",
        )
    shape, classes = tuple(split.x_train.shape[1:]), int(split.y_train.max()) + 1
    if metadata.input_shape != shape or len(metadata.class_names) != classes:
        raise InputFileError(
            f"{path}: a teacher of other samples",
            needs=f"samples of shape {list(shape)} and {classes} classes",
            has=f"shape {list(metadata.input_shape)}, {len(metadata.class_names)} classes",
        )
    return NetworkTeacher(module)


def teacher_accuracy(teacher: Teacher, split: Split) -> float:
    """Share of the test samples that a teacher gets right."""
    x, y = torch.as_tensor(split.x_test, dtype=torch.float32), torch.as_tensor(split.y_test)
    found = [teacher.outputs(part).logits.argmax(1) for part in torch.split(x, _BATCH)]
    return float((torch.cat(found) == y).double().mean())
