"""What commands say: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from snn2chip.cli.tables import laid_out
from snn2chip.errors import ConfigError, DoesNotFitError, Snn2chipError

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
        ConfigError: it takes nothing, as a full disk.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderLeftError from error
    except OSError as error:
        raise unwritable(error) from error


def unwritable(error: OSError) -> ConfigError:
    """That standard output takes nothing."""
    return ConfigError(
        "standard output cannot be written",
        has=error.strerror or str(error),
        remedy="another place for the output",
    )


def open_streams() -> None:
    """Make up for closed standard streams, so that no file gets their numbers.

    Raises:
        ConfigError: standard output is closed.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    closed = sys.stdout is None
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if closed:
        raise unwritable(OSError("it is closed"))


def let_go() -> None:
    """Give up what a stream does not take, so that the interpreter does not try once more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def out(text: str) -> None:
    """Print a result."""
    text = escaped(text if text.endswith("\n") else text + "\n")
    with results():
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def out_bytes(content: bytes) -> None:
    """Write a file to standard output as it is."""
    with results():
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


def shown(text: str) -> str:
    """One line of foreign text with everything invisible as an escape."""
    if text.isprintable():
        return text
    from snn2chip.report.numbers import shown as without_controls

    return without_controls(text)


def escaped(text: str) -> str:
    """``text`` with everything invisible as an escape but blanks and the ends of lines.

    Names from outside must not move the cursor, change colours or hide what stands beside them.
    """
    return "\n".join(map(shown, text.split("\n")))


def note(text: str) -> None:
    """Say something about the work; silent with -q."""
    if not verbosity.quiet:
        _say(text)


def _say(text: str) -> None:
    """Print on standard error, as far as that takes it: the exit code says the rest."""
    with suppress(OSError):
        print(escaped(text), file=sys.stderr)


def wrote(*paths: Path | None) -> None:
    """Name the files that were written."""
    for path in paths:
        if path is not None and str(path) != "-":
            note(f"wrote {path}")


def complain(error: Snn2chipError) -> None:
    """Print an error in its four parts."""
    _say(f"snn2chip: {error}")
    _traceback(error)


def complain_about_bug(error: Exception) -> None:
    """Print one line about a fault of ours, and the traceback with -v."""
    _say(
        f"snn2chip: a fault in snn2chip: {type(error).__name__}: {error}\n"
        "  change: please report it, with the output of 'snn2chip -v ...' and 'snn2chip doctor'"
    )
    _traceback(error)


def _traceback(error: Exception) -> None:
    if verbosity.verbose:
        import traceback

        _say("".join(traceback.format_exception(error)).rstrip())


def refuse(violations: Sequence[Violation]) -> None:
    """Print every broken limit and end the command.

    Raises:
        DoesNotFitError: there are violations; it counts them.
    """
    if not violations:
        return
    for found in violations:
        _say(
            f"{shown(found.object)}: breaks {shown(found.rule)}\n"
            f"  needs:  {shown(found.needs)}\n"
            f"  has:    {shown(found.has)} ({shown(found.source)})\n"
            f"  change: {shown(found.remedy)}"
        )
    count = len(violations)
    raise DoesNotFitError(f"{count} broken limit{'s' if count > 1 else ''}: it does not fit")


def room() -> int | None:
    """Columns that results have: what COLUMNS says, or those of the terminal; None in a pipe."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    if not sys.stdout.isatty():
        return None
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    return None


def folded(text: str) -> str:
    """Sentences that end at words where there is no more room."""
    width = room()
    if width is None:
        return text
    from textwrap import fill

    return "\n".join(
        fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]], names: int = 1) -> str:
    """Columns of text, padded; numbers to the right; no wider than there is room.

    Args:
        names: first columns that say which row it is: each block of a wide table begins with them.
    """
    cells = [list(head), *([shown(str(cell)) for cell in row] for row in rows)]
    right = [
        bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        for i in range(len(head))
    ]
    return laid_out(cells, right, room(), names)


@contextmanager
def resumable() -> Iterator[None]:
    """Around work that a later run goes on with: an interruption says so."""
    try:
        yield
    except KeyboardInterrupt:
        note("interrupted: the same command goes on with what is done")
        raise


LINE_SECONDS = 60.0


def _lines() -> Progress:
    last = time.monotonic()

    def tell(stage: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done and now - last >= LINE_SECONDS:
            last = now
            note(f"{stage} {done}/{total}")

    return tell


@contextmanager
def progress(lines: bool = False) -> Iterator[Progress | None]:
    """A progress bar on standard error where that is a terminal, else None.

    A stage of which nothing was done yet ends when another one begins.

    Args:
        lines: of work that takes hours: where there is no terminal, such as in a log, a line every
            `LINE_SECONDS`.
    """
    if verbosity.quiet or not sys.stderr.isatty():
        yield _lines() if lines and not verbosity.quiet else None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}
        idle: set[str] = set()

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for other in idle:  # such as what came before the first epoch
                    bars.remove_task(tasks.pop(other))
                idle.clear()
                tasks[stage] = bars.add_task(stage, total=total)
            (idle.discard if done else idle.add)(stage)
            bars.update(tasks[stage], completed=done, total=total)

        yield tell
