"""Study files: what they mean, and how mistakes in them are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from snn2chip.errors import ConfigError
from snn2chip.study.answer.claims import check_claims, check_series
from snn2chip.study.config import Range, read_study, study_from_dict

ROOT = Path(__file__).resolve().parents[2]
STUDIES = [p for p in sorted((ROOT / "studies").glob("*.toml")) if not p.stem.endswith("-base")]
RECIPES = sorted((ROOT / "recipes").glob("*/*.toml"))

FULL = """
recipe = "digits.toml"
targets = ["loihi2", "loihi1:sanafe_nahuku"]
seeds = [0, 1, 2]
series = ["method.name", "penalty.0.kind"]
reference = { accuracy = 0.9, energy = 100 }
level = 0.9

[[grid]]
method = [{ name = "ce" }]
"training.lr" = [0.01, 0.02]

[search]
trials = 8
sampler = "random"
objectives = ["accuracy", "spikes"]
[search.space]
"penalty.0.weight" = { low = 0.01, high = 1, log = true }
"student.widths" = { choices = [[32], [64]] }
"training.epochs" = { low = 2, high = 5 }

[[compare]]
a = { "method.name" = "kd" }
b = { "method.name" = "ce" }
margin_points = 0.2
pick = "energy"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text)
    return path


def test_a_study_file_says_all_of_it(tmp_path: Path) -> None:
    study = read_study(written(tmp_path, FULL))
    assert study.name == "study"
    assert Path(study.recipe) == tmp_path / "digits.toml"
    assert study.targets == ("loihi2", "loihi1:sanafe_nahuku")
    assert study.seeds == (0, 1, 2)
    assert study.grids == ({"method": ({"name": "ce"},), "training.lr": (0.01, 0.02)},)
    assert study.reference == {"accuracy": 0.9, "energy": 100.0}
    assert study.level == 0.9
    assert study.search is not None
    assert study.search.space == {
        "penalty.0.weight": Range(0.01, 1.0, log=True),
        "student.widths": Range(choices=([32], [64])),
        "training.epochs": Range(2.0, 5.0, whole=True),
    }
    (claim,) = study.compare
    assert (claim.margin_points, claim.pick) == (0.2, "energy")


def test_a_recipe_alone_is_a_study() -> None:
    study = study_from_dict({"recipe": "r.toml"})
    assert (study.grids, study.search, study.compare, study.seeds) == ((), None, (), ())


SPACE = {"a": {"low": 1.0, "high": 2.0}}


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({}, "'recipe' is missing"),
        ({"recipe": 3}, "recipe = 3"),
        ({"recipes": "r"}, "did you mean 'recipe'"),
        ({"recipe": "r", "grids": []}, "did you mean 'grid'"),
        ({"recipe": "r", "grid": 3}, "[[grid]]"),
        ({"recipe": "r", "grid": {"a": 3}}, "array of values"),
        ({"recipe": "r", "grid": {"a": []}}, "array of values"),
        ({"recipe": "r", "grid": {"method": {"name": ["ce"]}}}, "quotation marks"),
        ({"recipe": "r", "seeds": [0, 0]}, "each once"),
        ({"recipe": "r", "seeds": [-1]}, "whole number"),
        ({"recipe": "r", "targets": ["loihi2", "loihi2"]}, "each once"),
        ({"recipe": "r", "level": 1.0}, "between 0 and 1"),
        ({"recipe": "r", "resamples": 3}, "whole number from 100"),
        ({"recipe": "r", "search": 3}, "[search]"),
        ({"recipe": "r", "search": {}}, "search.space"),
        ({"recipe": "r", "search": {"space": SPACE, "sampler": "tpa"}}, "did you mean 'tpe'"),
        ({"recipe": "r", "search": {"space": SPACE, "trials": 0}}, "whole number"),
        ({"recipe": "r", "search": {"space": SPACE, "objectives": ["power"]}}, "objectives"),
        ({"recipe": "r", "search": {"space": SPACE, "objectives": []}}, "one or more"),
        ({"recipe": "r", "search": {"space": {"a": 3}}}, "low = 0.1"),
        ({"recipe": "r", "search": {"space": {"a": {"low": 1}}}}, "low = 0.1"),
        ({"recipe": "r", "search": {"space": {"a": {"low": 2, "high": 1}}}}, "low below high"),
        ({"recipe": "r", "search": {"space": {"a": {"low": "x", "high": 1}}}}, "low = 0.1"),
        (
            {"recipe": "r", "search": {"space": {"a": {"low": 0, "high": 1, "log": True}}}},
            "above 0",
        ),
        ({"recipe": "r", "search": {"space": {"a": {"choices": []}}}}, "choices"),
        (
            {"recipe": "r", "search": {"space": {"a": {"low": 1, "high": 9, "step": 2}}}},
            "low, high",
        ),
        ({"recipe": "r", "compare": {"a": {"x": 1}}}, "compare.b"),
        ({"recipe": "r", "compare": {"a": {"x": 1}, "b": {"x": 1}}}, "with itself"),
        ({"recipe": "r", "compare": {"a": {"x": 1}, "b": {}, "margin_points": -1}}, "margin"),
        ({"recipe": "r", "compare": {"a": {"x": 1}, "b": {}, "pick": "speed"}}, "pick"),
        ({"recipe": "r", "compare": {"a": {"x": 1}, "b": {}, "margin": 1}}, "margin_points"),
        ({"recipe": "r", "compare": {"a": {"x": 1}, "b": {}, "near": 1}}, "compare.near"),
        ({"recipe": "r", "compare": {"a": {"x": 1}, "b": {}, "near": {}}}, "near without a cost"),
        ({"recipe": "r", "reference": 3}, "table of numbers"),
        ({"recipe": "r", "reference": {"power": 1}}, "unknown key 'reference.power'"),
        ({"recipe": "r", "reference": {"energy": -1}}, "reference.energy"),
        ({"recipe": "r", "reference": {"accuracy": 90.0}}, "reference.accuracy = 90.0"),
        ({"recipe": "r", "reference": {"accuracy": 1}}, "a share below 1"),
        ({"recipe": "r", "reference": {"accuracy": float("nan")}}, "reference.accuracy"),
        ({"recipe": "r", "level": 0.9999999999999999}, "between 0 and 1, at most 0.9999"),
        ({"recipe": "r", "level": float("nan")}, "between 0 and 1"),
        ({"recipe": "r", "level": 0.0}, "between 0 and 1"),
    ],
)
def test_mistakes_are_named(tables: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        study_from_dict(tables, "s.toml")
    assert words in str(caught.value)
    assert "s.toml" in str(caught.value) or "reference" in words


@pytest.mark.parametrize("text", ["= 3", "recipe = '''", "\x00"])
def test_what_is_no_toml_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="no valid TOML"):
        read_study(written(tmp_path, text))


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_study(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="a folder"):
        read_study(tmp_path)
    with pytest.raises(ConfigError, match="too large"):
        read_study(written(tmp_path, "#" * 2_000_000))


def test_comparisons_of_what_is_never_tried_are_refused() -> None:
    from tests.study.synthetic import trial

    trials = [trial(0), trial(0, method__name="kd")]
    claim = {"a": {"method.name": "kd"}, "b": {"method.name": "ce"}}
    check_claims(study_from_dict({"recipe": "r", "compare": claim}), trials)
    claim["b"] = {"method.name": "tser"}
    with pytest.raises(ConfigError, match=r"compare\.b: no setting has method\.name = tser"):
        check_claims(study_from_dict({"recipe": "r", "compare": claim}), trials)
    searched = {"recipe": "r", "compare": claim, "search": {"space": SPACE}}
    check_claims(study_from_dict(searched), trials)


def test_selections_name_one_value_any_of_several_or_an_array() -> None:
    from snn2chip.study.answer.claims import matches
    from tests.study.synthetic import trial

    kd = trial(0, method__name="kd", method__temperature=4.0, student__widths=[32, 16])
    assert matches(kd, {})
    assert matches(kd, {"method": {"name": "kd"}, "method.temperature": 4})
    assert matches(kd, {"method.temperature": [2.0, 4.0]})
    assert not matches(kd, {"method.temperature": [1.0, 2.0]})
    assert matches(kd, {"student.widths": [32, 16]})
    assert not matches(kd, {"student.widths": [16, 32]})
    assert not matches(kd, {"method.weight": [1.0, 2.0]})


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_studies_of_ours_are_studies_of_recipes(path: Path) -> None:
    """Every combination is a recipe, and every comparison finds its settings."""
    pytest.importorskip("norse", reason="recipes are those of a training")
    from snn2chip.study.trials.grid import base_tables, grid_trials

    study = read_study(path)
    trials = grid_trials(study, base_tables(study))
    check_claims(study, trials)
    check_series(study, base_tables(study), trials)
    assert len({trial.key for trial in trials}) == len(trials) >= 2


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_recipes_of_ours_are_recipes(path: Path) -> None:
    pytest.importorskip("norse", reason="recipes are those of a training")
    from snn2chip.distill import read_recipe

    assert read_recipe(path).data.name == path.parent.name
