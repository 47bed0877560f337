"""A training that is broken off anywhere goes on to the weights of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from safetensors.torch import save  # noqa: E402

from snn2chip.data import Split  # noqa: E402
from snn2chip.distill import load_checkpoint, save_checkpoint  # noqa: E402
from snn2chip.distill.run import distill  # noqa: E402
from snn2chip.distill.teachers.making import teacher_in_file  # noqa: E402
from snn2chip.distill.training import fit  # noqa: E402
from snn2chip.distill.training.state import KEY, SCHEMA  # noqa: E402
from snn2chip.errors import ConfigError, InputFileError  # noqa: E402

RECIPE = """
[data]
name = "digits"
validation = 0.2

[encoding]
steps = 4

[student]
kind = "conv"
widths = [3, 4]
dropout = 0.2

[teacher]
kind = "mlp"
widths = [24]
training = { epochs = 4, threads = 1, dropout_free = false }

[method]
name = "kd"

[[penalty]]
kind = "rate"
weight = 0.1

[training]
epochs = 5
batch = 64
threads = 1
augmentation = { share = 0.5 }
""".replace(", dropout_free = false", "")


class BrokenOffError(Exception):
    """Stands for whatever ends a process."""


def same(a, b) -> bool:
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_fit_goes_on_where_it_was(tiny_recipe, few_digits, tmp_path, at) -> None:
    recipe = tiny_recipe(
        "conv",
        student__dropout=0.2,
        training__epochs=5,
        training__augmentation={"share": 0.5},
        data__validation=0.25,
    )
    unbroken = fit(recipe, *few_digits)

    def stop(progress) -> None:
        if progress.epoch == at:
            raise BrokenOffError

    state = tmp_path / "state"
    with pytest.raises(BrokenOffError):
        fit(recipe, *few_digits, progress=stop, state=state)
    torch.rand(7)  # whatever another process would draw
    resumed = fit(recipe, *few_digits, state=state)
    assert same(resumed.student, unbroken.student)
    assert resumed.losses[: at - 1] == unbroken.losses[: at - 1]
    assert resumed.losses == unbroken.losses
    assert resumed.epoch == unbroken.epoch
    assert resumed.validation == unbroken.validation


def test_kill_9_in_teacher_and_student(recipe, tmp_path) -> None:
    """A process that is killed at several moments leaves whole files, and ends as if it had not."""
    whole = distill(recipe, tmp_path / "whole")
    out = tmp_path / "broken"
    code = f"from snn2chip.distill.run import distill; distill({str(recipe)!r}, {str(out)!r})"
    kills = 0
    for marker in ("teacher.resume", "training.resume"):
        process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ})
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if (out / marker).exists():
                process.send_signal(signal.SIGKILL)
                break
        kills += process.wait() == -signal.SIGKILL
        for path in out.glob("*.safetensors"):
            load_checkpoint(path)
    assert kills >= 1, "nothing was broken off"
    result = distill(recipe, out)
    for name in ("student.safetensors", "last.safetensors", "teacher.safetensors"):
        assert same(load_checkpoint(out / name)[0], load_checkpoint(tmp_path / "whole" / name)[0])
    assert result.evaluation.accuracy == whole.evaluation.accuracy
    assert not list(out.glob("*.resume"))


def test_a_finished_teacher_leaves_no_state(recipe, tmp_path) -> None:
    """As where a process was killed between the teacher's file and the removal of its state."""
    out = tmp_path / "out"
    distill(recipe, out)
    (out / "teacher.resume").write_bytes(b"left behind")
    distill(recipe, out)
    assert not list(out.glob("*.resume"))


def test_another_recipe_does_not_go_on(recipe, tmp_path) -> None:
    def stop(progress) -> None:
        if progress.stage == "train" and progress.epoch == 2:
            raise BrokenOffError

    out = tmp_path / "out"
    with pytest.raises(BrokenOffError):
        distill(recipe, out, progress=stop)
    assert (out / "last.safetensors").exists()
    recipe.write_text(RECIPE.replace("weight = 0.1", "weight = 0.2"))
    with pytest.raises(ConfigError, match="another recipe") as caught:
        distill(recipe, out)
    assert "0.1" in caught.value.has
    assert "0.2" in caught.value.has
    distill(recipe, out, restart=True)


def test_a_damaged_state_is_told(recipe, tmp_path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for content in (b"", b"x" * 100, (8).to_bytes(8, "little") + b"{}      "):
        (out / "training.resume").write_bytes(content)
        with pytest.raises(InputFileError, match="restart"):
            distill(recipe, out)


def test_a_state_that_says_nothing_is_told(tiny_recipe, few_digits, tmp_path) -> None:
    """A whole file with the right schema and nothing else in it."""
    state = tmp_path / "training.resume"
    meta = {KEY: json.dumps({"schema": SCHEMA})}
    state.write_bytes(save({"x": torch.zeros(1)}, metadata=meta))
    with pytest.raises(ConfigError, match="restart"):
        fit(tiny_recipe("mlp"), *few_digits, state=state)


def test_a_student_is_no_teacher(tiny_recipe, few_digits, student_and_metadata, tmp_path) -> None:
    """Values in one step are nothing that it was trained for."""
    path = save_checkpoint(tmp_path / "s.safetensors", *student_and_metadata())
    split = Split(*few_digits, *few_digits)
    with pytest.raises(InputFileError, match="spiking student"):
        teacher_in_file(path, split)


def stop_after(stage: str, epoch: int):
    """A progress callback that breaks a run off."""

    def stop(progress) -> None:
        if progress.stage == stage and progress.epoch == epoch:
            raise BrokenOffError

    return stop


def test_other_samples_do_not_go_on(tmp_path) -> None:
    """Neither with the state of a training nor with a teacher of what the file held before."""
    rng = np.random.default_rng(0)
    data = {"x_train": rng.random((40, 6)), "x_test": rng.random((8, 6))}
    data |= {"y_train": np.arange(40) % 2, "y_test": np.arange(8) % 2}
    np.savez(tmp_path / "data.npz", **data)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[data]\nname = "data.npz"\n[encoding]\nsteps = 2\n[student]\nkind = "mlp"\nwidths = [4]\n'
        '[teacher]\nkind = "mlp"\nwidths = [4]\ntraining = { epochs = 1, threads = 1 }\n'
        '[method]\nname = "kd"\n[training]\nepochs = 2\nthreads = 1\n'
    )
    out = tmp_path / "out"
    with pytest.raises(BrokenOffError):
        distill(recipe, out, progress=stop_after("train", 2))
    before, metadata = load_checkpoint(out / "teacher.safetensors")
    np.savez(tmp_path / "data.npz", **{**data, "y_train": data["y_train"][::-1]})
    with pytest.raises(ConfigError, match="other samples"):
        distill(recipe, out)
    after, found = load_checkpoint(out / "teacher.safetensors")
    assert found.data.digest != metadata.data.digest
    assert not same(before, after)
    distill(recipe, out, restart=True)
    again, _ = load_checkpoint(out / "teacher.safetensors")
    assert same(after, again)


def test_restart_forgets_the_state_of_a_teacher(recipe, tmp_path) -> None:
    """A damaged one, or one of another teacher, whose messages say --restart."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "teacher.resume").write_bytes(b"x" * 100)
    with pytest.raises(InputFileError, match="--restart"):
        distill(recipe, out)
    with pytest.raises(BrokenOffError):
        distill(recipe, out, restart=True, progress=stop_after("teacher", 2))
    recipe.write_text(RECIPE.replace("widths = [24]", "widths = [20]"))
    with pytest.raises(ConfigError, match="--restart"):
        distill(recipe, out)
    with pytest.raises(BrokenOffError):
        distill(recipe, out, restart=True, progress=stop_after("train", 1))


def test_a_second_run_stays_out_of_the_folder(recipe, tmp_path) -> None:
    """While the first one trains; its files are those of one run."""
    out, refused = tmp_path / "out", []
    other = tmp_path / "other.toml"
    other.write_text(RECIPE.replace("epochs = 5", "epochs = 1"))

    def meddle(progress) -> None:
        with pytest.raises(ConfigError, match="another run is at work"):
            distill(other, out, restart=True)
        refused.append(progress.epoch)
        raise BrokenOffError

    with pytest.raises(BrokenOffError):
        distill(recipe, out, progress=meddle)
    assert refused == [1]
    with pytest.raises(BrokenOffError):  # let in now
        distill(recipe, out, progress=stop_after("teacher", 2))
