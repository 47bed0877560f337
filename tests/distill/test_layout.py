"""Images keep their order of memory, and no value depends on it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="layouts are those of torch's memory")
pytest.importorskip("norse", reason="the package holds Norse cells")

from snn2chip.distill.layout import laid_out, memory_axes, put_back, step_mean  # noqa: E402

SHAPE = (4, 3, 5, 2, 6)
"""[step, sample, channel, row, column]."""


def images(last: bool, repeated: bool = False):
    values = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    if last:
        values = laid_out(values.flatten(0, 1)).reshape(SHAPE)
    return values[:1].expand(SHAPE) if repeated else values


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_axes_are_those_of_the_memory(last: bool, repeated: bool) -> None:
    values = images(last, repeated)
    axes = memory_axes(values)
    assert axes == ((0, 1, 3, 4, 2) if last else (0, 1, 2, 3, 4))
    assert values.permute(axes)[0].is_contiguous()
    assert torch.equal(put_back(values.permute(axes), axes), values)


def test_what_is_no_image_has_its_axes_in_order() -> None:
    for shape in ((4, 3), (4, 3, 7), (4, 3, 5, 2)):
        assert memory_axes(torch.zeros(shape)) == tuple(range(len(shape)))


@pytest.mark.parametrize("last", [False, True])
def test_the_mean_over_steps_and_its_gradient(last: bool) -> None:
    values = images(last).requires_grad_()
    weights = torch.randn(SHAPE[1:], generator=torch.Generator().manual_seed(4))
    (step_mean(values) * weights).sum().backward()
    assert torch.equal(step_mean(values), values.mean(0))
    torch.testing.assert_close(values.grad, (weights / 4).expand(SHAPE))


def test_the_gradient_of_a_mean_lies_as_the_values_do() -> None:
    values = images(True).requires_grad_()
    found = []
    values.register_hook(lambda grad: found.append(memory_axes(grad)))
    step_mean(values).pow(2).sum().backward()
    assert found == [(0, 1, 3, 4, 2)]
