"""Samples of a training: which of them judge it, and what the teacher says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snn2chip.data import Split
from snn2chip.distill.recipe import DataConfig, TrainingConfig
from snn2chip.distill.teachers.base import Teacher, TeacherSignals
from snn2chip.errors import ConfigError

MAX_CACHED_BYTES = 1 << 30
"""Most that a teacher's answers may take in memory; above, it answers batch by batch."""

_PART = 512
_ASKED = 16


def hold_out(
    config: DataConfig, y: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Masks [sample] of the samples that train and of those that judge epochs, class by class.

    They are drawn with the split's seed, so trainings with several seeds share them.

    Raises:
        ConfigError: a share that leaves a class nothing to train on, or that holds nothing out.
    """
    judge, emptied = np.zeros(len(y), np.bool_), []
    generator = np.random.default_rng(config.split_seed)
    for label in np.unique(y):
        members = generator.permutation(np.flatnonzero(y == label))
        held = round(config.validation * len(members))
        judge[members[:held]] = True
        emptied += [int(label)] if held == len(members) else []
    what = f"validation = {config.validation:g} of {len(y)} samples"
    if emptied:
        raise ConfigError(
            what,
            needs="samples of every class that are left to train on",
            has=f"none of class {emptied[0]}",
            remedy="a smaller share",
        )
    if config.validation and not judge.any():
        raise ConfigError(
            what,
            needs="a share that holds out at least one sample of some class",
            remedy="a larger share, or 0 to train on all samples",
        )
    return ~judge, judge


@contextmanager
def torch_state(config: TrainingConfig) -> Iterator[None]:
    """The recipe's seed and thread count, and afterwards those of before."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        torch.set_num_threads(config.threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def samples_digest(x: NDArray[np.floating], y: NDArray[np.int64]) -> str:
    """Hexadecimal digits that tell samples x [sample, ...] and classes y [sample] from others."""
    found = sha256(f"{x.dtype} {x.shape}".encode())
    found.update(np.ascontiguousarray(x).data)
    found.update(np.ascontiguousarray(y).data)
    return found.hexdigest()


def split_digest(split: Split) -> str:
    """Hexadecimal digits that tell training and test samples from others."""
    parts = (split.x_train, split.y_train), (split.x_test, split.y_test)
    return sha256("".join(samples_digest(*part) for part in parts).encode()).hexdigest()[:16]


def lesson_digest(
    x: NDArray[np.floating], y: NDArray[np.int64], teacher: Teacher | None
) -> dict[str, str]:
    """What a training learns from beside its recipe, by name: its samples and its teacher.

    A teacher of ours is its weights, another one its answers to the first samples.
    """
    found = {"samples": samples_digest(x, y)}
    if teacher is None:
        return found
    if teacher.module is not None:
        parts = list(teacher.module.state_dict().values())
    else:
        parts = [teacher.outputs(torch.as_tensor(x[:_ASKED], dtype=torch.float32)).logits]
    told = sha256()
    for part in parts:
        told.update(np.ascontiguousarray(part.detach().cpu().numpy()).data)
    return {**found, "teacher": told.hexdigest()}


class TaughtSamples:
    """What a teacher says of training samples: once for all of them where they never change.

    Args:
        x: values [sample, *input_shape].
        fixed: samples are not augmented, so answers may be kept.
    """

    def __init__(self, teacher: Teacher, x: Tensor, taps: Sequence[str], fixed: bool) -> None:
        self._teacher, self._taps = teacher, tuple(taps)
        self._kept = self._all(x) if fixed else None

    def outputs(self, x: Tensor, index: Tensor) -> TeacherSignals:
        """Of a batch x [sample, *input_shape], the samples ``index`` of all."""
        kept = self._kept
        if kept is None:
            return self._teacher.outputs(x, self._taps)
        taps = {name: values[index] for name, values in kept.taps.items()}
        return TeacherSignals(kept.logits[index], taps)

    def _all(self, x: Tensor) -> TeacherSignals | None:
        first = self._teacher.outputs(x[:1], self._taps)
        one = sum(t.numel() * t.element_size() for t in (first.logits, *first.taps.values()))
        if one * len(x) > MAX_CACHED_BYTES:
            return None
        parts = [self._teacher.outputs(part, self._taps) for part in torch.split(x, _PART)]
        return TeacherSignals(
            torch.cat([part.logits for part in parts]),
            {name: torch.cat([part.taps[name] for part in parts]) for name in self._taps},
        )
