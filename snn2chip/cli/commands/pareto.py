"""``snn2chip pareto``: a study over methods, strengths and seeds, and its fronts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snn2chip.cli import console, outputs
from snn2chip.errors import ConfigError, Snn2chipError

if TYPE_CHECKING:
    from snn2chip.study.answer.types import Answer
    from snn2chip.study.config import StudyConfig
    from snn2chip.study.trials.running import Ran

NAMES = {"html": "pareto.html", "json": "pareto.json", "csv": "pareto.csv"}
"""Files of every study, by form."""


def pareto(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study, as a TOML file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            file_okay=False,
            help="Folder of its trials, which a later run goes on with.",
            show_default="the study's name",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            help="Whose programs are weighed: a target of the study or another one; torch weighs "
            "the float students.",
            show_default="the study's first",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help="Trials at once.")] = 1,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Train nothing: show what is done.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Write the answer as JSON; - is standard output.")
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="Write a row for each setting, seed and place as CSV; - is standard output."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the answer as HTML.")] = None,
) -> None:
    """Train every setting of a study, and weigh accuracy against spikes, events and energy.

    What is done is kept: a run that was broken off goes on where it was.
    """
    from snn2chip.study.config import read_study

    folder = out or Path(study.stem)
    named = {"html": html, "json": json, "csv": csv}
    files = {f"--{form}": path for form, path in named.items()}
    own = {form: folder / name for form, name in NAMES.items()}
    written = {**files, **{f"-o {name}": own[form] for form, name in NAMES.items()}}
    outputs.check_files(written, {"study": study})
    config = read_study(study)
    answer, ran = _answer(config, folder, target, jobs, no_run, written)
    wanted = {form: [own[form], *([path] if path else [])] for form, path in named.items()}
    _show(answer, wanted)
    _fail(ran)


def _answer(
    config: StudyConfig,
    folder: Path,
    target: str | None,
    jobs: int,
    no_run: bool,
    files: Mapping[str, Path | None],
) -> tuple[Answer, Ran]:
    """Run what is to be run, and sum up what is done."""
    from snn2chip import __version__
    from snn2chip.study.answer.claims import check_claims, check_series
    from snn2chip.study.answer.summary import summarise
    from snn2chip.study.answer.types import Tool
    from snn2chip.study.kept import reads_recipes, trials_of
    from snn2chip.study.trials.grid import files_of, targets_of
    from snn2chip.study.trials.running import collect, run_study
    from snn2chip.study.trials.store import StudyFolder
    from snn2chip.study.types import FLOAT

    place, able = StudyFolder(folder), not no_run or reads_recipes()
    base, trials = trials_of(config, folder, able)
    targets = targets_of(config, base, target)
    for word, path in files_of(config, base, trials, targets):
        outputs.check_files(files, {word: path})
    check_claims(config, trials)
    check_series(config, base, trials)
    if not no_run:
        from snn2chip.distill.training.memory import keep_freed_memory

        keep_freed_memory()
    with console.resumable(), console.progress(lines=True) as tell:
        if able:
            ran = run_study(config, base, place, targets, jobs, tell, only_done=no_run)
        else:
            ran = collect(place, targets, trials)
    if not ran.outcomes:
        _fail(ran)
        raise ConfigError(
            f"{folder}: no trial of the study is done",
            needs=f"one of its {len(ran.trials):,} trials",
            remedy="leave --no-run out, or name the folder of an earlier run with -o",
        )
    answer = summarise(
        config,
        ran.trials,
        ran.outcomes,
        target or (targets[0] if targets else FLOAT),
        place.per_sample,
        tool=Tool("snn2chip", __version__),
        failures=ran.failure_lines(),
    )
    return answer, ran


def _show(answer: Answer, wanted: dict[str, list[Path]]) -> None:
    from snn2chip.study.show import forms, page, printing

    made = {"json": forms.json_text, "csv": forms.csv_text, "html": page.text}
    texts = {path: made[form](answer) for form, paths in wanted.items() for path in paths}
    outputs.write_texts(texts)
    if outputs.HERE not in texts:
        with console.results():
            printing.show(answer)
    console.wrote(*texts)


def _fail(ran: Ran) -> None:
    """End as the first failed trial would.

    Raises:
        Snn2chipError: a trial failed.
    """
    if not ran.failures:
        return
    from snn2chip.study.trials.running import SEARCH

    (first, (code, reason)), *_ = ran.failures.items()
    kinds = {kind.exit_code: kind for kind in Snn2chipError.__subclasses__()}
    kind = kinds.get(code, Snn2chipError)
    if first == SEARCH:
        raise kind(f"the search came to no end:{os.linesep}{reason}")
    count = sum(key != SEARCH for key in ran.failures)
    what = f"{count} of {len(ran.trials)} trials are not done"
    again = "the same command tries them again, and them alone"
    if "\n  change: " in reason:  # which says more than that it can be tried again
        raise kind(f"{what}, and {again}; the first:{os.linesep}{reason}")
    raise kind(f"{what}; the first:{os.linesep}{reason}", remedy=again)
