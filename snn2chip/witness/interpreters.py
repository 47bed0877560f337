"""Interpreters of an older Python, for engines that run on nothing newer, and uv itself.

Looked for in this order: the one that the user names, ``python3.10`` on PATH, the versions folder
of pyenv, those that uv knows, and one that uv fetches where the network allows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from snn2chip.errors import WitnessError

_ASK = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
_ANSWER_S = 30
_FETCH_S = 600
_TOLD = 600
"""Characters of what a program said last."""


def uv_program() -> Path:
    """The program uv: that of this installation, else the one on PATH.

    Raises:
        WitnessError: there is none.
    """
    if (found := _installed_uv()) is not None:
        return found
    on_path = shutil.which("uv")
    if on_path is not None:
        return Path(on_path)
    raise WitnessError(
        "no uv",
        needs="uv, which makes the environment of an outside engine",
        remedy="pip install 'snn2chip[witness]'",
    )


def _installed_uv() -> Path | None:
    """The program that Python's package ``uv`` brings, or None."""
    if find_spec("uv") is None:
        return None
    from importlib import import_module

    try:
        return Path(import_module("uv").find_uv_bin())
    except (AttributeError, ImportError, OSError):
        return None


def interpreter(version: str, uv: Path, given: Path | None = None) -> Path:
    """An interpreter of ``version`` (``3.10``).

    Args:
        given: the user's own; nothing else is tried then.

    Raises:
        WitnessError: there is none, or the given one is another.
    """
    if given is not None:
        return _checked(given, version)
    for candidate in (*_on_path(version), *_of_pyenv(version), *_of_uv(version, uv)):
        if version_of(candidate) == version:
            return candidate
    said = _fetch(version, uv)
    for candidate in _of_uv(version, uv):
        if version_of(candidate) == version:
            return candidate
    raise WitnessError(
        f"no Python {version}",
        needs=f"an interpreter of Python {version}, on which the engine runs",
        has="none on PATH, none of pyenv's, and uv could not fetch one: " + _last_line(said),
        remedy=f"uv python install {version}",
    )


def version_of(python: Path) -> str | None:
    """``3.10`` of an interpreter; None of what is none."""
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", _ASK],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def program(given: str | Path) -> Path:
    """The path of a program that a user named: a file, else one on PATH, else as it was given."""
    path = Path(given).expanduser()
    if path.exists():
        return path.absolute()
    return Path(shutil.which(given) or path)


def _checked(given: Path, version: str) -> Path:
    python = program(given)
    found = version_of(python)
    if found == version:
        return python
    raise WitnessError(
        f"{python}: is no Python {version}",
        has="nothing that runs" if found is None else f"Python {found[:20]}",
        remedy=f"the path of an interpreter of Python {version}, or none: one is looked for then",
    )


def _on_path(version: str) -> Iterator[Path]:
    """Every ``python3.10`` of PATH: the first may be a shim that runs nothing."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(f"python{version}", path=folder) if folder else None
        if found is not None:
            yield Path(found)


def _of_pyenv(version: str) -> Iterator[Path]:
    """Interpreters that pyenv built, the newest first."""
    try:
        root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
        folders = [path for path in (root / "versions").iterdir() if path.is_dir()]
    except (OSError, RuntimeError):
        return
    wanted = re.compile(re.escape(version) + r"\.(\d+)")
    found = [(int(m[1]), path) for path in folders if (m := wanted.fullmatch(path.name))]
    for _, path in sorted(found, reverse=True):
        yield path / "bin" / f"python{version}"


def _of_uv(version: str, uv: Path) -> Iterator[Path]:
    """The interpreter that uv knows, without fetching one."""
    words = ("python", "find", "--offline", "--python-preference", "only-managed", version)
    code, said = call(uv, words, _ANSWER_S)
    if code == 0 and said.strip():
        yield Path(said.strip().splitlines()[-1])


def _fetch(version: str, uv: Path) -> str:
    return call(uv, ("python", "install", version), _FETCH_S)[1]


def call(uv: Path, words: Sequence[str], limit_s: float) -> tuple[int, str]:
    """(exit code, what was said last) of uv; it is asked outside any project."""
    own = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PYTHON")}
    try:
        done = subprocess.run(
            [str(uv), "--no-progress", "--color", "never", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=limit_s,
            check=False,
            env=own,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no end after {limit_s:g} s"
    except OSError as error:
        return 1, f"{uv}: {error.strerror or error}"
    return done.returncode, done.stdout[-_TOLD:]


def _last_line(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
