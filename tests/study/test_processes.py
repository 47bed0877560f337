"""Trials in processes of their own: beside each other, and killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill import load_checkpoint
from snn2chip.study.config import read_study
from snn2chip.study.trials.grid import base_tables, grid_trials
from snn2chip.study.trials.store import StudyFolder
from tests.study.conftest import BASE, STUDY
from tests.study.test_trials import run

Write = Callable[..., Path]


def test_trials_beside_each_other_are_the_same_trials(write_study: Write, tmp_path: Path) -> None:
    study = read_study(write_study(STUDY.replace('{ name = "ce" }, ', "")))
    alone, beside = run(study, tmp_path / "alone"), run(study, tmp_path / "beside", jobs=2)
    assert not beside.failures
    assert len(beside.outcomes) == 2
    for key, outcome in beside.outcomes.items():
        assert outcome.figures == alone.outcomes[key].figures


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
