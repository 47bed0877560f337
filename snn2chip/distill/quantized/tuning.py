"""Fine-tuning as a part of ``distill``: what flags say, where it begins, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from snn2chip.data.digits import Split
from snn2chip.distill.card import QuantizedFigures
from snn2chip.distill.checkpoint import CheckpointMetadata, load_checkpoint
from snn2chip.distill.quantized.finetune import QuantizedFit
from snn2chip.distill.quantized.integers import chosen_chip
from snn2chip.distill.recipe import QuantizationConfig, Recipe, with_quantization
from snn2chip.distill.recipe.quantization import FLAGS
from snn2chip.distill.sequence import Evaluation
from snn2chip.distill.training import Fit
from snn2chip.errors import ConfigError, InputFileError

FLOAT_NAME = "float.safetensors"
"""The student before it was fine-tuned for a target."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What flags say about fine-tuning for a target; None keeps what the recipe says.

    Attributes:
        target, weight_bits, epochs: as in the recipe's table ``[quantization]``.
        start: a trained student of this recipe, which is then not trained.
    """

    target: str | None = None
    weight_bits: int | None = None
    epochs: int | None = None
    start: str | Path | None = None

    def text(self) -> str:
        """As flags, with a space before each, for the folder that `distill` writes."""
        start = None if self.start is None else FLOAT_NAME
        given = {FLAGS[name]: getattr(self, name) for name in FLAGS} | {"--from": start}
        return "".join(f" {flag} {value}" for flag, value in given.items() if value is not None)


def tuned_recipe(recipe: Recipe, tuning: Tuning) -> Recipe:
    """The recipe with the flags in it; what cannot be done is refused before any training.

    Raises:
        ConfigError: values that make no sense, no such target, or no target at all.
    """
    recipe = with_quantization(recipe, tuning.target, tuning.weight_bits, tuning.epochs)
    if recipe.quantization is not None:
        chosen_chip(recipe.quantization)
    elif tuning.start is not None:
        raise ConfigError(
            f"--from {tuning.start} without a target",
            needs="something to do with a trained student: fine-tuning for a chip's integers",
            remedy=f"{FLAGS['target']} loihi2, or a table [quantization] in the recipe",
        )
    return recipe


def started(metadata: CheckpointMetadata, start: str | Path) -> Fit:
    """A student that was trained already.

    Raises:
        InputFileError: it is damaged, or no student of the recipe that ``metadata`` tell of.
    """
    student, found = load_checkpoint(start)
    names = ("architecture", "discretization", "encoding", "readout", "input_shape", "data")
    wrong = [name for name in names if getattr(found, name) != getattr(metadata, name)]
    if wrong:
        raise InputFileError(
            f"{start}: another student than the recipe's",
            needs="the recipe that it was trained with",
            has=f"differing: {', '.join(wrong)}",
            remedy="name that recipe, and a student that was not fine-tuned before",
        )
    return Fit(student, 0, 0.0, ())


def figures_of(
    tuned: QuantizedFit,
    config: QuantizationConfig,
    before: Evaluation,
    split: Split,
    tuning: Tuning,
) -> QuantizedFigures:
    """What the fine-tuning did, on the test split.

    Args:
        before: the student that was given, in float.
    """
    target, _ = chosen_chip(config)
    test = split.x_test, split.y_test
    return QuantizedFigures(
        target=target.name,
        weight_bits=config.weight_bits or int(target.formats["weight_bits"].value),
        float_before=before.accuracy,
        before=tuned.before.accuracy(*test),
        after=tuned.after.accuracy(*test),
        epoch=tuned.epoch,
        epochs=config.epochs,
        seconds=tuned.seconds,
        start=None if tuning.start is None else Path(tuning.start).name,
    )
