"""``snn2chip convert``: what plain conversion of a recipe's teacher is worth at every T."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from snn2chip.cli import console, outputs
from snn2chip.errors import ConfigError, counted

if TYPE_CHECKING:
    from snn2chip.distill.conversion.curves import Conversion
    from snn2chip.distill.recipe import Recipe

_HEAD = ("good at T", "good from T", "spikes")


def convert(
    recipe: Annotated[Path, typer.Argument(help="A recipe with a teacher, as a TOML file.")],
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--out",
            metavar="<dir>",
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

    The teacher is trained first, unless the folder has it. The answer is the sum over the steps
    of what the last weights give. What `distill` makes with the method "conversion" is none of
    these: it has the recipe's encoding, neurons and readout, and half a threshold spread over the
    biases of its T steps where a variant starts at half of one.
    """
    from snn2chip.data.parts import check_count
    from snn2chip.distill import read_recipe
    from snn2chip.distill.conversion.curves import convert as run
    from snn2chip.distill.describing import describe
    from snn2chip.distill.folder import RunFolder
    from snn2chip.distill.run import load_samples
    from snn2chip.distill.training.memory import keep_freed_memory
    from snn2chip.graph import Encoding

    if out == "":
        raise ConfigError("-o: is empty", needs="the name of a folder")
    outputs.check_files({"--json": json} if json else {}, {"recipe": recipe})
    plan = read_recipe(recipe)
    if plan.teacher is None:
        raise ConfigError(f"{recipe}: no [teacher]", needs="a network that can be converted")
    place = Path(out or recipe.stem)
    _check_files(plan, recipe, place, json)
    split = load_samples(plan, recipe.parent)
    check_count("the test split", samples, len(split.y_test))
    folder = RunFolder(place, describe(plan, split))
    keep_freed_memory()
    with _alone(plan, place), console.resumable(), console.progress(lines=True) as tell:
        teacher = folder.teacher(
            plan,
            split,
            recipe.parent,
            lambda done: tell and tell(done.stage, done.epoch, done.epochs),
        )
        assert teacher is not None
        encoding = Encoding(given, steps=steps, threshold=plan.encoding.threshold)
        found = run(teacher, split, encoding, samples=samples, tell=tell)
    console.out(_text(found, margin))
    if json is not None:
        outputs.write_texts({json: found.to_json(margin / 100.0)})
        console.wrote(json)


def _alone(plan: Recipe, folder: Path) -> AbstractContextManager[None]:
    """Keeps other runs out of a folder in which a teacher is trained."""
    from snn2chip.files import alone_in

    trained = plan.teacher is not None and plan.teacher.file is None
    return alone_in(folder, "another run") if trained else nullcontext()


def _check_files(plan: Recipe, recipe: Path, folder: Path, json: Path | None) -> None:
    """Refuse a file of curves that takes the place of the teacher, or of anything that is read.

    Raises:
        ConfigError: naming both.
    """
    from snn2chip.data.hub import kept_file
    from snn2chip.distill.folder import TEACHER

    assert plan.teacher is not None
    named = plan.teacher.file
    read = {"recipe": recipe, "data": kept_file(plan.data.name) or recipe.parent / plan.data.name}
    read |= {"teacher": recipe.parent / named} if named else {}
    written = {} if named else {"-o": folder / f"{TEACHER}.safetensors"}
    if json is not None and json != outputs.HERE:
        whole, file = Path(os.path.realpath(folder)), Path(os.path.realpath(json))
        if file in (whole, *whole.parents):
            raise ConfigError(
                f"--json {json}: -o {folder} is to be a folder there",
                remedy="another path for --json",
            )
    outputs.check_files({**written, "--json": json}, read)
    outputs.check_files({"--json": json}, {**read, "-o": folder})


def _text(found: Conversion, margin: float) -> str:
    """The teacher in a sentence, and a table of the variants."""
    sentence = (
        f"The teacher: {100.0 * found.reference:.2f} % of {counted(found.samples, 'test sample')}. "
        f"Accuracy of its conversions after T steps in %; good is at most {margin:g} points less."
    )
    head = ("conversion", *(f"T = {t}" for t in found.shown()), *_HEAD)
    table = console.table(head, found.rows(margin / 100.0))
    return f"{console.folded(sentence)}\n\n{table}"
