"""A student as a chip has it: the same student, but for BatchNorm and rounded decays."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.quantized.folding import Site, fold_norms, sites, with_losses  # noqa: E402
from snn2chip.distill.sequence import run_layers  # noqa: E402
from snn2chip.errors import UnsupportedError  # noqa: E402

DT = 1e-3


def kinds(layers) -> list[str]:
    return [layer["kind"] for layer in layers]


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_folding_changes_no_spike(student_and_metadata, kind) -> None:
    student, metadata = student_and_metadata(kind)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.mul_(3.0)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    layers, folded = fold_norms(metadata.architecture, student, DT)
    assert kinds(layers) == [k for k in kinds(metadata.architecture) if k != "batchnorm2d"]
    x = (torch.rand(8, 5, 1, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    with torch.no_grad():
        one, other = run_layers(student, x), run_layers(folded, x)
    torch.testing.assert_close(other.drive, one.drive, rtol=0, atol=1e-5)
    assert list(other.spikes) == list(one.spikes)
    for name, spikes in one.spikes.items():
        assert torch.equal(other.spikes[name], spikes)
    assert sum(float(spikes.sum()) for spikes in one.spikes.values()) > 0
    assert not folded.training
    assert all(torch.equal(before[name], tensor) for name, tensor in student.state_dict().items())


def test_each_projection_has_its_weights_and_pools(student_and_metadata) -> None:
    student, metadata = student_and_metadata("conv")
    layers, _ = fold_norms(metadata.architecture, student, DT)
    assert sites(layers) == (
        Site("conv1_weight", "conv1", 1.0),
        Site("conv2_weight", "conv2", 0.25),
        Site("out_weight", "out", 0.25),
    )


LINEAR = {"kind": "linear", "inputs": 4, "outputs": 4, "bias": True}
CONV = {"kind": "conv2d", "inputs": 1, "outputs": 1, "kernel": 3, "padding": 1, "bias": False}
LI = {"kind": "li", "tau": 2e-3}
POOL = {"kind": "avgpool2d", "kernel": 2}
NORM = {"kind": "batchnorm2d", "channels": 1}


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        ([LINEAR, LINEAR, LI], "out_weight_1"),
        ([CONV, POOL, LI], "out_pool"),
        ([LI], "li0"),
        ([CONV, NORM, LI], "out_norm"),
    ],
)
def test_weights_that_are_no_weights_of_the_chip(layers, name) -> None:
    with pytest.raises(UnsupportedError, match=name):
        sites(layers)


def test_a_norm_behind_a_pool_is_refused() -> None:
    from snn2chip.distill.students import build_student

    layers = [CONV, POOL, NORM, LI]
    with pytest.raises(UnsupportedError, match="BatchNorm"):
        fold_norms(layers, build_student(layers, DT), DT)


def test_decays_become_those_that_are_given(student_and_metadata) -> None:
    student, metadata = student_and_metadata("mlp")
    changed, module = with_losses(metadata.architecture, student, DT, {"hidden1": 0.3, "out": 0.0})
    tau = {
        layer["kind"] + str(k): layer["tau"] for k, layer in enumerate(changed) if "tau" in layer
    }
    was = [layer["tau"] for layer in metadata.architecture if "tau" in layer]
    assert list(tau.values()) == [DT / 0.3, was[1]], "no time constant is long enough for 0"
    assert DT * float(module.hidden1.p.tau_mem_inv) == pytest.approx(0.3)
    assert torch.equal(module.out_weight.weight, student.out_weight.weight)
