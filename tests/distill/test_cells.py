"""Compiled cells are Norse's cells: the same spikes to the last bit, and the same gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="cells are torch modules")
pytest.importorskip("norse", reason="cells are Norse's")
pytest.importorskip("numba", reason="the compiled route is compared")

from snn2chip.data.encode import encode_if  # noqa: E402
from snn2chip.distill.cells.sequences import (  # noqa: E402
    SURROGATES,
    box_of,
    encode_values,
    run_cell,
    step_by_step,
)
from snn2chip.distill.students.modules import _module as _cell  # noqa: E402


def cell(kind="lif", reset="zero", surrogate="circ", tau=3e-3, alpha=0.7, threshold=1.0):
    layer = {"kind": kind, "v_threshold": threshold, "surrogate": surrogate, "alpha": alpha}
    if kind == "lif":
        layer |= {"tau": tau, "reset": reset}
    return _cell(layer, 1e-3)


def gradient(run, module, drive, weights):
    drive = drive.clone().requires_grad_()
    spikes = run(module, drive)
    (spikes * weights).sum().backward()
    return spikes.detach(), drive.grad


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize(("kind", "reset"), [("lif", "zero"), ("lif", "subtract"), ("iaf", "zero")])
def test_spikes_and_gradients_are_norse_s(kind, reset, surrogate) -> None:
    generator = torch.Generator().manual_seed(0)
    drive = 1.5 * torch.randn(7, 5, 11, generator=generator) + 0.5
    weights = torch.randn(7, 5, 11, generator=generator)
    module = cell(kind, reset, surrogate)
    assert box_of(module) is not None, "the compiled route is the one under test"
    spikes, grad = gradient(run_cell, module, drive, weights)
    expected, expected_grad = gradient(step_by_step, module, drive, weights)
    assert torch.equal(spikes, expected)
    assert 0.01 < float(spikes.mean()) < 0.9
    torch.testing.assert_close(grad, expected_grad, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    steps=st.integers(1, 9),
    neurons=st.integers(1, 3000),
    tau=st.floats(1e-3, 1e-1),
    threshold=st.floats(0.1, 4.0),
    reset=st.sampled_from(["zero", "subtract"]),
)
def test_any_size(seed, steps, neurons, tau, threshold, reset) -> None:
    drive = 3.0 * torch.randn(steps, 2, neurons, generator=torch.Generator().manual_seed(seed))
    module = cell("lif", reset, tau=tau, threshold=threshold)
    assert torch.equal(run_cell(module, drive), step_by_step(module, drive))


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("gradient_last", [False, True])
def test_images_may_lie_in_memory_with_channels_last(repeated, gradient_last) -> None:
    """As convolutions give them: the same values, and no copy between layers."""

    def last(images):
        memory = images.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return memory.reshape(images.shape)

    generator = torch.Generator().manual_seed(1)
    drive = 1.5 * torch.randn(6, 3, 4, 5, 2, generator=generator) + 0.5
    if repeated:  # a constant input
        drive = drive[:1].expand(6, -1, -1, -1, -1).contiguous()
    weights = torch.randn(drive.shape, generator=generator)
    expected, expected_grad = gradient(run_cell, cell(), drive, weights)
    moved = last(drive[:1]).expand_as(drive) if repeated else last(drive)
    leaf = moved.detach().requires_grad_()
    spikes = run_cell(cell(), leaf)
    (spikes * (last(weights) if gradient_last else weights)).sum().backward()
    assert spikes[0].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(spikes, expected)
    assert torch.equal(leaf.grad, expected_grad)


def test_a_reset_that_is_left_out_of_the_gradient_is_a_constant() -> None:
    """By hand: two steps, a spike in the first; only the second's loss counts."""
    module = cell("iaf", surrogate="triangle", alpha=1.0)
    drive = torch.tensor([[[1.25]], [[0.75]]])
    weights = torch.tensor([[[0.0]], [[1.0]]])
    _, through = gradient(run_cell, module, drive, weights)
    _, without = gradient(lambda m, d: run_cell(m, d, through_reset=False), module, drive, weights)
    # v2 = (1 - z1) v1 + x2; the triangle's slope is 0.75 at v1 = 1.25 and at v2 = 0.75
    assert through.flatten().tolist() == pytest.approx([-0.75 * 1.25 * 0.75, 0.75])
    assert without.flatten().tolist() == pytest.approx([0.0, 0.75])


def test_what_the_kernels_do_not_have_runs_step_by_step() -> None:
    drive = torch.randn(4, 3, 6, dtype=torch.float64)
    module = cell()
    assert torch.equal(run_cell(module, drive), step_by_step(module, drive))
    module.p.v_reset.fill_(-0.5)
    assert box_of(module) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_encoder_is_that_of_the_data(dtype) -> None:
    x = np.random.default_rng(0).integers(0, 17, (5, 1, 8, 8)) / 16.0
    expected = encode_if(x, 13, 0.9375)
    found = encode_values(torch.as_tensor(x, dtype=dtype), 0.9375, 13)
    assert found.dtype == dtype
    assert np.array_equal(found.numpy(), expected)
