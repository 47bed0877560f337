"""Operators of projections as ONNX nodes, in float64.

onnxruntime has no convolution in float64 on a CPU: windows are gathered axis by axis and multiplied
as a matrix, which sums the same products. The gathered indices are a table [kernel, positions] per
axis; the synapses are not unrolled.
"""

from __future__ import annotations

from itertools import chain
from math import prod
from typing import Any

import numpy as np

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.onnx.tracing import Trace, Value
from snn2chip.graph import Conv, Dense, Identity, Operator, Sparse
from snn2chip.graph.operators import Shape

_LARGEST_TABLE = 2**24
"""Entries of an index table."""


def apply(trace: Trace, operator: Operator, weights: Any, x: Value) -> Value:
    """y [n, *target_shape] = operator x [n, *source_shape].

    Args:
        weights: the operator's weights, in their shape.

    Raises:
        UnsupportedError: a convolution whose kernel and image are too large for an index table.
    """
    match operator:
        case Identity():
            return shaped(trace, x * weights, operator.source_shape, operator.target_shape)
        case Dense():
            flat = shaped(trace, x, operator.source_shape, (prod(operator.source_shape),))
            y = trace.add("Gemm", flat, weights, transB=1)
            return shaped(trace, y, (prod(operator.target_shape),), operator.target_shape)
        case Conv():
            return _convolve(trace, operator, weights, x)
        case Sparse():
            raise UnsupportedError(
                f"a list of {operator.weight.size} single synapses",
                needs="a matrix or a kernel",
                has="dense products in the ONNX step",
                remedy="a dense operator, where its matrix is small enough",
            )


def shaped(trace: Trace, x: Value, before: Shape, after: Shape) -> Value:
    """x [n, *before] as [n, *after]."""
    return x if before == after else trace.reshape(x, 0, *after)


def _convolve(trace: Trace, operator: Conv, weight: Any, x: Value) -> Value:
    axes, groups = len(operator.stride), operator.groups
    channels, inner, *kernel = operator.weight.shape
    positions = operator.target_shape[1:]
    if any(chain.from_iterable(operator.padding)):
        before = (0, 0, *(b for b, _ in operator.padding))
        after = (0, 0, *(a for _, a in operator.padding))
        x = trace.add("Pad", x, trace.integers(*before, *after))
    for axis in range(axes):
        x = trace.add("Gather", x, _table(trace, operator, axis), axis=2 + 2 * axis)
    taps = tuple(2 + 2 * axis for axis in range(axes))
    places = tuple(3 + 2 * axis for axis in range(axes))
    if axes > 1:
        x = trace.add("Transpose", x, perm=(0, 1, *taps, *places))
    rows = inner * prod(kernel)
    columns = trace.reshape(x, 0, groups, rows, prod(positions))
    matrix = trace.reshape(weight, groups, channels // groups, rows)
    return trace.reshape(trace.add("MatMul", matrix, columns), 0, channels, *positions)


def _table(trace: Trace, operator: Conv, axis: int) -> Value:
    """Which padded pixel a tap of the kernel reads for a target: int64 [kernel, positions]."""
    kernel, positions = operator.weight.shape[2 + axis], operator.target_shape[1 + axis]
    if kernel * positions > _LARGEST_TABLE:
        raise UnsupportedError(
            f"a convolution of {kernel} taps at {positions} positions of one axis",
            needs=f"at most {_LARGEST_TABLE} of them together, to be written as ONNX",
            remedy="a smaller kernel, or NIR: --format nir",
        )
    taps = np.arange(kernel, dtype=np.int64) * operator.dilation[axis]
    places = np.arange(positions, dtype=np.int64) * operator.stride[axis]
    return trace.constant(taps[:, None] + places)
