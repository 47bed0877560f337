"""The command line: thin commands that parse, call the library, and print.

`main` is the one place where an error becomes an exit code. Importing this package is cheap; every
command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_EVERYWHERE = ("-q", "--quiet", "-v", "--verbose")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (the table is in ``snn2chip.errors``)."""
    from snn2chip.cli import console
    from snn2chip.errors import ConfigError, Snn2chipError

    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except Snn2chipError as error:
        console.complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except console.ReaderLeftError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    except MemoryError as error:
        console.complain(
            ConfigError(
                "not enough memory for this run",
                has=str(error),
                remedy="fewer --samples or --steps, or a smaller --batch",
            )
        )
        return ConfigError.exit_code
    except Exception as error:
        console.complain_about_bug(error)
        return 1


def _run(argv: list[str]) -> int:
    from snn2chip.cli.app import app

    # The options of all commands may also stand behind the command.
    everywhere = [word for word in argv if word in _EVERYWHERE]
    rest = [word for word in argv if word not in _EVERYWHERE]
    try:
        app(args=[*everywhere, *rest], prog_name="snn2chip")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    return 0
