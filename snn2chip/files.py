"""Output files: each appears whole, by way of a temporary name beside it, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snn2chip.errors import ConfigError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that takes its place on success and vanishes on failure.

    Folders on the way are made.

    Raises:
        ConfigError: the place cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written", has=error.strerror or str(error), remedy="another path"
        ) from error
    finally:
        if temporary.exists():
            temporary.unlink()


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
