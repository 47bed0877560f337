"""Searches by optuna itself, over invented outcomes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="recipes name classes of torch")
pytest.importorskip("optuna", reason="searches are optuna's")

from snn2chip.errors import ConfigError
from snn2chip.study.config import StudyConfig, study_from_dict
from snn2chip.study.settings import found
from snn2chip.study.trials.search import Search
from snn2chip.study.types import FLOAT, Figures, Outcome, Trial

BASE = {
    "data": {"validation": 0.2},
    "student": {"kind": "mlp", "widths": [8]},
    "penalty": [{"kind": "rate", "weight": 0.0}],
}
BEST = 0.3
"""Weight of the penalty that the invented student likes best."""


def study(**search: Any) -> StudyConfig:
    given = {
        "trials": 12,
        "objectives": ["spikes"],
        "space": {"penalty.0.weight": {"low": 0.0, "high": 1.0}},
        **search,
    }
    return study_from_dict({"recipe": "base.toml", "seeds": [0, 1], "search": given})


def outcome(trial: Trial) -> Outcome:
    """Spikes that grow with the distance to the best weight, whatever the seed."""
    weight = found(trial.tables, "penalty.0.weight")
    spikes = 100.0 * abs(weight - BEST) + trial.seed
    right = 0.9 + 0.05 * weight
    one = Figures(right, 10, 1.0, spikes, 0.0, 1.0)
    return Outcome(trial.key, {FLOAT: {"validation": one, "test": one}}, 1, 1, 0.0, 0.0)


def searched(study: StudyConfig, steps: int | None = None) -> list[Trial]:
    """The trials of a search, as far as so many rounds."""
    search, trials = Search(study, BASE, FLOAT), []
    while (batch := search.ask()) and (steps is None or steps > 0):
        steps = None if steps is None else steps - 1
        made = [trial for group in batch for trial in group]
        trials += made
        search.tell({trial.key: outcome(trial) for trial in made})
    return trials


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_search_that_goes_on_asks_for_the_same_settings(sampler: str) -> None:
    whole = searched(study(sampler=sampler))
    part = searched(study(sampler=sampler), steps=5)
    assert len(whole) == 24
    assert [trial.key for trial in part] == [trial.key for trial in whole[:10]]
    other = searched(study(sampler=sampler, seed=1))
    assert [trial.key for trial in other] != [trial.key for trial in whole]


def test_every_setting_is_asked_for_at_every_seed() -> None:
    (group, *_) = Search(study(together=3), BASE, FLOAT).ask()
    assert [trial.seed for trial in group] == [0, 1]
    assert len({trial.setting for trial in group}) == 1
    assert set(group[0].settings) == {"penalty.0.weight"}


def test_settings_are_asked_for_together() -> None:
    search = Search(study(trials=5, together=2), BASE, FLOAT)
    sizes = []
    while batch := search.ask():
        sizes.append(len(batch))
        search.tell({t.key: outcome(t) for group in batch for t in group})
    assert sizes == [2, 2, 1]


def test_it_comes_near_the_best_setting() -> None:
    trials = searched(study(trials=40))
    last = [found(trial.tables, "penalty.0.weight") for trial in trials[-20:]]
    assert min(abs(weight - BEST) for weight in last) < 0.03
    assert sum(abs(weight - BEST) for weight in last) / len(last) < 0.25


def test_two_objectives_and_choices_of_tables() -> None:
    space = {
        "penalty": {"choices": [[], [{"kind": "rate", "weight": 0.5}]]},
        "student.widths": {"choices": [[8], [16]]},
        "training.epochs": {"low": 1, "high": 4},
        "training.lr": {"low": 1e-3, "high": 1e-1, "log": True},
    }
    search = Search(study(space=space, objectives=["accuracy", "spikes"]), BASE, FLOAT)
    while batch := search.ask():
        for trial in (trial for group in batch for trial in group):
            assert trial.tables["student"]["widths"] in ([8], [16])
            assert trial.tables["training"]["epochs"] in (1, 2, 3, 4)
            assert 1e-3 <= trial.tables["training"]["lr"] <= 1e-1
            assert len(trial.tables["penalty"]) in (0, 1)
        search.tell({})


def test_figures_that_are_missing_fail_the_setting_and_not_the_search() -> None:
    search = Search(study(trials=3, objectives=["energy"]), BASE, "loihi2")
    for _ in range(3):
        batch = search.ask()
        search.tell({t.key: outcome(t) for group in batch for t in group})
    assert search.ask() == []
    assert search.told == 0


@pytest.mark.parametrize("objective", ["spike_energy", "dynamic", "energy"])
def test_energies_without_a_price_are_refused(objective: str) -> None:
    with pytest.raises(ConfigError, match=f"'{objective}' is known nowhere") as caught:
        Search(study(objectives=["accuracy", objective]), BASE, FLOAT)
    assert "loihi2" in caught.value.remedy
    Search(study(objectives=["accuracy", objective]), BASE, "loihi2")


def test_ends_of_a_space_that_make_no_recipe_are_named() -> None:
    for space in (
        {"data.validation": {"low": 0.1, "high": 1.5}},
        {"training.epochs": {"low": -3, "high": 2}},
        {"penalty.0": {"choices": [{"kind": "rate"}, {"kind": "rat"}]}},
    ):
        (key,) = space
        with pytest.raises(ConfigError, match=r"search\.space: .*" + key):
            Search(study(space=space), BASE, FLOAT)


def test_a_space_that_makes_no_recipe_is_named() -> None:
    space = {"penalty.0.weihgt": {"low": 0.0, "high": 1.0}}
    with pytest.raises(ConfigError, match="weihgt"):
        Search(study(space=space), BASE, FLOAT).ask()


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match="optuna is not installed") as caught:
        Search(study(), BASE, FLOAT)
    assert "snn2chip[pareto]" in str(caught.value)
