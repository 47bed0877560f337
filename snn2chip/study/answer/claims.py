"""Claims of a study: one setting against another, sample by sample and seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.study.answer.statistics import (
    Interval,
    mean_interval,
    paired_difference,
    paired_saving,
)
from snn2chip.study.answer.types import Claim, ClaimAt, Row
from snn2chip.study.config import ACCURACY, CompareConfig, StudyConfig
from snn2chip.study.settings import changed, found, leaves, settings_text
from snn2chip.study.trials.grid import trial_of
from snn2chip.study.types import COSTS, Trial

PerSample = Callable[[str, str], tuple[NDArray[np.bool_], NDArray[np.int64]]]
"""(key of a trial, place) -> of each test sample, whether it is right, and its spikes."""


def check_claims(study: StudyConfig, trials: Sequence[Trial]) -> None:
    """Refuse comparisons of what the study's grids never try; a search may still try it.

    Raises:
        ConfigError: naming the selection.
    """
    if study.search is not None:
        return
    for claim in study.compare:
        for name, wanted in (("a", claim.a), ("b", claim.b), ("near", claim.near)):
            if wanted is not None and not any(matches(trial, wanted) for trial in trials):
                has = dict.fromkeys(settings_text(trial.settings) for trial in trials)
                raise ConfigError(
                    f"compare.{name}: no setting has {settings_text(wanted)}",
                    has="; ".join(list(has)[:8]),
                )


def check_series(study: StudyConfig, base: Mapping[str, Any], trials: Sequence[Trial]) -> None:
    """Refuse keys of ``series`` that no recipe of the study has.

    Args:
        base: tables of the base recipe.

    Raises:
        ConfigError: naming the key.
    """
    space = {} if study.search is None else study.search.space
    tried = [trial.tables for trial in trials or (trial_of(study, base, {}),)]
    tried += [changed(base, {key: value}) for key, one in space.items() for value in one.choices]
    for key in study.series:
        if key not in space and all(found(tables, key) is None for tables in tried):
            known = [*space, *(leaf for tables in tried for leaf in leaves(tables))]
            raise ConfigError(
                f"series: no setting has the key {key[:80]!r}",
                remedy=did_you_mean(key, list(dict.fromkeys(known))),
            )


def matches(trial: Trial, wanted: Mapping[str, Any]) -> bool:
    """Whether the trial's recipe has every value of a selection; an integer equals its float.

    An array stands for any of its values where the recipe has a single one.
    """
    return all(_is(found(trial.tables, key), value) for key, value in leaves(wanted).items())


def _is(actual: Any, wanted: Any) -> bool:
    if isinstance(wanted, list) and actual is not None and not isinstance(actual, list):
        return any(actual == value for value in wanted)
    return bool(actual == wanted)


def claim_of(
    study: StudyConfig,
    config: CompareConfig,
    rows: Sequence[Row],
    trials: Mapping[str, Trial],
    keys: Mapping[tuple[str, int], str],
    per_sample: PerSample,
) -> Claim:
    """How a claim came out.

    Args:
        trials: one of each setting.
        keys: key of the trial of a setting and seed.
    """
    margin = config.margin_points / 100.0
    a, b, near = _picked(config, margin, rows, trials)
    seeds = tuple(seed for seed in a.seeds if seed in b.seeds) if a and b else ()
    places: dict[str, ClaimAt] = {}
    if a is not None and b is not None and seeds:
        for place in a.figures:
            if place in b.figures:
                places[place] = _at(study, (a, b), seeds, place, margin, keys, per_sample)
    return Claim(
        name=config.name or f"{settings_text(config.a)} against {settings_text(config.b)}",
        a=None if a is None else a.label,
        b=None if b is None else b.label,
        margin_points=config.margin_points,
        pick=config.pick,
        near=None if near is None else near.label,
        seeds=seeds,
        places=places,
    )


def _picked(
    config: CompareConfig, margin: float, rows: Sequence[Row], trials: Mapping[str, Trial]
) -> tuple[Row | None, Row | None, Row | None]:
    """Both sides, and what they are near to where the claim says so."""

    def having(wanted: Mapping[str, Any]) -> list[Row]:
        return [row for row in rows if matches(trials[row.setting], wanted)]

    mine, others = having(config.a), having(config.b)
    if config.pick == ACCURACY:
        return _best(mine), _best(others), None
    if config.near is None:
        b = _best(others)
        return _cheapest(mine, b, config.pick, margin), b, None
    near = _best(having(config.near))
    a, b = (_cheapest(side, near, config.pick, margin) for side in (mine, others))
    return a, b, near


def _best(rows: Sequence[Row]) -> Row | None:
    """The most accurate on validation data, the first of equal ones."""
    return max(rows, key=lambda row: row.mean("validation", ACCURACY) or 0.0, default=None)


def _cheapest(rows: Sequence[Row], other: Row | None, cost: str, margin: float) -> Row | None:
    """The cheapest of those at most the margin less accurate, all on validation data."""
    least = None if other is None else other.mean("validation", ACCURACY)
    if least is None:
        return None
    near = [
        (price, index)
        for index, row in enumerate(rows)
        if (price := row.mean("validation", cost)) is not None
        and (row.mean("validation", ACCURACY) or 0.0) >= least - margin
    ]
    return rows[min(near)[1]] if near else None


def _at(
    study: StudyConfig,
    sides: tuple[Row, Row],
    seeds: Sequence[int],
    place: str,
    margin: float,
    keys: Mapping[tuple[str, int], str],
    per_sample: PerSample,
) -> ClaimAt:
    """The claim in one place: samples and seeds paired."""
    read = [[per_sample(keys[row.setting, seed], place) for seed in seeds] for row in sides]
    right = [np.stack([correct for correct, _ in side]) for side in read]
    difference = paired_difference(right[0], right[1], resamples=study.resamples, level=study.level)
    by_seed = right[0].mean(axis=1) - right[1].mean(axis=1)
    savings: dict[str, Interval | None] = {}
    for cost in COSTS:
        values = [_at_seeds(row, seeds, cost, place) for row in sides]
        if cost == "spikes":
            values = [np.stack([spikes for _, spikes in side]).astype(float) for side in read]
        savings[cost] = _saving(values, study.level)
    return ClaimAt(
        difference=difference,
        by_seeds=mean_interval(list(map(float, by_seed)), study.level),
        no_less=difference.no_less(margin),
        savings=savings,
    )


def _at_seeds(row: Row, seeds: Sequence[int], cost: str, place: str) -> NDArray[np.float64] | None:
    """A cost at these seeds, [seed, 1]."""
    values = row.at_seeds("test", cost, place)
    if values is None:
        return None
    return np.array([[values[row.seeds.index(seed)]] for seed in seeds])


def _saving(values: Sequence[NDArray[np.float64] | None], level: float) -> Interval | None:
    ours, theirs = values
    if ours is None or theirs is None or not theirs.sum(axis=1).all():
        return None
    try:
        return paired_saving(ours, theirs, level=level)
    except ConfigError:  # a baseline of so few spikes that some resamples have none
        return None
