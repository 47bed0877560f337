"""``pareto``: a study from its file to its pictures, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from tests.cli.conftest import Cli, is_four_part
from tests.study.conftest import BASE, STUDY

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")


@pytest.fixture
def study(folder: Path) -> Path:
    (folder / "base.toml").write_text(BASE)
    path = folder / "small.toml"
    claim = '\n[[compare]]\na = { "method.name" = "kd" }\nb = { "method.name" = "ce" }\n'
    path.write_text(STUDY.replace("[0, 1]", "[0]") + claim)
    return path


def test_a_study_is_run_shown_and_kept(cli: Cli, study: Path, folder: Path) -> None:
    done = cli("pareto", study, "--json", "answer.json", "--html", "answer.html")
    assert (done.code, is_four_part(done.err)) == (0, False), done.err
    for said in ("2 settings, 2 trials", "kd, temperature_teacher=2", "Hypervolume", "points ["):
        assert said in done.out
    assert "wrote answer.json" in done.err
    out = folder / "small"
    for name in ("pareto.html", "pareto.json", "pareto.csv"):
        assert (out / name).stat().st_size > 500
    assert (folder / "answer.html").read_bytes() == (out / "pareto.html").read_bytes()
    from snn2chip.study.show import forms

    document = json.loads((folder / "answer.json").read_text())
    jsonschema.validate(document, forms.schema())
    assert document["place"] == "loihi2"
    again = cli("pareto", study, "--no-run", "--json", "-", "--target", "torch")
    assert again.code == 0
    assert json.loads(again.out)["place"] == "torch"
    listed = cli("pareto", study, "--no-run", "--csv", "-")
    assert listed.out.startswith("setting,label,series,seed,place,split,accuracy")


def test_what_cannot_be_run_ends_with_2(cli: Cli, study: Path, folder: Path) -> None:
    assert cli("pareto", "gone.toml").code == 2
    assert cli("pareto", study, "--target", "loihi9").code == 2
    assert cli("pareto", study, "--target", "loihi2:gone").code == 2
    assert cli("pareto", study, "--no-run").code == 2
    assert cli("pareto", study, "--jobs", "0").code == 2
    assert cli("pareto", study, "--html", "-").code == 2
    assert cli("pareto", study, "--json", "small.toml").code == 2
    (folder / "file").write_text("x")
    assert cli("pareto", study, "-o", "file").code == 2
    study.write_text(STUDY.replace("base.toml", "gone.toml"))
    done = cli("pareto", study)
    assert (done.code, is_four_part(done.err)) == (2, True)
    assert "gone.toml" in done.err
    assert not (folder / "small").exists()


def test_a_claim_about_what_is_never_tried_ends_before_training(
    cli: Cli, study: Path, folder: Path
) -> None:
    study.write_text(study.read_text().replace('"method.name" = "kd"', '"method.name" = "tser"'))
    done = cli("pareto", study)
    assert done.code == 2
    assert "no setting has method.name = tser" in done.err
    assert not (folder / "small").exists()


def test_a_failed_trial_ends_with_its_code_after_the_others(cli: Cli, study: Path) -> None:
    text = STUDY.replace("[0, 1]", "[0]")
    text = text.replace(
        'method = [{ name = "ce" }, { name = "kd", temperature_teacher = 2.0 }]',
        'teacher = [{ file = "gone.safetensors" }]\n"method.name" = ["ce", "kd"]\n'
        '[[grid]]\n"method.name" = ["ce"]',
    )
    study.write_text(text)
    done = cli("pareto", study)
    assert done.code in (2, 3)
    assert "2 of 3 trials are not done" in done.err
    assert "Not done: teacher.file = gone.safetensors, method.name = ce, seed 0" in done.out
    assert "1 of 3 trials" in done.out


def test_ctrl_c_in_a_trial_ends_with_130(
    cli: Cli, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("snn2chip.study.trials.running.run_trial", interrupted)
    done = cli("pareto", study)
    assert done.code == 130
    assert "the same command goes on" in done.err


def interruptible() -> None:
    """What runs in the background of a script ignores Ctrl-C; a terminal's command does not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_ctrl_c_ends_trials_beside_each_other_and_keeps_what_is_done(
    study: Path, folder: Path
) -> None:
    endless = BASE.replace("epochs = 2\nbatch", "epochs = 100000\nbatch")
    (folder / "base.toml").write_text(endless)
    study.write_text(STUDY.split("[[grid]]")[0])
    command = [sys.executable, "-m", "snn2chip", "pareto", str(study), "--jobs", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=interruptible)
    limit = time.monotonic() + 200
    while len(left := list(folder.glob("small/trials/*/training.resume"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    ages = [path.stat().st_mtime_ns for path in left]
    time.sleep(0.3)
    assert [path.stat().st_mtime_ns for path in left] == ages


def test_a_search_needs_optuna_and_runs_with_it(cli: Cli, study: Path) -> None:
    pytest.importorskip("optuna", reason="searches are optuna's")
    text = STUDY.split("[[grid]]")[0].replace("[0, 1]", "[0]")
    text += '[search]\ntrials = 2\n[search.space]\n"training.lr" = { low = 0.01, high = 0.05 }\n'
    study.write_text(text)
    done = cli("pareto", study)
    assert done.code == 0, done.err
    assert "2 settings, 2 trials" in done.out
    again = cli("pareto", study, "--no-run")
    assert "2 settings, 2 trials" in again.out
