"""``snn2chip convert``: what plain conversion of a recipe's teacher is worth at every T."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from snn2chip.cli import console, outputs
from snn2chip.errors import ConfigError


def convert(
    recipe: Annotated[Path, typer.Argument(help="A recipe with a teacher, as a TOML file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            file_okay=False,
            help="Folder that keeps the teacher.",
            show_default="the recipe's name",
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=100_000, help="The largest T.")] = 256,
    given: Annotated[
        Literal["direct", "if"],
        typer.Option("--input", help="Values at every step, or spikes of the `if` encoder."),
    ] = "direct",
    samples: Annotated[
        int | None,
        typer.Option(min=1, help="Of the test split.", show_default="all of them"),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(min=0.0, max=100.0, help="Points below the teacher that are good enough."),
    ] = 0.5,
    json: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write every step's accuracy there.")
    ] = None,
) -> None:
    """Convert a recipe's teacher without training, and show its accuracy over T on the test split.

    The teacher is trained first, unless the folder has it. A student that is one of these at the
    recipe's T is what `distill` makes with the method "conversion".
    """
    from snn2chip.distill import read_recipe
    from snn2chip.distill.conversion.curves import convert as run
    from snn2chip.distill.describing import describe
    from snn2chip.distill.folder import RunFolder
    from snn2chip.distill.run import load_samples
    from snn2chip.distill.training.memory import keep_freed_memory
    from snn2chip.graph import Encoding

    outputs.check_files({"--json": json} if json else {}, {"recipe": recipe})
    plan = read_recipe(recipe)
    if plan.teacher is None:
        raise ConfigError(f"{recipe}: no [teacher]", needs="a network that can be converted")
    split = load_samples(plan, recipe.parent)
    folder = RunFolder(out or Path(recipe.stem), describe(plan, split))
    keep_freed_memory()
    with console.progress(lines=True) as tell:
        teacher = folder.teacher(
            plan,
            split,
            recipe.parent,
            lambda done: tell and tell(done.stage, done.epoch, done.epochs),
        )
        assert teacher is not None
        encoding = Encoding(given, steps=steps, threshold=plan.encoding.threshold)
        found = run(teacher, split, encoding, samples=samples, tell=tell)
    shown = tuple(f"T = {t}" for t in found.shown())
    head = ("conversion", *shown, "good at T", "good from T", "spikes there")
    accuracies = (*("" for _ in shown[1:]), f"{100.0 * found.reference:.2f}")
    rows = [("the teacher", *accuracies, "", "", "")]
    console.out(console.table(head, [*found.rows(margin / 100.0), *rows]))
    if json is not None:
        outputs.write_texts({json: found.to_json(margin / 100.0)})
        console.wrote(json)
