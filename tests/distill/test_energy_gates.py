"""Neurons and channels that are removed: what is left computes the same, and costs what is said."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")
pytest.importorskip("sklearn", reason="the digits come with scikit-learn")

from snn2chip.data.digits import load_digits_split  # noqa: E402
from snn2chip.distill import load_checkpoint  # noqa: E402
from snn2chip.distill.energy.gates import Saliency, choose, unit_costs  # noqa: E402
from snn2chip.distill.energy.mapped import (  # noqa: E402
    Prices,
    Run,
    encoded,
    float_run,
    mapped,
)
from snn2chip.distill.energy.shrinking import (  # noqa: E402
    Site,
    live_units,
    shrunk,
    shrunk_layers,
    silence,
    sites_of,
)
from snn2chip.distill.recipe import recipe_from_dict  # noqa: E402
from snn2chip.distill.run import distill  # noqa: E402
from snn2chip.distill.sequence import encode_spikes, run_layers  # noqa: E402
from snn2chip.distill.students import build_student  # noqa: E402
from snn2chip.distill.training import fit, hold_out  # noqa: E402
from snn2chip.errors import UnsupportedError  # noqa: E402
from snn2chip.graph import Readout  # noqa: E402


@pytest.fixture(scope="module")
def digits():
    split = load_digits_split(0)
    return split.x_train[:400], split.y_train[:400]


def outputs(student, x, encoding):
    with torch.no_grad():
        return run_layers(student.eval(), encode_spikes(torch.as_tensor(x).float(), encoding))


@pytest.fixture(params=["mlp", "conv"])
def thinned(request, student_and_metadata):
    """A student some of whose units were silenced, and which are left."""
    changes = {"student__widths": [12, 9]} if request.param == "mlp" else {}
    student, metadata = student_and_metadata(request.param, **changes)
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if name.endswith("weight") and parameter.ndim > 1:
                parameter.mul_(12.0 if request.param == "mlp" else 6.0)
    live = {}
    for k, site in enumerate(sites_of(student)):
        live[site.name] = torch.arange(site.units) % (k + 2) != 1
        silence(student, site, live[site.name])
    return student, metadata, live


def test_units_that_never_fire_can_be_left_out(thinned, few_digits) -> None:
    student, metadata, live = thinned
    whole = outputs(student, few_digits[0], metadata.encoding)
    small = shrunk(student)
    left = outputs(small, few_digits[0], metadata.encoding)
    assert torch.equal(whole.output, left.output)
    for name, units in live.items():
        assert torch.equal(whole.spikes[name][:, :, units], left.spikes[name])
        assert not whole.spikes[name][:, :, ~units].any()
        assert left.spikes[name].shape[2] == int(units.sum())
        assert whole.spikes[name].sum() > 0
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in student.parameters())


def test_what_is_left_is_told_from_the_weights(thinned) -> None:
    student, _, live = thinned
    for site in sites_of(student):
        assert torch.equal(live_units(student, site), live[site.name])
    again = shrunk(shrunk(student))
    for one, other in zip(shrunk(student).parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_small_student_is_its_architecture(thinned, few_digits) -> None:
    student, metadata, _ = thinned
    small = shrunk(student)
    layers = shrunk_layers(metadata.architecture, small)
    rebuilt = build_student(layers, 1e-3)
    rebuilt.load_state_dict(small.state_dict())
    one, other = (outputs(s, few_digits[0], metadata.encoding).output for s in (small, rebuilt))
    assert torch.equal(one, other)


def test_a_copy_is_made(thinned) -> None:
    student, _, _ = thinned
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    shrunk(student)
    assert all(torch.equal(before[name], x) for name, x in student.state_dict().items())


def test_a_population_without_any_unit_keeps_one(student_and_metadata) -> None:
    student, _ = student_and_metadata("mlp")
    (site,) = sites_of(student)
    silence(student, site, torch.zeros(site.units, dtype=torch.bool))
    assert live_units(student, site).sum() == 1
    assert shrunk(student).get_submodule("hidden1_weight").out_features == 1


def test_modules_that_mix_units_are_refused() -> None:
    student = build_student(
        [
            {"kind": "linear", "inputs": 4, "outputs": 4, "bias": True},
            {"kind": "iaf", "v_threshold": 1.0, "surrogate": "circ", "alpha": 0.5},
            {"kind": "linear", "inputs": 4, "outputs": 2, "bias": True},
        ],
        1e-3,
    )
    modules = dict(student.named_children())
    mixed = torch.nn.ModuleDict(
        {name: module for name, module in modules.items() if not name.startswith("out")}
    )
    mixed["softmax"] = torch.nn.Softmax(1)
    mixed["last"] = torch.nn.Linear(4, 2)
    with pytest.raises(UnsupportedError, match="softmax"):
        sites_of(mixed)


def test_the_cost_of_a_unit_is_what_its_removal_saves(thinned, few_digits) -> None:
    """Priced twice: by the formula, and as the difference of two students."""
    student, metadata, _ = thinned
    run = Run(1e-3, metadata.encoding, metadata.readout, metadata.input_shape)
    student = shrunk(student).double()
    x = few_digits[0][:16]
    prices = Prices("truenorth", "akopyan2015")

    def priced(module):
        graph = run.graph(module)
        found = mapped(graph, prices, x)
        activity = float_run(graph, encoded(graph, x))
        return found.costs, activity

    costs, activity = priced(student)
    sent = {n: p.spikes.per_neuron() / 16 for n, p in activity.populations.items()}
    for site in sites_of(student):
        each = unit_costs(site, costs, sent, metadata.encoding.steps, site.units)
        live = torch.ones(site.units, dtype=torch.bool)
        live[1] = False
        small = shrunk(
            student,
            {
                s.name: live if s == site else torch.ones(s.units, dtype=torch.bool)
                for s in sites_of(student)
            },
        )
        other, _ = priced(small)
        keep = {n: np.ones(p.shape, bool) for n, p in sent.items()}
        keep[site.name][1] = False
        before = sum(float((sent[n] * c).sum()) for n, c in costs.spike_pj.items())
        after = sum(
            float((sent[n][keep[n]] * c.reshape(-1)).sum()) for n, c in other.spike_pj.items()
        )
        assert each[1] == pytest.approx(before - after, rel=1e-9)
        assert each[1] > 0


def test_units_are_chosen_by_loss_per_energy() -> None:
    sites = (Site("a", 3, "", "", "", 1), Site("b", 2, "", "", "", 1))
    live = {"a": np.array([True, True, True]), "b": np.array([True, True])}
    saliency = {"a": np.array([1.0, 9.0, 2.0]), "b": np.array([1.0, 1.0])}
    priced = {"a": np.full(3, 10.0), "b": np.array([2.0, 1.0])}
    kept = choose(sites, live, saliency, priced, 15.0)
    assert kept["a"].tolist() == [False, True, False]  # 0.1 and 0.2 per pJ before b's 0.5
    assert kept["b"].tolist() == [True, True]
    none = choose(sites, live, saliency, priced, 0.0)
    assert all(units.all() for units in none.values())
    most = choose(sites, live, saliency, priced, 1e9)
    assert {name: int(units.sum()) for name, units in most.items()} == {"a": 1, "b": 1}


def test_saliency_is_gradient_times_spikes() -> None:
    site = Site("a", 2, "", "", "", 1)
    spikes = torch.tensor([[[1.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]).requires_grad_()
    saliency = Saliency((site,))
    saliency.watch({"a": spikes})
    (spikes * torch.tensor([3.0, -2.0])).sum().backward()
    assert saliency.loss["a"].tolist() == [3.0 + 6.0, 2.0 + 2.0]
    assert saliency.sent["a"].tolist() == [3.0, 2.0]
    assert saliency.samples == 2


def recipe_of(kind="mlp", epochs=5, **penalty):
    widths = [32, 12] if kind == "mlp" else [6, 8]
    return recipe_from_dict(
        {
            "data": {"validation": 0.25},
            "encoding": {"steps": 6},
            "student": {"kind": kind, "widths": widths, "dropout": 0.0},
            "training": {"epochs": epochs, "batch": 32, "threads": 1, "drive_weight": 1.0},
            "penalty": [{"kind": "energy", **penalty}],
        }
    )


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("table", ["davies2018", "sanafe_nahuku"])
def test_neurons_go_until_an_inference_costs_so_much(digits, kind, table) -> None:
    """And what the training counts is what the student without them costs, to the report."""
    options = {"target": "loihi1", "table": table}
    epochs = 5 if kind == "mlp" else 3
    short = {"remove_until": 2, **options}
    begun = fit(recipe_of(kind, 2, remove_to_nj=1e9, **short), *digits).history[0]["energy_nj"]
    plan = {"remove_from": 1, "remove_until": epochs - 1}
    recipe = recipe_of(kind, epochs, remove_to_nj=0.6 * begun, **plan, **options)
    fitted = fit(recipe, *digits)
    floors = [figures["energy_floor_nj"] for figures in fitted.history]
    assert floors == sorted(floors, reverse=True)
    assert floors[-1] < floors[0]
    assert 0.3 * begun < fitted.history[-1]["energy_nj"] < 0.75 * begun
    assert fitted.epoch >= epochs - 1
    small = shrunk(fitted.student)
    run = Run(1e-3, recipe.encoding.to_graph(), Readout("spike_count"), (1, 8, 8))
    graph = run.graph(small)
    inner, _ = hold_out(recipe.data, digits[1])
    x = digits[0][inner]
    found = mapped(graph, recipe.penalties[0].prices, x)
    sent = encoded(graph, x)["input"].mean(1).sum(0)
    floor = (found.costs.spike_pj["input"] * sent).sum() + 6 * (
        found.costs.constant_pj
        + sum(pj * graph.population(n).size for n, pj in found.costs.update_pj.items())
    )
    assert floor / 1000 == pytest.approx(floors[-1], rel=1e-6)


def test_a_training_that_was_broken_off_removes_the_same(digits, tmp_path) -> None:
    recipe = recipe_of(epochs=4, weight=0.05, remove_to_nj=60.0, remove_until=3)
    whole = fit(recipe, *digits)

    def stop(progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(recipe, *digits, progress=stop, state=tmp_path / "state")
    resumed = fit(recipe, *digits, state=tmp_path / "state")
    assert resumed.history == whole.history
    for name, tensor in whole.student.state_dict().items():
        assert torch.equal(tensor, resumed.student.state_dict()[name]), name


def test_distill_keeps_the_small_student(tmp_path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[data]\nvalidation = 0.2\n[encoding]\nsteps = 4\n[student]\nkind = "mlp"\nwidths = [24]\n'
        "[training]\nepochs = 2\nthreads = 1\n"
        '[[penalty]]\nkind = "energy"\nremove_to_nj = 20.0\nremove_until = 1\n'
    )
    result = distill(recipe, tmp_path / "out")
    student, metadata = load_checkpoint(result.checkpoint)
    width = student.get_submodule("hidden1_weight").out_features
    assert 1 <= width < 24
    assert metadata.architecture[1]["outputs"] == width
    assert f"{width} neurons" in result.card.read_text()
