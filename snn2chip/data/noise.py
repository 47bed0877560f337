"""Noise on samples and on input spikes, to see how well a network bears it.

=================== =============================================== =============================
kind                what it does                                    strength
=================== =============================================== =============================
``gaussian``        adds normal numbers to the values               their standard deviation
``salt_and_pepper`` sets places of the image to 0 or to 1          share of the places
``blur``            a Gaussian filter over the last two axes        its standard deviation, pixels
``contrast``        moves values towards the sample's mean          share of the way
``dropped_events``  loses input spikes                              share of the spikes
=================== =============================================== =============================

Values are from 0 to 1 and stay there. Draws are keyed by kind, seed and sample index, so every
network is given the same noisy samples, in whatever batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, did_you_mean

NoiseKind: TypeAlias = Literal["gaussian", "salt_and_pepper", "blur", "contrast", "dropped_events"]
KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)

STRENGTHS: dict[NoiseKind, tuple[float, ...]] = {
    "gaussian": (0.1, 0.2, 0.4),
    "salt_and_pepper": (0.05, 0.1, 0.2),
    "blur": (0.5, 1.0, 2.0),
    "contrast": (0.3, 0.6, 0.8),
    "dropped_events": (0.1, 0.3, 0.5),
}
"""Strengths that are tried where none are named."""

_MOST = {"gaussian": 1e3, "blur": 1e3}
"""Largest strengths; those of the other kinds are shares."""

_Values = NDArray[np.float64]


def check_noise(kind: str, strength: float) -> None:
    """Refuse a kind that there is not, or a strength that makes no sense.

    Raises:
        ConfigError: naming both.
    """
    if kind not in KINDS:
        raise ConfigError(f"noise {kind!r}", remedy=did_you_mean(kind, KINDS))
    most = _MOST.get(kind, 1.0)
    if not 0.0 <= strength <= most:
        raise ConfigError(f"noise {kind!r} of strength {strength:g}", needs=f"from 0 to {most:g}")


def noisy(
    x: NDArray[Any],
    kind: NoiseKind,
    strength: float,
    seed: int = 0,
    samples: NDArray[np.int64] | None = None,
) -> _Values:
    """Samples x [sample, *shape] with noise on their values, float64 from 0 to 1.

    With ``dropped_events`` they stay as they are: see `drop_events`.

    Args:
        samples: int64 [sample], index of each sample; None counts from 0.

    Raises:
        ConfigError: no such kind, or a strength that makes no sense.
    """
    check_noise(kind, strength)
    values = np.asarray(x, np.float64)
    change = _CHANGES.get(kind)
    if change is None or strength == 0.0:
        return values
    rows = [
        change(sample, strength, _generator(kind, seed, index))
        for sample, index in zip(values, _indices(values, samples), strict=True)
    ]
    return np.stack(rows).clip(0.0, 1.0)


def drop_events(
    spikes: NDArray[Any],
    share: float,
    seed: int = 0,
    samples: NDArray[np.int64] | None = None,
) -> NDArray[Any]:
    """Spikes [step, sample, *shape] of which each is lost with probability ``share``.

    Args:
        samples: int64 [sample], index of each sample; None counts from 0.
    """
    check_noise("dropped_events", share)
    kept = spikes.copy()
    for place, index in enumerate(_indices(spikes[0], samples)):
        draws = _generator("dropped_events", seed, index).random(kept[:, place].shape)
        kept[:, place][draws < share] = 0
    return kept


def _indices(x: NDArray[Any], samples: NDArray[np.int64] | None) -> list[int]:
    found: list[int] = (np.arange(len(x)) if samples is None else samples).tolist()
    return found


def _generator(kind: NoiseKind, seed: int, sample: int) -> np.random.Generator:
    return np.random.default_rng((KINDS.index(kind), seed, sample))


def _gaussian(x: _Values, deviation: float, draw: np.random.Generator) -> _Values:
    return x + draw.normal(0.0, deviation, x.shape)


def _salt_and_pepper(x: _Values, share: float, draw: np.random.Generator) -> _Values:
    """A place of an image [channel, height, width] changes in all channels at once."""
    places = x.shape[1:] if x.ndim > 2 else x.shape
    hit, salt = draw.random(places) < share, draw.random(places) < 0.5
    return np.where(hit, salt.astype(np.float64), x)


def _blur(x: _Values, deviation: float, draw: np.random.Generator) -> _Values:
    from scipy.ndimage import gaussian_filter

    widths = [0.0] * max(0, x.ndim - 2) + [deviation] * min(2, x.ndim)
    return np.asarray(gaussian_filter(x, widths, mode="nearest"), np.float64)


def _contrast(x: _Values, share: float, draw: np.random.Generator) -> _Values:
    return np.asarray(x + share * (x.mean() - x), np.float64)


_CHANGES: dict[str, Callable[[_Values, float, np.random.Generator], _Values]] = {
    "gaussian": _gaussian,
    "salt_and_pepper": _salt_and_pepper,
    "blur": _blur,
    "contrast": _contrast,
}
