"""Trials in processes of their own: beside each other, and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill import load_checkpoint
from snn2chip.errors import ConfigError
from snn2chip.files import alone_in
from snn2chip.study.config import read_study
from snn2chip.study.trials.grid import base_tables, grid_trials
from snn2chip.study.trials.store import StudyFolder
from tests.study.conftest import BASE, STUDY, small_study
from tests.study.test_trials import run

Write = Callable[..., Path]


def test_trials_beside_each_other_are_the_same_trials(write_study: Write, tmp_path: Path) -> None:
    study = read_study(write_study(STUDY.replace('{ name = "ce" }, ', "")))
    alone, beside = run(study, tmp_path / "alone"), run(study, tmp_path / "beside", jobs=2)
    assert not beside.failures
    assert len(beside.outcomes) == 2
    for key, outcome in beside.outcomes.items():
        assert outcome.figures == alone.outcomes[key].figures


SHARING = """
recipe = "base.toml"
seeds = [0]

[[grid]]
"student.readout" = ["v_mean"]
method = [
  { name = "sne", members = 2, policy = "budget", setting = 1.0 },
  { name = "sne", members = 2, policy = "budget", setting = 2.0 },
  { name = "ce" },
  { name = "sne", members = 2, policy = "confidence", setting = 0.5 },
]
"""


def test_trials_of_one_training_do_not_train_it_beside_each_other(
    write_study: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three trials share a training, and the fourth goes beside the first of them."""
    study = read_study(write_study(SHARING))
    seen: list[list[str]] = []

    def start(running: dict[Any, Any], work: Any) -> None:
        running[object()] = (work, None)
        names = [w.trial.tables["method"]["name"] for w, _ in running.values()]
        seen.append(names)

    def ended(running: dict[Any, Any]) -> Iterator[tuple[Any, int, str]]:
        oldest = next(iter(running))
        yield running.pop(oldest)[0], 1, "not run"

    @contextmanager
    def processes() -> Iterator[dict[Any, Any]]:
        yield {}

    for name, fake in (("start", start), ("ended", ended), ("processes", processes)):
        monkeypatch.setattr(f"snn2chip.study.trials.running.{name}", fake)
    ran = run(study, tmp_path / "out", jobs=3)
    assert len(ran.failures) == 4
    assert seen == [["sne"], ["sne", "ce"], ["ce", "sne"], ["sne"]]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_run_goes_on_where_it_was(write_study: Write, tmp_path: Path) -> None:
    slow = BASE.replace("epochs = 2\nbatch", "epochs = 12\nbatch")
    path = write_study('recipe = "base.toml"\ntargets = ["loihi2"]\n', base=slow)
    study = read_study(path)
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "snn2chip", "pareto", str(path), "-o", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (trial,) = grid_trials(study, base_tables(study))
    place = StudyFolder(out).trial(trial.key)
    limit = time.monotonic() + 200
    while not (place / "training.resume").exists() and time.monotonic() < limit:
        assert process.poll() is None or (place / "result.json").exists()
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    resumed, unbroken = run(study, out), run(study, tmp_path / "unbroken")
    assert resumed.outcomes[trial.key].figures == unbroken.outcomes[trial.key].figures
    ours, _ = load_checkpoint(place / "student.safetensors")
    theirs, _ = load_checkpoint(
        StudyFolder(tmp_path / "unbroken").trial(trial.key) / "student.safetensors"
    )
    for name, tensor in ours.state_dict().items():
        assert np.array_equal(tensor.numpy(), theirs.state_dict()[name].numpy()), name


def alone(folder: Path) -> bool:
    """Whether no run is at work in a folder."""
    try:
        with alone_in(folder, "another run"):
            return True
    except ConfigError:
        return False


def until(true: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < limit:
        time.sleep(0.02)
    return found


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_trials_beside_each_other_end_with_the_run_that_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = small_study(tmp_path, epochs=100_000)
    path.write_text(path.read_text().replace("[0]", "[0, 1]"))
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "snn2chip", "pareto", str(path), "-o", str(out), "--jobs", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert until(lambda: len(list(out.glob("trials/*/training.resume"))) == 2, 200)
    places = list(out.glob("trials/*"))
    assert process.poll() is None
    assert not any(map(alone, places))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert until(lambda: all(map(alone, places)), 20)
    before = [(place / "training.resume").stat().st_mtime_ns for place in places]
    time.sleep(0.3)
    assert [(place / "training.resume").stat().st_mtime_ns for place in places] == before


WATCHED = """
import sys, time
from multiprocessing import get_context
from snn2chip.files import alone_in

def child(folder, words):
    from snn2chip.study.trials import processes
    for word in words:
        getattr(processes, word)()
    with alone_in(folder, "a child"):
        time.sleep(300)

if __name__ == "__main__":
    process = get_context("spawn").Process(target=child, args=(sys.argv[1], sys.argv[2:]))
    process.start()
    time.sleep(300)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("word", ["_ask_kernel", "_watch_parent"])
def test_each_way_of_noticing_suffices(word: str, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    if word == "_ask_kernel" and sys.platform != "linux":
        pytest.skip("only Linux tells")
    script, folder = tmp_path / "parent.py", tmp_path / "held"
    script.write_text(WATCHED)
    folder.mkdir()
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder), word], env={**os.environ, "PYTHONPATH": root}
    )
    assert until(lambda: not alone(folder), 60)
    process.kill()
    process.wait()
    assert until(lambda: alone(folder), 20)
