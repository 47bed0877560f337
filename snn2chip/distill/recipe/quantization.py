"""Table ``[quantization]``: the fine-tuning in a chip's integers."""

from __future__ import annotations

from dataclasses import dataclass

from snn2chip.distill.recipe.bounds import MAX_COUNT
from snn2chip.distill.tables import positive, whole
from snn2chip.targets.families import ANY

FLAGS = {
    "target": "--quantize-for",
    "weight_bits": "--weight-bits",
    "epochs": "--finetune-epochs",
}
"""Of ``snn2chip distill``, by the key of ``[quantization]`` that each stands for."""


@dataclass(frozen=True, slots=True)
class QuantizationConfig:
    """Fine-tuning of the trained student in a target's integers.

    Attributes:
        target: name of a bundled target, or the path of a target file.
        weight_bits: of a stored weight; the target's own where it is left out.
        lr: the highest learning rate; half the training's where it is left out. All other options
            of the training stay.
    """

    target: str
    weight_bits: int | None = None
    epochs: int = 60
    lr: float | None = None

    def __post_init__(self) -> None:
        if self.weight_bits is not None:
            whole("weight_bits", self.weight_bits, *ANY["weight_bits"])
        whole("epochs", self.epochs, 1, MAX_COUNT)
        if self.lr is not None:
            positive("lr", self.lr)
