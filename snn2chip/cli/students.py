"""``snn2chip distill``, ``export`` and ``models``: trained students, from recipe to NIR."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snn2chip.cli import console, outputs

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
    from snn2chip.pipeline import Options, list_models, open_network

    rows = []
    for name in list_models():
        graph = open_network(name, Options(target="reference")).graph
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
) -> None:
    """Train a student from a recipe: checkpoint and card."""
    from snn2chip.distill import Progress
    from snn2chip.distill import distill as train

    outputs.check_files({}, {"recipe": recipe})
    folder = out or Path(recipe.stem)
    outputs.check_files({"-o": folder / "card.md"}, {"recipe": recipe})
    with console.progress() as tell:

        def epoch(done: Progress) -> None:
            if tell is not None:
                tell(done.stage, done.epoch, done.epochs)

        made = train(recipe, folder, folds, epoch)
    rows = [("student", made.name), ("test accuracy", f"{made.evaluation.accuracy:.2%}")]
    rows += [(f"fold {i}", f"{accuracy:.2%}") for i, accuracy in enumerate(made.folds, start=1)]
    rows += [("parameters", f"{made.parameters:,}"), ("training", f"{made.seconds:.1f} s")]
    console.out(console.table(("figure", "value"), rows))
    console.wrote(made.checkpoint, made.card, made.recipe)
