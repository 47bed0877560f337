"""Outputs that would destroy inputs, devices and pipes as outputs, names that are no names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn2chip.cli import console
from snn2chip.errors import ConfigError
from snn2chip.files import write_text
from snn2chip.frontends.nir import write_graph
from snn2chip.report.jsonfile import schema
from snn2chip.resources import models_dir, targets_dir
from tests.cli.conftest import Cli, is_four_part, listing
from tests.networks import chain

LONG = "x" * 5000


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder`` with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def files(cli: Cli, folder: Path, network: Path, data: Path) -> Path:
    """The current folder with one of everything that a command reads."""
    shutil.copy(targets_dir() / "loihi2.toml", folder / "t.toml")
    assert cli("compile", "net.nir", "--data", data, "-o", "made").code == 0
    shutil.copy(folder / "made" / "mapping.json", folder / "m.json")
    shutil.copy(folder / "made" / "report.json", folder / "r.json")
    (folder / "link.nir").symlink_to("net.nir")
    (folder / "sub").mkdir()
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        "simulate net.nir --data data.npz --json net.nir",
        "simulate net.nir --data data.npz --json link.nir",
        "simulate link.nir --data data.npz --html sub/../net.nir",
        "simulate net.nir --data data.npz --trace data.npz",
        "simulate net.nir --data random --calibrate data.npz --trace ./data.npz",
        "simulate net.nir --data data.npz --mapping m.json --csv m.json",
        "simulate net.nir --data data.npz -t t.toml --csv t.toml",
        "simulate made --data data.npz --json made/manifest.json",
        "report r.json --csv r.json",
        "report made --csv made/report.json",
        "compile net.nir --mapping made/mapping.json -o made",
        "compile made -o made",
    ],
)
def test_no_output_takes_the_place_of_an_input(cli: Cli, files: Path, arguments: str) -> None:
    before = contents(files)
    words = arguments.split()
    done = cli(*words)
    assert done.code == 2, done.err
    assert is_four_part(done.err, parts=("change",))
    assert words[-2] in done.err
    assert done.err.count(Path(words[-1]).name) >= 1
    assert done.out == ""
    assert contents(files) == before


def test_a_checkpoint_is_not_exported_onto_itself(cli: Cli, folder: Path) -> None:
    shutil.copy(models_dir() / "digits-mlp" / "student.safetensors", folder / "s.safetensors")
    shutil.copy(folder / "s.safetensors", folder / "s.nir")
    before = contents(folder)
    for arguments in (("s.safetensors", "-o", "s.safetensors"), ("s.nir",)):
        done = cli("export", *arguments)
        assert done.code == 2
        assert "checkpoint" in done.err
        assert "-o" in done.err
    assert contents(folder) == before


def test_a_link_stays_a_link(folder: Path) -> None:
    (folder / "there").mkdir()
    (folder / "there" / "r.json").write_text("old")
    (folder / "link.json").symlink_to("there/r.json")
    (folder / "dangling.json").symlink_to("there/new.json")
    write_text(folder / "link.json", "new")
    write_text(folder / "dangling.json", "new too")
    assert (folder / "link.json").is_symlink()
    assert (folder / "dangling.json").is_symlink()
    assert (folder / "there" / "r.json").read_text() == "new"
    assert (folder / "there" / "new.json").read_text() == "new too"
    assert {p.name for p in (folder / "there").iterdir()} == {"r.json", "new.json"}


def test_a_pipe_is_written_to_and_stays(cli: Cli, folder: Path, network: Path, data: Path) -> None:
    os.mkfifo(folder / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((folder / "pipe").read_bytes()))
    reader.daemon = True
    reader.start()
    done = cli("simulate", network, "--data", data, "--json", "pipe")
    reader.join(20)
    assert done.code == 0, done.err
    assert json.loads(read[0])["schema"] == schema()["properties"]["schema"]["const"]
    assert (folder / "pipe").is_fifo()


def test_a_device_is_written_to_and_stays(folder: Path) -> None:
    (folder / "null").symlink_to("/dev/null")
    write_text(folder / "null", "gone")
    assert (folder / "null").is_symlink()
    assert Path("/dev/null").is_char_device()
    (folder / "full").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_text(folder / "full", "x")
    assert listing(folder) == {"null", "full"}


def test_csv_on_standard_output_is_nothing_but_csv(cli: Cli, files: Path) -> None:
    for arguments in ("simulate net.nir --data data.npz", "report r.json"):
        done = cli(*arguments.split(), "--csv", "-")
        assert done.code == 0, done.err
        lines = done.out.splitlines()
        assert lines[0].startswith("network,target,")
        assert len(lines) == 4
        assert {line.count(",") for line in lines} == {lines[0].count(",")}


@pytest.mark.parametrize(
    "flags", ["--json - --csv -", "--trace -", "--html -", "--json r.json --html -"]
)
def test_what_standard_output_cannot_take(
    cli: Cli, folder: Path, network: Path, data: Path, flags: str
) -> None:
    before = listing(folder)
    done = cli("simulate", network, "--data", data, *flags.split())
    assert done.code == 2
    assert is_four_part(done.err)
    assert done.out == ""
    assert listing(folder) == before


def test_a_file_that_standard_output_goes_to(process: Cli, folder: Path, network: Path) -> None:
    with (folder / "log").open("w") as log:
        command = ["-m", "snn2chip", "simulate", "net.nir", "--data", "random", "--json", "log"]
        done = subprocess.run(
            [sys.executable, *command], stdout=log, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2, done.stderr
    assert "standard output goes" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "net.nir", "--data", "random", "-t", ""),
        ("simulate", "net.nir", "--data", ""),
        ("simulate", "", "--data", "random"),
        ("check", "net.nir", "-t", ""),
        ("compile", "net.nir", "-o", "out", "-t", ""),
        ("targets", "show", ""),
        ("info", ""),
        ("simulate", LONG),
        ("simulate", "net.nir", "-t", f"{LONG}.toml"),
        ("simulate", "net.nir", "--data", f"{LONG}.npz"),
        ("simulate", "net.nir", "--mapping", LONG),
        ("simulate", "net.nir", "--data", "random", "--json", LONG),
        ("simulate", "net.nir", "--data", "random", "--trace", f"a/{LONG}"),
        ("compile", "net.nir", "-o", LONG),
        ("demo", "-o", LONG),
        ("info", LONG),
        ("check", LONG),
        ("report", LONG),
        ("report", "net.nir", "--csv", LONG),
        ("export", LONG),
        ("distill", LONG),
        ("targets", "show", f"{LONG}.toml"),
        ("targets", "validate", LONG),
        ("simulate", "a\0b"),
        ("simulate", "net.nir", "--json", "a\0b"),
        ("report", "a\0b"),
        ("targets", "show", "a\0b.toml"),
        ("simulate", "--seed", "4294967296"),
        ("simulate", "--steps", str(10**26)),
        ("simulate", "net.nir", "--data", "random", "--samples", str(10**26)),
        ("simulate", "net.nir", "--data", "random", "--batch", str(10**26)),
        ("simulate", "net.nir", "--data", "random", "--block-steps", str(10**26)),
    ],
)
def test_names_and_numbers_that_are_none(
    cli: Cli, folder: Path, network: Path, arguments: tuple[str, ...]
) -> None:
    before = contents(folder)
    done = cli(*arguments)
    assert done.code in (2, 3), done.err
    assert "a fault in snn2chip" not in done.err
    assert len(done.err) < 2000
    assert "\0" not in done.err
    assert contents(folder) == before


@pytest.mark.parametrize("arguments", ["doctor", "simulate net.nir", "report out", "demo"])
def test_a_current_folder_that_is_gone(cli: Cli, folder: Path, arguments: str) -> None:
    (folder / "gone").mkdir()
    os.chdir(folder / "gone")
    (folder / "gone").rmdir()
    done = cli(*arguments.split())
    assert done.code in (2, 3), done.err
    assert is_four_part(done.err)


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("os:system", "no arguments"),
        ("sys:exit", "SystemExit"),
        ("broken:fails", "ZeroDivisionError: by \\x1b[31mzero"),
        ("broken:three", "torch.nn.Module"),
        ("wrong:anything", "SyntaxError"),
    ],
)
def test_a_factory_that_fails_is_the_users(
    cli: Cli, folder: Path, factory: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("norse.torch")
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    shutil.copy(models_dir() / "digits-mlp" / "student.safetensors", folder / "s.safetensors")
    (folder / "broken.py").write_text(
        "def fails():\n    raise ZeroDivisionError('by \\x1b[31mzero')\n"
        "def three():\n    return 3\n"
    )
    (folder / "wrong.py").write_text("def")
    done = cli("export", "s.safetensors", "--model", factory, "--data", "digits")
    assert done.code == 2, done.err
    assert is_four_part(done.err, parts=("needs",))
    assert f"--model {factory}" in done.err
    assert said in done.err


def redirected(folder: Path, arguments: str, redirection: str) -> subprocess.CompletedProcess[str]:
    """A command with its streams changed by a shell."""
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m snn2chip {arguments} {redirection}'],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("arguments", ["--help", "--version", "targets list", "report made"])
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_a_standard_output_that_takes_nothing(
    files: Path, arguments: str, redirection: str
) -> None:
    done = redirected(files, arguments, redirection)
    assert done.returncode == 2, done.stderr
    assert "standard output cannot be written" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "fault" not in done.stderr


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>&- <&-"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [("check net.nir", 0), ("targets show nope", 2), ("targets nope", 2), ("check no.nir", 3)],
)
def test_a_standard_error_that_takes_nothing_changes_no_exit_code(
    folder: Path, network: Path, redirection: str, arguments: str, code: int
) -> None:
    done = redirected(folder, arguments, redirection)
    assert done.returncode == code
    assert "snn2chip:" not in done.stdout


@pytest.mark.parametrize("arguments", ["--help", "--version", "targets list", "simulate --help"])
def test_every_reader_may_leave(folder: Path, arguments: str) -> None:
    """The read end is closed before the command starts, so that nothing depends on speed."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "snn2chip", *arguments.split()],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_no_control_character_reaches_the_terminal(cli: Cli, folder: Path, data: Path) -> None:
    graph = chain(np.random.default_rng(0))
    names = {p.name: f"{p.name}\x1b[2J\x7f\x9b1m\n  fits" for p in graph.populations}
    graph = replace(
        graph,
        populations=tuple(replace(p, name=names[p.name]) for p in graph.populations),
        projections=tuple(
            replace(p, source=names[p.source], target=names[p.target]) for p in graph.projections
        ),
        outputs=tuple(names[name] for name in graph.outputs),
    )
    write_graph(graph, folder / "odd.nir")
    text = (targets_dir() / "loihi2.toml").read_text()
    odd = text.replace('title = "', 'title = "\\u001b[31m').replace('label = "', 'label = "\\u007f')
    (folder / "odd.toml").write_text(odd)
    np.savez(folder / "odd.npz", **{"z\x1b[31m": np.zeros(3)})
    (folder / "\x1b[31m.toml").write_text("x\x1b")
    for arguments in (
        ("info", "odd.nir"),
        ("check", "odd.nir"),
        ("check", "odd.nir", "-t", "odd.toml"),
        ("simulate", "odd.nir", "--data", "odd.npz"),
        ("simulate", "odd.nir", "--data", "random", "-t", "odd.toml"),
        ("targets", "show", "odd.toml"),
        ("targets", "validate", "\x1b[31m.toml"),
        ("-v", "targets", "show", "\x1b[31m.toml"),
        ("report", "\x1b[31m\x7f"),
    ):
        done = cli(*arguments)
        said = done.out + done.err
        assert done.code != 1, done.err
        assert all(line.isprintable() for line in said.split("\n")), arguments
        assert "\\x1b" in said, arguments
    assert not any(line.startswith("  fits") for line in cli("info", "odd.nir").out.splitlines())


def test_an_ascii_terminal_shows_every_name(folder: Path, network: Path) -> None:
    network.rename(folder / "schön.nir")
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "snn2chip", "info", "schön.nir"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"sch\\xf6n" in done.stdout


def test_a_folder_without_a_report_says_how_to_get_one(
    cli: Cli, folder: Path, network: Path
) -> None:
    assert cli("compile", network, "-o", "made").code == 0
    done = cli("report", "made")
    assert done.code == 3
    assert is_four_part(done.err, parts=("needs", "change"))
    assert "compile" in done.err
    assert "--data" in done.err
    done = cli("simulate", network, "--data", "random", "--mapping", "no.json")
    assert done.code == 3
    assert is_four_part(done.err, parts=("needs", "change"))


def test_arrays_that_no_machine_holds(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(text: str) -> None:
        np.zeros((2**31, 2**31, 2**31))

    monkeypatch.setattr(console, "out", hungry)
    done = cli("targets", "list")
    assert done.code == 2, done.err
    assert "not enough memory" in done.err
    assert "network" in done.err


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("hidden", "hidden"),
        ("a/b", "a/b"),
        ("a.b..c", "a.b..c"),
        ("../../x", "%2E%2E%2F%2E%2E%2Fx"),
        ("/x", "%2Fx"),
        ("%2Fx", "%252Fx"),
        ("a/../b", "a%2F%2E%2E%2Fb"),
        ("..\\x", "%2E%2E%5Cx"),
        ("C:x", "C%3Ax"),
    ],
)
def test_a_trace_unpacks_below_its_folder(cli: Cli, folder: Path, name: str, entry: str) -> None:
    graph = chain(np.random.default_rng(0))
    renamed = {p.name: name if p.name == "hidden0" else p.name for p in graph.populations}
    graph = replace(
        graph,
        populations=tuple(replace(p, name=renamed[p.name]) for p in graph.populations),
        projections=tuple(
            replace(p, source=renamed[p.source], target=renamed[p.target])
            for p in graph.projections
        ),
    )
    write_graph(graph, folder / "odd.nir")
    done = cli("simulate", "odd.nir", "--data", "random", "--samples", "2", "--trace", "t.npz")
    assert done.code == 0, done.err
    with zipfile.ZipFile(folder / "t.npz") as archive:
        assert f"{entry}.npy" in archive.namelist()
    with np.load(folder / "t.npz") as arrays:
        assert arrays[entry].shape[-1] == 5
