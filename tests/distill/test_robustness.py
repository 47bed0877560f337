"""Networks under noise: the table, the command, and that all see the same samples."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from snn2chip.cli import main  # noqa: E402
from snn2chip.data import encode, load_split  # noqa: E402
from snn2chip.data.noise import drop_events, noisy  # noqa: E402
from snn2chip.distill import distill  # noqa: E402
from snn2chip.distill.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from snn2chip.distill.robustness import evaluate_noise, open_models  # noqa: E402
from snn2chip.distill.sequence import readout_scores, run_steps  # noqa: E402
from snn2chip.errors import ConfigError, InputFileError  # noqa: E402
from snn2chip.graph import Policy  # noqa: E402

RECIPE = """
[encoding]
kind = "{encoding}"
steps = {steps}
[student]
kind = "mlp"
widths = [24]
dropout = 0.0
neuron = "{neuron}"
readout = "{readout}"
[training]
epochs = 4
threads = 1
{more}
[training.augmentation]
share = 0.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A student and a conventional network in folders of their own."""
    root = tmp_path_factory.mktemp("models")
    student = {"encoding": "if", "steps": 6, "neuron": "lif", "readout": "spike_count", "more": ""}
    teacher = {"encoding": "direct", "steps": 1, "neuron": "relu", "readout": "v_last"}
    teacher["more"] = "lr = 0.004\nweight_gain = 1.0\nbias_init = 0.0\ndrive_weight = 0.0"
    for name, options in (("student", student), ("ann", teacher)):
        (root / f"{name}.toml").write_text(RECIPE.format(**options))
        distill(root / f"{name}.toml", root / name)
    return root


@pytest.fixture(scope="module")
def split():
    return load_split("digits", 0, 0.4)


@pytest.fixture(scope="module")
def models(folder):
    return open_models([folder / "ann", folder / "student"])


def test_rows_are_those_of_single_runs(models, split):
    """Step by step, on samples that are made noisy one by one."""
    x, y = split.x_test[:60], split.y_test[:60]
    rows = evaluate_noise(models, x, y, {"gaussian": (0.2,), "dropped_events": (0.4,)}, seed=3)
    found = {(row.model, row.kind): row for row in rows}
    model = models["student"]
    for kind in ("none", "gaussian", "dropped_events"):
        for k in range(60):
            given = x[k : k + 1]
            if kind == "gaussian":
                given = noisy(given, "gaussian", 0.2, 3, np.array([k]))
            values = given.astype(np.float32).astype(np.float64)
            spikes = encode(values, model.metadata.encoding, 6)
            if kind == "dropped_events":
                spikes = drop_events(spikes, 0.4, 3, np.array([k]))
            with torch.no_grad():
                output = run_steps(model.modules[0], torch.as_tensor(spikes, dtype=torch.float32))
            best = int(readout_scores(output, model.metadata.readout).argmax())
            assert found["student", kind].correct[k] == (best == y[k])


def test_networks_of_values_have_no_events_to_drop(models, split):
    rows = evaluate_noise(models, split.x_test[:40], split.y_test[:40], {"dropped_events": (0.3,)})
    accuracies = {(row.model, row.kind): row.accuracy for row in rows}
    assert accuracies["ann", "dropped_events"] is None
    assert accuracies["student", "dropped_events"] is not None
    assert accuracies["ann", "none"] > 0.7


def test_strong_noise_costs_accuracy_and_dropped_events_spikes(models, split):
    x, y = split.x_test[:300], split.y_test[:300]
    strengths = {"gaussian": (0.8,), "salt_and_pepper": (0.8,), "dropped_events": (0.9,)}
    rows = evaluate_noise(models, x, y, strengths)
    by = {(row.model, row.kind): row for row in rows}
    for name in models:
        for kind in ("gaussian", "salt_and_pepper"):
            assert by[name, kind].accuracy < by[name, "none"].accuracy - 0.1
    assert by["student", "dropped_events"].spikes < 0.5 * by["student", "none"].spikes


def test_the_command_prints_and_writes_the_table(folder, capsys, tmp_path):
    out = tmp_path / "noise.json"
    arguments = ["noise", str(folder / "ann"), str(folder / "student/student.safetensors")]
    more = ["--kind", "blur", "--strength", "1", "--strength", "2", "--samples", "50"]
    assert main([*arguments, *more, "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split() == ["noise", "strength", "ann", "student"]
    rows = json.loads(out.read_text())
    assert rows["samples"] == 50
    assert {(r["model"], r["kind"], r["strength"]) for r in rows["rows"]} == {
        (model, kind, strength)
        for model in ("ann", "student")
        for kind, strength in (("none", 0.0), ("blur", 1.0), ("blur", 2.0))
    }
    assert main([*arguments, *more, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == rows


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--kind", "blurr"), 2),
        (("--strength", "0.1"), 2),
        (("--kind", "contrast", "--strength", "2"), 2),
        (("--data", "absent.npz"), 3),
        (("--data", "mnst"), 2),
        (("--json", "student/student.safetensors"), 2),
    ],
)
def test_exit_codes(folder, arguments, code, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["noise", "student/student.safetensors", *arguments]) == code
    assert capsys.readouterr().err


@pytest.fixture
def files(folder, split, tmp_path, monkeypatch):
    """A current folder with both models, and some digits as files of several forms."""
    monkeypatch.chdir(tmp_path)
    for name in ("student", "ann"):
        shutil.copytree(folder / name, name)
    x, y = split.x_test[:60], split.y_test[:60]
    bits = x > 0.5
    np.savez("xy.npz", x=x, y=y)
    np.savez("floats.npz", x=bits.astype(np.float64), y=y)
    np.savez("bytes.npz", x=bits.astype(np.uint8), y=y)
    np.savez("more.npz", x=x, y=np.where(np.arange(60) == 7, 12, y))
    np.savez("nameless.npz", x=x)
    np.savez("timed.npz", x=np.repeat(bits[:, None], 3, axis=1), y=y)
    np.savez("large.npz", x=np.round(x * 255.0), y=y)
    return tmp_path


def accuracies(path):
    rows = json.loads(path.read_text())["rows"]
    return [row["accuracy"] for row in rows if row["kind"] == "none"]


def test_samples_are_read_as_a_simulation_reads_them(files):
    """By any keys, and bytes as the student's file has them: here as they stand."""
    found = {}
    for name in ("floats", "bytes"):
        assert main(["noise", "student", "--data", f"{name}.npz", "--json", f"{name}.json"]) == 0
        run = ["student/student.safetensors", "--target", "reference", "--data", f"{name}.npz"]
        assert main(["simulate", *run, "--json", "run.json"]) == 0
        (found[name],) = accuracies(files / f"{name}.json")
        simulated = json.loads((files / "run.json").read_text())["run"]["accuracy"]
        assert found[name] == pytest.approx(simulated, abs=1 / 60)
    assert found["bytes"] == found["floats"] > 0.4


def test_bytes_must_mean_the_same_to_all_models(files):
    """A student that was trained on bytes divides them, one trained on floats does not."""
    module, metadata = load_checkpoint("ann/student.safetensors")
    encoding = replace(metadata.encoding, byte_scale=255.0)
    save_checkpoint("of_bytes.safetensors", module, replace(metadata, encoding=encoding))
    models = ["noise", "student", "of_bytes.safetensors"]
    assert main([*models, "--data", "floats.npz", "--kind", "blur"]) == 0
    assert main([*models, "--data", "bytes.npz", "--kind", "blur"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--data", "more.npz"), 3, "12 at index 7"),
        (("--data", "nameless.npz"), 3, "no labels"),
        (("--data", "timed.npz"), 3, "over time"),
        (("--data", "large.npz"), 3, "values from 0 to 255"),
        (("--data", "random"), 2, "no labels"),
        (("--data", "xy.npz", "--samples", "61"), 2, "--samples 60 or fewer"),
        (("--samples", "99999"), 2, "--samples 719 or fewer"),
    ],
)
def test_samples_that_cannot_be_scored_are_refused(files, arguments, code, says, capsys):
    assert main(["noise", "student", *arguments]) == code
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--data", "xy.npz", "--json", "xy.npz"),
        ("--json", "student/student.safetensors"),
        ("--json", "student/recipe.toml"),
        ("--json", "student/card.md"),
        ("ann", "--json", "ann/student.safetensors"),
    ],
)
def test_nothing_that_is_read_is_written_over(files, arguments, capsys):
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    assert main(["noise", "student", *arguments]) == 2
    assert "are one file" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m["encoding"].pop("steps"), "how long a sample is"),
        (lambda m: m["encoding"].update(steps=None), "how long a sample is"),
        (lambda m: m["encoding"].update(steps=2.5), "2.5 steps"),
        (lambda m: m["encoding"].update(kind="none"), "how long a sample is"),
        (lambda m: m.update(input_shape=[1, 7, 8]), "do not fit"),
        (lambda m: m["architecture"].pop(0), "do not fit"),
        (lambda m: m["class_names"].pop(), "9 classes"),
    ],
)
def test_checkpoints_that_cannot_be_run_are_bad_files(files, capsys, change, says):
    with safe_open("student/student.safetensors", "pt") as file:
        tables = json.loads(file.metadata()["snn2chip"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tables)
    save_file(tensors, "bad.safetensors", {"snn2chip": json.dumps(tables)})
    assert main(["noise", "bad.safetensors", "--kind", "blur"]) == 3
    assert says in capsys.readouterr().err


def test_many_models_stand_in_blocks(files, monkeypatch, capsys):
    """Each with the kind and the strength of the noise before it, in 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    names = [f"a-model-by-number-{number}" for number in range(5)]
    for name in names:
        shutil.copytree("student", name)
    assert main(["noise", *names, "--data", "xy.npz", "--kind", "blur"]) == 0
    blocks = capsys.readouterr().out.split("\n\n")
    assert len(blocks) == 2
    assert [name for block in blocks for name in block.split("\n")[0].split()[2:]] == names
    for block in blocks:
        assert block.split()[:2] == ["noise", "strength"]
        assert max(map(len, block.split("\n"))) <= 80


def test_the_table_may_lie_beside_the_student_and_be_written_again(files):
    for _ in range(2):
        assert main(["noise", "student", "--data", "xy.npz", "--json", "student/noise.json"]) == 0


def test_other_samples_and_files_are_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match="twice"):
        open_models([folder / "student", folder / "student"])
    (tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(InputFileError):
        open_models([tmp_path / "x.safetensors"])
    rng = np.random.default_rng(0)
    parts = {f"x_{p}": rng.random((20, 5, 5)) for p in ("train", "test")}
    np.savez(tmp_path / "d.npz", **parts, y_train=np.arange(20) % 3, y_test=np.arange(20) % 3)
    assert main(["noise", str(folder / "student"), "--data", str(tmp_path / "d.npz")]) == 3
    text = '[data]\nname = "d.npz"\n' + (folder / "student.toml").read_text()
    (tmp_path / "r.toml").write_text(text)
    distill(tmp_path / "r.toml", tmp_path / "small")
    with pytest.raises(InputFileError, match="different samples"):
        open_models([folder / "student", tmp_path / "small"])
    assert main(["noise", str(tmp_path / "small")]) == 2


ENSEMBLE = """
[encoding]
steps = 5
[data]
validation = 0.2
[student]
kind = "mlp"
widths = [12]
dropout = 0.0
readout = "v_mean"
[teacher]
kind = "mlp"
widths = [16]
[teacher.training]
epochs = 3
threads = 1
[method]
name = "sne"
members = 2
policy = "confidence"
setting = 0.25
[training]
epochs = 8
threads = 1
[training.augmentation]
share = 0.0
"""


def test_members_of_an_ensemble_answer_by_its_policy(tmp_path, split) -> None:
    """As the chain has it in float64: accuracy, and spikes of those members alone that ran."""
    from snn2chip.pipeline import Options, open_network
    from snn2chip.pipeline import run as run_chain

    (tmp_path / "two.toml").write_text(ENSEMBLE)
    distill(tmp_path / "two.toml", tmp_path / "two")
    opened = open_models([tmp_path / "two"])
    assert list(opened) == ["two"]
    (row,) = evaluate_noise(opened, split.x_test, split.y_test, {})
    options = Options(target="reference", data="digits")
    result = run_chain(open_network(str(tmp_path / "two" / "ensemble.json"), options), options)
    assert 1.0 < result.ensemble.decision.active.sum(axis=1).mean() < 2.0
    assert row.accuracy == pytest.approx(result.accuracy, abs=2 / len(split.y_test))
    both = replace(opened["two"], ensemble=opened["two"].ensemble.with_policy(Policy("budget", 2)))
    (every,) = evaluate_noise({"two": both}, split.x_test, split.y_test, {})
    assert row.spikes < every.spikes
    (tmp_path / "two" / "m1.safetensors").unlink()
    with pytest.raises(InputFileError, match=r"m1.safetensors"):
        open_models([tmp_path / "two"])
