"""Trials in processes of their own, none of which outlives the one that started it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, TypeAlias

from snn2chip.errors import Snn2chipError
from snn2chip.study.trials.one import Work, run_trial

CRASHED = 1
"""Exit code of a trial whose process ended by itself."""

_PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when the one that started it ends."""

Running: TypeAlias = dict[Connection, tuple[Work, Any]]
"""Trial and process, by where the process says how it ended."""


def failure_of(error: Exception) -> tuple[int, str]:
    """Exit code and reason of a trial that ended in an error, whoever raised it."""
    if isinstance(error, Snn2chipError):
        return error.exit_code, str(error)
    return CRASHED, f"{type(error).__name__}: {error}"


@contextmanager
def processes() -> Iterator[Running]:
    """Trials that run beside each other; they end when the block is left before them."""
    running: Running = {}
    try:
        yield running
    finally:
        for _, process in running.values():
            process.terminate()
        for connection, (_, process) in running.items():
            process.join()
            connection.close()


def start(running: Running, work: Work) -> None:
    """Begin with a trial."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_trial_process, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    running[ours] = work, process


def ended(running: Running) -> Iterator[tuple[Work, int, str]]:
    """Wait for trials, and take those that ended out: each with its exit code and reason."""
    for connection in wait(list(running)):
        assert isinstance(connection, Connection)
        work, process = running.pop(connection)
        try:
            code, reason = connection.recv()
        except EOFError:
            code, reason = CRASHED, "its process ended by itself (memory, or a signal)"
        connection.close()
        process.join()
        yield work, code, reason


def end_with_parent() -> None:
    """Let this process end as soon as the one that started it has ended, and be it by kill -9.

    A trial that went on alone would keep the next run out of its folder.
    """
    _ask_kernel()
    _watch_parent()


def _ask_kernel() -> None:
    """On Linux the kernel sends a signal, whatever this process is doing then."""
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _watch_parent() -> None:
    """Everywhere a thread waits for the end of the parent, which may have been before this."""
    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(CRASHED)

    Thread(target=watch, name="parent", daemon=True).start()


def _trial_process(work: Work, connection: Connection) -> None:
    """One trial; says (exit code, reason). The keyboard interrupts the process that started it."""
    end_with_parent()
    from snn2chip.distill.training.memory import keep_freed_memory

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    try:
        run_trial(work)
    except Exception as error:
        connection.send(failure_of(error))
    else:
        connection.send((0, ""))
    finally:
        connection.close()
