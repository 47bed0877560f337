"""Energy in the loss: its budget, what is refused, and that prices alone decide nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")
pytest.importorskip("sklearn", reason="the digits come with scikit-learn")

from snn2chip.distill.energy.mapped import encoded, float_run, mapped  # noqa: E402
from snn2chip.distill.energy.objective import run_of  # noqa: E402
from snn2chip.distill.methods.base import Context, Signals, Stage  # noqa: E402
from snn2chip.distill.methods.penalties.energy import EnergyPenalty  # noqa: E402
from snn2chip.distill.recipe import recipe_from_dict  # noqa: E402
from snn2chip.distill.sequence import encode_spikes, run_layers  # noqa: E402
from snn2chip.distill.training import Trainer, fit, hold_out  # noqa: E402
from snn2chip.distill.training.fit import new_student  # noqa: E402
from snn2chip.errors import ConfigError  # noqa: E402
from snn2chip.resources import targets_dir  # noqa: E402


def last_of(fitted, name: str) -> float:
    return fitted.history[-1][name]


def test_a_recipe_says_it_and_is_told_again(energy_recipe) -> None:
    options = {"target": "loihi1", "table": "sanafe_nahuku", "budget_nj": 90.5, "eta": 0.5}
    recipe = energy_recipe(**options)
    (penalty,) = recipe.penalties
    assert penalty == EnergyPenalty(**options)
    again = recipe_from_dict(recipe.to_dict())
    assert again == recipe


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "weight 0 without a budget"),
        ({"budget_nj": -1.0}, "budget_nj"),
        ({"weight": -0.1}, "weight"),
        ({"weight": 1.0, "decay": 1.0}, "decay"),
        ({"weight": 1.0, "partition": "nowhere"}, "partition"),
        ({"weight": 1.0, "warm_up": -1}, "warm_up"),
    ],
)
def test_options_that_make_no_sense(options, message) -> None:
    with pytest.raises(ConfigError, match=message):
        EnergyPenalty(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": 1.0, "target": "loihi3"}, "loihi3"),
        ({"weight": 1.0, "target": "loihi1", "table": "akopyan2015"}, "no cost table"),
        ({"weight": 1.0, "target": "keras_spiking"}, "they cost nothing"),
        ({"weight": 1.0, "target": "asic45", "table": "horowitz2014"}, "no price of anything"),
    ],
)
def test_chips_that_cannot_be_priced_are_refused_before_training(
    energy_recipe, energy_digits, options, message
) -> None:
    seen: list = []
    with pytest.raises(ConfigError, match=message):
        fit(energy_recipe(**options), *energy_digits, progress=seen.append)
    assert seen == []


def test_a_budget_below_the_floor_is_refused_with_the_floor(energy_recipe, energy_digits) -> None:
    """The floor is what input and idle neurons cost: that much is refused, a little more is not."""
    with pytest.raises(ConfigError, match="floor") as caught:
        fit(energy_recipe(budget_nj=1.0), *energy_digits)
    floor = float(re.search(r"floor of ([\d.]+) nJ", str(caught.value)).group(1))
    recipe = energy_recipe(budget_nj=1e9)
    inner, _ = hold_out(recipe.data, energy_digits[1])
    x = energy_digits[0][inner]
    context = Context(
        recipe, new_student(recipe, *energy_digits), None, torch.tensor(x[:2]), 10, {},
        torch.tensor(x, dtype=torch.float32),
    )  # fmt: skip
    found = mapped(run_of(context).graph(context.student), recipe.penalties[0].prices, x)
    sent = encoded(found.graph, x)["input"].sum((0, 1))
    neurons = sum(p.size for p in found.graph.populations if not p.is_input)
    expected = (found.costs.spike_pj["input"] * sent).sum() / len(x) + neurons * 6 * 81.0
    assert floor == pytest.approx(expected / 1000, rel=1e-3)
    with pytest.raises(ConfigError, match="floor"):
        fit(energy_recipe(budget_nj=floor * 0.999), *energy_digits)
    EnergyPenalty(budget_nj=floor * 1.001).objective(context)


def test_a_budget_needs_samples_to_judge_it_on(energy_recipe, energy_digits) -> None:
    tables = energy_recipe(budget_nj=1000.0).to_dict()
    tables["data"]["validation"] = 0.0
    with pytest.raises(ConfigError, match="samples to judge it on"):
        fit(recipe_from_dict(tables), *energy_digits)


@pytest.mark.parametrize("table", ["davies2018", "sanafe_nahuku"])
def test_the_term_is_the_reports_price_over_the_budget(energy_recipe, energy_digits, table) -> None:
    recipe = energy_recipe(target="loihi1", table=table, budget_nj=500.0)
    student = new_student(recipe, *energy_digits).eval()
    x, y = energy_digits[0][:50], energy_digits[1][:50]
    context = Context(recipe, student, None, torch.tensor(x, dtype=torch.float32), 10)
    objective = recipe.penalties[0].objective(context)
    with torch.no_grad():
        sent = encode_spikes(context.example, recipe.encoding.to_graph())
        result = run_layers(student, sent)
    spikes = {"input": sent, **result.spikes}
    signals = Signals(
        result.output, result.output, result.output, result.drive, spikes, {}, torch.tensor(y),
        None, 0, 1, "train", torch.Generator(),
    )  # fmt: skip
    found = mapped(run_of(context).graph(student), recipe.penalties[0].prices, x)
    report = found.report(float_run(found.graph, encoded(found.graph, x)))
    value = float(objective(signals)["energy"].value)
    assert value * 500.0 == pytest.approx(report.dynamic_pj / 50e3, rel=1e-6)


def scaled_target(folder: Path, factor: float) -> Path:
    """Loihi 1 with every energy times a factor."""

    def times(match: re.Match[str]) -> str:
        return f"{match[1]}{float(match[2]) * factor!r}"

    text = (targets_dir() / "loihi1.toml").read_text()
    path = folder / f"times{factor:g}.toml"
    path.write_text(re.sub(r"(?m)^(e_\w+ = \{ value = )([\d.]+)", times, text))
    return path


@pytest.mark.parametrize(
    "penalty",
    [
        {"budget_nj": 97.0, "eta": 2.0},
        {"weight": 0.5},
        {"weight": 0.2, "remove_to_nj": 60.0, "remove_until": 1},
    ],
    ids=["budget", "weight", "removal"],
)
def test_costs_and_budget_times_1024_give_the_same_weights_to_the_bit(
    energy_recipe, energy_digits, tmp_path, penalty
) -> None:
    def trained(factor: float):
        options = {**penalty, "target": str(scaled_target(tmp_path, factor)), "warm_up": 0}
        for name in options.keys() & {"budget_nj", "remove_to_nj"}:
            options[name] *= factor
        return fit(energy_recipe({"epochs": 2}, table="sanafe_nahuku", **options), *energy_digits)

    one, other = trained(1.0), trained(1024.0)
    assert last_of(one, "energy_weight") > 0
    assert last_of(other, "energy_nj") == 1024 * last_of(one, "energy_nj")
    for name, tensor in one.student.state_dict().items():
        assert torch.equal(tensor, other.student.state_dict()[name]), name


def test_a_training_that_was_broken_off_ends_the_same(
    energy_recipe, energy_digits, tmp_path
) -> None:
    recipe = energy_recipe({"epochs": 4}, budget_nj=300.0, eta=0.2, warm_up=1)
    whole = fit(recipe, *energy_digits)

    class StopError(Exception):
        pass

    def stop(progress) -> None:
        if progress.epoch == 2:
            raise StopError

    state = tmp_path / "state"
    with pytest.raises(StopError):
        fit(recipe, *energy_digits, progress=stop, state=state)
    resumed = fit(recipe, *energy_digits, state=state)
    assert resumed.history == whole.history
    for name, tensor in whole.student.state_dict().items():
        assert torch.equal(tensor, resumed.student.state_dict()[name]), name


def test_stages_price_anew_and_keep_the_weight(energy_recipe, energy_digits) -> None:
    recipe = energy_recipe(budget_nj=300.0, eta=0.2, warm_up=0)
    trainer = Trainer(recipe, new_student(recipe, *energy_digits), *energy_digits)
    trainer.start(Stage("first", 1))
    trainer.epoch()
    before = {n: t.clone() for n, t in trainer.objectives.state_dict().items()}
    trainer.start(Stage("second", 1))
    for name, tensor in trainer.objectives.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_numbers_of_a_batch_do_not_depend_on_its_order(energy_recipe, energy_digits) -> None:
    recipe = energy_recipe(weight=1.0)
    student = new_student(recipe, *energy_digits)
    x = torch.tensor(energy_digits[0][:32], dtype=torch.float32)
    objective = recipe.penalties[0].objective(Context(recipe, student, None, x, 10))
    order = torch.from_numpy(np.random.default_rng(0).permutation(32))
    found = []
    for values in (x, x[order]):
        sent = encode_spikes(values, recipe.encoding.to_graph())
        result = run_layers(student, sent)
        spikes = {"input": sent, **result.spikes}
        found.append(float(objective._expense(spikes).total.detach()))
    assert found[0] == pytest.approx(found[1], rel=1e-12)
