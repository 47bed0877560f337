"""What commands say: results on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from snn2chip.errors import DoesNotFitError, Snn2chipError

if TYPE_CHECKING:
    from snn2chip.core import Violation

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told (stage, done, total) while long work goes on."""


@dataclass
class Verbosity:
    """How much the current command says; set once by the options before the command."""

    quiet: bool = False
    verbose: bool = False


verbosity = Verbosity()


class ReaderLeftError(Exception):
    """Whoever read our output went away (``snn2chip ... | head``)."""


@contextmanager
def results() -> Iterator[None]:
    """Around everything that prints to standard output.

    Raises:
        ReaderLeftError: nobody reads it any more.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderLeftError from error


def out(text: str) -> None:
    """Print a result."""
    with results():
        sys.stdout.write(text if text.endswith("\n") else text + "\n")


def note(text: str) -> None:
    """Say something about the work; silent with -q."""
    if not verbosity.quiet:
        print(text, file=sys.stderr)


def wrote(*paths: Path | None) -> None:
    """Name the files that were written."""
    for path in paths:
        if path is not None and str(path) != "-":
            note(f"wrote {path}")


def complain(error: Snn2chipError) -> None:
    """Print an error in its four parts."""
    print(f"snn2chip: {error}", file=sys.stderr)
    _traceback(error)


def complain_about_bug(error: Exception) -> None:
    """Print one line about a fault of ours, and the traceback with -v."""
    print(
        f"snn2chip: a fault in snn2chip: {type(error).__name__}: {error}\n"
        "  change: please report it, with the output of 'snn2chip -v ...' and 'snn2chip doctor'",
        file=sys.stderr,
    )
    _traceback(error)


def _traceback(error: Exception) -> None:
    if verbosity.verbose:
        import traceback

        traceback.print_exception(error, file=sys.stderr)


def refuse(violations: Sequence[Violation]) -> None:
    """Print every broken limit and end the command.

    Raises:
        DoesNotFitError: there are violations; it counts them.
    """
    if not violations:
        return
    for found in violations:
        print(
            f"{found.object}: breaks {found.rule}\n"
            f"  needs:  {found.needs}\n"
            f"  has:    {found.has} ({found.source})\n"
            f"  change: {found.remedy}",
            file=sys.stderr,
        )
    count = len(violations)
    raise DoesNotFitError(f"{count} broken limit{'s' if count > 1 else ''}: it does not fit")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns of text, padded; numbers to the right."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    right = [
        bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        for i in range(len(head))
    ]
    lines = []
    for row in cells:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


@contextmanager
def progress() -> Iterator[Progress | None]:
    """A progress bar on standard error where that is a terminal, else None."""
    if verbosity.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)  # type: ignore[arg-type]

        yield tell
