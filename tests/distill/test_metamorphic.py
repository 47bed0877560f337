"""What may be changed about a student without changing what it does, in float64."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.recipe import StudentConfig  # noqa: E402
from snn2chip.distill.sequence import run_layers, run_steps  # noqa: E402
from snn2chip.distill.students import architecture, build_student  # noqa: E402

STEPS, SAMPLES = 7, 3


def lively(student: StudentConfig, seed: int, shape=(1, 8, 8)):
    """A student with strong random weights and statistics, and input spikes for it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build_student(architecture(student, shape, 10), 1e-3).double().eval()
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                if parameter.ndim > 1:
                    parameter.mul_(5.0)
                elif name.endswith("bias"):
                    parameter.add_(1.0)
            for layer in module:
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.running_mean.uniform_(-0.2, 0.2)
                    layer.running_var.uniform_(0.02, 0.2)
                    layer.bias.uniform_(-0.5, 0.5)
        return module, (torch.rand(STEPS, SAMPLES, *shape) < 0.4).double()


def outputs(module, x):
    with torch.no_grad():
        return run_layers(module, x).output


@given(
    seed=st.integers(0, 1000),
    kind=st.sampled_from(["mlp", "conv"]),
    neuron=st.sampled_from(["lif", "iaf"]),
    readout=st.sampled_from(["spike_count", "v_last"]),
    widths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    kernel=st.sampled_from([1, 3, 5]),
    dropout=st.sampled_from([0.0, 0.3]),
)
@settings(max_examples=25, deadline=None)
def test_layers_equal_steps(seed, kind, neuron, readout, widths, kernel, dropout) -> None:
    """Any student that a recipe can name runs the same both ways."""
    student = StudentConfig(
        kind=kind,
        widths=tuple(widths),
        neuron=neuron,
        readout=readout,
        kernel=kernel,
        dropout=dropout,
    )
    module, x = lively(student, seed)
    with torch.no_grad():
        torch.testing.assert_close(outputs(module, x), run_steps(module, x), rtol=0, atol=1e-9)


@pytest.mark.parametrize("neuron", ["lif", "iaf"])
def test_permuted_neurons_give_permuted_spikes(neuron) -> None:
    module, x = lively(StudentConfig(kind="mlp", widths=(16,), neuron=neuron, dropout=0.0), 4)
    with torch.no_grad():
        before = run_layers(module, x)
        order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
        for tensor in (module[1].weight, module[1].bias):
            tensor.copy_(tensor[order].clone())
        module[3].weight.copy_(module[3].weight[:, order].clone())
        after = run_layers(module, x)
    assert torch.equal(after.spikes["hidden1"], before.spikes["hidden1"][..., order])
    torch.testing.assert_close(after.output, before.output, rtol=0, atol=1e-12)
    assert not torch.equal(after.spikes["hidden1"], before.spikes["hidden1"]), (
        "the order did change"
    )


@pytest.mark.parametrize("neuron", ["lif", "iaf"])
@pytest.mark.parametrize("factor", [0.25, 2.0, 64.0])
def test_weights_and_thresholds_scale_together(neuron, factor) -> None:
    """A power of two on weights, biases and thresholds is exact, so no spike may change."""
    options = {"kind": "mlp", "widths": (12, 9), "neuron": neuron, "dropout": 0.0}
    module, x = lively(StudentConfig(**options), 5)
    scaled, _ = lively(StudentConfig(**options, v_threshold=factor), 5)
    with torch.no_grad():
        for parameter in scaled.parameters():
            parameter.mul_(factor)
        one, other = run_layers(module, x), run_layers(scaled, x)
    for name in one.spikes:
        assert torch.equal(one.spikes[name], other.spikes[name])
        assert 0.0 < float(one.spikes[name].mean()) < 1.0


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_the_past_does_not_depend_on_the_future(kind) -> None:
    module, x = lively(StudentConfig(kind=kind, widths=(5, 4)), 6)
    changed = x.clone()
    changed[4:] = 1.0 - changed[4:]
    one, other = outputs(module, x), outputs(module, changed)
    assert torch.equal(one[:4], other[:4])
    drive = [run_layers(module, spikes).drive.detach() for spikes in (x, changed)]
    assert not torch.equal(drive[0][4:], drive[1][4:]), "the change did arrive"


def test_state_is_all_that_a_student_remembers() -> None:
    """A run cut in two, with the state carried over, is the whole run."""
    module, x = lively(StudentConfig(kind="conv", widths=(4, 4), readout="v_last"), 7)
    with torch.no_grad():
        state, pieces = None, []
        for step in x[:3]:
            y, state = module(step, state)
            pieces.append(y)
        kept = [None if s is None else type(s)(*(t.clone() for t in s)) for s in state]
        for step in x[3:]:
            y, kept = module(step, kept)
            pieces.append(y)
        assert torch.equal(torch.stack(pieces), run_steps(module, x))


def test_batchnorm_folds_into_the_convolution() -> None:
    """What a compiler will do to the conv student changes no spike that is not a tie."""
    module, x = lively(StudentConfig(kind="conv", widths=(5,), dropout=0.0), 8)
    conv, norm = module[0], module[1]
    with torch.no_grad():
        factor = norm.weight / (norm.running_var + norm.eps).sqrt()
        folded = torch.nn.Conv2d(1, 5, 3, padding=1).double()
        folded.weight.copy_(conv.weight * factor[:, None, None, None])
        folded.bias.copy_(norm.bias - norm.running_mean * factor)
        drive = x.flatten(0, 1)
        torch.testing.assert_close(folded(drive), norm(conv(drive)), rtol=0, atol=1e-12)
