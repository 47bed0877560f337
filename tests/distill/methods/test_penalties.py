"""Penalties: their values, their options, and weights that stay pruned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.methods.penalties.magnitude import MagnitudePruning, smallest  # noqa: E402
from snn2chip.distill.training import fit  # noqa: E402
from snn2chip.errors import ConfigError  # noqa: E402


def value_of(made) -> tuple[float, float]:
    (term,) = made.objective(made.signals).values()
    return float(term.value.detach()), float(term.weight)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("output", [True, False])
def test_rates(made, power, output) -> None:
    penalty = [{"kind": "rate", "weight": 0.3, "power": power, "output": output}]
    m = made("conv", term=0, penalty=penalty)
    names = ["conv1", "conv2", *(["out"] if output else [])]
    rates = {name: m.signals.spikes[name].detach().double().numpy().mean(0) for name in names}
    expected = sum((rate**power).mean() for rate in rates.values())
    assert value_of(m) == (pytest.approx(expected, rel=1e-5), 0.3)


def test_logits(made) -> None:
    m = made("mlp", term=0, penalty=[{"kind": "logits", "weight": 0.2}])
    z = m.signals.scores.detach().double().numpy()
    assert value_of(m) == (pytest.approx((z**2).mean(), rel=1e-6), 0.2)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_synaptic_events_are_those_of_the_report(made, kind) -> None:
    """Of the same batch, counted by the simulator on the student's graph."""
    from snn2chip.data import Split
    from snn2chip.distill.describing import describe
    from snn2chip.distill.on_target import run_on_target

    m = made(kind, term=0, penalty=[{"kind": "synops", "target": 1000.0}])
    x, y = m.context.samples.double().numpy(), np.arange(5)
    labels = np.arange(10)
    metadata = describe(m.context.recipe, Split(np.zeros((10, 1, 8, 8)), labels, x, y))
    result = run_on_target(m.student, metadata, Split(x, y, x, y), "reference")
    fed_by_input = {"mlp": "hidden1", "conv": "conv1"}[kind]
    events = {layer.name: layer.synaptic_events for layer in result.counts.layers}
    expected = sum(n for name, n in events.items() if name != fed_by_input) / len(x)
    assert expected > 0.0
    found, _ = value_of(m)
    assert found == pytest.approx(((expected - 1000.0) / 1000.0) ** 2, rel=1e-5)
    plain = replace(m.context.recipe.penalties[0], target=None).objective(m.context)
    (term,) = plain(m.signals).values()
    assert 0.0 < float(term.value.detach()) < 1.0


def test_every_neuron_at_every_step_is_a_share_of_one(made) -> None:
    m = made("conv", term=0, penalty=[{"kind": "synops"}])
    ones = {name: torch.ones_like(values) for name, values in m.signals.spikes.items()}
    (term,) = m.objective(replace(m.signals, spikes=ones)).values()
    assert float(term.value) == pytest.approx(1.0, rel=1e-6)


def test_pruning_takes_the_smallest() -> None:
    weights = {"a": torch.tensor([[3.0, -1.0], [0.5, 4.0]]), "b": torch.tensor([[-2.0, 0.1]])}
    found = smallest(weights, 0.5, "network")
    assert found["a"].tolist() == [[True, False], [False, True]]
    assert found["b"].tolist() == [[True, False]]
    found = smallest(weights, 0.5, "layer")
    assert found["a"].tolist() == [[True, False], [False, True]]
    assert found["b"].tolist() == [[True, False]]
    assert smallest(weights, 0.0, "network")["a"].all()


def test_the_share_rises_by_a_cube_or_at_once() -> None:
    gradual = MagnitudePruning(share=0.8, begin=0.25, end=0.75)
    assert [gradual.share_after(p) for p in (0.0, 0.2, 0.75, 1.0)] == [0.0, 0.0, 0.8, 0.8]
    assert gradual.share_after(0.5) == pytest.approx(0.8 * (1.0 - 0.125))
    once = MagnitudePruning(share=0.8, begin=0.5, end=0.5)
    assert [once.share_after(p) for p in (0.49, 0.5)] == [0.0, 0.8]
    for wrong in ({"share": 1.0}, {"begin": 0.6, "end": 0.5}, {"end": 1.1}):
        with pytest.raises(ConfigError):
            MagnitudePruning(**wrong)


def zeros(student) -> float:
    weights = [
        m.weight for m in student.modules() if isinstance(m, torch.nn.Linear | torch.nn.Conv2d)
    ]
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)


@pytest.mark.parametrize("validation", [0.0, 0.3])
def test_pruned_weights_stay_zero_and_only_pruned_epochs_are_kept(
    tiny_recipe, few_digits, validation
) -> None:
    from snn2chip.data import Split
    from snn2chip.distill.describing import describe
    from snn2chip.distill.on_target import graph_of_student
    from snn2chip.graph.operators import weights_of

    recipe = tiny_recipe(
        "conv",
        training__epochs=6,
        data__validation=validation,
        penalty=[{"kind": "magnitude", "share": 0.6, "begin": 0.2, "end": 0.6}],
    )
    fitted = fit(recipe, *few_digits)
    assert zeros(fitted.student) == pytest.approx(0.6, abs=0.002)
    shares = [epoch["zeros"] for epoch in fitted.history]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert fitted.epoch >= 4
    graph = graph_of_student(fitted.student, describe(recipe, Split(*few_digits, *few_digits)))
    exported = [weights_of(p.operator) for p in graph.projections]
    assert sum(int((w == 0).sum()) for w in exported) >= 0.59 * sum(w.size for w in exported)
    if validation:
        assert 0.0 <= fitted.validation <= 1.0


def test_chips_get_a_pruned_student_without_its_zeros(tiny_recipe, few_digits, tmp_path) -> None:
    """On its card and in studies, in floats as in integers; a loss of all synapses keeps them."""
    from snn2chip.data import Split
    from snn2chip.distill.checkpoint import save_checkpoint
    from snn2chip.distill.describing import describe
    from snn2chip.distill.on_target import figures_on_target
    from snn2chip.study.trials.runs import StudentRuns

    price = {"kind": "magnitude", "share": 0.8, "begin": 0.0, "end": 0.0}
    recipe = tiny_recipe("mlp", training__epochs=2, penalty=[price])
    assert recipe.drops_zeros
    assert not tiny_recipe("mlp").drops_zeros
    assert not tiny_recipe("mlp", penalty=[price, {"kind": "energy", "weight": 0.1}]).drops_zeros
    split = Split(*few_digits, *few_digits)
    student, metadata = fit(recipe, *few_digits).student, describe(recipe, split)
    file = save_checkpoint(tmp_path / "student.safetensors", student, metadata)
    whole, without = (
        figures_on_target(student, metadata, split, "loihi2", drop_zeros=drop)
        for drop in (False, True)
    )
    assert (whole.accuracy, whole.spikes) == (without.accuracy, without.spikes)
    assert 0 < without.synaptic_events < 0.4 * whole.synaptic_events
    assert without.dynamic_nj < whole.dynamic_nj
    counted = [StudentRuns(file, split, drop).in_float()[0] for drop in (False, True)]
    assert counted[1].synaptic_events < 0.4 * counted[0].synaptic_events
    on_chip = StudentRuns(file, split, True).on("loihi2")
    events = sum(layer.counts.synaptic_events for layer in on_chip.energy.layers)
    assert events / len(split.y_test) == pytest.approx(without.synaptic_events)


def test_zeros_survive_fine_tuning_in_integers(tiny_recipe, few_digits) -> None:
    from snn2chip.data import Split
    from snn2chip.distill.describing import describe
    from snn2chip.distill.quantized.finetune import finetune_quantized
    from snn2chip.distill.recipe import QuantizationConfig

    x, y = few_digits
    recipe = tiny_recipe(
        "mlp",
        training__epochs=3,
        penalty=[{"kind": "magnitude", "share": 0.5, "begin": 0.0, "end": 0.3}],
    )
    fitted = fit(recipe, x, y)
    tuned = finetune_quantized(
        fitted.student,
        describe(recipe, Split(x, y, x, y)),
        x,
        y,
        QuantizationConfig("loihi2", epochs=2),
    )
    before = {n: p == 0 for n, p in fitted.student.named_parameters() if n.endswith("weight")}
    after = {n: p == 0 for n, p in tuned.student.named_parameters() if n.endswith("weight")}
    assert before.keys() == after.keys()
    assert all(bool(after[name][mask].all()) for name, mask in before.items())
    assert zeros(tuned.student) >= 0.5


def test_a_training_that_was_broken_off_prunes_on(tiny_recipe, few_digits, tmp_path) -> None:
    """Masks are part of the state: the resumed student is the unbroken one, bit by bit."""
    recipe = tiny_recipe("mlp", training__epochs=5, penalty=[{"kind": "magnitude", "share": 0.7}])
    whole = fit(recipe, *few_digits)
    state = tmp_path / "training.resume"

    def stop(progress) -> None:
        if progress.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(recipe, *few_digits, progress=stop, state=state)
    resumed = fit(recipe, *few_digits, state=state)
    for name, tensor in whole.student.state_dict().items():
        assert torch.equal(tensor, resumed.student.state_dict()[name]), name
