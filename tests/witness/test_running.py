"""Scripts of an engine end in time, with nothing left behind, and say why they failed."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from snn2chip.errors import WitnessError
from snn2chip.witness import Engine, run_script

HERE = Engine("toy", Path(sys.executable), own=False)


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_what_it_prints_is_returned_and_words_arrive(tmp_path: Path) -> None:
    path = script(tmp_path, "import sys; print(sys.argv[1:]); print('late', file=sys.stderr)")
    assert run_script(HERE, path, ["a b", "-c"], 30) == "['a b', '-c']\nlate\n"


def test_only_the_users_own_sees_their_python_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "extension.py").write_text("found = 1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    path = script(tmp_path, "import extension; print(extension.found)")
    assert run_script(HERE, path, [], 30) == "1\n"
    with pytest.raises(WitnessError, match="exit code 1") as error:
        run_script(Engine("toy", HERE.python, own=True), path, [], 30)
    assert "No module named 'extension'" in error.value.has


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("print('broken'); raise SystemExit(3)", "exit code 3"),
        ("print('broken', flush=True); import os; os.kill(os.getpid(), 9)", "signal 9"),
    ],
)
def test_a_failure_is_told_with_the_end_of_its_output(tmp_path: Path, text: str, how: str) -> None:
    many = script(tmp_path, "for k in range(9999): print('line', k)\n" + text)
    with pytest.raises(WitnessError, match=how) as error:
        run_script(HERE, many, [], 30)
    assert "broken" in error.value.has
    assert "line 9998" in error.value.has
    assert "line 1\n" not in error.value.has


def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    text = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
print("waiting", flush=True)
time.sleep(600)
"""
    with pytest.raises(WitnessError, match="no end after 2 s") as error:
        run_script(HERE, script(tmp_path, text), [], 2)
    assert "waiting" in error.value.has
    assert gone(int((tmp_path / "child").read_text()))


def test_children_that_outlive_a_script_are_ended(tmp_path: Path) -> None:
    text = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
"""
    run_script(HERE, script(tmp_path, text), [], 60)
    assert gone(int((tmp_path / "child").read_text()))


def gone(pid: int) -> bool:
    """Whether a process has ended, or does within a while."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with suppress(OSError):  # dead, and nobody asked for its exit code yet
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.05)
    return False


def test_what_is_no_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(WitnessError, match="cannot be run"):
        run_script(Engine("toy", tmp_path / "absent", own=True), tmp_path / "x", [], 5)
