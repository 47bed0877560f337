"""Output files: each appears whole, by way of a temporary name beside it, or not at all.

A symbolic link stays one: the file that it points to is replaced. Devices and pipes are written to.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from snn2chip.errors import ConfigError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that takes its place on success and vanishes on failure.

    Folders on the way are made. What exists and is no regular file gets the content instead.

    Raises:
        ConfigError: the place cannot be written to.
    """
    path = Path(path)
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(0, "it is a folder")
        if os.path.exists(path) and not os.path.isfile(path):
            with _into(path) as temporary:
                yield temporary
        else:
            with _instead_of(Path(os.path.realpath(path))) as temporary:
                yield temporary
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written", has=error.strerror or str(error), remedy="another path"
        ) from error


@contextmanager
def _instead_of(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def _into(path: Path) -> Iterator[Path]:
    """A temporary name elsewhere, whose content goes into a device or a pipe on success."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / "content"
        yield temporary
        with temporary.open("rb") as content, path.open("wb") as place:
            shutil.copyfileobj(content, place)


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write ``content`` to ``path``, whole or not at all.

    Raises:
        ConfigError: the place cannot be written to.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def write_text(path: str | Path, content: str) -> Path:
    """Write ``content`` as UTF-8; lone surrogates of foreign names become escapes."""
    return write_bytes(path, content.encode("utf-8", "backslashreplace"))
