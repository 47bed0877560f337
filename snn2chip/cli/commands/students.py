"""``snn2chip distill``, ``export`` and ``models``: trained students, from recipe to NIR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn2chip.cli import console, outputs

if TYPE_CHECKING:
    from snn2chip.distill import DistillResult, QuantizedFigures
    from snn2chip.distill.on_target import TargetFigures

models = typer.Typer(help="Bundled students.", no_args_is_help=True, rich_markup_mode=None)


@models.callback()
def _group() -> None:
    """Keeps ``list`` a command of its own while it is the only one."""


@models.command("list")
def list_() -> None:
    """The students that come with snn2chip; any command takes their names as NETWORK."""
    rows = bundled_models()
    console.out(console.table(("model", "neurons", "synapses", "trained on"), rows))


def bundled_models() -> list[tuple[str, int, int, str]]:
    """Name, neurons, synapses and data set of every bundled student."""
    from snn2chip.graph.linear import synapses
    from snn2chip.pipeline import Options, list_models, open_bundled

    rows = []
    for name in list_models():
        graph = open_bundled(name, Options(target="reference")).graph
        neurons = sum(p.size for p in graph.populations if not p.is_input)
        count = sum(synapses(p.operator) for p in graph.projections)
        rows.append((name, neurons, count, graph.data))
    return rows


def distill(
    recipe: Annotated[Path, typer.Argument(help="A recipe, as a TOML file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            file_okay=False,
            help="Folder to write.",
            show_default="the recipe's name",
        ),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=0, help="Cross-validate with so many folds too; 0 does not.")
    ] = 0,
    quantize_for: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="Fine-tune it in the integers of this chip: a target's name, or a .toml file.",
            show_default="[quantization] of the recipe",
        ),
    ] = None,
    weight_bits: Annotated[
        int | None,
        typer.Option(help="Of a weight stored on that chip.", show_default="the chip's own"),
    ] = None,
    finetune_epochs: Annotated[
        int | None, typer.Option(help="Epochs of the fine-tuning.", show_default="60")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="CHECKPOINT",
            help="A student of this recipe, which is then fine-tuned only.",
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew where the folder has an unfinished run.")
    ] = False,
    teachers: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Folder in which runs share teachers.",
            show_default="the run's own",
        ),
    ] = None,
) -> None:
    """Train a student from a recipe, and fine-tune it for a chip: checkpoint and card.

    A run that was broken off goes on after its last epoch.
    """
    from snn2chip.distill import Progress, Tuning
    from snn2chip.distill import distill as train
    from snn2chip.distill.run import replaced
    from snn2chip.distill.training.memory import keep_freed_memory
    from snn2chip.pipeline.opening import CHECKPOINT

    inputs = {"recipe": recipe, "--from": start}
    outputs.check_files({}, inputs)
    folder = out or Path(recipe.stem)
    for name in ("card.md", CHECKPOINT):
        outputs.check_files({"-o": folder / name}, inputs)
    tuning = Tuning(quantize_for, weight_bits, finetune_epochs, start)
    if changes := replaced(recipe, folder, tuning):
        console.note(f"{folder}: replaces the student of another recipe ({changes})")
    keep_freed_memory()
    with console.resumable(), console.progress(lines=True) as tell:

        def epoch(done: Progress) -> None:
            if tell is not None:
                tell(done.stage, done.epoch, done.epochs)

        if tell is not None:
            tell("preparing", 0, 1)
        made = train(recipe, folder, folds, epoch, tuning, restart, teachers)
    console.out(console.table(("figure", "value"), _rows(made)))
    console.wrote(made.checkpoint, made.card, made.recipe)


def _rows(made: DistillResult) -> list[tuple[str, str]]:
    rows = [("student", made.name), ("test accuracy", f"{made.evaluation.accuracy:.2%}")]
    rows += [_target_row(target) for target in made.targets]
    rows += [row for row in made.verdicts.items() if row[0].startswith("energy budget")]
    rows += [(f"fold {i}", f"{accuracy:.2%}") for i, accuracy in enumerate(made.folds, start=1)]
    if made.quantized is not None:
        rows += _quantized_rows(made.quantized)
    return [*rows, ("parameters", f"{made.parameters:,}"), ("training", f"{made.seconds:.1f} s")]


def _target_row(figures: TargetFigures) -> tuple[str, str]:
    """The program of one chip: accuracy and dynamic energy, or why it cannot run there."""
    if figures.refused:
        return f"on {figures.target}", f"cannot run there: {figures.refused}"
    from snn2chip.report.numbers import energy

    of_float = "" if figures.simulated else " (float network)"
    known = [] if figures.accuracy is None else [f"{figures.accuracy:.2%}{of_float}"]
    known += [] if figures.dynamic_nj is None else [f"{energy(figures.dynamic_nj)} dynamic"]
    return f"on {figures.target}", ", ".join(known) or "no figure"


def _quantized_rows(figures: QuantizedFigures) -> list[tuple[str, str]]:
    """Accuracies on the test split, in float and in the target's integers."""
    place = f"on {figures.target}, {figures.weight_bits}-bit weights"
    return [
        ("float, before fine-tuning", f"{figures.float_before:.2%}"),
        (f"{place}, quantized after training", f"{figures.before:.2%}"),
        (f"{place}, fine-tuned", f"{figures.after:.2%}"),
        ("fine-tuning", f"{figures.seconds:.1f} s"),
    ]
