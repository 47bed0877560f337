"""Where an interpreter comes from: the option, PATH, pyenv, uv, in this order, or nowhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from snn2chip.errors import WitnessError
from snn2chip.witness.interpreters import interpreter, program, uv_program, version_of
from tests.witness.programs import Programs

HERE = ".".join(map(str, sys.version_info[:2]))
KNOWS = 'case "$1 $2" in "python find") echo {} ;; *) exit 2 ;; esac'


def test_the_version_of_this_interpreter() -> None:
    assert version_of(Path(sys.executable)) == HERE


@pytest.mark.parametrize("script", ["exit 127", "kill -9 $$"])
def test_what_does_not_run_has_no_version(programs: Programs, script: str) -> None:
    """Such as pyenv's shim for a version that is not chosen."""
    assert version_of(programs.add("python3.10", script)) is None
    assert version_of(programs.folder / "absent") is None


def test_the_users_own_comes_first(programs: Programs, tmp_path: Path) -> None:
    programs.python()
    given = programs.python(folder=tmp_path / "mine")
    assert interpreter("3.10", programs.uv(), given) == given


def test_a_name_is_looked_for_on_path(programs: Programs) -> None:
    found = programs.python()
    assert program("python3.10") == found
    assert interpreter("3.10", programs.uv(), Path("python3.10")) == found


@pytest.mark.parametrize(("version", "told"), [("3.12", "Python 3.12"), ("", "nothing that runs")])
def test_another_version_is_refused(programs: Programs, version: str, told: str) -> None:
    script = f"echo {version}" if version else "exit 1"
    given = programs.add("other", script)
    with pytest.raises(WitnessError, match=r"is no Python 3\.10") as error:
        interpreter("3.10", programs.uv(), given)
    assert told in str(error.value)


def test_path_comes_before_pyenv_and_a_shim_that_runs_nothing_is_passed_over(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs.python(folder=programs.home / ".pyenv" / "versions" / "3.10.4" / "bin")
    programs.add("python3.10", "exit 127")
    second = programs.python(folder=tmp_path / "second")
    monkeypatch.setenv("PATH", f"{programs.folder}::{tmp_path / 'second'}")
    assert interpreter("3.10", programs.uv()) == second


@pytest.mark.parametrize("variable", [True, False])
def test_pyenvs_newest_comes_next(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, variable: bool
) -> None:
    root = programs.home / ("elsewhere" if variable else ".pyenv")
    if variable:
        monkeypatch.setenv("PYENV_ROOT", str(root))
    for name in ("3.10.4", "3.10.13", "3.1.0", "3.10.x", "3.11.9"):
        programs.python(folder=root / "versions" / name / "bin")
    found = interpreter("3.10", programs.uv("exit 2"))
    assert found == root / "versions" / "3.10.13" / "bin" / "python3.10"


def test_then_what_uv_knows(programs: Programs, tmp_path: Path) -> None:
    known = programs.python(folder=tmp_path / "managed")
    assert interpreter("3.10", programs.uv(KNOWS.format(known))) == known
    assert not any(call.startswith("python install") for call in programs.calls())


def test_then_one_that_uv_fetches(programs: Programs, tmp_path: Path) -> None:
    later = tmp_path / "managed" / "python3.10"
    script = f"""case "$1 $2" in
    "python find") [ -e {later} ] && echo {later} ;;
    "python install") mkdir {later.parent} && printf '#!/bin/sh\\necho 3.10\\n' >{later} &&
      chmod +x {later} ;;
    esac"""
    assert interpreter("3.10", programs.uv(script)) == later


def test_none_is_told_with_the_command_that_mends_it(programs: Programs) -> None:
    uv = programs.uv("echo 'error: no route to the network' >&2; exit 1")
    with pytest.raises(WitnessError) as error:
        interpreter("3.10", uv)
    assert error.value.remedy == "uv python install 3.10"
    assert "no route to the network" in error.value.has


def test_no_uv_is_told_with_the_command_that_mends_it(programs: Programs) -> None:
    with pytest.raises(WitnessError) as error:
        uv_program()
    assert error.value.remedy == "pip install 'snn2chip[witness]'"


def test_uv_on_path_is_found(programs: Programs) -> None:
    found = programs.uv()
    assert uv_program() == found


def test_uv_of_this_installation_is_found() -> None:
    pytest.importorskip("uv")
    assert uv_program().is_file()
