"""Environments of exact versions: made once with uv, kept in the user's cache, and reused.

An environment lies in ``<cache>/snn2chip/witness/<name>-<hash of its lock>``. It is made under
another name and renamed when it is whole, so that a second process at the same time, or one that
is interrupted, does no harm.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from snn2chip.errors import WitnessError
from snn2chip.witness.interpreters import call, interpreter, uv_program

_MAKE_S = 1800
_HASH = 12
_PROGRAMS, _PYTHON = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")

Tell = Callable[[str], None]
"""Called with a sentence on what takes long."""


@dataclass(frozen=True)
class Environment:
    """What an engine needs.

    Attributes:
        name: of the engine.
        version: of Python, as ``3.10``.
        lock: every package with its exact version, one a line, dependencies included.
    """

    name: str
    version: str
    lock: str

    @property
    def folder(self) -> Path:
        """Where it lies, whether it is there or not."""
        digest = sha256(f"{self.version}\n{self.lock}".encode()).hexdigest()[:_HASH]
        return cache_folder() / f"{self.name}-{digest}"


def cache_folder() -> Path:
    """``snn2chip/witness`` in XDG_CACHE_HOME, or in ``~/.cache``.

    Raises:
        WitnessError: this user has no home.
    """
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise WitnessError(
            f"no folder for an engine: {error}", remedy="set XDG_CACHE_HOME to a folder"
        ) from error
    return base.absolute() / "snn2chip" / "witness"


def find(environment: Environment) -> Path | None:
    """Its interpreter where it was made and what it was made from is still there, else None."""
    python = environment.folder / _PROGRAMS / _PYTHON
    return python if python.exists() else None


def make(environment: Environment, python: Path | None = None, tell: Tell | None = None) -> Path:
    """Its interpreter; the environment is made where it is not there.

    Args:
        python: the interpreter to make it from; None looks for one.

    Raises:
        WitnessError: no uv, no interpreter, or an installation that failed.
    """
    if (found := find(environment)) is not None:
        return found
    uv = uv_program()
    base = interpreter(environment.version, uv, python)
    if tell is not None:
        tell(f"making the environment of {environment.name} with {base}, once")
    try:
        return _make(environment, uv, base)
    except OSError as error:
        raise WitnessError(
            f"{environment.folder}: cannot be written",
            has=error.strerror or str(error),
            remedy="set XDG_CACHE_HOME to a folder that can be written to",
        ) from error


def _make(environment: Environment, uv: Path, base: Path) -> Path:
    final = environment.folder
    final.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        made, lock = staging / "environment", staging / "lock.txt"
        lock.write_text(environment.lock)
        _uv(environment, uv, "venv", "--quiet", "--python", str(base), str(made))
        python = str(made / _PROGRAMS / _PYTHON)
        # Nothing but the lock: what the packages themselves ask for may be far more.
        # Compiled, because engines may load their modules again and again (Lava does).
        words = ("pip", "install", "--no-deps", "--compile-bytecode")
        _uv(environment, uv, *words, "--python", python, "-r", str(lock))
        _keep(made, final)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    found = find(environment)
    if found is None:
        raise WitnessError(
            f"{final}: uv made no interpreter there",
            remedy="remove the folder, and try again",
        )
    return found


def _keep(made: Path, final: Path) -> None:
    """Give a whole environment its name; where another process was faster, its own stays."""
    if final.exists() and not (final / _PROGRAMS / _PYTHON).exists():
        # What it was made from is gone; it is moved out of the way in one step, too.
        with suppress(OSError):
            final.rename(made.with_name("broken"))
    try:
        made.rename(final)
    except OSError:
        if not (final / _PROGRAMS / _PYTHON).exists():
            raise


def _uv(environment: Environment, uv: Path, *words: str) -> None:
    code, said = call(uv, words, _MAKE_S)
    if code:
        lines = [line.strip() for line in said.strip().splitlines()]
        raise WitnessError(
            f"the environment of {environment.name} could not be made",
            needs=f"uv {' '.join(words[:2])} of the exact versions that snn2chip names",
            has="\n          ".join(lines[-6:]) or "uv said nothing",
            remedy="try again where the network allows, or name the Python of an environment that "
            "has it already",
        )
