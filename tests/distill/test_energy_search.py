"""Floors of encodings, told before any training."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")
pytest.importorskip("sklearn", reason="the digits come with scikit-learn")

from snn2chip.data.digits import load_digits_split  # noqa: E402
from snn2chip.distill.energy.mapped import Prices  # noqa: E402
from snn2chip.distill.energy.search import Setting, settings, within  # noqa: E402
from snn2chip.distill.recipe import recipe_from_dict  # noqa: E402
from snn2chip.distill.training import fit  # noqa: E402
from snn2chip.errors import ConfigError  # noqa: E402

PRICES = Prices("loihi1", "sanafe_nahuku")


@pytest.fixture(scope="module")
def digits():
    split = load_digits_split(0)
    return split.x_train[:300], split.y_train[:300]


def recipe_of(steps: int, kind: str = "mlp", **penalty):
    tables = {
        "data": {"validation": 0.2},
        "encoding": {"steps": steps},
        "student": {"kind": kind, "widths": [8]},
        "training": {"epochs": 1, "threads": 1},
    }
    if penalty:
        tables["penalty"] = [{"kind": "energy", "target": "loihi1", **penalty}]
    return recipe_from_dict(tables)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_the_floor_is_the_one_that_a_budget_is_refused_for(digits, kind) -> None:
    (found,) = settings(recipe_of(4, kind), *digits, PRICES, [4], [1.0])
    with pytest.raises(ConfigError, match="floor") as caught:
        fit(recipe_of(4, kind, table="sanafe_nahuku", budget_nj=0.5), *digits)
    told = float(re.search(r"floor of ([\d.]+) nJ", str(caught.value)).group(1))
    assert found.floor_nj == pytest.approx(told, rel=0.03)  # of other samples


def test_more_steps_and_more_gain_cost_more(digits) -> None:
    found = settings(recipe_of(4), *digits, PRICES, [2, 4, 8], [0.5, 1.0])
    assert len(found) == 6
    assert list(found) == sorted(found, key=lambda s: s.floor_nj)
    at = {(s.steps, s.gain): s for s in found}
    assert at[8, 1.0].neurons_nj == pytest.approx(2 * at[4, 1.0].neurons_nj)
    for steps in (2, 4, 8):
        assert at[steps, 0.5].inputs_nj < at[steps, 1.0].inputs_nj
        assert at[steps, 0.5].neurons_nj == at[steps, 1.0].neurons_nj


def test_only_what_leaves_something_for_spikes() -> None:
    found = [Setting(k, 1.0, float(k), 1.0) for k in (1, 2, 4, 8)]
    assert [s.steps for s in within(found, 5.0, 1.0)] == [4, 2, 1]
    assert [s.steps for s in within(found, 5.0, 0.9)] == [2, 1]
    assert list(within(found, 1.0)) == []


def test_a_recipe_takes_a_setting() -> None:
    recipe = recipe_of(4)
    if not hasattr(recipe.encoding, "gain"):
        pytest.skip("recipes have no gain")
    changed = Setting(2, 0.5, 0.0, 0.0).of(recipe)
    assert (changed.encoding.steps, changed.encoding.gain) == (2, 0.5)
    assert replace(changed, encoding=recipe.encoding) == recipe
