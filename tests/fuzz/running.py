"""One command in a process of its own, with limits, and what it did.

The process is a fork of one that has imported everything, so that a case takes milliseconds. What
it writes, starts and unpickles is watched by an audit hook.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 10
LIMIT_BYTES = 2 * 2**30

_WALL_SECONDS = 40
"""When a process is ended; other work on the machine may slow it, so time counts as CPU time."""

_HEADROOM_BYTES = 3 * 2**30
"""Address space beyond that of the start: what takes more would take the machine's memory."""

_FILE_BYTES = 2**28
_FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "socket.")
_COMPILER = ("numba", "llvmlite", "numpy", "snn2chip", "functools", "types",
             "copyreg", "collections")  # fmt: skip
"""What the compiled kernels in the user's cache are unpickled from."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = frozenset(
    ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
     "os.chmod", "shutil.rmtree", "shutil.move")
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """How a command ended.

    Attributes:
        code: exit code; negative for the signal that ended it.
        seconds: of CPU time.
        peak_bytes: largest resident memory, with everything that was imported before.
        broken: what it did and should not have done.
    """

    code: int
    out: str
    err: str
    seconds: float
    wall_seconds: float
    peak_bytes: int
    broken: tuple[str, ...] = ()


def run(command: Sequence[str], folder: Path, writable: Sequence[Path]) -> Done:
    """The command in ``folder``, watched."""
    logs = {name: folder.parent / f"{folder.name}.{name}" for name in ("out", "err", "broken")}
    temporary = folder.parent / f"{folder.name}.tmp"
    temporary.mkdir()
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        _child(command, folder, temporary, [*writable, temporary], logs)
    status, usage = _wait(child, start + _WALL_SECONDS)
    texts = {n: p.read_bytes().decode("utf-8", "replace") for n, p in logs.items() if p.exists()}
    for path in logs.values():
        path.unlink(missing_ok=True)
    left = tuple(
        f"left the temporary {path.name!r}"
        for path in temporary.iterdir()
        if not path.name.startswith("torchinductor")
    )
    shutil.rmtree(temporary)
    return Done(
        code=os.waitstatus_to_exitcode(status),
        out=texts.get("out", ""),
        err=texts.get("err", ""),
        seconds=usage.ru_utime + usage.ru_stime,
        wall_seconds=time.perf_counter() - start,
        peak_bytes=usage.ru_maxrss * 1024,
        broken=tuple(texts.get("broken", "").splitlines()) + left,
    )


def _wait(child: int, until: float) -> tuple[int, Any]:
    while True:
        found, status, usage = os.wait4(child, os.WNOHANG)
        if found:
            return status, usage
        if time.perf_counter() > until:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            return status, usage
        time.sleep(0.004)


def _child(
    command: Sequence[str],
    folder: Path,
    temporary: Path,
    writable: Sequence[Path],
    logs: Mapping[str, Path],
) -> None:
    """Runs the command; never returns."""
    code = 99
    try:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(logs[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        broken = os.open(logs["broken"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.chdir(folder)
        os.environ["COLUMNS"] = "1000"
        tempfile.tempdir = str(temporary)
        writable = [*writable, *_caches()]
        _limit()
        sys.addaudithook(_hook(broken, tuple(os.path.realpath(p) + os.sep for p in writable)))
        from snn2chip.cli import main

        _no_long_training()
        code = main(list(command))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(code)


def _caches() -> list[Path]:
    """Where compiled kernels are kept, whatever the input says."""
    accelerate = sys.modules.get("snn2chip.engine.kernels.accelerate")
    folder = accelerate.cache_folder() if accelerate else None
    return [] if folder is None else [folder]


def _no_long_training() -> None:
    """Recipes may ask for hours on purpose; everything before and after the training is real."""
    run = sys.modules.get("snn2chip.distill.run")
    if run is None:
        return
    from snn2chip.errors import ConfigError

    fit = run.fit

    def short(recipe: Any, *arguments: Any, **options: Any) -> Any:
        student, training = recipe.student, recipe.training
        if training.epochs * sum(student.widths) * recipe.encoding.steps > 100:
            raise ConfigError("a long training, which fuzzing leaves out")
        return fit(recipe, *arguments, **options)

    run.fit = short


def _limit() -> None:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _HEADROOM_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_SECONDS + 2, LIMIT_SECONDS + 4))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _hook(log: int, writable: tuple[str, ...]) -> Any:
    """An audit hook that writes down what no input file may cause."""

    def inside(path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return True  # a descriptor, whose opening was seen
        place = os.path.join(os.path.realpath(os.path.dirname(os.fsdecode(path)) or "."),
                             os.path.basename(os.fsdecode(path)))  # fmt: skip
        return place == "/dev/null" or (place + os.sep).startswith(writable)

    def complaints(event: str, arguments: tuple[Any, ...]) -> Iterator[str]:
        if event == "subprocess.Popen" and arguments[0] == "git":
            return  # which asks for the commit that a compiled folder names
        if event.startswith(_FORBIDDEN):
            yield f"{event} {arguments[:1]!r}"
        elif event == "pickle.find_class" and not (
            arguments[0].startswith(_COMPILER) or arguments[:2] == ("builtins", "object")
        ):
            yield f"unpickles {arguments[0]}.{arguments[1]}"
        elif event == "open":
            path, mode, flags = arguments
            writes = (flags or 0) & _WRITES or (isinstance(mode, str) and set(mode) & set("wax+"))
            if writes and not inside(path):
                yield f"opens {path!r} to write"
        elif event in _CHANGES and not (isinstance(arguments[-1], int) and arguments[-1] > 0):
            # a descriptor of a folder comes from shutil.rmtree, which was seen itself
            yield from (f"{event} {path!r}" for path in arguments[:2] if not inside(path))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        for line in complaints(event, arguments):
            os.write(log, (line[:500] + "\n").encode("utf-8", "backslashreplace"))

    return hook
