"""One operation that loops in Python's form would leave slow: adding listed rows in registers.

A compiled loop over a few dozen int16 falls into a vectorizer's remainder; here the sums stay in
registers of 256 bits over the whole list. Written in LLVM's own terms, so it runs wherever numba
does: LLVM splits the vectors where the processor has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from snn2chip.engine.kernels.accelerate import inline

_BYTES = 32


def _adding(count: int) -> Callable[..., None]:
    """An operation that adds ``count`` vectors of each row, from a column on, to a total."""

    @intrinsic
    def add(
        typing: Any,
        total: Any,
        into: Any,
        weights: Any,
        rows: Any,
        first: Any,
        last: Any,
        base: Any,
        at: Any,
    ) -> Any:
        if total.dtype.bitwidth < weights.dtype.bitwidth or rows.dtype != types.int32:
            return None
        whole = types.int64
        signature = types.void(total, whole, weights, rows, whole, whole, whole, whole)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            arrays = [
                context.make_array(signature.args[k])(context, builder, args[k]) for k in (0, 2, 3)
            ]
            stride = builder.extract_value(arrays[1].shape, 1)
            data = [array.data for array in arrays]
            sizes = [signature.args[k].dtype.bitwidth // 8 for k in (0, 2)]
            _generate(builder, data, stride, (args[1], *args[4:]), sizes, count)
            return context.get_dummy_value()

        return signature, generate

    adding: Callable[..., None] = add
    return adding


def _generate(
    builder: Any, data: list[Any], stride: Any, args: Any, sizes: list[int], count: int
) -> None:
    """The loop: one load, widened where it must be, and one addition per row and vector.

    Args:
        data: pointers to the total, to the weights and to the rows.
        stride: numbers in a row of the weights.
        args: place in the total, first, last, base, and column of the weights.
        sizes: bytes of a number of the total, and of the weights.
    """
    into, first, last, base, at = args
    total, weights, rows = data
    size, narrow = sizes
    lanes = _BYTES // size
    vector, loaded = (ir.VectorType(ir.IntType(8 * n), lanes) for n in sizes)
    whole = ir.IntType(64)

    def part(pointer: Any, kind: Any, place: Any, k: int) -> Any:
        index = builder.add(place, ir.Constant(whole, k * lanes))
        return builder.bitcast(builder.gep(pointer, [index]), kind.as_pointer())

    def weight(place: Any, k: int) -> Any:
        row = builder.load(part(weights, loaded, place, k), align=narrow)
        return row if narrow == size else builder.sext(row, vector)

    places = [part(total, vector, into, k) for k in range(count)]
    begun = [builder.load(place, align=size) for place in places]
    before = builder.block
    head = builder.append_basic_block("rows")
    body = builder.append_basic_block("row")
    done = builder.append_basic_block("done")
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(whole)
    sums = [builder.phi(vector) for _ in range(count)]
    builder.cbranch(builder.icmp_signed("<", k, last), body, done)
    builder.position_at_end(body)
    row = builder.sext(builder.load(builder.gep(rows, [k])), whole)
    begin = builder.add(builder.mul(builder.sub(row, base), stride), at)
    added = [builder.add(held, weight(begin, i)) for i, held in enumerate(sums)]
    following = builder.add(k, ir.Constant(whole, 1))
    builder.branch(head)
    k.add_incoming(first, before)
    k.add_incoming(following, body)
    for held, start, after in zip(sums, begun, added, strict=True):
        held.add_incoming(start, before)
        held.add_incoming(after, body)
    builder.position_at_end(done)
    for place, held in zip(places, sums, strict=True):
        builder.store(held, place, align=size)


_add1, _add2, _add3, _add4, _add8 = (_adding(count) for count in (1, 2, 3, 4, 8))


@inline
def add_rows(
    total: Any, into: int, weights: Any, rows: Any, first: int, last: int, base: int
) -> None:
    """Adds the weights [row, target] of ``rows[first:last] - base`` to total[into:into + targets].

    Args:
        total: int16 or int32; the targets fill whole vectors of 32 bytes.
        weights: of the same type or a narrower one.
        rows: int32.
    """
    lanes = 32 // total.itemsize
    left, at = weights.shape[1] // lanes, 0
    while left >= 8:
        _add8(total, into + at, weights, rows, first, last, base, at)
        left -= 8
        at += 8 * lanes
    if left >= 4:
        _add4(total, into + at, weights, rows, first, last, base, at)
        left -= 4
        at += 4 * lanes
    if left == 3:
        _add3(total, into + at, weights, rows, first, last, base, at)
    elif left == 2:
        _add2(total, into + at, weights, rows, first, last, base, at)
    elif left == 1:
        _add1(total, into + at, weights, rows, first, last, base, at)
