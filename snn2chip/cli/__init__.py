"""The command line: thin commands that parse, call the library, and print.

`main` is the one place where an error becomes an exit code. Importing this package is cheap; every
command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snn2chip.errors import Snn2chipError

_EVERYWHERE = ("-q", "--quiet", "-v", "--verbose")
_TOO_LARGE = ("Maximum allowed dimension exceeded", "array is too big")
"""What numpy says, as a ValueError, of arrays that no machine holds."""

_SPINS = 10_000
"""Turns that an idle thread of GNU OpenMP waits awake. By default they wait for 100 ms, and where
another program has a core, every product of a training in two threads waits as long for it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (the table is in ``snn2chip.errors``)."""
    from snn2chip.cli import console
    from snn2chip.errors import ConfigError, Snn2chipError

    if "OMP_WAIT_POLICY" not in os.environ:  # read when torch is imported
        os.environ.setdefault("GOMP_SPINCOUNT", str(_SPINS))
    try:
        console.open_streams()
        return _run(sys.argv[1:] if argv is None else list(argv))
    except Snn2chipError as error:
        console.complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except console.ReaderLeftError:
        return 128 + 13
    except (MemoryError, OSError, ValueError) as error:
        reason = _outside(error)
        if reason is None:
            console.complain_about_bug(error)
            return 1
        console.complain(reason)
        return ConfigError.exit_code
    except Exception as error:
        console.complain_about_bug(error)
        return 1
    finally:
        console.let_go()


def _run(argv: list[str]) -> int:
    from snn2chip.cli import console
    from snn2chip.cli.app import app
    from snn2chip.errors import ConfigError

    for word in argv:
        if "\0" in word:
            raise ConfigError(f"{word[:80]!r}: a NUL character, which no name has")
    # The options of all commands may also stand behind the command.
    everywhere = [word for word in argv if word in _EVERYWHERE]
    rest = [word for word in argv if word not in _EVERYWHERE]
    streams = sys.stdout, sys.stderr
    try:
        app(args=[*everywhere, *rest], prog_name="snn2chip")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    else:
        code = 0
    if sys.stdout is not streams[0]:  # typer's answer to a reader that left
        sys.stdout, sys.stderr = streams
        raise console.ReaderLeftError
    with console.results():
        return code


def _outside(error: Exception) -> Snn2chipError | None:
    """What to say where the machine, not snn2chip, is at fault; None for a fault of ours."""
    from snn2chip.cli import console
    from snn2chip.errors import ConfigError

    if isinstance(error, MemoryError) or str(error).startswith(_TOO_LARGE):
        return ConfigError(
            "not enough memory",
            has=str(error),
            remedy="a smaller network, or less at once where the command has these: --samples, "
            "--steps, --batch",
        )
    if not isinstance(error, OSError) or error.errno is None:
        return None
    try:
        os.getcwd()
    except OSError:
        return ConfigError("the current folder is gone", remedy="change to a folder that is there")
    if error.filename is None:  # written files are named; typer's help is not
        return console.unwritable(error)
    return ConfigError(f"{str(error.filename)[:200]}: {error.strerror}", remedy="another path")
