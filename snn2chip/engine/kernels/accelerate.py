"""Compiled kernels where numba is installed; plain numpy does the same without it.

Kernels live in modules of their own that import numba through ``jit``. They are loaded at first
use, compiled once and kept in a folder of the user's cache. ``SNN2CHIP_NUMBA=0`` leaves them out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, TypeVar

SWITCH = "SNN2CHIP_NUMBA"
_Function = TypeVar("_Function", bound=Callable[..., Any])
_compiling = Lock()


def reason_against() -> str | None:
    """Why kernels are not compiled, or None where they are."""
    if os.environ.get(SWITCH, "1") in ("0", "no", "off", "false"):
        return f"{SWITCH}={os.environ[SWITCH]}"
    return _missing()


@cache
def _missing() -> str | None:
    if find_spec("numba") is None:
        return "numba is not installed"
    try:
        import_module("numba")
    except Exception as error:  # a numba that does not fit this numpy says so on import
        return f"numba cannot be imported: {error}"
    return None


def kernels(module: str) -> ModuleType | None:
    """The module of kernels called ``module``, or None where they are not compiled."""
    if reason_against() is not None:
        return None
    with _compiling:
        return import_module(module)


def jit(function: _Function) -> _Function:
    """``function`` compiled at its first call; it runs without holding Python's lock."""
    return _compiled(function)


def inline(function: _Function) -> _Function:
    """``jit`` for a function that becomes part of every compiled one that calls it."""
    return _compiled(function, forceinline=True)


def _compiled(function: _Function, **options: bool) -> _Function:
    numba: Any = import_module("numba")
    with _cache_folder(numba.config) as folder:
        decorate = numba.njit(nogil=True, error_model="numpy", cache=folder is not None, **options)
        compiled: _Function = decorate(function)
    return compiled


@contextmanager
def _cache_folder(config: Any) -> Iterator[Path | None]:
    """Points numba at our folder while a function is declared; a user's own choice stays."""
    chosen = str(config.CACHE_DIR)
    if chosen:
        yield Path(chosen)
        return
    folder = cache_folder()
    if folder is not None:
        config.CACHE_DIR = str(folder)
    try:
        yield folder
    finally:
        config.CACHE_DIR = chosen


@cache
def cache_folder() -> Path | None:
    """Where compiled kernels are kept, or None where nothing can be written."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "snn2chip" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None
