"""The two readings of Loihi's arithmetic, and what each is called.

``chip`` is what silicon can hold: currents wrap as often as they must, exponents count everywhere,
and whatever leaves a number format is a violation. ``lava`` is what Lava 0.10.0 computes on a CPU:
u wraps once only, convolutions ignore their exponents, and of the formats' limits only those are
kept that Lava keeps itself. On a program without violations both give the same numbers.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Mode: TypeAlias = Literal["chip", "lava"]

MODES: tuple[Mode, ...] = get_args(Mode)
CHIP, LAVA = "loihi-chip", "loihi-lava"
"""``Program.arithmetic`` of each."""


def arithmetic_name(mode: Mode) -> str:
    """As ``Program.arithmetic`` says it."""
    return CHIP if mode == "chip" else LAVA
