"""A student that starts as the converted teacher fires as the converted teacher does."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="teachers are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from torch import nn  # noqa: E402

from snn2chip.distill.conversion.balance import activation_scales, balanced  # noqa: E402
from snn2chip.distill.conversion.chain import chain_of  # noqa: E402
from snn2chip.distill.conversion.spiking import Dynamics, run  # noqa: E402
from snn2chip.distill.conversion.starting import slots_of, start_as  # noqa: E402
from snn2chip.distill.sequence import run_layers  # noqa: E402
from snn2chip.distill.students import architecture, build_student  # noqa: E402
from snn2chip.errors import ConfigError  # noqa: E402

STEPS = 14


def student_of(recipe) -> nn.Module:
    layers = architecture(recipe.student, (1, 8, 8), 10)
    return build_student(layers, recipe.encoding.dt).double().eval()


def teacher_of(kind: str, norm: bool = True) -> nn.Sequential:
    """The tiny students' layers with ReLUs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        if kind == "mlp":
            layers = [nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10)]
            return nn.Sequential(*layers).double().eval()
        layers = []
        for inputs, outputs in ((1, 3), (3, 4)):
            layers += [
                nn.Conv2d(inputs, outputs, 3, padding=1, bias=not norm),
                *([nn.BatchNorm2d(outputs)] if norm else []),
                nn.ReLU(),
                nn.AvgPool2d(2),
            ]
        made = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16, 10))
        for module in made.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.2, 0.5)
                module.weight.data.uniform_(0.5, 1.5)
                module.bias.data.uniform_(0.0, 0.4)
    return made.double().eval()


def images(samples: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(samples, 1, 8, 8, generator=generator).double()


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_hidden_spikes_are_those_of_the_converted_teacher(tiny_recipe, kind) -> None:
    """Integrate-and-fire students; thresholds other than 1 scale the weights."""
    recipe = tiny_recipe(
        kind, student__neuron="iaf", student__dropout=0.0, student__v_threshold=0.5
    )
    student, teacher, x = student_of(recipe), teacher_of(kind), images()
    links = chain_of(teacher)
    # a little off the maximum, whose drive would be the threshold itself, to rounding
    scaled = balanced(links, [0.97 * scale for scale in activation_scales(links, x)])
    start_as(student, links, scaled.scales, scaled.scales[-1])
    frames = x.expand(STEPS, *x.shape)
    with torch.no_grad():
        result = run_layers(student, frames)
        steps = list(run(scaled.links, iter(frames), Dynamics("zero")))
    hidden = [values for name, values in result.spikes.items() if name != "out"]
    for layer, found in enumerate(hidden):
        expected = torch.stack([spikes[layer] for _, spikes in steps])
        assert 0.02 < float(expected.mean()) < 0.9
        assert torch.equal(found, expected)
    # drive of the output in thresholds of 0.5
    torch.testing.assert_close(2.0 * result.drive.sum(0), steps[-1][0], rtol=0.0, atol=1e-12)


def test_a_leaky_membrane_gets_the_drive_of_one_without(tiny_recipe) -> None:
    """In the first step, before anything can leak, both kinds are moved alike."""
    x = images()
    fired = {}
    for neuron in ("iaf", "lif"):
        student, teacher = (
            student_of(tiny_recipe(student__neuron=neuron, student__dropout=0.0)),
            teacher_of("mlp"),
        )
        links = chain_of(teacher)
        start_as(student, links, (1.0, *(0.4 * s for s in activation_scales(links, x))), 1.0)
        with torch.no_grad():
            fired[neuron] = run_layers(student, x.expand(1, *x.shape)).spikes["hidden1"]
    assert 0.0 < float(fired["iaf"].mean()) < 1.0
    assert torch.equal(fired["iaf"], fired["lif"])


def test_a_teacher_without_norms_does_not_fit_a_student_with_them(tiny_recipe) -> None:
    links = chain_of(teacher_of("conv", norm=False))
    with pytest.raises(ConfigError, match="3x1x3x3 with BatchNorm"):
        start_as(student_of(tiny_recipe("conv")), links, (1.0,) * 4, 1.0)


def test_other_widths_are_refused_with_both_lists(tiny_recipe) -> None:
    student = student_of(tiny_recipe("mlp", student__widths=[13]))
    with pytest.raises(ConfigError, match=r"13x64, 10x13") as caught:
        start_as(student, chain_of(teacher_of("mlp")), (1.0,) * 3, 1.0)
    assert "12x64, 10x12" in str(caught.value)


def test_slots_know_what_moves_their_neurons_by_a_threshold(tiny_recipe) -> None:
    recipe = tiny_recipe(
        "mlp", student__tau=[0.004], student__v_threshold=2.0, student__readout="v_last"
    )
    slots = slots_of(student_of(recipe))
    assert [slot.name for slot in slots] == ["hidden1_weight", "out_weight"]
    assert slots[0].unit == pytest.approx(8.0, rel=1e-12), "dt / tau = 1/4, threshold 2"
    assert slots[1].unit == 1.0, "a drive of 1 holds a leaky membrane at 1"
