"""Files that commands write: each one whole, by way of a temporary name, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from snn2chip.errors import ConfigError
from snn2chip.files import write_bytes

if TYPE_CHECKING:
    from snn2chip.core import Trace
    from snn2chip.pipeline import Result
    from snn2chip.report import Report

HERE = Path("-")
"""As a path of ``--json``: standard output."""


def check_outputs(files: Mapping[str, Path]) -> None:
    """Refuse output files that cannot be written, before the work begins.

    Raises:
        ConfigError: two outputs are one file, or a path is a folder or lies in a file.
    """
    seen: dict[Path, str] = {}
    for name, path in files.items():
        if path == HERE and name == "json":
            continue
        other = seen.setdefault(path.resolve(), name)
        if other != name:
            raise ConfigError(f"--{name} and --{other} are both {path}", remedy="name two files")
        if path.is_dir():
            raise ConfigError(f"--{name} {path}: is a folder", needs="the path of a file")
        if any(parent.is_file() for parent in path.parents):
            raise ConfigError(f"--{name} {path}: lies in a file", needs="a path in a folder")


def write_outputs(report: Report, result: Result, files: Mapping[str, Path]) -> None:
    """Write the report as ``json``, ``csv`` and ``html``, and the ``trace``, to these paths.

    All contents are made before the first is written.
    """
    contents = {path: _content(name, report, result) for name, path in files.items()}
    for path, content in contents.items():
        if path == HERE:
            sys.stdout.write(content.decode("utf-8"))
        else:
            write_bytes(path, content)


def _content(name: str, report: Report, result: Result) -> bytes:
    from snn2chip.report import csvfile, html, jsonfile

    if name == "trace":
        assert result.trace is not None
        return _trace(result.trace)
    text = {"json": jsonfile.text, "csv": csvfile.text, "html": html.text}[name](report)
    return text.encode("utf-8", "backslashreplace")


def _trace(trace: Trace) -> bytes:
    import numpy as np

    buffer = BytesIO()
    np.savez_compressed(buffer, **trace.arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
