"""Table ``[teacher]``: a conventional network that is trained first, or one out of a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from snn2chip.distill.recipe.student import StudentConfig
from snn2chip.distill.recipe.training import TrainingConfig
from snn2chip.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TeacherTraining(TrainingConfig):
    """How a teacher is trained: as students are, with defaults of conventional networks."""

    epochs: int = 12
    batch: int = 128
    lr: float = 0.004
    weight_gain: float = 1.0
    bias_init: float = 0.0


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """The teacher: the layers of a student's ``kind`` with ReLU, or a file.

    Attributes:
        kind: of architecture, as in ``[student]``; left out where a file is named.
        file: a teacher's ``.safetensors``, as an earlier run wrote it, or an ``.onnx`` classifier;
            seen from the recipe's folder.
        gives: what an ``.onnx`` classifier's output is: ``logits``, or ``probabilities``, of which
            the logarithms are taken.
        widths, pools, strides, blocks, dense, kernel, dropout: as in ``[student]``.
    """

    kind: Literal["mlp", "conv", "resnet", "audio"] | None = None
    file: str | None = None
    gives: Literal["logits", "probabilities"] = "logits"
    widths: tuple[int, ...] = (32, 64)
    pools: tuple[int, ...] | None = None
    strides: tuple[int, ...] = ()
    blocks: tuple[int, ...] = (1,)
    dense: tuple[int, ...] = ()
    kernel: int = 3
    dropout: float = 0.0
    training: TeacherTraining = field(default_factory=TeacherTraining)

    def __post_init__(self) -> None:
        if (self.kind is None) == (self.file is None):
            raise ConfigError(
                "a teacher of " + ("no kind" if self.kind is None else "a kind and from a file"),
                needs="either kind, a network that is trained, or file, one that is there",
            )
        if self.kind is not None:
            self.network()

    def network(self) -> StudentConfig:
        """The architecture of a teacher that is trained."""
        assert self.kind is not None
        return StudentConfig(
            self.kind,
            widths=self.widths,
            pools=self.pools,
            strides=self.strides,
            blocks=self.blocks,
            dense=self.dense,
            neuron="relu",
            readout="v_last",
            kernel=self.kernel,
            dropout=self.dropout,
        )
