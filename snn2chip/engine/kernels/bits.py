"""Between flags and bits, eight or more at once: operations that loops would leave slow.

Written in LLVM's own terms, as ``vectors`` is. Bits are those of ``core.Raster``: the first flag in
the highest bit of the first byte. Loaded only through ``accelerate.kernels``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from snn2chip.engine.kernels.accelerate import inline, jit

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]

ROOM = 8
"""Places after the last event that ``list_events`` may overwrite."""

FLAGS = 32
"""Flags are packed so many at a time."""

_PLACES = np.zeros((256, ROOM), np.uint8)
_ONES = np.zeros(256, np.uint8)
for _byte in range(256):
    _set = [k for k in range(8) if _byte >> (7 - k) & 1]
    _PLACES[_byte, : len(_set)] = _set
    _ONES[_byte] = len(_set)


def _intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """numba's ``intrinsic``; what it gives is called without the first argument."""
    declared: Callable[..., Any] = intrinsic(function)
    return declared


@_intrinsic
def _write_places(typing: Any, table: Any, byte: Any, base: Any, events: Any, at: Any) -> Any:
    """events[at:at + 8] = base + the places of a byte's set bits, and then what comes."""
    signature = types.void(table, types.uint64, types.int32, events, types.uint64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target = (
            context.make_array(signature.args[k])(context, builder, args[k]).data for k in (0, 3)
        )
        lane, small = ir.IntType(32), ir.VectorType(ir.IntType(8), ROOM)
        wide = ir.VectorType(lane, ROOM)
        row = builder.gep(source, [builder.mul(args[1], ir.Constant(ir.IntType(64), ROOM))])
        places = builder.load(builder.bitcast(row, small.as_pointer()), align=1)
        nothing = ir.Constant(wide, ir.Undefined)
        one = builder.insert_element(nothing, args[2], ir.Constant(lane, 0))
        each = builder.shuffle_vector(one, nothing, ir.Constant(wide, [0] * ROOM))
        into = builder.bitcast(builder.gep(target, [args[4]]), wide.as_pointer())
        builder.store(builder.add(builder.zext(places, wide), each), into, align=4)
        return context.get_dummy_value()

    return signature, generate


@_intrinsic
def _load(typing: Any, array: Any, at: Any) -> Any:
    """Eight bytes from ``at`` on as a word, the first in the highest byte."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        word = ir.IntType(64)
        place = builder.bitcast(builder.gep(data, [args[1]]), word.as_pointer())
        return builder.bswap(builder.load(place, align=1))

    return types.uint64(array, types.int64), generate


@_intrinsic
def _store(typing: Any, word: Any, array: Any, at: Any) -> Any:
    """The inverse of ``_load``."""
    signature = types.void(types.uint64, array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        place = builder.bitcast(builder.gep(data, [args[2]]), ir.IntType(64).as_pointer())
        builder.store(builder.bswap(args[0]), place, align=1)
        return context.get_dummy_value()

    return signature, generate


@_intrinsic
def _pack(typing: Any, flags: Any, first: Any, bits: Any, at: Any) -> Any:
    """bits[at:at + 4] = flags[first:first + 32] that are not 0."""
    signature = types.void(flags, types.int64, bits, types.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target = (
            context.make_array(signature.args[k])(context, builder, args[k]).data for k in (0, 2)
        )
        vector, word = ir.VectorType(ir.IntType(8), FLAGS), ir.IntType(FLAGS)
        turned = [8 * (k // 8) + 7 - k % 8 for k in range(FLAGS)]
        begin = builder.bitcast(builder.gep(source, [args[1]]), vector.as_pointer())
        loaded = builder.load(begin, align=1)
        ordered = builder.shuffle_vector(
            loaded, loaded, ir.Constant(ir.VectorType(word, FLAGS), turned)
        )
        mask = builder.icmp_unsigned("!=", ordered, ir.Constant(vector, [0] * FLAGS))
        into = builder.bitcast(builder.gep(target, [args[3]]), word.as_pointer())
        builder.store(builder.bitcast(mask, word), into, align=1)
        return context.get_dummy_value()

    return signature, generate


@inline
def copy(source: Bytes, target: Bytes) -> None:
    """Fills a target from a source that is as long or longer.

    A loop compiles in no time, an assignment of slices with all that could be said of its shapes.
    """
    for k in range(target.shape[0]):
        target[k] = source[k]


@inline
def list_events(bits: Bytes, events: Ints) -> int:
    """Writes the places of set bits to ``events``, in order, and returns how many there are.

    Args:
        events: int32, as many as there may be and ``ROOM`` more.
    """
    found = np.uint64(0)
    for k in range(bits.shape[0]):
        byte = np.uint64(bits[k])
        _write_places(_PLACES, byte, np.int32(8 * k), events, found)
        found += np.uint64(_ONES[byte])
    return int(found)


@inline
def pack_row(flags: Bytes, scratch: Bytes, bits: Bytes) -> None:
    """Packs flags.

    Args:
        flags: uint8, zeros after the last up to a multiple of ``FLAGS``.
        scratch: uint8, overwritten; room for all of them.
        bits: uint8 [ceil(flags / 8)], overwritten.
    """
    for k in range((8 * bits.shape[0] + FLAGS - 1) // FLAGS):
        _pack(flags, FLAGS * k, scratch, 4 * k)
    copy(scratch, bits)


@jit
def pack_rows(flags: Bytes, bits: Bytes) -> None:
    """Packs flags uint8 [step, sample, size] into bits [step, sample, ceil(size / 8)]."""
    size = flags.shape[2]
    whole = size // FLAGS
    rest = np.zeros(FLAGS, np.uint8)
    scratch = np.zeros(4 * (whole + 1), np.uint8)
    for step in range(flags.shape[0]):
        for sample in range(flags.shape[1]):
            row = flags[step, sample]
            for k in range(whole):
                _pack(row, FLAGS * k, scratch, 4 * k)
            for k in range(FLAGS * whole, size):
                rest[k - FLAGS * whole] = row[k]
            _pack(rest, 0, scratch, 4 * whole)
            copy(scratch, bits[step, sample])


@jit
def pack_channels_last(flags: Bytes, positions: int, planes: Bytes, bits: Bytes) -> None:
    """Packs flags in the order position, channel into bits in the order channel, position.

    Eight flags of each of eight positions are packed at once: words whose bytes are channels,
    added up after a shift by the position.

    Args:
        flags: uint8 of 0 and 1, and zeros for 16 positions more.
        planes: uint8 [channel + 8, 17 + ceil(positions / 8)], overwritten, but for the zeros in
            its first column and its last 16.
        bits: uint8, overwritten: all bits, and room for 16 bytes more.
    """
    channels, blocks = planes.shape[0] - 8, planes.shape[1] - 17
    for block in range(blocks):
        for c in range(0, channels, 8):
            first = 8 * block * channels + c
            eight = np.uint64(0)
            for k in range(8):
                eight = (eight << np.uint64(1)) | _load(flags, first + k * channels)
            for k in range(8):
                planes[c + k, block + 1] = np.uint8(eight >> np.uint64(56 - 8 * k))
    bits[0] = 0
    for c in range(channels):
        byte, off = (c * positions) >> 3, np.uint64((c * positions) & 7)
        before = np.uint64(bits[byte]) << np.uint64(56)
        plane = planes[c]
        for k in range(0, blocks + 1, 8):
            word = _load(plane, k)
            moved = (word << (np.uint64(8) - off)) | (np.uint64(plane[k + 8]) >> off)
            _store(moved | before, bits, byte + k)
            before = np.uint64(0)


@jit
def pack_rows_channels_last(flags: Bytes, channels: int, bits: Bytes) -> None:
    """``pack_channels_last`` of flags uint8 [step, sample, position * channel]."""
    size = flags.shape[2]
    positions = size // channels
    row = np.zeros(size + 16 * channels, np.uint8)
    planes = planes_for(channels, positions)
    scratch = np.empty(bits.shape[2] + 16, np.uint8)
    for step in range(flags.shape[0]):
        for sample in range(flags.shape[1]):
            copy(flags[step, sample], row[:size])
            pack_channels_last(row, positions, planes, scratch)
            copy(scratch, bits[step, sample])


@jit
def planes_for(channels: int, positions: int) -> Bytes:
    """Room that ``pack_channels_last`` needs."""
    return np.zeros((channels + 8, 17 + (positions + 7) // 8), np.uint8)
