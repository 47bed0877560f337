"""The pages of ``docs/`` and the README are run, and say what the commands say.

A ``python`` block is executed, the blocks of one page after each other in one namespace. In a
``console`` block the lines after ``$ `` are run, and what is shown is compared with what is
printed: ``...`` stands for anything, and ``[exit code N]`` for how it ended. A block of another
language whose first line is ``# file: NAME`` is written to that file.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from snn2chip import errors
from snn2chip.backends.base import all_front_ends
from snn2chip.backends.spinnaker.witness import found_engine
from snn2chip.cli import main
from snn2chip.neurons import OPTIONS, PRESETS, from_preset

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NEEDS = {
    "your-own-pytorch-model.md": ["norse.torch"],
    "quantization-aware-training.md": ["norse.torch"],
    "energy-aware-training.md": ["norse.torch"],
    "pareto.md": ["norse.torch", "optuna"],
    "data-sets.md": ["norse.torch"],
    "onnx.md": ["onnx", "onnxruntime"],
    "front-ends.md": ["snntorch"],
    "methods.md": ["norse.torch"],
    "distillation.md": ["norse.torch"],
}

NEED_LAVA, NEED_FIRMWARE = ["verify.md"], ["spinnaker.md"]

BEGIN, END = "<!-- exit codes: begin -->", "<!-- exit codes: end -->"


def run(command: str) -> str:
    """What a command prints on both streams, and its exit code where that is not 0.

    Ours run in this process, which has imported everything already.
    """
    program, *arguments = shlex.split(command)
    if program == "snn2chip":
        printed = io.BytesIO()
        stream = io.TextIOWrapper(printed, "utf-8", write_through=True)
        with redirect_stdout(stream), redirect_stderr(stream):
            code = main(arguments)
        return printed.getvalue().decode().replace("\r\n", "\n") + ending(code)
    done = subprocess.run(
        [sys.executable if program == "python" else program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    return done.stdout + ending(done.returncode)


def ending(code: int) -> str:
    """What a block shows where a command fails."""
    return f"[exit code {code}]\n" if code else ""


def matches(shown: str, printed: str) -> bool:
    """Whether ``shown``, in which ``...`` stands for anything, is what was printed."""
    parts = [re.escape(part) for part in shown.strip().split("...")]
    return re.fullmatch(".*?".join(parts), printed.strip(), re.DOTALL) is not None


def console(example: Example) -> str | None:
    """Run the commands of a block; the first difference, or None."""
    for block in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        lines = block.splitlines()
        command = lines.pop(0)
        while command.endswith("\\"):
            command = command[:-1] + lines.pop(0).lstrip("> ")
        if command.split()[0] in ("git", "make", "pip", "cd"):
            continue
        printed = run(command)
        if not matches("\n".join(lines), printed):
            return f"$ {command}\nprinted:\n{printed}\nthe page shows:\n" + "\n".join(lines)
    return None


def write_file(example: Example) -> str | None:
    """Write a block that names its file."""
    first, _, content = str(example.parsed).partition("\n")
    if first.startswith("# file: "):
        Path(first.removeprefix("# file: ")).write_text(content)
    return None


def page(path: Path) -> Document:
    """The examples of a page."""
    parsers = [
        PythonCodeBlockParser(),
        CodeBlockParser("console", console),
        CodeBlockParser("toml", write_file),
    ]
    return Sybil(parsers=parsers).parse(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    for module in NEEDS.get(path.name, []):
        pytest.importorskip(module)
    if path.name in NEED_LAVA:
        request.getfixturevalue("lava")
    if path.name in NEED_FIRMWARE and found_engine() is None:
        pytest.skip("no sPyNNaker: make spinnaker")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    try:
        for example in page(path).examples():
            example.evaluate()
    finally:
        for name in set(sys.modules) - before:
            if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8")):
        if not target.startswith(("https://", "mailto:")):
            assert (path.parent / target).exists(), target


def exit_code_table() -> str:
    """The table of exit codes, as the classes of errors say it."""
    rows = [("0", "", "all went well"), ("130", "", "interrupted from the keyboard")]
    rows.append(("141", "", "the reader of the output went away (`snn2chip ... \\| head`)"))
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.Snn2chipError):
            meaning = (kind.__doc__ or "").splitlines()[0].rstrip(".")
            if kind is errors.Snn2chipError:
                meaning = "A fault of snn2chip: please report it"
            rows.append((str(kind.exit_code), f"`{name}`", meaning[0].lower() + meaning[1:]))
    lines = ["| code | error | meaning |", "|---|---|---|"]
    lines += [
        f"| {' | '.join(row)} |".replace("|  |", "| |")
        for row in sorted(rows, key=lambda r: int(r[0]))
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("name", ["docs/exit-codes.md", "README.md"])
def test_exit_codes_are_those_of_the_errors(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == exit_code_table()


def preset_table() -> str:
    """The table of presets, as the code has them: one column each, defaults in plain type."""
    presets = {name: from_preset(name, 1.0).options() for name in PRESETS}
    lines = [f"| option | {' | '.join(presets)} |", "|---" * (len(presets) + 1) + "|"]
    for option in OPTIONS:
        values = [
            f"**{values[option]}**" if option in PRESETS[name] else str(values[option])
            for name, values in presets.items()
        ]
        lines.append(f"| `{option}` | {' | '.join(values)} |")
    return "\n".join(lines)


def test_presets_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "presets.md").read_text("utf-8")
    shown = text.partition("<!-- presets: begin -->")[2].partition("<!-- presets: end -->")[0]
    assert shown.strip() == preset_table()
    for option, values in OPTIONS.items():
        assert f"| `{option}` | {values} |" in text


def front_end_table() -> str:
    """What each front end takes and refuses, as the code has it."""
    lines = []
    for end in all_front_ends():
        needs = f"`pip install 'snn2chip[{end.extra}]'`" if end.extra else "nothing more"
        rows = {
            "opens": end.opens,
            "preset": end.preset,
            "needs": needs,
            "neurons": ", ".join(f"`{name}`" for name in end.neurons),
            "layers": ", ".join(f"`{name}`" for name in dict.fromkeys(end.layers)),
        }
        refused: dict[str, list[str]] = {}
        for name, remedy in end.refuses.items():
            refused.setdefault(remedy, []).append(name)
        rows["refused by name"] = "; ".join(
            f"{', '.join(names)} ({remedy})" for remedy, names in refused.items()
        )
        lines += [f"### {end.name}", "", "| | |", "|---|---|"]
        lines += [f"| {key} | {value.replace('|', chr(92) + '|')} |" for key, value in rows.items()]
        lines.append("")
    return "\n".join(lines).strip()


def test_front_ends_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "front-ends.md").read_text("utf-8")
    shown = text.partition("<!-- front ends: begin -->")[2].partition("<!-- front ends: end -->")[0]
    assert shown.strip() == front_end_table()


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a 1 b", "a 1 b\n", True),
        ("a ... b", "a 17\nlines b\n", True),
        ("a ...", "b", False),
        ("", "something", False),
        ("a.b", "axb", False),
    ],
)
def test_shown_output_is_compared(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same


if __name__ == "__main__":
    print(preset_table(), front_end_table(), sep="\n\n")
