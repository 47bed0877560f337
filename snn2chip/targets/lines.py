"""On which line of a TOML text a key stands, for messages. tomllib forgets it."""

from __future__ import annotations

import re

_HEADER = re.compile(r"^\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(?:#.*)?$")
_PART = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"^\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")

Path = tuple[str, ...]


def locate(text: str) -> dict[Path, int]:
    """Key path -> line, counted from 1, of every header and every key that starts a line.

    TOML's lines end at line feeds alone; other separators of Unicode may stand in a comment.
    """
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            table = _split(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(table + _split(key[1]), number)
    return found


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Line of ``path``, or of the innermost table or key around it; 1 where there is none."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _split(dotted: str) -> Path:
    """Parts of a dotted key without their quotes."""
    return tuple(part.strip().strip("\"'") for part in re.findall(_PART, dotted))
