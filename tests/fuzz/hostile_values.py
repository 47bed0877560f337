"""Names and numbers that no well-meant file has."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from tests.fuzz.judging import MARKUP, TAG

NAMES = (
    "../../escape", "/etc/passwd", "..\\..\\escape", "a/b/c", "..", ".", "", "/", "//", "~/x",
    MARKUP, "[/nothing]", "[link=x]y[/link]", TAG, f"</script>{TAG}", f'"> {TAG}', "' fuzz='1",
    '" fuzz="1', "{{ 7 * 7 }}", "{% raw %}", "%s%n%d", "$(touch pwned)", "`touch pwned`",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\nsnn2chip: fits", "a\r\nb", "\x7f\x9b31m",
    "\u202egnp.exe", "\u2028", "\ufeff", "\ud800", "a\0b", "x" * 5000, "名前", "e\u0301" * 50,
    "input", "output", "->", "a->b", "in", "out", "x:weight", "p0.v_threshold", "__class__",
    "__metadata__", "=1+1", "@SUM(1)", "%2F%00", "NIRGraph", "lif.0.0.0",
)  # fmt: skip

WORDS = (
    "NIRGraph", "Input", "Output", "Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d",
    "AvgPool2d", "Flatten", "Delay", "Threshold", "I", "IF", "LI", "LIF", "CubaLI", "CubaLIF",
    "same", "valid", "zero", "subtract", "spike_count", "v_max", "none", "if", "rate", "norse",
    "snntorch", "dense", "dense_rec", "conv", "average", "flatten", "input", "CUBA", "LOIHI",
    "SDNN", "Conv", "Dense", "Identity", "source", "target", "signed", "loihi2", "reference",
)  # fmt: skip

INTEGERS = (
    0, 1, -1, 2, 3, 7, 63, 64, 127, 255, 256, 1000, 4095, 4096, 65535, 10**6, 10**9, 2**31 - 1,
    2**31, 2**32, -(2**31), 2**53, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30, 10**400,
)  # fmt: skip

FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 1e-3, 1e-9, 1e-300, 5e-324, 1e9, 1e30, 1e38, 1e60, 1e300, -1e300,
    1.7976931348623157e308, float("inf"), float("-inf"), float("nan"),
)  # fmt: skip


def name(draw: Random) -> str:
    """A hostile name, half of the time a short one."""
    return draw.choice(NAMES)


def word(draw: Random) -> str:
    """A word of the formats' own, or a hostile name."""
    return draw.choice(WORDS) if draw.random() < 0.6 else name(draw)


def number(draw: Random) -> int | float:
    """An integer or a float at some border."""
    return draw.choice(INTEGERS) if draw.random() < 0.5 else draw.choice(FLOATS)


def plain(draw: Random, depth: int = 0) -> Any:
    """A value of any type that JSON has."""
    match draw.randrange(9 if depth < 3 else 6):
        case 0:
            return None
        case 1:
            return draw.random() < 0.5
        case 2 | 3:
            return number(draw)
        case 4 | 5:
            return word(draw)
        case 6 | 7:
            return [plain(draw, depth + 1) for _ in range(draw.randrange(4))]
        case _:
            return {name(draw): plain(draw, depth + 1) for _ in range(draw.randrange(3))}


DTYPES = ("f2", "f4", "f8", ">f8", "i1", "u1", "i2", "i4", ">i4", "i8", "u8", "?", "c8", "c16",
          "S3", "U2", "M8[s]", "V5")  # fmt: skip


def array(draw: Random, like: np.ndarray) -> np.ndarray:
    """An array with other values, another shape or another type than ``like``."""
    made = np.array(like)
    for _ in range(draw.randint(1, 2)):
        match draw.randrange(8):
            case 0 | 1 if made.size and made.dtype.kind in "fiu":
                made = _with(draw, made, [draw.randrange(made.size)])
            case 2 if made.size and made.dtype.kind in "fiu":
                made = _with(draw, made, range(made.size))
            case 3:
                with np.errstate(all="ignore"):
                    made = _as(made, draw.choice(DTYPES))
            case 4:
                made = made.reshape(-1)
            case 5:
                made = made[None] if draw.random() < 0.5 else made[..., None]
            case 6:
                made = np.resize(made, tuple(draw.randrange(4) for _ in range(draw.randrange(5))))
            case _:
                made = made.T if draw.random() < 0.5 else np.concatenate([made, made], axis=None)
    return made


def _with(draw: Random, made: np.ndarray, places: Any) -> np.ndarray:
    """Hostile numbers in some places, in a type that holds them."""
    value = number(draw)
    if made.dtype.kind in "iu" and draw.random() < 0.8:
        info = np.iinfo(made.dtype)
        value = int(min(max(value, info.min), info.max)) if value == value else info.max
    elif made.dtype.kind in "iu" or abs(value) > 1e308:
        made = made.astype(np.float64)
    if abs(value) > 10**300:
        value = float("inf")
    made = made.copy()
    with np.errstate(all="ignore"):
        made.reshape(-1)[list(places)] = float(value) if made.dtype.kind == "f" else value
    return made


def _as(made: np.ndarray, dtype: str) -> np.ndarray:
    try:
        return made.astype(dtype)
    except (TypeError, ValueError):
        return np.zeros(made.shape, dtype)
