"""The straight-through gradient, and weights that pass through the numpy rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.quantized.folding import Site  # noqa: E402
from snn2chip.distill.quantized.straight import FakeQuantized, attach, keep_inside, tensors  # noqa: E402
from snn2chip.distill.students import build_student  # noqa: E402
from snn2chip.quantize import Grid, fake_biases, fake_weights  # noqa: E402

LAYERS = [
    {"kind": "flatten"},
    {"kind": "linear", "inputs": 3, "outputs": 2, "bias": True},
    {"kind": "li", "tau": 2e-3},
]
SITE = Site("out_weight", "out", 1.0)


def grid(scale=64.0, bits=3, top=192) -> Grid:
    one = np.ones(2)
    return Grid(scale * one, bits, -top, top, 100.0 * one, 0.0 * one, 4, 0, one)


def test_the_gradient_is_one_where_nothing_is_cut_and_zero_where_it_is() -> None:
    fake = FakeQuantized(SITE, grid())
    weights = torch.tensor([[0.4, -1.6, 3.4], [-3.9, 9.0, -9.0]], requires_grad=True)
    rounded = fake(weights)
    assert rounded.tolist() == [[0.0, -2.0, 3.0], [-4.0, 3.0, -4.0]]
    slope = torch.arange(1.0, 7.0).reshape(2, 3)
    (rounded * slope).sum().backward()
    assert weights.grad.tolist() == [[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]]


def test_the_gradient_of_biases_too() -> None:
    fake = FakeQuantized(SITE, grid())
    biases = torch.tensor([0.034, -0.2], requires_grad=True)  # mantissas up to 7
    rounded = fake(biases)
    torch.testing.assert_close(rounded, torch.tensor([0.03, -0.07]))
    rounded.sum().backward()
    assert biases.grad.tolist() == [1.0, 0.0]


@given(
    hnp.arrays(np.float32, (2, 3), elements=st.floats(-20, 20, width=32)),
    st.integers(1, 8),
    st.floats(1.0, 500.0),
    st.sampled_from([1.0, 0.25, 1 / 9]),
)
def test_forward_is_the_numpy_rounding_bit_for_bit(values, bits, scale, gain) -> None:
    fake = FakeQuantized(Site("w", "n", gain), grid(scale, bits))
    expected = fake_weights(values.astype(np.float64), np.full((2, 1), scale) * gain, bits)
    rounded = fake(torch.from_numpy(values)).numpy()
    np.testing.assert_array_equal(rounded, expected.values.astype(np.float32))
    biases = fake_biases(values[:, 0].astype(np.float64), np.full(2, 100.0), np.zeros(2), 4, 0)
    np.testing.assert_array_equal(
        fake(torch.from_numpy(values[:, 0])).numpy(), biases.values.astype(np.float32)
    )


def test_weights_are_kept_in_the_range_that_keeps_the_scale() -> None:
    student = build_student(LAYERS, 1e-3)
    with torch.no_grad():
        student.out_weight.weight.copy_(torch.tensor([[9.0, -9.0, 1.3], [0.2, -3.0, 3.1]]))
        student.out_weight.bias.copy_(torch.tensor([0.034, 5.0]))
    attach(student, [SITE], {"out": grid()})
    keep_inside(student)
    trained, rounded = (tensors(student, rounded=flag)[1] for flag in (False, True))
    expected = torch.tensor([[3.0, -3.0, 1.3], [0.2, -3.0, 3.0]])
    torch.testing.assert_close(trained["weight"], expected)
    assert rounded["weight"].tolist() == [[3.0, -3.0, 1.0], [0.0, -3.0, 3.0]]
    assert trained["bias"].tolist() == pytest.approx([0.034, 5.0])
    assert rounded["bias"].tolist() == pytest.approx([0.03, 0.07])
    assert torch.equal(student.out_weight.weight, rounded["weight"])
