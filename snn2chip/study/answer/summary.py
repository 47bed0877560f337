"""From measured trials to a study's answer: rows, fronts and hypervolumes.

Fronts are drawn on validation data only; the test figures of what is on them stand beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.study.answer.claims import PerSample, claim_of
from snn2chip.study.answer.fronts import front, hypervolume
from snn2chip.study.answer.statistics import mean_interval
from snn2chip.study.answer.types import Answer, Front, Row, Tool, Volume
from snn2chip.study.config import ACCURACY, StudyConfig
from snn2chip.study.settings import found, value_text
from snn2chip.study.trials.grid import by_setting, varying
from snn2chip.study.types import COSTS, FLOAT, SPLITS, Outcome, Trial

_BEYOND = 0.1
"""How far beyond the worst setting a reference point lies, as a share."""


def summarise(
    study: StudyConfig,
    trials: Sequence[Trial],
    outcomes: Mapping[str, Outcome],
    place: str,
    per_sample: PerSample,
    *,
    tool: Tool,
    failures: Sequence[str] = (),
) -> Answer:
    """The answer of a study, as far as its trials are done.

    Args:
        outcomes: by key; trials without one are left out and counted.
        place: whose accuracy and costs are weighed against each other: a target, or ``FLOAT``.
        per_sample: reads what became of each test sample of a trial in a place.

    Raises:
        ConfigError: nothing is done.
        UnsupportedError: the place can run no student of the study.
    """
    done = [trial for trial in trials if trial.key in outcomes]
    if not done:
        raise ConfigError("no trial of the study is done", has="; ".join(failures)[:400])
    refused = [trial for trial in done if place not in outcomes[trial.key].figures]
    done = [trial for trial in done if place in outcomes[trial.key].figures]
    failures = [*failures, *_refusals(study, refused, outcomes, place)]
    if not done:
        raise UnsupportedError(
            f"{place}: no student of the study was measured there",
            has="; ".join(failures)[:400],
            remedy=f"--target {FLOAT} weighs the float students",
        )
    first = outcomes[done[0].key]
    rows = rows_of(study, done, outcomes, place)
    costs = [
        cost for cost in COSTS if all(row.mean("validation", cost) is not None for row in rows)
    ]
    fronts = tuple(front_of(study, rows, cost) for cost in costs)
    marked = tuple(
        replace(row, fronts=tuple(f.cost for f in fronts if row.setting in f.settings))
        for row in rows
    )
    keys = {(trial.setting, trial.seed): trial.key for trial in done}
    matching = {trial.setting: trial for trial in done}
    return Answer(
        name=study.name,
        place=place,
        cost_table=first.cost_tables.get(place, ""),
        level=study.level,
        trials=len(trials),
        done=len(done),
        samples={split: first.figures[place][split].samples for split in SPLITS},
        rows=marked,
        fronts=fronts,
        claims=tuple(
            claim_of(study, claim, marked, matching, keys, per_sample) for claim in study.compare
        ),
        failures=tuple(failures),
        seconds=sum(outcomes[trial.key].total_s for trial in done),
        tool=tool,
    )


def rows_of(
    study: StudyConfig, done: Sequence[Trial], outcomes: Mapping[str, Outcome], place: str
) -> tuple[Row, ...]:
    """One row for each setting, its seeds in ascending order."""
    keys = varying(done)
    rows = []
    for setting, group in by_setting(done).items():
        group = tuple(sorted(group, key=lambda trial: trial.seed))
        measured = [outcomes[trial.key] for trial in group]
        places = [p for p in dict.fromkeys((FLOAT, place)) if all(p in o.figures for o in measured)]
        rows.append(
            Row(
                setting=setting,
                label=_label(study, group[0], keys),
                series=", ".join(_series(study, group[0])) or "none",
                seeds=tuple(trial.seed for trial in group),
                place=place,
                figures={
                    p: {split: tuple(o.figures[p][split] for o in measured) for split in SPLITS}
                    for p in places
                },
                parameters=measured[0].parameters,
                training_s=sum(o.training_s for o in measured) / len(measured),
                violations=tuple(
                    sorted({v for o in measured for v in o.violations.get(place, ())})
                ),
                level=study.level,
            )
        )
    return tuple(rows)


def front_of(study: StudyConfig, rows: Sequence[Row], cost: str) -> Front:
    """The front of all rows, and the volume of each series alone, with one reference point."""
    points = _points(rows, cost)
    corner = _corner(study, points, cost)
    chosen = [row for row, on in zip(rows, front(points), strict=True) if on]
    by_series = {}
    for series in dict.fromkeys(row.series for row in rows):
        own = [row for row in rows if row.series == series]
        best = [row for row, on in zip(own, front(_points(own, cost)), strict=True) if on]
        by_series[series] = _volume(best, cost, corner, study.level)
    return Front(
        cost=cost,
        reference=(corner[0], -corner[1]),
        settings=tuple(chosen[k].setting for k in np.argsort(_points(chosen, cost)[:, 0])),
        volume=_volume(chosen, cost, corner, study.level),
        by_series=by_series,
    )


def _points(rows: Sequence[Row], cost: str) -> NDArray[np.float64]:
    """(cost, minus accuracy) of the means on validation data."""
    pairs = [(row.mean("validation", cost), row.mean("validation", ACCURACY)) for row in rows]
    points: NDArray[np.float64] = np.array(pairs, np.float64).reshape(-1, 2) * (1.0, -1.0)
    return points


def _corner(study: StudyConfig, points: NDArray[np.float64], cost: str) -> tuple[float, float]:
    """The reference point: dearer and less accurate than every setting, unless the study says."""
    least, most = float(-points[:, 1].max()), float(-points[:, 1].min())
    floor = max(0.0, least - _BEYOND * ((most - least) or (1.0 - most) or 1.0))
    dearest = float(points[:, 0].max() * (1.0 + _BEYOND)) or 1.0
    return study.reference.get(cost, dearest), -study.reference.get(ACCURACY, floor)


def _volume(rows: Sequence[Row], cost: str, corner: tuple[float, float], level: float) -> Volume:
    """Volumes as shares of the box from no cost and everything right to the corner."""
    box = corner[0] * (1.0 + corner[1]) or 1.0
    by_seed = []
    for seed in sorted(set.intersection(*(set(row.seeds) for row in rows))):
        figures = [row.figures[row.place]["test"][row.seeds.index(seed)] for row in rows]
        points = [(one.value(cost), -one.accuracy) for one in figures]
        by_seed.append(hypervolume(np.array(points, np.float64), corner) / box)
    return Volume(
        validation=hypervolume(_points(rows, cost), corner) / box,
        test=mean_interval(by_seed, level) if by_seed else None,
    )


def _refusals(
    study: StudyConfig, trials: Sequence[Trial], outcomes: Mapping[str, Outcome], place: str
) -> list[str]:
    """Students that a target cannot run, one line for each setting and reason."""
    lines = [
        f"{_label(study, trial, tuple(trial.settings))}: {place} has no figures: "
        f"{outcomes[trial.key].refused.get(place, 'it was not measured there')}"
        for trial in trials
    ]
    return list(dict.fromkeys(lines))


def _label(study: StudyConfig, trial: Trial, keys: Sequence[str]) -> str:
    """What the series is called, and what else was chosen: ``kd, temperature=4``."""
    chosen = {k: trial.settings[k] for k in keys if k in trial.settings and k not in study.series}
    words = [*_series(study, trial), *(_named(key, value) for key, value in chosen.items())]
    return ", ".join(words) or "the recipe"


def _named(key: str, value: Any) -> str:
    """``rate`` of a name or kind, ``weight=0.1`` of everything else."""
    last, text = key.rpartition(".")[2], value_text(value)
    return text if last in ("name", "kind") else f"{last}={text}"


def _series(study: StudyConfig, trial: Trial) -> list[str]:
    values = (found(trial.tables, key) for key in study.series)
    return [value_text(value) for value in values if value is not None]
