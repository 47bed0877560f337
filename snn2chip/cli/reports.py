"""``snn2chip report``: a report that was saved, printed again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snn2chip.cli import console, outputs


def report(
    folder: Annotated[
        str,
        typer.Argument(metavar="DIR", help="A compiled folder, demo-out, or a report.json."),
    ],
    csv: Annotated[
        Path | None, typer.Option(help="Write the layers as CSV; - is standard output.")
    ] = None,
) -> None:
    """Print the report that a folder holds; nothing is simulated again."""
    from snn2chip.files import write_text
    from snn2chip.report import csvfile, saved, terminal

    outputs.check_files({}, {"report": folder})
    path = Path(folder)
    path = path / "report.json" if path.is_dir() else path
    outputs.check_files({"--csv": csv}, {"report": path})
    found = saved.read(path)
    if csv == outputs.HERE:
        console.out_bytes(csvfile.text(found).encode("utf-8", "backslashreplace"))
        return
    with console.results():
        terminal.show(found)
    if csv is not None:
        write_text(csv, csvfile.text(found))
        console.wrote(csv)
