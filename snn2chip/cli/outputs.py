"""Files that commands write: each one whole, by way of a temporary name, or not at all."""

from __future__ import annotations

import ntpath
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from snn2chip.cli import console
from snn2chip.errors import ConfigError, InputFileError, Snn2chipError
from snn2chip.files import write_bytes

if TYPE_CHECKING:
    from snn2chip.core import Trace
    from snn2chip.pipeline import Result
    from snn2chip.report import Report

HERE = Path("-")
"""As a path of ``--json`` or ``--csv``: standard output."""

ON_STANDARD_OUTPUT = ("--json", "--csv", "--cores-csv", "--curve-csv")

SHOWN = 200
"""Characters of a path that cannot be used, in a message."""

_OF_RUNS = ("*.safetensors", "*.resume", "ensemble.json", "recipe.toml", "card.md")
"""Files of a folder of `snn2chip distill`, which the same command or another reads again."""

Outputs: TypeAlias = Mapping[str, Path | None]
Inputs: TypeAlias = Mapping[str, str | Path | None]


def check_files(outputs: Outputs, inputs: Inputs) -> None:
    """Refuse files that cannot be read or written, or of which one is lost, before work begins.

    Args:
        outputs: file to write, by the flag as the user types it; None where it is not given.
        inputs: file, folder or name to read, by what the user calls it.

    Raises:
        ConfigError: a name is empty or impossible; two outputs are one file; an output is an input,
            a folder, lies in a file, or is where standard output goes.
        InputFileError: an input cannot be looked at.
    """
    taken = _read(inputs)
    here = [word for word, path in outputs.items() if path == HERE]
    for word in here:
        if word not in ON_STANDARD_OUTPUT:
            raise ConfigError(f"{word} -", needs="the path of a file")
    if len(here) > 1:
        raise ConfigError(f"{' and '.join(here)} are both -", remedy="name a file for one of them")
    for word, path in outputs.items():
        if path is None or path == HERE:
            continue
        _check_output(word, path)
        place = Path(os.path.realpath(path))
        if place in taken:
            other, its_path = taken[place]
            both = f"{word} {path} and {other} {its_path}"
            raise ConfigError(f"{both} are one file", remedy=f"another path for {word}")
        taken[place] = (word, path)


def check_folder(word: str, folder: Path, inputs: Inputs) -> None:
    """Refuse a folder to replace that holds an input.

    Raises:
        ConfigError: naming both.
        InputFileError: an input cannot be looked at.
    """
    _stat(word, folder)
    whole = Path(os.path.realpath(folder))
    for place, (other, path) in _read(inputs).items():
        if whole in place.parents:
            raise ConfigError(
                f"{word} {folder}: is replaced, and {other} {path} lies in it",
                remedy=f"another folder for {word}",
            )


def check_run_folder(folder: Path | None, inputs: Inputs, outputs: Outputs) -> None:
    """Refuse a folder for a run that holds an input, or files that are not of a run.

    Nor may another output lie there: it would take the place of a file of the run, or be one that
    keeps the next run out of the folder.

    Raises:
        ConfigError: naming them.
        InputFileError: an input cannot be looked at.
    """
    from snn2chip.compiled import check_folder as check_ours

    if folder is None:
        return
    check_folder("-o", folder, inputs)
    whole = Path(os.path.realpath(folder))
    for word, path in outputs.items():
        if path is None or path == HERE:
            continue
        named = Path(os.path.realpath(path.parent)) / path.name
        real = Path(os.path.realpath(path))
        if whole in (named, real, *named.parents, *real.parents):
            raise ConfigError(
                f"{word} {path}: lies in -o {folder}, whose files are those of the run",
                remedy=f"another path for {word}; -o writes report.json and report.html anyway",
            )
    check_ours(folder)


def _read(inputs: Inputs) -> dict[Path, tuple[str, str | Path]]:
    """(what the user calls it, as given) of every file that is read, by where it really is."""
    from snn2chip.compiled.folder import PARTS

    found: dict[Path, tuple[str, str | Path]] = {}
    for word, given in inputs.items():
        if given is None:
            continue
        if not str(given):
            raise ConfigError(f"{word}: is empty", needs="a name or a path")
        _stat(word, given, ConfigError if word == "--target" else InputFileError)
        place = Path(os.path.realpath(given))
        if place.is_dir():
            of_runs = (file.name for form in _OF_RUNS for file in place.glob(form))
            found |= {
                Path(os.path.realpath(place / part)): (word, f"{given}/{part}")
                for part in (*PARTS, *of_runs)
            }
        elif place.is_file():
            found[place] = (word, given)
    return found


def _check_output(word: str, path: Path) -> None:
    status = _stat(word, path)
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise ConfigError(f"{word} {path}: is a folder", needs="the path of a file")
    if any(os.path.isfile(parent) for parent in path.parents):
        raise ConfigError(f"{word} {path}: lies in a file", needs="a path in a folder")
    if status is None or not stat.S_ISREG(status.st_mode):
        return
    for name, number in (("standard output", 1), ("standard error", 2)):
        with suppress(OSError):
            if os.path.samestat(status, os.fstat(number)):
                raise ConfigError(f"{word} {path}: is where {name} goes", remedy="another path")


def _stat(
    word: str, path: str | Path, kind: type[Snn2chipError] = ConfigError
) -> os.stat_result | None:
    """What is there, or None."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        text = str(path)
        short = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        raise kind(f"{word} {short}: cannot be used", has=error.strerror or str(error)) from error


def write_outputs(report: Report, result: Result, files: Mapping[str, Path]) -> None:
    """Write the report by form (``json``, ``cores-csv``, ...), ``trace`` and ``curve-csv``.

    All contents are made before the first is written; standard output comes last.
    """
    _write({path: _content(name, report, result) for name, path in files.items()})


def write_and_show(report: Report, result: Result, files: Mapping[str, Path]) -> None:
    """Write the files, and print the report unless one of them is standard output."""
    from snn2chip.report import terminal

    write_outputs(report, result, files)
    if HERE not in files.values():
        with console.results():
            terminal.show(report)
    console.wrote(*files.values())


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write texts whole, standard output last."""
    _write({path: text.encode("utf-8", "backslashreplace") for path, text in texts.items()})


def _write(contents: dict[Path, bytes]) -> None:
    here = contents.pop(HERE, None)
    for path, content in contents.items():
        write_bytes(path, content)
    if here is not None:
        console.out_bytes(here)


def _content(name: str, report: Report, result: Result) -> bytes:
    from snn2chip.report import csvfile, curve, html, jsonfile

    if name == "trace":
        assert result.trace is not None
        return _trace(result.trace)
    if name == "curve-csv":
        return curve.text(report.curve).encode()
    printers = {
        "json": jsonfile.text,
        "csv": csvfile.text,
        "cores-csv": csvfile.cores_text,
        "html": html.text,
    }
    text = printers[name](report)
    return text.encode("utf-8", "backslashreplace")


def _trace(trace: Trace) -> bytes:
    """An ``.npz`` as numpy writes it; numpy itself takes some names for its own arguments."""
    import zipfile

    from numpy.lib import format as npy

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in trace.arrays.items():
            with archive.open(f"{_entry(name)}.npy", "w", force_zip64=True) as stream:
                npy.write_array(stream, array, allow_pickle=False)
    return buffer.getvalue()


def _entry(name: str) -> str:
    """A name that unpacks below the folder it is unpacked in; most names stay as they are.

    Names of populations come from files: "/x", "../x" and drives would be written elsewhere.
    """
    parts = name.replace("\\", "/").split("/")
    if parts[0] and ".." not in parts and "%" not in name and not ntpath.splitdrive(name)[0]:
        return name
    return "".join(f"%{ord(c):02X}" if c in "%/\\:" else c for c in name).replace("..", "%2E%2E")
