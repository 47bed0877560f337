"""Energy held to a budget: the weight follows, populations live on, integers judge."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")
pytest.importorskip("sklearn", reason="the digits come with scikit-learn")

from snn2chip.data.digits import load_digits_split  # noqa: E402
from snn2chip.distill.energy.budget import Balance  # noqa: E402
from snn2chip.distill.energy.judging import Judged, priced_on  # noqa: E402
from snn2chip.distill.quantized.finetune import finetune_quantized  # noqa: E402
from snn2chip.distill.recipe import QuantizationConfig  # noqa: E402
from snn2chip.distill.run import describe, distill  # noqa: E402
from snn2chip.distill.sequence import encode_spikes, run_layers  # noqa: E402
from snn2chip.distill.training import Trainer, fit  # noqa: E402
from snn2chip.distill.training.fit import new_student  # noqa: E402


def last_of(fitted, name: str) -> float:
    return fitted.history[-1][name]


@pytest.fixture(scope="module")
def free(energy_recipe, energy_digits):
    """A training whose energy is watched and does not count: 25 nJ of spikes above a floor."""
    return fit(energy_recipe({"epochs": 6}, weight=1e-12), *energy_digits)


def budget_of(free, share: float) -> float:
    """The floor, and a share of what spikes cost where nothing holds them back."""
    last = free.history[-1]
    assert last["energy_spikes_nj"] > 5
    return last["energy_nj"] - (1 - share) * last["energy_spikes_nj"]


def test_the_budget_is_kept_and_judged_by_the_integer_program(
    energy_recipe, energy_digits, free
) -> None:
    budget = budget_of(free, 0.5)
    recipe = energy_recipe({"epochs": 20}, budget_nj=budget, eta=0.5, warm_up=2)
    kept = fit(recipe, *energy_digits)
    assert kept.history[0]["energy_nj"] < budget, "it is silent at first, and cheap"
    assert kept.validation > 0.7
    weights = [figures["energy_weight"] for figures in kept.history]
    assert weights[:2] == [0.0, 0.0]
    assert max(weights) > 0
    assert kept.history[kept.epoch - 1]["energy_nj"] < budget * 1.02
    split = load_digits_split(0)
    judged = Judged(
        kept.student, describe(recipe, split), energy_digits[0], *(d[:150] for d in energy_digits)
    )
    (figures,) = priced_on(judged, [recipe.penalties[0].prices])
    rows = recipe.penalties[0].verdict(judged)
    said = rows["energy budget, loihi2, loihi2_from_loihi1"]
    assert said.startswith("met" if figures.dynamic_nj <= budget else "not met")
    assert figures.dynamic_nj == pytest.approx(budget, rel=0.1)
    assert f"{figures.dynamic_nj:.4g} nJ" in " ".join(rows.values())


def test_silence_meets_no_budget(energy_recipe, energy_digits) -> None:
    """After its first epoch this student has populations without a spike."""
    recipe = energy_recipe({"epochs": 1}, budget_nj=1e6)
    kept = fit(recipe, *energy_digits)
    x, y = energy_digits
    judged = Judged(kept.student, describe(recipe, load_digits_split(0)), x, x[:100], y[:100])
    (figures,) = priced_on(judged, [recipe.penalties[0].prices])
    assert "out" in figures.silent
    said = recipe.penalties[0].verdict(judged)["energy budget, loihi2, loihi2_from_loihi1"]
    assert said.startswith("not met")
    assert f"without a spike of {', '.join(figures.silent)}" in said


def test_an_epoch_is_judged_by_its_own_spikes(energy_recipe, energy_digits) -> None:
    recipe = energy_recipe({"epochs": 2}, budget_nj=1e6)
    trainer = Trainer(recipe, new_student(recipe, *energy_digits), *energy_digits)
    (objective,) = (o for o in trainer.objectives if hasattr(o, "_sent"))
    trainer.epoch()
    assert not objective.acceptable, "silent at first"
    assert not any(objective._sent.values()), "nothing of it counts in the next one"


def test_an_epoch_above_the_budget_is_kept_only_where_all_are(
    energy_recipe, energy_digits, free
) -> None:
    """The first epochs are above it and may be more accurate; the one that is kept is not."""
    budget = budget_of(free, 0.5)
    recipe = energy_recipe({"epochs": 9}, budget_nj=budget, eta=5.0, warm_up=4)
    kept = fit(recipe, *energy_digits)
    assert kept.history[3]["energy_nj"] > budget
    assert kept.epoch > 4
    judged = Judged(
        kept.student, describe(recipe, load_digits_split(0)), energy_digits[0], *energy_digits
    )
    assert priced_on(judged, [recipe.penalties[0].prices])[0].dynamic_nj < budget * 1.03


def test_a_weight_costs_spikes_and_kills_no_population(energy_recipe, energy_digits, free) -> None:
    priced = fit(energy_recipe({"epochs": 6}, weight=0.2), *energy_digits)
    assert last_of(priced, "energy_spikes_nj") < 0.8 * last_of(free, "energy_spikes_nj")
    x = torch.tensor(energy_digits[0], dtype=torch.float32)
    with torch.no_grad():
        sent = encode_spikes(x, energy_recipe().encoding.to_graph())
        spikes = run_layers(priced.student, sent).spikes
    assert all(float(s.sum()) > 0.5 * len(x) for s in spikes.values())


@pytest.mark.parametrize("guard", [0.0, 1.0])
def test_the_guard_keeps_populations_alive(energy_recipe, energy_digits, guard) -> None:
    """A weight that would silence the student does, unless populations are guarded."""
    fitted = fit(energy_recipe({"epochs": 4}, weight=30.0, warm_up=0, guard=guard), *energy_digits)
    x = torch.tensor(energy_digits[0], dtype=torch.float32)
    with torch.no_grad():
        sent = encode_spikes(x, energy_recipe().encoding.to_graph())
        spikes = run_layers(fitted.student, sent).spikes
    least = min(float(s.sum()) / len(x) for s in spikes.values())
    assert least < 0.01 if guard == 0.0 else least > 0.1


def test_with_integers_in_the_training(energy_recipe, energy_digits) -> None:
    """The fine-tuning in 3-bit weights sees the energy too."""
    x, y = energy_digits
    energies = {}
    start = fit(energy_recipe(), x, y).student
    for weight in (1e-12, 2.0):
        recipe = energy_recipe(weight=weight, warm_up=0)
        split = load_digits_split(0)
        metadata = describe(recipe, split)
        tuned = finetune_quantized(start, metadata, x, y, QuantizationConfig("loihi2", 3, 2))
        judged = Judged(tuned.student, tuned.metadata, x, x[:100], y[:100], 3)
        energies[weight] = priced_on(judged, [recipe.penalties[0].prices])[0].spikes_nj
    assert energies[2.0] < 0.9 * energies[1e-12]


def test_the_balance_by_hand() -> None:
    balance = Balance(0.5, eta=0.1, most=0.7, decay=0.5)
    assert balance.ratio == 0.0
    balance.update(3.0, False)
    assert (balance.ratio, float(balance.weight)) == (3.0, 0.5)
    balance.update(1.5, True)  # mean (0.25 x 3 + 0.5 x 1.5) / 0.75 = 2
    assert balance.ratio == pytest.approx(2.0)
    assert float(balance.weight) == pytest.approx(0.6)
    balance.update(9.0, True)
    assert float(balance.weight) == 0.7
    for _ in range(40):
        balance.update(0.0, True)
    assert float(balance.weight) == 0.0


def test_distill_writes_the_verdict_into_the_card(tmp_path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[data]\nvalidation = 0.2\n[encoding]\nsteps = 4\n[student]\nkind = "mlp"\nwidths = [12]\n'
        "[training]\nepochs = 1\nthreads = 1\n"
        '[[penalty]]\nkind = "energy"\ntarget = "loihi1"\nbudget_nj = 100000.0\n'
    )
    card = distill(recipe, tmp_path / "out").card.read_text()
    assert re.search(r"\| energy budget, loihi1, davies2018 \| met: [\d.]+ of 100000 nJ \|", card)
    assert "| accuracy of that, loihi1, davies2018 |" in card


def test_a_fixed_weight_grows_in_the_warm_up(energy_recipe, energy_digits) -> None:
    """Epochs without it train as if it were not there; then it counts in full."""
    late = fit(energy_recipe({"epochs": 3}, weight=1.0, warm_up=2), *energy_digits)
    free = fit(energy_recipe({"epochs": 3}, weight=1e-12, warm_up=0), *energy_digits)
    first = [figures["energy_spikes_nj"] for figures in late.history]
    plain = [figures["energy_spikes_nj"] for figures in free.history]
    assert first[0] == pytest.approx(plain[0], rel=1e-6)
    assert first[2] < 0.8 * plain[2]
