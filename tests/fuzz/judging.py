"""What a command about a hostile file must not have done."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath

from tests.fuzz.running import LIMIT_BYTES, LIMIT_SECONDS, Done

CODES = frozenset((0, 2, 3, 4, 5))

MARKUP = "[bold]MARKUP[/bold]"
TAG = "<fuzz fuzz=1>"
"""Parts of hostile names; how they come out says whether they were escaped."""

_SAYS = (
    ("Traceback (most recent", "a traceback"),
    ("a fault in snn2chip", "a fault of ours"),
    ("Exception ignored", "an exception that nobody caught"),
    ("HDF5-DIAG", "libhdf5's own messages"),
    ("not enough memory", "more memory than a case has"),
)
_WARNING = re.compile(r"^.*\b[A-Z]\w*Warning: .*$", re.MULTILINE)
_UNESCAPED = re.compile(r"(?<!\[bold\])MARKUP")
_LONGEST_MESSAGE = 100_000


def faults(done: Done, folder: Path, before: frozenset[str]) -> list[str]:
    """Everything that is wrong with how a command ended, worst first.

    Args:
        before: names of the files that lay in ``folder``.
    """
    return [*_ending(done), *done.broken, *_said(done), *_left(folder, before)]


def listing(folder: Path) -> frozenset[str]:
    """Every file below a folder."""
    return frozenset(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _ending(done: Done) -> Iterator[str]:
    if done.code < 0:
        yield f"ended by signal {-done.code}"
    elif done.code not in CODES:
        yield f"exit code {done.code}"
    if done.seconds > LIMIT_SECONDS:
        yield f"{done.seconds:.1f} s"
    if done.peak_bytes > LIMIT_BYTES:
        yield f"{done.peak_bytes / 2**20:.0f} MB"


def _said(done: Done) -> Iterator[str]:
    text = done.out + done.err
    yield from (name for word, name in _SAYS if word in text)
    warning = _WARNING.search(done.err)
    if warning:
        yield f"a warning: {warning[0][-200:]}"
    odd = next((line for line in text.split("\n") if not line.isprintable()), None)
    if odd is not None:
        yield f"control characters: {odd[:200]!r}"
    if _UNESCAPED.search(text):
        yield "markup that was taken as such"
    if len(done.err) > _LONGEST_MESSAGE:
        yield f"a message of {len(done.err)} characters"
    if done.code not in (0, None) and done.code in CODES and not done.err.strip():
        yield f"exit code {done.code} without a word"


def _left(folder: Path, before: frozenset[str]) -> Iterator[str]:
    """Files where none may be, and files that are not what they should be."""
    for name in sorted(listing(folder) - before):
        path = folder / name
        if name != "out" and not name.startswith("out/"):
            yield f"left {name!r}"
        elif ".partial" in path.name or path.name.startswith("."):
            yield f"left the temporary {name!r}"
        elif path.is_file():
            yield from (f"{name}: {fault}" for fault in _content(path))


def _content(path: Path) -> Iterator[str]:
    match path.suffix:
        case ".html":
            parser = _Tags()
            parser.feed(path.read_text(encoding="utf-8"))
            if parser.found:
                yield f"names of the file became HTML: {parser.found}"
        case ".json":
            try:
                json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
            except ValueError as error:
                yield f"no JSON: {error}"
        case ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                if len({len(row) for row in csv.reader(file)}) > 1:
                    yield "rows of different lengths"
        case ".npz":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.startswith("/") or ".." in PurePosixPath(name).parts:
                        yield f"an entry that unpacks elsewhere: {name!r}"


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


class _Tags(HTMLParser):
    """Elements and attributes that only a name of the file can have made."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [tag, *(name for name, _ in attributes)]
        self.found += [name for name in names if name.startswith("fuzz")]
