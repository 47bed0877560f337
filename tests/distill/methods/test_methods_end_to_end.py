"""Methods through whole trainings: what they start from, what they learn, recipes and commands."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.cli import main  # noqa: E402
from snn2chip.distill.methods import METHODS, PENALTIES  # noqa: E402
from snn2chip.distill.recipe import read_recipe  # noqa: E402
from snn2chip.distill.sequence import evaluate  # noqa: E402
from snn2chip.distill.teachers.network import NetworkTeacher, teacher_recipe  # noqa: E402
from snn2chip.distill.training import fit  # noqa: E402
from snn2chip.graph import Readout  # noqa: E402

RECIPES = Path(__file__).parents[3] / "recipes" / "digits"

TEACHERS = {
    "mlp": {
        "kind": "mlp",
        "widths": [24],
        "training": {"epochs": 30, "batch": 16, "lr": 0.01, "threads": 1},
    },
    "conv": {
        "kind": "conv",
        "widths": [4, 6],
        "training": {"epochs": 20, "batch": 16, "lr": 0.02, "threads": 1},
    },
}
STUDENT = {
    "mlp": {"kind": "mlp", "widths": [24]},
    "conv": {"kind": "conv", "widths": [4, 6]},
}


@pytest.fixture(scope="module")
def taught(few_digits):
    """Maker of a trained teacher by kind, each trained once."""
    from snn2chip.distill.recipe import recipe_from_dict

    known: dict[str, NetworkTeacher] = {}

    def make(kind: str) -> NetworkTeacher:
        if kind not in known:
            tables = {"student": STUDENT[kind], "teacher": TEACHERS[kind]}
            wanted = teacher_recipe(recipe_from_dict(tables))
            known[kind] = NetworkTeacher(fit(wanted, *few_digits).student)
        return known[kind]

    return make


def recipe_of(tiny_recipe, kind: str, method, **changes):
    options = {
        "student": {
            **STUDENT[kind],
            "neuron": "iaf",
            "dropout": 0.0,
            "readout": "v_mean",
            "alpha": 1.0,
        },
        "teacher": TEACHERS[kind],
        "method": method,
        "encoding__steps": 24,
        "training__logit_scale": 5.0,
        **changes,
    }
    return tiny_recipe(kind, **options)


def accuracy(recipe, student, few_digits) -> float:
    readout = Readout(recipe.student.readout)
    return evaluate(student, *few_digits, recipe.encoding.to_graph(), readout).accuracy


@pytest.mark.parametrize(("kind", "encoding"), [("mlp", "if"), ("conv", "direct")])
@pytest.mark.parametrize("readout", ["v_mean", "spike_count"])
def test_conversion_alone_makes_a_good_student(
    tiny_recipe, few_digits, taught, kind, encoding, readout
) -> None:
    """No epoch of training: nearly the teacher's accuracy at T = 24, in integrate-and-fire cells
    that are reset to zero, as chips have them."""
    teacher = taught(kind)
    x = torch.as_tensor(few_digits[0], dtype=torch.float32)
    reference = float((teacher.outputs(x).logits.argmax(1).numpy() == few_digits[1]).mean())
    assert reference > 0.95
    recipe = recipe_of(
        tiny_recipe,
        kind,
        {"name": "conversion"},
        student__readout=readout,
        encoding__kind=encoding,
        data__validation=0.25,
    )
    fitted = fit(recipe, *few_digits, teacher=teacher)
    assert fitted.losses == ()
    assert fitted.epoch == 0
    assert accuracy(recipe, fitted.student, few_digits) > reference - 0.15
    assert fitted.validation > 0.7


def test_lasnn_starts_near_the_teacher_and_attention_keeps_it_there(
    tiny_recipe, few_digits, taught
) -> None:
    found = {}
    for start, attention in (("conversion", 20.0), ("conversion", 1e-3), ("scratch", 20.0)):
        method = {"name": "lasnn", "start": start, "attention": attention, "alpha": 0.0}
        recipe = recipe_of(tiny_recipe, "conv", method, training__epochs=6)
        fitted = fit(recipe, *few_digits, teacher=taught("conv"))
        right = accuracy(recipe, fitted.student, few_digits)
        found[start, attention] = right, [epoch["attention"] for epoch in fitted.history]
    converted, alone, scratch = found.values()
    assert converted[0] > scratch[0]
    assert converted[1][0] < scratch[1][0], "the first epoch is nearer to the teacher"
    assert converted[1][-1] < 0.8 * alone[1][-1], "and what the term asks for happens"
    assert scratch[1][-1] < 0.8 * scratch[1][0]


def test_a_resumed_kdsnn_is_an_unbroken_one(tiny_recipe, few_digits, taught, tmp_path) -> None:
    """Adapters, their moments and running margins are part of the state."""
    teacher = taught("conv")
    recipe = recipe_of(tiny_recipe, "conv", {"name": "kdsnn"}, training__epochs=4)
    whole = fit(recipe, *few_digits, teacher=teacher)

    def stop(progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    state = tmp_path / "training.resume"
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, *few_digits, progress=stop, teacher=teacher, state=state)
    resumed = fit(recipe, *few_digits, teacher=teacher, state=state)
    assert resumed.losses == whole.losses
    for name, tensor in whole.student.state_dict().items():
        assert torch.equal(tensor, resumed.student.state_dict()[name]), name


def test_every_method_and_penalty_has_a_recipe() -> None:
    """All recipes can be read, and name every method and penalty that there is, but ensembles."""
    methods, penalties = set(), set()
    for path in sorted(RECIPES.glob("*.toml")):
        recipe = read_recipe(path)
        tables = tomllib.loads(path.read_text())
        methods.add(tables.get("method", {"name": "ce"})["name"])
        penalties |= {table["kind"] for table in tables.get("penalty", ())}
        assert recipe.targets == ("loihi2",)
        assert f"snn2chip distill {path.name}" in path.read_text()
    assert {"ce", "kd", "kdsnn", "lasnn", "conversion", "tser", "twsnn", "hta_kl"} <= methods
    assert {"rate", "logits", "synops", "magnitude"} <= penalties
    assert methods <= set(METHODS)
    assert penalties <= set(PENALTIES)


def test_the_page_has_every_option_of_every_method() -> None:
    from dataclasses import fields
    from importlib import import_module

    page = (RECIPES.parents[1] / "docs" / "methods.md").read_text()
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if "| `" in line}
    elsewhere = {"sne", "energy", "gates"}
    for name, entry in {**METHODS, **PENALTIES}.items():
        if name in elsewhere:
            continue
        module, kind = entry.split(":")
        plan = getattr(import_module(f"snn2chip.distill.methods.{module}"), kind)
        for option in fields(plan):
            assert f"`{option.name}`" in rows[name], f"{name}.{option.name}"


def test_a_recipe_becomes_a_student_that_the_chip_runs(tmp_path, capsys) -> None:
    """The quickest of the recipes, whole: teacher, conversion, card, and a simulation of it."""
    out = tmp_path / "student"
    assert main(["distill", str(RECIPES / "conversion.toml"), "-o", str(out)]) == 0
    card = (out / "card.md").read_text()
    assert "integer accuracy on loihi2" in card
    shown = capsys.readouterr().out
    percent = next(line for line in shown.splitlines() if line.startswith("test accuracy"))
    assert float(percent.split()[-1].rstrip("%")) > 90.0
    simulate = ["simulate", str(out / "student.safetensors"), "--target", "loihi2"]
    report = tmp_path / "report.json"
    assert main([*simulate, "--data", "digits", "--samples", "40", "--json", str(report)]) == 0
    assert json.loads(report.read_text())["run"]["accuracy"] > 0.85


SMALL = """
[data]
validation = 0.2
[student]
kind = "mlp"
widths = [16]
[teacher]
{teacher}
[teacher.training]
epochs = 15
threads = 1
"""


def test_convert_shows_every_variant_over_t(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(SMALL.format(teacher='kind = "mlp"\nwidths = [16]'))
    out, file = str(tmp_path / "out"), tmp_path / "curve.json"
    command = ["convert", str(recipe), "-o", out, "--steps", "20", "--json", str(file)]
    assert main([*command, "--margin", "5", "--samples", "300"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "max-norm" in shown
    assert "T = 16" in shown
    assert "T = 20" in shown
    found = json.loads(file.read_text())
    reference = f"The teacher: {100 * found['reference']:.2f} % of 300 test samples."
    assert shown.startswith(reference), "not where an accuracy at some T is looked for"
    assert found["schema"] == "snn2chip/conversion/1"
    for curve in found["curves"]:
        assert len(curve["accuracy"]) == 20
        assert found["samples"] == 300
        first = curve["first_within"]
        assert (first is None) or curve["first_reached"] <= first
        tail = np.array(curve["accuracy"][first - 1 :] if first else [])
        assert (tail >= found["reference"] - 0.05).all()
    best = found["curves"][1]
    assert best["start"] == 0.5
    assert best["accuracy"][7] >= found["curves"][0]["accuracy"][7] - 0.02


@pytest.mark.parametrize(
    ("recipe", "code", "said"),
    [
        ('[student]\nkind = "mlp"', 2, "no [teacher]"),
        (SMALL.format(teacher='file = "t.onnx"').split("[teacher.training]")[0], 3, "no such file"),
    ],
)
def test_convert_says_what_it_needs(tmp_path, capsys, recipe, code, said) -> None:
    (tmp_path / "recipe.toml").write_text(recipe)
    command = ["convert", str(tmp_path / "recipe.toml"), "-o", str(tmp_path / "out")]
    assert main(command) == code
    assert said in capsys.readouterr().err
