from __future__ import annotations

import numpy as np
import pytest

from snn2chip.graph import Conv, Dense, Identity, identity


@pytest.mark.parametrize(
    ("weight", "source", "options", "message"),
    [
        ((2, 1, 3), (1, 4, 4), ((1, 1), ((0, 0),) * 2, (1, 1), 1), "2 spatial axes"),
        ((2, 2, 3), (3, 4), ((1,), ((0, 0),), (1,), 1), "does not take 3 channels"),
        ((3, 1, 3), (2, 4), ((1,), ((0, 0),), (1,), 2), "no multiple of the groups"),
        ((2, 1, 5), (1, 4), ((1,), ((0, 0),), (1,), 1), "larger than the padded input"),
    ],
)
def test_a_convolution_that_makes_no_sense(
    weight: tuple[int, ...],
    source: tuple[int, ...],
    options: tuple,
    message: str,  # type: ignore[type-arg]
) -> None:
    with pytest.raises(ValueError, match=message):
        Conv(np.ones(weight), source, *options)


def test_the_other_operators_check_their_shapes() -> None:
    with pytest.raises(ValueError, match="does not map"):
        Dense(np.ones((2, 3)), (2,), (3,))
    with pytest.raises(ValueError, match="identity from"):
        Identity(np.ones(3), (3,), (4,))
    with pytest.raises(ValueError, match="is not"):
        Identity(np.ones(4), (2, 2), (4,))
    assert identity((2, 2), (4,)).target_shape == (4,)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation", "expected"),
    [(34, 5, 2, 1, 1, 16), (7, 3, 1, 0, 2, 3), (5, 2, 2, 0, 1, 2), (4, 4, 3, 1, 1, 1)],
)
def test_the_size_of_a_convolution(
    size: int, kernel: int, stride: int, padding: int, dilation: int, expected: int
) -> None:
    """Expected values from torch.nn.Conv1d's formula, by hand."""
    pads = ((padding, padding),)
    conv = Conv(np.ones((2, 1, kernel)), (1, size), (stride,), pads, (dilation,))
    assert conv.target_shape == (2, expected)
