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

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


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


@contextmanager
def alone_in(folder: str | Path, work: str) -> Iterator[None]:
    """Keep a second run out of a folder, which is made; whatever ends the first one lets it in.

    A folder that was made for nothing is removed again.

    Args:
        work: what is at work there, for the message.

    Raises:
        ConfigError: another one is at work there, or the folder cannot be written to.
    """
    folder = Path(folder)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):  # now, and not after the first epoch
            raise PermissionError(0, "no permission, or a read-only place")
        handle = None if fcntl is None else os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be written to", has=error.strerror or str(error), remedy="another -o"
        ) from error
    try:
        if fcntl is not None and handle is not None:
            _lock(handle, folder, work)
        yield
    finally:
        if handle is not None:
            os.close(handle)
        if made:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def _lock(handle: int, folder: Path, work: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError(
            f"{folder}: {work} is at work there", remedy="wait for it, or name another folder"
        ) from error
    except OSError:  # a file system without locks
        return


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
