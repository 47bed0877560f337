"""What all commands share: help, version, quiet and verbose, faults of ours, closed pipes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import snn2chip
from snn2chip.cli import console, main
from snn2chip.cli.app import app
from tests.cli.conftest import Cli

GROUPS = {"targets": ("list", "show", "validate"), "models": ("list",), "data": ("list", "save")}
COMMANDS = (
    *("demo", "distill", "export", "info", "check", "compile", "simulate", "compare"),
    *("quantize", "report", "verify", "doctor", "convert", "pareto", "noise"),
    *GROUPS,
)


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert (done.code, done.out) == (0, f"snn2chip {snn2chip.__version__}\n")


def test_help_names_every_command_and_the_exit_codes(cli: Cli) -> None:
    done = cli("--help")
    assert done.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in done.out
    assert "5 does not fit" in done.out


@pytest.mark.parametrize(
    "command",
    [*COMMANDS, *(f"{group} {name}" for group, names in GROUPS.items() for name in names)],
)
def test_every_command_has_a_help_page(cli: Cli, command: str) -> None:
    done = cli(*command.split(), "--help")
    assert done.code == 0
    assert done.out.startswith("Usage: snn2chip ")


def test_without_a_command_the_help_is_shown(cli: Cli) -> None:
    done = cli()
    assert done.code == 2
    assert "Usage: snn2chip" in done.out + done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulat",),
        ("simulate", "--stepps", "3"),
        ("simulate", "--steps", "many"),
        ("simulate", "--steps", "0"),
        ("simulate", "--samples", "-1"),
        ("simulate", "--batch", "0"),
        ("simulate", "--seed", "-1"),
        ("simulate", "a", "b"),
        ("check", "a", "--json", "x"),
        ("compile", "net.nir"),
        ("targets", "show"),
        ("export",),
        ("report",),
    ],
)
def test_usage_errors_end_with_2(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert "Usage: snn2chip" in done.err
    assert "Error: " in done.err
    assert done.out == ""


def test_a_fault_of_ours_is_one_line_and_1(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(console, "out", broken)
    done = cli("targets", "list")
    assert done.code == 1
    assert "a fault in snn2chip: ZeroDivisionError: by zero" in done.err
    assert "report it" in done.err
    assert "Traceback" not in done.err
    assert "Traceback" in cli("-v", "targets", "list").err


def test_too_little_memory_is_a_matter_of_options(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(text: str) -> None:
        raise MemoryError("Unable to allocate 8.73 TiB")

    monkeypatch.setattr(console, "out", hungry)
    done = cli("targets", "list")
    assert done.code == 2
    assert "8.73 TiB" in done.err
    assert "--samples" in done.err


def test_verbose_adds_a_traceback_to_errors(cli: Cli) -> None:
    assert "Traceback" not in cli("targets", "show", "nope").err
    done = cli("-v", "targets", "show", "nope")
    assert done.code == 2
    assert "Traceback" in done.err


def test_interruption_ends_with_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(console, "out", interrupted)
    done = cli("targets", "list")
    assert (done.code, done.out) == (130, "")
    assert "Traceback" not in done.err


def test_quiet_leaves_results_only(cli: Cli, network: Path) -> None:
    loud, quiet = cli("check", network), cli("-q", "check", network)
    assert quiet.out == loud.out
    assert "net.nir" in loud.err
    assert quiet.err == ""


def test_long_work_says_where_it_is_where_there_is_no_terminal(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.verbosity, "quiet", False)
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: False)
    with console.progress() as short, console.progress(lines=True) as tell:
        assert short is None
        assert tell is not None
        said: list[str] = []
        monkeypatch.setattr(console, "_say", said.append)
        tell("train", 3, 3)
        assert said == []
        monkeypatch.setattr(console, "LINE_SECONDS", 0.0)
        for epoch in range(4):
            tell("train", epoch, 3)
        assert said == ["train 1/3", "train 2/3", "train 3/3"]


def test_a_reader_that_leaves_is_no_fault(folder: Path) -> None:
    command = [sys.executable, "-m", "snn2chip", "targets", "show", "loihi1"]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(root)},
    )
    assert done.stdout is not None
    assert done.stderr is not None
    done.stdout.close()
    said = done.stderr.read()
    assert (done.wait(60), said) == (141, "")
    done.stderr.close()


def test_the_module_and_the_command_are_one(process: Cli) -> None:
    done = process("--version")
    assert (done.code, done.out) == (0, f"snn2chip {snn2chip.__version__}\n")
    assert process("targets", "show", "nope").code == 2


def test_nothing_is_shown_as_progress_in_a_pipe(process: Cli, network: Path, data: Path) -> None:
    done = process("simulate", network, "--data", data)
    assert done.code == 0
    assert "\x1b" not in done.out + done.err
    assert done.err == f"network: {network}\n"


def test_main_takes_its_arguments_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["snn2chip", "--version"])
    assert main() == 0
    assert snn2chip.__version__ in capsys.readouterr().out


def test_all_commands_are_listed_here() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    groups = {group.name for group in app.registered_groups}
    assert names | groups == set(COMMANDS)


def test_progress_is_told_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.verbosity, "quiet", False)
    with console.progress() as tell:
        assert tell is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with console.progress() as tell:
        assert tell is not None
        for done in range(3):
            tell("simulate", done, 2)


def test_a_stage_of_which_nothing_was_done_ends_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else "preparing 0%" would stand there during the whole training."""
    from rich.progress import Progress

    bars: list[Progress] = []
    kept = Progress.__enter__
    monkeypatch.setattr(Progress, "__enter__", lambda self: bars.append(self) or kept(self))
    monkeypatch.setattr(console.verbosity, "quiet", False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with console.progress() as tell:
        assert tell is not None
        for stage, done in (("preparing", 0), ("teacher", 0), ("teacher", 3), ("train", 1)):
            tell(stage, done, 3)
        assert [task.description for task in bars[0].tasks] == ["teacher", "train"]
        tell("preparing", 0, 1)  # a later one may come back
        tell("preparing", 1, 1)
        assert [task.description for task in bars[0].tasks] == ["teacher", "train", "preparing"]


def test_tables_align_numbers_to_the_right() -> None:
    text = console.table(("name", "count"), [("a", 5), ("long name", 12345)])
    assert text.splitlines() == ["name       count", "a              5", "long name  12345"]
    assert console.table(("name", "x"), []) == "name  x"
