"""From a recipe to a folder: train, judge, and write checkpoint, card and recipe."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import norse.torch as norse
import numpy as np
from numpy.typing import NDArray

from snn2chip.data.digits import Split, load_digits_split
from snn2chip.distill.card import CardFigures, QuantizedFigures, render_card
from snn2chip.distill.checkpoint import (
    CheckpointMetadata,
    DataSource,
    save_checkpoint,
)
from snn2chip.distill.quantized.finetune import finetune_quantized
from snn2chip.distill.quantized.tuning import FLOAT_NAME, Tuning, figures_of, started, tuned_recipe
from snn2chip.distill.recipe import Recipe, read_recipe
from snn2chip.distill.sequence import Evaluation, evaluate
from snn2chip.distill.students import architecture
from snn2chip.distill.train import ProgressCallback, fit
from snn2chip.errors import ConfigError
from snn2chip.files import write_bytes
from snn2chip.graph import Readout
from snn2chip.neurons import from_preset

CHECKPOINT_NAME = "student.safetensors"
CARD_NAME = "card.md"
RECIPE_NAME = "recipe.toml"
PACKAGES = ("torch", "norse", "numpy", "scikit-learn", "safetensors")


@dataclass(frozen=True, slots=True)
class DistillResult:
    """A trained student and where it lies.

    Attributes:
        evaluation: on the test split; ``evaluation.accuracy`` is the figure to quote.
        folds: accuracy of every fold, or empty.
        seconds: wall time of the training run that made the checkpoint.
        quantized: what fine-tuning for a target did, else None.
    """

    name: str
    checkpoint: Path
    card: Path
    recipe: Path
    evaluation: Evaluation
    folds: tuple[float, ...]
    parameters: int
    seconds: float
    quantized: QuantizedFigures | None = None


def distill(
    recipe_path: str | Path,
    out_dir: str | Path,
    folds: int = 0,
    progress: ProgressCallback | None = None,
    tuning: Tuning | None = None,
) -> DistillResult:
    """Train the student of a recipe; write student.safetensors, card.md and recipe.toml.

    A recipe with ``[quantization]`` is fine-tuned for its target afterwards: student.safetensors
    then holds the weights of the target's integers, and float.safetensors the student before.

    Args:
        out_dir: made where it is missing; its name becomes the student's.
        folds: of a cross-validation over all samples, which trains that many more students;
            0 leaves it out.
        progress: called after every epoch.
        tuning: changes to ``[quantization]``, which it creates where the recipe has none.

    Raises:
        ConfigError: the recipe makes no sense, or ``folds`` is 1 or negative; no such target.
        InputFileError: the student to start from is damaged, or no student of this recipe.
    """
    tuning = tuning or Tuning()
    if folds < 0 or folds == 1:
        raise ConfigError(f"--folds {folds}", needs="0, or at least 2")
    recipe_path, out_dir = Path(recipe_path), Path(out_dir)
    recipe = tuned_recipe(read_recipe(recipe_path), tuning)
    split = load_split(recipe)
    metadata = describe(recipe, split)
    fitted = (
        fit(recipe, split.x_train, split.y_train, progress=progress)
        if tuning.start is None
        else started(metadata, tuning.start)
    )
    student, quantized = fitted.student, None
    if recipe.quantization is not None:
        plain = describe(replace(recipe, quantization=None), split)
        save_checkpoint(out_dir / FLOAT_NAME, student, plain)
        tuned = finetune_quantized(
            student, metadata, split.x_train, split.y_train, recipe.quantization, progress
        )
        before = judge(recipe, student, split.x_test, split.y_test)
        quantized = figures_of(tuned, recipe.quantization, before, split, tuning)
        student, metadata = tuned.student, tuned.metadata
    evaluation = judge(recipe, student, split.x_test, split.y_test)
    accuracies = tuple(cross_validate(recipe, split, folds, progress)) if folds else ()
    figures = CardFigures(
        name=out_dir.resolve().name,
        metadata=metadata,
        evaluation=evaluation,
        samples=(len(split.y_train), len(split.y_test)),
        parameters=sum(p.numel() for p in student.parameters()),
        seconds=fitted.seconds,
        epoch=fitted.epoch,
        folds=accuracies,
        quantized=quantized,
        flags=tuning.text(),
    )
    recipe_text = recipe_path.read_bytes()
    return DistillResult(
        name=figures.name,
        checkpoint=save_checkpoint(out_dir / CHECKPOINT_NAME, student, metadata),
        card=write_bytes(out_dir / CARD_NAME, render_card(figures).encode()),
        recipe=write_bytes(out_dir / RECIPE_NAME, recipe_text),
        evaluation=evaluation,
        folds=accuracies,
        parameters=figures.parameters,
        seconds=fitted.seconds,
        quantized=quantized,
    )


def load_split(recipe: Recipe) -> Split:
    """The recipe's samples: values [sample, *shape] in [0, 1]."""
    return load_digits_split(recipe.data.split_seed, recipe.data.test_size)


def describe(recipe: Recipe, split: Split) -> CheckpointMetadata:
    """The metadata of the checkpoint that this recipe makes."""
    shape = tuple(split.x_train.shape[1:])
    classes = int(split.y_train.max()) + 1
    return CheckpointMetadata(
        architecture=tuple(architecture(recipe.student, shape, classes)),
        discretization=from_preset("norse", recipe.encoding.dt),
        encoding=recipe.encoding.to_graph(),
        readout=Readout(recipe.student.readout),
        input_shape=shape,
        class_names=tuple(str(label) for label in range(classes)),
        data=DataSource(recipe.data.name, recipe.data.split_seed, recipe.data.test_size),
        recipe=recipe.to_dict(),
        trained_with={"python": platform.python_version(), **_versions()},
    )


def judge(
    recipe: Recipe, student: norse.SequentialState, x: NDArray[np.float64], y: NDArray[np.int64]
) -> Evaluation:
    """A student judged with its recipe's encoding and readout."""
    return evaluate(student, x, y, recipe.encoding.to_graph(), Readout(recipe.student.readout))


def cross_validate(
    recipe: Recipe, split: Split, folds: int, progress: ProgressCallback | None = None
) -> Iterator[float]:
    """Accuracy of each fold of all samples, training and test split together.

    Fold k is judged by a student trained on the others with the recipe's seed plus k; the folds
    have equal class shares and are drawn with the split's seed.
    """
    from sklearn.model_selection import StratifiedKFold

    x = np.concatenate([split.x_train, split.x_test])
    y = np.concatenate([split.y_train, split.y_test])
    parts = StratifiedKFold(folds, shuffle=True, random_state=recipe.data.split_seed).split(x, y)
    for index, (inner, outer) in enumerate(parts):
        training = replace(recipe.training, seed=recipe.training.seed + index)
        fold = replace(recipe, training=training)
        fitted = fit(fold, x[inner], y[inner], f"fold {index + 1}/{folds}", progress)
        yield judge(fold, fitted.student, x[outer], y[outer]).accuracy


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
