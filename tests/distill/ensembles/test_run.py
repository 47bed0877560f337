"""A recipe to a folder, on to NIR and to the chip: the answers stay the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.cli import main  # noqa: E402
from snn2chip.distill.run import distill  # noqa: E402
from snn2chip.errors import ConfigError, UnsupportedError  # noqa: E402
from snn2chip.pipeline import Options, open_network, run  # noqa: E402

RECIPE = """
targets = ["loihi2"]

[data]
name = "data.npz"
validation = 0.2

[encoding]
steps = 8

[student]
kind = "mlp"
widths = [16]
tau = 0.008
tau_out = 0.004
readout = "v_mean"
dropout = 0.0

[teacher]
kind = "mlp"
widths = [24]
training = { epochs = 6, threads = 1 }

[method]
name = "sne"
members = 3
policy = "confidence"

[training]
epochs = 6
lr = 0.03
threads = 1
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, few_digits: Any) -> Path:
    """A recipe with samples beside it."""
    place = tmp_path_factory.mktemp("sne")
    x, y = few_digits
    np.savez(place / "data.npz", x_train=x[:64], y_train=y[:64], x_test=x[64:], y_test=y[64:])
    (place / "few.toml").write_text(RECIPE)
    return place / "few.toml"


@pytest.fixture(scope="module")
def made(recipe: Path) -> tuple[Path, Any]:
    """The folder of a small run, and what the run said."""
    return recipe.parent / "out", distill(recipe, recipe.parent / "out")


def options(recipe: Path, target: str, **more: Any) -> Options:
    return Options(target=target, data=str(recipe.parent / "data.npz"), **more)


def test_the_folder_holds_members_policy_and_card(made: Any) -> None:
    folder, result = made
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "m0.safetensors", "m1.safetensors", "m2.safetensors", "ensemble.json", "card.md",
        "recipe.toml", "teacher.safetensors",
    }  # fmt: skip
    told = json.loads((folder / "ensemble.json").read_text())
    assert told["policy"]["kind"] == "confidence"
    assert [m["file"] for m in told["members"]] == [f"m{k}.safetensors" for k in range(3)]
    card = (folder / "card.md").read_text()
    for words in ("class_contribution", "nested", "| budget 3 |", " * |", "frozen"):
        assert words in card
    assert f"{100 * result.evaluation.accuracy:.2f} %" in card


def test_the_float_graphs_answer_as_torch_did(made: Any, recipe: Path) -> None:
    folder, result = made
    chosen = options(recipe, "reference")
    found = run(open_network(folder, chosen), chosen)
    differ = (found.activity.predictions != result.evaluation.predictions).sum()
    assert differ <= 1  # float32 against float64
    assert found.ensemble.decision.active.sum(axis=1).mean() >= 1.0


def test_the_chip_answers_within_the_drift(made: Any, recipe: Path) -> None:
    folder, result = made
    chosen = options(recipe, "loihi2")
    found = run(open_network(folder, chosen), chosen)
    card = (folder / "card.md").read_text()
    (drift,) = found.drift
    differ = int((found.activity.predictions != result.evaluation.predictions).sum())
    assert differ <= drift.predictions_differing + 1
    assert drift.predictions_differing <= 3
    assert found.accuracy == pytest.approx(result.evaluation.accuracy, abs=0.07)
    for point in found.ensemble.curve:
        if point.accuracy is not None:
            assert f"| {point.members:.2f} | {100 * point.accuracy:.2f} % |" in card
    assert found.violations == ()


def test_exported_members_answer_as_the_checkpoints(
    made: Any, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = made
    data = str(recipe.parent / "data.npz")
    export = ["export", str(folder), "-o", str(tmp_path / "nir"), "--data", data]
    assert main([*export, "--samples", "16"]) == 0
    assert capsys.readouterr().out.count("proven on 16 samples") == 3
    assert {p.suffix for p in (tmp_path / "nir").iterdir()} == {".nir", ".json"}
    chosen = options(recipe, "loihi2", samples=20)
    one, other = (run(open_network(p, chosen), chosen) for p in (folder, tmp_path / "nir"))
    np.testing.assert_array_equal(one.activity.scores, other.activity.scores)
    assert one.energy.total_pj == other.energy.total_pj
    assert main(["export", str(folder), "--format", "onnx"]) == 4
    own = str(tmp_path / "nir")
    assert main(["export", own, "-o", own, "--data", data]) == 2


def test_the_same_recipe_gives_the_same_files(made: Any, recipe: Path, tmp_path: Path) -> None:
    folder, _ = made
    distill(recipe, tmp_path / "out", teachers=tmp_path)
    for name in ("m0.safetensors", "m2.safetensors", "ensemble.json"):
        assert (folder / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_a_run_that_was_broken_off_goes_on_to_the_same_files(
    made: Any, recipe: Path, tmp_path: Path
) -> None:
    folder, _ = made

    class BrokenOffError(Exception):
        """Stands for whatever ends a process."""

    def after_three(done: Any) -> None:
        if done.stage != "teacher" and done.epoch == 3:
            raise BrokenOffError

    out = tmp_path / "out"
    with pytest.raises(BrokenOffError):
        distill(recipe, out, progress=after_three)
    assert (out / "training.resume").exists()
    assert not (out / "ensemble.json").exists()
    distill(recipe, out)
    for name in ("m0.safetensors", "m1.safetensors", "ensemble.json"):
        assert (folder / name).read_bytes() == (out / name).read_bytes()
    assert not (out / "training.resume").exists()


def test_what_ensembles_cannot_do_is_said_before_anything_is_trained(
    recipe: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedError, match="folds"):
        distill(recipe, tmp_path / "a", folds=2)
    for text, error, said in (
        (RECIPE.replace("validation = 0.2", ""), ConfigError, "without a setting"),
        (RECIPE.replace('"v_mean"', '"v_max"'), ConfigError, "real values"),
        (RECIPE + "drive_weight = 1.0\n", ConfigError, "drive_weight"),
        (RECIPE + '[quantization]\ntarget = "loihi2"\n', UnsupportedError, "of an ensemble"),
    ):
        odd = recipe.with_name("odd.toml")
        odd.write_text(text)
        with pytest.raises(error, match=said):
            distill(odd, tmp_path / "b")
        assert not list((tmp_path / "b").glob("*"))


@pytest.mark.parametrize("policy", ["gate", "budget"])
def test_other_policies_travel_to_the_chip(policy: str, recipe: Path, tmp_path: Path) -> None:
    text = RECIPE.replace('policy = "confidence"', f'policy = "{policy}"\ndropout = "independent"')
    other = recipe.with_name(f"{policy}.toml")
    other.write_text(text.replace("epochs = 6", "epochs = 2").replace('["loihi2"]', "[]"))
    result = distill(other, tmp_path / "out")
    chosen = options(recipe, "reference")
    network = open_network(tmp_path / "out", chosen)
    assert network.ensemble is not None
    assert network.ensemble.policy.kind == policy
    found = run(network, chosen)
    assert (found.activity.predictions != result.evaluation.predictions).sum() <= 1
    assert (tmp_path / "out" / "gate.safetensors").exists() == (policy == "gate")


def test_a_folder_holds_a_student_or_an_ensemble(recipe: Path, tmp_path: Path) -> None:
    """Whichever was made last is what the folder means."""
    out = tmp_path / "out"
    distill(recipe, out)
    alone = recipe.with_name("alone.toml")
    alone.write_text(RECIPE.split("[method]")[0] + "[training]\nepochs = 1\nthreads = 1\n")
    made = distill(alone, out)
    opened = open_network(out, Options())
    assert opened.ensemble is None
    assert not (out / "m0.safetensors").exists()
    assert opened.path == made.checkpoint
    distill(recipe, out)
    assert open_network(out, Options()).ensemble is not None
    assert not made.checkpoint.exists()
