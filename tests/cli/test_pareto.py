"""``pareto``: a study from its file to its pictures, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from snn2chip.errors import ConfigError
from tests.cli.conftest import Cli, is_four_part
from tests.study.conftest import BASE, STUDY, small_study, write_samples

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")


ROOT = Path(__file__).resolve().parents[2]


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
        'teacher = [{ file = "gone.safetensors" }]\n"method.name" = ["kd", "kdsnn"]\n'
        '[[grid]]\n"method.name" = ["ce"]',
    )
    study.write_text(text)
    done = cli("pareto", study)
    assert done.code in (2, 3)
    assert "2 of 3 trials are not done" in done.err
    assert "Not done: teacher.file = gone.safetensors, method.name = kd, seed 0" in done.out
    assert "1 of 3 trials" in done.out


def test_trials_that_all_fail_end_with_the_code_and_message_of_the_first(
    cli: Cli, folder: Path
) -> None:
    path = small_study(folder)
    path.write_text(path.read_text() + '[[grid]]\n"data.name" = ["nope.npz"]\n')
    done = cli("pareto", path)
    assert done.code == 3
    assert is_four_part(done.err, parts=("needs", "change"))
    for said in ("1 of 1 trials are not done", "nope.npz: no such file", "check the path"):
        assert said in done.err
    write_samples(folder / "nope.npz")
    assert cli("pareto", path).code == 0


def test_nothing_to_show_says_what_to_do(cli: Cli, folder: Path) -> None:
    done = cli("pareto", small_study(folder), "--no-run")
    assert done.code == 2
    assert is_four_part(done.err, parts=("needs", "change"))
    assert "leave --no-run out" in done.err


def test_outputs_do_not_take_the_place_of_what_is_read(cli: Cli, folder: Path) -> None:
    path = small_study(folder, method='name = "kd"', teacher='file = "t.safetensors"')
    shutil.copy(ROOT / "targets" / "loihi1.toml", folder / "chip.toml")
    (folder / "t.safetensors").write_bytes(b"a teacher")
    write_samples(folder / "tried.npz")
    grid = '[[grid]]\n"data.name" = ["own.npz", "tried.npz"]\n'
    path.write_text(path.read_text() + 'targets = ["chip.toml"]\n' + grid)
    names = ("small-base.toml", "own.npz", "tried.npz", "t.safetensors", "chip.toml", "small.toml")
    for name in names:
        before = (folder / name).read_bytes()
        for flag in ("--json", "--csv", "--html"):
            done = cli("pareto", path, flag, name)
            assert (done.code, is_four_part(done.err, parts=("change",))) == (2, True)
            assert "are one file" in done.err
        assert (folder / name).read_bytes() == before
    assert not (folder / "small").exists()


def test_a_search_that_makes_no_recipe_ends_before_the_grid(cli: Cli, folder: Path) -> None:
    pytest.importorskip("optuna", reason="searches are optuna's")
    path = small_study(folder)
    kept = path.read_text()
    head = kept + '[[grid]]\n"training.lr" = [0.02]\n[search]\nobjectives = ["spikes"]\n'
    spaces = {
        '"training.lrr" = { low = 0.01, high = 0.1 }': "did you mean 'lr'",
        '"data.validation" = { low = 0.1, high = 1.5 }': "data",
        '"student.widths" = { choices = [[4], [-4]] }': "widths",
    }
    for space, said in spaces.items():
        path.write_text(f"{head}[search.space]\n{space}\n")
        done = cli("pareto", path)
        assert done.code == 2
        assert "search.space: " in done.err
        assert said in done.err
    path.write_text(head.replace('["spikes"]', '["accuracy", "energy"]') + SPACE)
    done = cli("pareto", path)
    assert (done.code, is_four_part(done.err, parts=("needs", "has", "change"))) == (2, True)
    assert "'energy' is known nowhere" in done.err
    assert not (folder / "small").exists()


SPACE = '[search.space]\n"training.lr" = { low = 0.01, high = 0.1 }\n'


def test_a_search_that_ends_early_does_not_hide_the_grid(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna", reason="searches are optuna's")
    from snn2chip.study.trials.search import Search

    def ask(self: Search) -> list[Any]:
        raise ConfigError("a setting between the ends", remedy="another space")

    monkeypatch.setattr(Search, "ask", ask)
    path = small_study(folder)
    grid = '[[grid]]\n"training.lr" = [0.02]\n[search]\nobjectives = ["spikes"]\n'
    path.write_text(path.read_text() + grid + SPACE)
    done = cli("pareto", path)
    assert done.code == 2
    assert "the search came to no end" in done.err
    assert "another space" in done.err
    assert "1 setting, 1 trial" in done.out
    assert "Not done: the search: a setting between the ends" in done.out


def test_a_target_of_the_base_recipe_may_be_a_single_word(cli: Cli, folder: Path) -> None:
    path = small_study(folder)
    base = folder / "small-base.toml"
    base.write_text('targets = "loihi2"\n' + base.read_text())
    done = cli("pareto", path)
    assert done.code == 0, done.err
    assert "as programs of loihi2" in done.out


WITHOUT = """
import sys
sys.modules.update(torch=None, norse=None, optuna=None)
from snn2chip.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("searched", [False, True])
def test_what_is_done_is_shown_without_pytorch(
    cli: Cli, process: Cli, folder: Path, searched: bool
) -> None:
    path = small_study(folder)
    text = path.read_text() + 'targets = ["loihi2"]\n[[grid]]\n"training.lr" = [0.02, 0.05]\n'
    if searched:
        pytest.importorskip("optuna", reason="searches are optuna's")
        text += '[search]\ntrials = 2\nobjectives = ["spikes"]\n' + SPACE
    path.write_text(text)
    prefix = ("-c", WITHOUT)
    early = process("pareto", path, "--no-run", prefix=prefix)
    assert (early.code, is_four_part(early.err, parts=("needs", "has", "change"))) == (2, True)
    assert cli("pareto", path).code == 0
    whole = (folder / "small" / "pareto.json").read_bytes()
    done = process("pareto", path, "--no-run", prefix=prefix)
    assert done.code == 0, done.err
    assert f"{4 if searched else 2} settings" in done.out
    assert (folder / "small" / "pareto.json").read_bytes() == whole
    assert process("pareto", path, prefix=prefix).code == 2
    path.write_text(text.replace("0.02", "0.03"))
    other = process("pareto", path, "--no-run", prefix=prefix)
    assert other.code == 2
    assert "has:    that of another one" in other.err


def test_a_pick_by_energy_without_a_price_says_so(cli: Cli, folder: Path) -> None:
    path = small_study(folder)
    sides = 'a = { "training.lr" = 0.02 }\nb = { "training.lr" = 0.05 }\n'
    claim = f'[[compare]]\n{sides}pick = "energy"\n'
    path.write_text(path.read_text() + '[[grid]]\n"training.lr" = [0.02, 0.05]\n' + claim)
    done = cli("pareto", path)
    assert done.code == 0, done.err
    said = "no setting's total energy is known: float networks have no price of it"
    assert said in " ".join(done.out.split())
    assert said in (folder / "small" / "pareto.html").read_text().replace("&#39;", "'")


def test_keys_and_targets_that_are_none_are_named_with_a_remedy(cli: Cli, folder: Path) -> None:
    path = small_study(folder)
    kept = path.read_text()
    cases = {
        'targets = ["loihi2", ""]': ("targets: '' names no target", "change: one of: "),
        'targets = [":davies2018"]': ("targets: ':davies2018' names no target", "change: one of: "),
        'series = ["method.nmae"]': ("series: no setting has", "did you mean 'method.name'"),
        '[[grid]]\n"penalty.0.weight" = [0.1]': ("the recipe has no 'penalty'", "[[penalty]]"),
        '[[grid]]\n"training.lr" = [nan]': ("training.lr = nan", "needs:"),
        '[[grid]]\n"training.grad_clip" = [inf]': ("training.grad_clip", "change:"),
    }
    for text, words in cases.items():
        path.write_text(kept + text + "\n")
        done = cli("pareto", path)
        assert done.code == 2, text
        assert "--targets" not in done.err
        for said in words:
            assert said in done.err, text
    path.write_text(kept)
    done = cli("pareto", path, "--target", "")
    assert done.code == 2
    assert "--target: '' names no target" in done.err


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
    text += "[search]\ntrials = 2\n" + SPACE
    study.write_text(text)
    done = cli("pareto", study)
    assert done.code == 0, done.err
    assert "2 settings, 2 trials" in done.out
    again = cli("pareto", study, "--no-run")
    assert "2 settings, 2 trials" in again.out
