"""Teachers out of ONNX files: classifiers of any framework, run by onnxruntime on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from snn2chip.data import Split
from snn2chip.distill.teachers.base import TeacherSignals
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.frontends.onnx import Classifier, open_classifier

Gives = Literal["logits", "probabilities"]

LEAST_PROBABILITY = 1e-12
"""To which probabilities are raised before their logarithm is taken."""

_SUM_TOLERANCE = 1e-3
_CHECKED = 16
"""Samples by which an output is known as probabilities: logits are none of so many by chance."""


class OnnxTeacher:
    """An ONNX classifier as a teacher; taps are names of values inside the model.

    Args:
        gives: what the model's output is. The logarithms of probabilities are logits, but for a
            constant that no softmax sees.
    """

    module: nn.Module | None = None

    def __init__(self, path: Path, gives: Gives = "logits", threads: int = 1) -> None:
        self._path, self._gives, self._threads = path, gives, threads
        self._opened: dict[tuple[str, ...], Classifier] = {}
        self._classifier(())

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample."""
        return self._classifier(()).shape

    def outputs(self, x: Tensor, taps: Sequence[str] = ()) -> TeacherSignals:
        """Logits and taps of x [sample, *input_shape], as float32.

        Raises:
            ConfigError: the model has no value of a tap's name, or wants samples of another shape.
            InputFileError: the model fails, or gives no probabilities where they are expected.
        """
        given = x.detach().cpu().numpy()
        found, values = self._classifier(tuple(taps)).outputs(given)
        if self._gives == "probabilities":
            found = self._logarithms(found)
        return TeacherSignals(
            torch.from_numpy(found).float(),
            {name: torch.from_numpy(value).float() for name, value in values.items()},
        )

    def check(self, x: NDArray[np.floating], classes: int) -> None:
        """Refuse a model that is no teacher of these samples.

        Args:
            x: samples [sample, *input_shape]; a few are tried.

        Raises:
            ConfigError: another shape or number of classes; or probabilities where the recipe
                says logits.
            InputFileError: the model fails.
        """
        logits, _ = self._classifier(()).outputs(x[:_CHECKED])
        if logits.shape[1] != classes:
            raise ConfigError(
                f"{self._path}: a teacher of {logits.shape[1]} classes",
                needs=f"{classes}, as many as the samples have",
            )
        if self._gives == "logits" and are_probabilities(logits):
            raise ConfigError(
                f"{self._path}: its output is a softmax: probabilities, no logits",
                needs="the values before the softmax, which temperatures divide",
                remedy='gives = "probabilities" in [teacher], which takes their logarithms, or an '
                "export without the softmax",
            )

    def _classifier(self, taps: tuple[str, ...]) -> Classifier:
        if taps not in self._opened:
            self._opened[taps] = open_classifier(self._path, self._threads, taps)
        return self._opened[taps]

    def _logarithms(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        if not are_probabilities(found):
            raise InputFileError(
                f"{self._path}: its output is no distribution over the classes",
                needs="numbers from 0 to 1 whose sum is 1, for gives = 'probabilities'",
                has=f"numbers from {found.min():.4g} to {found.max():.4g}, "
                f"sums from {found.sum(1).min():.4g} to {found.sum(1).max():.4g}",
                remedy='gives = "logits"',
            )
        logarithms: NDArray[np.float64] = np.log(np.maximum(found, LEAST_PROBABILITY))
        return logarithms


def are_probabilities(values: NDArray[np.float64]) -> bool:
    """Whether every row [sample, class] is a distribution."""
    sums = np.abs(values.sum(1) - 1.0)
    return bool((values >= 0.0).all() and (sums <= _SUM_TOLERANCE).all())


def onnx_teacher(path: Path, split: Split, gives: Gives) -> OnnxTeacher:
    """The teacher in a file, checked against the samples.

    Raises:
        ConfigError: onnxruntime is not installed; a teacher of other samples or classes; a softmax
            that the recipe does not know of.
        InputFileError: the file is damaged, or the model fails.
        UnsupportedError: no classifier.
    """
    teacher = OnnxTeacher(path, gives)
    shape = tuple(split.x_train.shape[1:])
    if teacher.shape != shape:
        raise ConfigError(
            f"{path}: a teacher of samples of shape {list(teacher.shape)}",
            needs=f"shape {list(shape)}",
            remedy="export it for samples of that shape; values lie in [0, 1]",
        )
    teacher.check(split.x_train, int(split.y_train.max()) + 1)
    return teacher
