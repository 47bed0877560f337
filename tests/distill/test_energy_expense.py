"""Energy of a training batch: the report's price of the same batch, to the spike."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.energy.expense import Expense  # noqa: E402
from snn2chip.distill.energy.mapped import (  # noqa: E402
    Prices,
    Run,
    encoded,
    float_run,
    mapped,
)
from snn2chip.distill.energy.updates import updated  # noqa: E402
from snn2chip.distill.sequence import encode_spikes, run_layers  # noqa: E402
from snn2chip.graph import Readout  # noqa: E402

PRICES = [
    Prices("loihi2"),
    Prices("loihi1", "sanafe_nahuku"),
    Prices("loihi1", "davies2018"),
    Prices("loihi1", "sanafe_nahuku", objective="packets"),
    Prices("truenorth", "akopyan2015"),
    Prices("truenorth", "merolla2014"),
    Prices("spinnaker1"),
    Prices("odin"),
    Prices("asic45"),
    Prices("keras_spiking"),
]


def names(prices: Prices) -> str:
    return f"{prices.target}-{prices.table}-{prices.objective}"


@pytest.fixture
def pair(student_and_metadata):
    """Maker of a student in float64 with its graph: kind, and changes of its recipe."""

    def make(kind: str, bias: bool = True, **changes):
        student, metadata = student_and_metadata(kind, **changes)
        if not bias:
            for module in student.modules():
                if isinstance(module, torch.nn.Linear | torch.nn.BatchNorm2d):
                    torch.nn.init.zeros_(module.bias)
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.running_mean.zero_()
        with torch.no_grad():
            for module in student.modules():
                if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                    module.weight.mul_(8.0)
        student = student.double().eval()
        run = Run(1e-3, metadata.encoding, metadata.readout, metadata.input_shape)
        return student, run.graph(student, None if bias else 0.0)

    return make


def batch_of(student, graph, x):
    """Spikes of a batch as the training sees them, by population."""
    sent = encode_spikes(torch.as_tensor(x), graph.encoding)
    return {"input": sent, **run_layers(student, sent).spikes}


@pytest.mark.parametrize("prices", PRICES, ids=names)
@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("bias", [True, False])
def test_the_bill_of_a_batch_is_the_reports_price(pair, few_digits, prices, kind, bias) -> None:
    student, graph = pair(kind, bias)
    x = few_digits[0][:24]
    found = mapped(graph, prices, x)
    spikes = batch_of(student, graph, x)
    activity = float_run(graph, encoded(graph, x))
    for name, values in spikes.items():
        theirs = activity.populations[name].spikes.unpack()
        np.testing.assert_array_equal(values.detach().numpy() != 0, theirs, err_msg=name)
        assert theirs.sum() >= 24
    expense = Expense(found.costs, updated(graph), ("input",))
    bill = expense({name: values.float() for name, values in spikes.items()})
    report = found.report(activity)
    assert report.dynamic_pj is not None
    assert bill.total.item() == pytest.approx(report.dynamic_pj / 24 / 1000, rel=1e-9)


def test_without_biases_not_every_neuron_is_updated(pair, few_digits) -> None:
    """So that the test above means something: updates that must be told from spikes."""
    _, graph = pair("conv", False)
    rules = updated(graph)
    assert not any(rule.constant(np.ones(rule.biased.shape, bool)) for rule in rules.values())
    activity = float_run(graph, encoded(graph, few_digits[0][:8]))
    flags = {name: run.spikes.unpack() for name, run in activity.populations.items()}
    for name, rule in rules.items():
        whole = activity.populations[name].updated
        number = rule.count(flags, name)
        assert number == whole.total() < whole.steps * whole.samples * rule.biased.size


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_biases_that_are_still_zero_will_update_every_neuron(student_and_metadata, kind) -> None:
    student, metadata = student_and_metadata(kind)
    run = Run(1e-3, metadata.encoding, metadata.readout, metadata.input_shape)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    rules = updated(run.graph(student, 1.0)).values()
    assert all(rule.constant(np.ones(rule.biased.shape, bool)) for rule in rules)
    assert all(torch.equal(before[name], x) for name, x in student.state_dict().items())


@pytest.mark.parametrize("neuron", ["lif", "iaf"])
@pytest.mark.parametrize("readout", ["spike_count", "v_mean"])
def test_neurons_and_readouts(pair, few_digits, neuron, readout) -> None:
    student, graph = pair("mlp", False, student__neuron=neuron, student__readout=readout)
    assert graph.readout == Readout(readout)
    x = few_digits[0][:16]
    found = mapped(graph, Prices("loihi1", "davies2018"), x)
    bill = Expense(found.costs, updated(graph), ("input",))(batch_of(student, graph, x))
    report = found.report(float_run(graph, encoded(graph, x)))
    assert bill.total.item() == pytest.approx(report.dynamic_pj / 16 / 1000, rel=1e-9)


def test_each_spike_passes_its_cost_backward(pair, few_digits) -> None:
    """dE / d spike = its cost in nJ over the samples, whatever the others do."""
    student, graph = pair("mlp")
    x = few_digits[0][:8]
    found = mapped(graph, Prices("loihi1", "sanafe_nahuku"), x)
    spikes = {n: s.detach().float() for n, s in batch_of(student, graph, x).items()}
    spikes["hidden1"].requires_grad_()
    Expense(found.costs, updated(graph), ("input",))(spikes).total.backward()
    expected = torch.from_numpy(found.costs.spike_pj["hidden1"]) / 8 / 1000
    gradient = spikes["hidden1"].grad
    assert torch.allclose(gradient, expected.float().expand_as(gradient), rtol=1e-6)


def test_a_population_below_its_guard_is_paid_but_not_pushed(pair, few_digits) -> None:
    student, graph = pair("mlp")
    x = few_digits[0][:8]
    found = mapped(graph, Prices("loihi2"), x)
    spikes = {n: s.detach() for n, s in batch_of(student, graph, x).items()}
    mean = float(spikes["hidden1"].sum()) / 8
    assert mean > 1

    def bill(guard: float):
        given = {**spikes, "hidden1": spikes["hidden1"].clone().requires_grad_()}
        total = Expense(found.costs, updated(graph), ("input",), guard)(given).total
        return total, given["hidden1"]

    free, pushed = bill(mean * 0.9)
    free.backward()
    assert float(pushed.grad.abs().sum()) > 0
    guarded, _ = bill(mean * 1.1)
    assert not guarded.requires_grad
    assert float(guarded) == float(free)


def test_halves_of_a_batch_add_up(pair, few_digits) -> None:
    """Metamorphic: the mean of two equal halves; and silence costs the floor and the updates."""
    student, graph = pair("conv", False)
    x = few_digits[0][:32]
    found = mapped(graph, Prices("loihi1", "sanafe_nahuku"), x)
    expense = Expense(found.costs, updated(graph), ("input",))
    with torch.no_grad():
        spikes = batch_of(student, graph, x)
        halves = [expense({n: s[:, k : k + 16] for n, s in spikes.items()}) for k in (0, 16)]
        whole = expense(spikes)
        silent = expense({n: torch.zeros_like(s) for n, s in spikes.items()})
    assert float(whole.total) == pytest.approx(sum(float(h.total) for h in halves) / 2, rel=1e-12)
    assert float(silent.total) == float(silent.constant) == float(silent.floor)


def test_costs_are_saved_and_replaced(pair, few_digits) -> None:
    _, graph = pair("mlp")
    x = few_digits[0][:8]
    one, other = (mapped(graph, Prices("loihi1", t), x) for t in ("davies2018", "sanafe_nahuku"))
    rules = updated(graph)
    first, second = (Expense(m.costs, rules, ("input",)) for m in (one, other))
    assert first.state_dict().keys() == second.state_dict().keys()
    first.load_state_dict(second.state_dict())
    for name, tensor in second.state_dict().items():
        assert torch.equal(first.state_dict()[name], tensor)
    second.reprice(one.costs)
    assert float(second.get_buffer("constant_pj")) == one.costs.constant_pj


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("mlp", {"student__neuron": "cubalif"}),
        ("conv", {"student__kind": "resnet"}),
        ("conv", {"student__kind": "audio"}),
        ("mlp", {"encoding__kind": "latency"}),
        ("mlp", {"encoding__gain": 0.5}),
    ],
    ids=["cubalif", "resnet", "audio", "latency", "gain"],
)
@pytest.mark.parametrize("table", ["davies2018", "sanafe_nahuku"])
def test_every_kind_of_student(pair, few_digits, kind, changes, table) -> None:
    student, graph = pair(kind, **changes)
    x = few_digits[0][:12]
    found = mapped(graph, Prices("loihi1", table), x)
    spikes = batch_of(student, graph, x)
    assert sum(float(s.sum()) for n, s in spikes.items() if n != "input") > 0
    bill = Expense(found.costs, updated(graph), ("input",))(spikes)
    report = found.report(float_run(graph, encoded(graph, x)))
    assert bill.total.item() == pytest.approx(report.dynamic_pj / 12e3, rel=1e-9)
