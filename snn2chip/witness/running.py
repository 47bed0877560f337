"""Scripts in an engine's own Python: a process group with a time limit, of which nothing stays."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from snn2chip.errors import WitnessError

_TOLD = 3000
"""Bytes of what a script printed last."""
_SHOWN = 12
"""Lines of it in a message."""


@dataclass(frozen=True)
class Engine:
    """An interpreter that has an outside engine.

    Attributes:
        name: of the engine, for people.
        own: made by us; the user's PYTHONPATH is then left out.
    """

    name: str
    python: Path
    own: bool


def run_script(engine: Engine, script: Path, words: Sequence[str], limit_s: float) -> str:
    """What a script printed last, standard output and errors together.

    Raises:
        WitnessError: it cannot be started, ended with an error, or did not end in time.
    """
    isolated = ["-I"] if engine.own else []
    # Many processes of one thread each: a product of one must not take all processors.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                [str(engine.python), *isolated, str(script), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
            )
        except OSError as error:
            raise WitnessError(
                f"{engine.python}: cannot be run",
                needs=f"a Python that has {engine.name}",
                has=error.strerror or str(error),
                remedy="check the path, or leave it out: an environment is made then",
            ) from error
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise _failed(
                engine,
                f"no end after {limit_s:g} s",
                _end(log),
                "a longer --time-limit, or fewer samples and steps",
            ) from None
        finally:
            # Processes of an engine may wait for each other for ever when one of them fails.
            _end_group(process)
        printed = _end(log)
        if code:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise _failed(engine, f"it ended with {how}", printed)
        return printed


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _end(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _TOLD))
    return log.read().decode("utf-8", "replace")


def _failed(engine: Engine, how: str, printed: str, remedy: str = "") -> WitnessError:
    lines = [line.rstrip() for line in printed.strip().splitlines()][-_SHOWN:]
    return WitnessError(
        f"{engine.name} failed: {how}",
        has="\n          ".join(lines) or "it printed nothing",
        remedy=remedy or f"look at what it printed; its interpreter is {engine.python}",
    )
