"""Intervals of means over few seeds, and of paired differences over samples and seeds.

All functions take plain arrays, and give the same numbers for the same seed of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError

LEVEL = 0.95
RESAMPLES = 10_000
RATIO_RESAMPLES = 2_000
"""Of ratios, whose samples are drawn one by one."""

_DRAWN = 1 << 22
"""Most samples drawn together."""

_COUNTED = 1 << 24
"""Most counts of equal samples drawn together."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval.

    Attributes:
        value: the estimate itself, without resampling.
        low, high: ends of the interval; None where a single seed gives none.
        level: its two-sided coverage.
        seeds: that the estimate is a mean over.
    """

    value: float
    low: float | None
    high: float | None
    level: float
    seeds: int

    def no_less(self, margin: float) -> bool:
        """Whether the lower bound lies above ``-margin``: never so without an interval."""
        return self.low is not None and self.low > -margin


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """The mean of a figure over seeds with Student's t interval, mean +- t * s / sqrt(n).

    Args:
        values: one for each seed, at least one; with a single one there is no interval.

    Raises:
        ConfigError: no values, or a level outside (0, 1).
    """
    _check_level(level)
    if len(values) == 0:
        raise ConfigError("a mean of no seeds", needs="at least one value")
    x = np.asarray(values, np.float64)
    mean = float(x.mean())
    if len(x) == 1:
        return Interval(mean, None, None, level, 1)
    from scipy.stats import t

    half = float(t.ppf(0.5 + level / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    return Interval(mean, mean - half, mean + half, level, len(x))


def paired_difference(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """mean(a) - mean(b) with the percentile interval of a paired bootstrap over both axes.

    Each resample draws seeds with replacement and, apart from them, samples with replacement, the
    same ones for a and b. Samples whose differences are equal at every seed are drawn together, as
    one multinomial count, which has the very same distribution (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, chapters 8 and 13; two-way resampling: Owen 2007).

    With few seeds the interval is somewhat narrow: resampled seeds vary (n - 1) / n as much as
    new ones. `mean_interval` of the seeds' differences is the other opinion.

    Args:
        a, b: whether each sample was classified correctly, [seed, sample], flags or 0 and 1;
            row k of both is of one seed, column j of both is one sample.

    Returns:
        The difference of accuracies as a share, not in points.

    Raises:
        ConfigError: unequal or empty arrays, other values, or a level outside (0, 1).
    """
    _check_level(level)
    if resamples < 1:
        raise ConfigError(f"{resamples} resamples", needs="at least 1")
    a, b = _flags("a", a), _flags("b", b)
    _check_pair(a, b)
    delta = a.astype(np.int8) - b.astype(np.int8)
    seeds, samples = delta.shape
    kinds, numbers = np.unique(delta, axis=1, return_counts=True)
    kinds, shares = kinds.astype(np.int64), np.full(seeds, 1.0 / seeds)
    rng = np.random.default_rng(seed)
    sums = np.empty(resamples, np.int64)
    together = max(1, _COUNTED // len(numbers))
    for begin in range(0, resamples, together):
        part = sums[begin : begin + together]
        drawn_samples = rng.multinomial(samples, numbers / samples, len(part))
        drawn_seeds = rng.multinomial(seeds, shares, len(part))
        part[:] = ((drawn_seeds @ kinds) * drawn_samples).sum(axis=1)
    low, high = _ends(sums / delta.size, level)
    return Interval(float(delta.mean(dtype=np.float64)), low, high, level, seeds)


def paired_saving(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    resamples: int = RATIO_RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """1 - mean(a) / mean(b) with the percentile interval of the same paired bootstrap.

    Args:
        a, b: a cost of each sample, such as its spikes, [seed, sample], 0 or more.

    Returns:
        The share of b's cost that a saves; negative where a costs more. One seed of one sample,
        such as a mean, has no interval.

    Raises:
        ConfigError: unequal or empty arrays, negative or infinite costs, b costs nothing (in a
            resample neither), or a level outside (0, 1).
    """
    _check_level(level)
    if resamples < 1:
        raise ConfigError(f"{resamples} resamples", needs="at least 1")
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    _check_pair(a, b)
    if not (np.isfinite(a).all() and np.isfinite(b).all() and a.min() >= 0 and b.min() >= 0):
        raise ConfigError("costs of samples", needs="finite numbers, 0 or more")
    seeds, samples = a.shape
    rng = np.random.default_rng(seed)
    shares = []
    together = max(1, _DRAWN // samples)
    for first in range(0, resamples, together):
        count = min(together, resamples - first)
        at = rng.integers(samples, size=(count, samples))
        at += np.arange(count)[:, None] * samples
        weights = np.bincount(at.ravel(), minlength=count * samples).reshape(count, samples)
        drawn = rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), count)
        shares.append([((weights @ side.T) * drawn).sum(axis=1) for side in (a, b)])
    ours, theirs = np.concatenate(shares, axis=1)
    if b.sum() == 0 or theirs.min() == 0:
        raise ConfigError("a saving against nothing", needs="a baseline that costs something")
    low, high = (None, None) if a.size == 1 else _ends(1.0 - ours / theirs, level)
    return Interval(1.0 - float(a.mean() / b.mean()), low, high, level, seeds)


def _ends(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(values, (0.5 - level / 2, 0.5 + level / 2))
    return float(low), float(high)


def _flags(name: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    found = np.asarray(values)
    if found.dtype != np.bool_ and not np.isin(found, (0, 1)).all():
        raise ConfigError(f"{name}: whether samples are correct", needs="flags, or 0 and 1")
    return found.astype(np.bool_)


def _check_pair(a: NDArray[Any], b: NDArray[Any]) -> None:
    if a.shape != b.shape or a.ndim != 2 or a.size == 0:
        raise ConfigError(
            f"arrays of shapes {a.shape} and {b.shape}",
            needs="two of one shape [seed, sample], neither axis empty",
        )


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level {level}", needs="a coverage between 0 and 1, such as 0.95")
