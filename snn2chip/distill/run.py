"""From a recipe to a folder: train, judge, and write checkpoint, card and recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import norse.torch as norse
import numpy as np
from numpy.typing import NDArray

from snn2chip.compiled import is_compiled
from snn2chip.data import Split, load_split
from snn2chip.distill.card import CardFigures, QuantizedFigures, render_card
from snn2chip.distill.checkpoint import save_checkpoint
from snn2chip.distill.describing import describe
from snn2chip.distill.energy.judging import Judged
from snn2chip.distill.ensembles.run import MadeEnsemble, distill_ensemble
from snn2chip.distill.folder import RunFolder, earlier_recipe
from snn2chip.distill.on_target import TargetFigures, figures_of_result, figures_on_target
from snn2chip.distill.quantized.finetune import finetune_quantized
from snn2chip.distill.quantized.folding import check_layers
from snn2chip.distill.quantized.tuning import FLOAT_NAME, Tuning, figures_of, started, tuned_recipe
from snn2chip.distill.recipe import Recipe, read_recipe, recipe_from_dict
from snn2chip.distill.recipe.bounds import MAX_SEED
from snn2chip.distill.sequence import Evaluation, evaluate
from snn2chip.distill.students.legality import check_targets
from snn2chip.distill.tables import differences
from snn2chip.distill.teachers.base import Teacher
from snn2chip.distill.teachers.making import teacher_accuracy, teacher_of_samples
from snn2chip.distill.training import Fit, ProgressCallback, fit, hold_out
from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.files import alone_in, write_bytes
from snn2chip.graph import Readout
from snn2chip.pipeline.opening import CHECKPOINT

CARD_NAME = "card.md"
RECIPE_NAME = "recipe.toml"


@dataclass(frozen=True, slots=True)
class DistillResult:
    """A trained student and where it lies.

    Attributes:
        evaluation: on the test split; ``evaluation.accuracy`` is the figure to quote.
        folds: accuracy of every fold, or empty.
        seconds: wall time of the training run that made the checkpoint.
        quantized: what fine-tuning for a target did, else None.
        validation: accuracy of the kept epoch on the validation share, None without one.
        targets: the integer program on each chip that the recipe names.
        history: figures of every epoch.
        epoch: that was kept.
        verdicts: what method and penalties say of the student, figure -> value.
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
    validation: float | None = None
    targets: tuple[TargetFigures, ...] = ()
    history: tuple[Mapping[str, float], ...] = ()
    epoch: int = 0
    verdicts: Mapping[str, str] = field(default_factory=dict)


def distill(
    recipe_path: str | Path,
    out_dir: str | Path,
    folds: int = 0,
    progress: ProgressCallback | None = None,
    tuning: Tuning | None = None,
    restart: bool = False,
    teachers: str | Path | None = None,
    shared: str | Path | None = None,
) -> DistillResult:
    """Train the student of a recipe; write student.safetensors, card.md and recipe.toml.

    A teacher that the recipe trains is trained first and kept as teacher.safetensors. While the
    training runs, best.safetensors and last.safetensors are the best and the last epoch so far, and
    a run that was broken off goes on after its last epoch. A recipe with ``[quantization]`` is
    fine-tuned for its target afterwards: student.safetensors then holds the weights of the target's
    integers, and float.safetensors the student before. A method that makes an ensemble writes a
    checkpoint per member and ensemble.json in place of student.safetensors.

    Args:
        out_dir: made where it is missing; its name becomes the student's.
        folds: of a cross-validation over all samples, which trains that many more students;
            0 leaves it out.
        progress: called after every epoch.
        tuning: changes to ``[quantization]``, which it creates where the recipe has none.
        restart: forget what an unfinished run left.
        teachers: folder in which several runs share teachers; ``out_dir`` where it is left out.
        shared: file that keeps the state of the training, also when it is done, for other runs of
            the same one.

    Raises:
        ConfigError: the recipe makes no sense, or ``folds`` is 1 or negative; no such target; the
            folder has an unfinished run of another recipe or other samples, or another run is at
            work there.
        UnsupportedError, DoesNotFitError: one of the recipe's targets cannot run the student; it
            is not trained then.
        InputFileError: the student to start from is damaged, or no student of this recipe.
    """
    tuning = tuning or Tuning()
    if folds < 0 or folds == 1:
        raise ConfigError(f"--folds {folds}", needs="0, or at least 2")
    recipe_path, out_dir = Path(recipe_path), Path(out_dir)
    recipe = tuned_recipe(read_recipe(recipe_path), tuning)
    recipe.check_penalties()
    if is_compiled(out_dir):
        raise ConfigError(f"-o {out_dir}: a compiled folder", remedy="name another folder")
    split = load_samples(recipe, recipe_path.parent)
    metadata = describe(recipe, split)
    _check_samples(recipe, split, folds)
    check_targets(metadata, recipe.targets)
    if recipe.quantization is not None:
        check_layers(metadata.architecture, metadata.discretization.dt)
        target = recipe.quantization.target
        check_targets(metadata, [target], limits=False, otherwise="train without [quantization]")
    folder = RunFolder(
        out_dir,
        metadata,
        teachers=None if teachers is None else Path(teachers),
        shared=None if shared is None else Path(shared),
    )
    with alone_in(out_dir, "another run"):
        if restart:
            folder.forget(recipe)
        return _made(recipe_path, recipe, split, folder, folds, progress, tuning)


def _check_samples(recipe: Recipe, split: Split, folds: int) -> None:
    """Refuse shares and folds that leave nothing to train on or to judge, before any training.

    Raises:
        ConfigError: such a validation share, or so many folds.
    """
    hold_out(recipe.data, split.y_train)
    if not folds:
        return
    y = np.concatenate([split.y_train, split.y_test])
    fewest = int(np.bincount(y).min())
    if folds > fewest:
        raise ConfigError(
            f"--folds {folds}",
            needs="a sample of every class in each fold",
            has=f"{fewest} samples of the rarest class",
            remedy=f"at most --folds {fewest}",
        )
    for inner, _ in _folds(recipe, y, folds):
        hold_out(recipe.data, y[inner])
    if recipe.training.seed > MAX_SEED - folds:
        raise ConfigError(
            f"--folds {folds} from training.seed = {recipe.training.seed}",
            needs=f"seeds of at most {MAX_SEED}, one for each fold",
            remedy="a smaller training.seed",
        )


def replaced(recipe_path: str | Path, out_dir: str | Path, tuning: Tuning | None = None) -> str:
    """How the recipe of a student that is there differs from this one; "" where nothing does."""
    recipe = tuned_recipe(read_recipe(recipe_path), tuning or Tuning())
    earlier = earlier_recipe(Path(out_dir))
    if earlier is None:
        return ""
    with suppress(ConfigError):  # with the defaults of keys that there were not
        earlier = recipe_from_dict(earlier).to_dict()
    return differences(earlier, recipe.to_dict())


def _made(
    recipe_path: Path,
    recipe: Recipe,
    split: Split,
    folder: RunFolder,
    folds: int,
    progress: ProgressCallback | None,
    tuning: Tuning,
) -> DistillResult:
    """The files of a run in its folder; see `distill`."""
    out_dir, metadata = folder.path, folder.metadata
    recipe_text = recipe_path.read_bytes()  # as it is now, whoever edits it while it trains
    if recipe.method.several:
        _only_training(folds, tuning)
        return _result_of(distill_ensemble(recipe_path, recipe, split, folder, progress), out_dir)
    teacher = None
    if recipe.uses_teacher:
        teacher = folder.teacher(recipe, split, recipe_path.parent, progress)
    fitted = _fitted(recipe, split, folder, progress, teacher, tuning)
    student, quantized, validation = fitted.student, None, fitted.validation
    plans = (recipe.method, *recipe.penalties)
    for plan in plans:
        student, metadata = plan.finished(student, metadata)
    if recipe.quantization is not None:
        plain = describe(replace(recipe, quantization=None), split)
        plain = replace(plain, architecture=metadata.architecture)
        save_checkpoint(out_dir / FLOAT_NAME, student, plain)
        before = judge(recipe, student, split.x_test, split.y_test)
        train = split.x_train, split.y_train
        tuned = finetune_quantized(
            student, metadata, *train, recipe.quantization, progress, teacher
        )
        quantized = figures_of(tuned, recipe.quantization, before, split, tuning)
        student, metadata = tuned.student, tuned.metadata
        validation = on_validation(recipe, student, split)
    evaluation = judge(recipe, student, split.x_test, split.y_test)
    accuracies = tuple(cross_validate(recipe, split, folds, progress, teacher)) if folds else ()
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
        validation=validation,
        teacher=None if teacher is None else teacher_accuracy(teacher, split),
        targets=tuple(
            figures_on_target(student, metadata, split, target, recipe.drops_zeros)
            for target in recipe.targets
        ),
        drops_zeros=recipe.drops_zeros,
        files=folder.missing(recipe),
    )
    bits = None if recipe.quantization is None else recipe.quantization.weight_bits
    judged = Judged(student, metadata, *judging_samples(recipe, split), bits)
    rows = {name: text for plan in plans for name, text in plan.verdict(judged).items()}
    result = DistillResult(
        name=figures.name,
        checkpoint=save_checkpoint(out_dir / CHECKPOINT, student, metadata),
        card=write_bytes(out_dir / CARD_NAME, render_card(figures, rows).encode()),
        recipe=write_bytes(out_dir / RECIPE_NAME, recipe_text),
        evaluation=evaluation,
        folds=accuracies,
        parameters=figures.parameters,
        seconds=fitted.seconds,
        quantized=quantized,
        validation=validation,
        targets=figures.targets,
        history=fitted.history,
        epoch=fitted.epoch,
        verdicts=rows,
    )
    folder.finish()
    return result


def _fitted(
    recipe: Recipe,
    split: Split,
    folder: RunFolder,
    progress: ProgressCallback | None,
    teacher: Teacher | None,
    tuning: Tuning,
) -> Fit:
    """The student trained, or the one that the fine-tuning begins with."""
    if tuning.start is not None:
        return started(folder.metadata, tuning.start)
    return fit(
        recipe,
        split.x_train,
        split.y_train,
        progress=progress,
        teacher=teacher,
        state=folder.resume,
        keep=folder.keep,
    )


def _only_training(folds: int, tuning: Tuning) -> None:
    """Refuse what there is for single students only.

    Raises:
        UnsupportedError: folds or fine-tuning.
    """
    if folds or tuning != Tuning():
        raise UnsupportedError(
            "--folds and fine-tuning of an ensemble",
            needs="a method that makes one student",
            has="members that are trained together",
            remedy="leave them out",
        )


def _result_of(made: MadeEnsemble, out_dir: Path) -> DistillResult:
    """An ensemble in the terms of a student."""
    return DistillResult(
        name=out_dir.resolve().name,
        checkpoint=made.file,
        card=made.card,
        recipe=made.recipe,
        evaluation=Evaluation(
            made.answers.accuracy, made.answers.predictions, {}, {}, made.answers.ties
        ),
        folds=(),
        parameters=made.parameters,
        seconds=made.seconds,
        validation=made.validation,
        targets=tuple(figures_of_result(result) for result in made.results),
    )


def load_samples(recipe: Recipe, folder: Path | None = None) -> Split:
    """The recipe's samples: values [sample, *shape] in [0, 1].

    Args:
        folder: that a path in ``[data]`` is seen from.
    """
    data = recipe.data
    return load_split(data.name, data.split_seed, data.test_size, folder)


def on_validation(recipe: Recipe, student: norse.SequentialState, split: Split) -> float | None:
    """Accuracy on the validation share, or None where there is none."""
    _, held = hold_out(recipe.data, split.y_train)
    if not held.any():
        return None
    return judge(recipe, student, split.x_train[held], split.y_train[held]).accuracy


def judging_samples(
    recipe: Recipe, split: Split
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64]]:
    """Values that trained the student, and values and classes that judge it.

    Those are the validation share; where there is none, the training samples themselves.
    """
    inner, held = hold_out(recipe.data, split.y_train)
    judges = held if held.any() else inner
    return split.x_train[inner], split.x_train[judges], split.y_train[judges]


def judge(
    recipe: Recipe, student: norse.SequentialState, x: NDArray[np.floating], y: NDArray[np.int64]
) -> Evaluation:
    """A student judged with its recipe's encoding and readout."""
    return evaluate(student, x, y, recipe.encoding.to_graph(), Readout(recipe.student.readout))


def cross_validate(
    recipe: Recipe,
    split: Split,
    folds: int,
    progress: ProgressCallback | None = None,
    teacher: Teacher | None = None,
) -> Iterator[float]:
    """Accuracy of each fold of all samples, training and test split together.

    Fold k is judged by a student trained on the others with the recipe's seed plus k, and so is the
    teacher that the recipe trains; the folds have equal class shares and are drawn with the split's
    seed. Fine-tuning is left out.

    Args:
        teacher: out of a file, which taught on samples of its own.
    """
    x = np.concatenate([split.x_train, split.x_test])
    y = np.concatenate([split.y_train, split.y_test])
    for index, (inner, outer) in enumerate(_folds(recipe, y, folds)):
        training = replace(recipe.training, seed=recipe.training.seed + index)
        fold = replace(recipe, training=training)
        given, name = (x[inner], y[inner]), f"fold {index + 1}/{folds}"
        guide = teacher
        if recipe.uses_teacher and recipe.teacher is not None and recipe.teacher.file is None:
            guide = teacher_of_samples(recipe, *given, f"{name}, teacher", progress)
        fitted = fit(fold, *given, name, progress, guide)
        yield judge(fold, fitted.student, x[outer], y[outer]).accuracy


def _folds(
    recipe: Recipe, y: NDArray[np.int64], folds: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Indices of the samples that train, and of those that judge, of each fold."""
    from sklearn.model_selection import StratifiedKFold

    parts = StratifiedKFold(folds, shuffle=True, random_state=recipe.data.split_seed)
    yield from parts.split(y, y)
