"""From outcomes to rows, fronts, volumes and claims."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.study.answer.fronts import hypervolume
from snn2chip.study.answer.statistics import paired_difference, paired_saving
from snn2chip.study.answer.types import Answer, Row
from snn2chip.study.show import words
from snn2chip.study.types import COSTS, FLOAT
from tests.study.synthetic import CHIP, Made, claims, made, study


@pytest.fixture(scope="module")
def trials() -> Made:
    return made()


@pytest.fixture(scope="module")
def answer(trials: Made) -> Answer:
    return trials.answer(study(compare=claims()))


def row(answer: Answer, label: str) -> Row:
    (found,) = (row for row in answer.rows if row.label == label)
    return found


def test_rows_are_settings_named_by_what_differs(answer: Answer) -> None:
    assert [row.label for row in answer.rows] == [
        "ce",
        "kd, temperature=4",
        "kd, temperature=2",
        "hetero, temperature_student=0.5",
        "hetero, temperature_student=1",
        "hetero, temperature_student=2",
        "hetero, temperature_student=0.1",
    ]
    assert [row.series for row in answer.rows] == ["ce", "kd", "kd", *["hetero"] * 4]
    assert (answer.trials, answer.done) == (19, 19)


def test_figures_of_a_row_are_means_over_its_seeds(trials: Made, answer: Answer) -> None:
    found = row(answer, "kd, temperature=4")
    keys = [t.key for t in trials.trials if t.settings.get("method.temperature") == 4.0]
    right = [trials.outcomes[key].figures[CHIP]["test"].accuracy for key in keys]
    assert found.seeds == (0, 1, 2)
    interval = found.interval("test", "accuracy")
    assert interval is not None
    assert interval.value == pytest.approx(np.mean(right))
    assert found.at_seeds("test", "accuracy") == tuple(right)
    assert found.mean("test", "energy", FLOAT) is None
    assert found.mean("test", "spikes", "nowhere") is None


def test_fronts_are_drawn_on_validation_data_alone(trials: Made) -> None:
    plain = trials.answer(study())
    spoiled = Made(trials.trials, dict(trials.outcomes), trials.samples)
    for key, outcome in trials.outcomes.items():
        places = {
            place: {**splits, "test": replace(splits["test"], accuracy=0.5)}
            for place, splits in outcome.figures.items()
        }
        spoiled.outcomes[key] = replace(outcome, figures=places)
    again = spoiled.answer(study())
    assert [f.settings for f in again.fronts] == [f.settings for f in plain.fronts]
    assert [f.volume.validation for f in again.fronts] == [
        f.volume.validation for f in plain.fronts
    ]


def test_the_front_is_what_no_setting_beats(answer: Answer) -> None:
    for front in answer.fronts:
        points = {
            row.setting: (row.mean("validation", front.cost), row.mean("validation", "accuracy"))
            for row in answer.rows
        }
        for setting, (cost, right) in points.items():
            assert cost is not None
            assert right is not None
            beaten = any(
                c <= cost and a >= right and (c, a) != (cost, right)
                for c, a in points.values()
                if c is not None and a is not None
            )
            assert beaten != (setting in front.settings)
        costs = [points[setting][0] for setting in front.settings]
        assert costs == sorted(c for c in costs if c is not None)
        marked = {row.setting for row in answer.rows if front.cost in row.fronts}
        assert marked == set(front.settings)


def test_volumes_are_shares_of_the_box_to_the_reference(answer: Answer) -> None:
    (front,) = (front for front in answer.fronts if front.cost == "spikes")
    most, least = front.reference
    assert most == pytest.approx(1.1 * 700.0)
    points = [
        (row.mean("validation", "spikes") or 0.0, -(row.mean("validation", "accuracy") or 0.0))
        for row in answer.rows
    ]
    whole = hypervolume(points, (most, -least)) / (most * (1.0 - least))
    assert front.volume.validation == pytest.approx(whole)
    assert set(front.by_series) == {"ce", "kd", "hetero"}
    assert all(v.validation <= whole + 1e-12 for v in front.by_series.values())
    kd = front.by_series["kd"].test
    assert kd is not None
    assert kd.seeds == 3


def test_a_reference_of_the_study_is_kept(trials: Made) -> None:
    answer = trials.answer(study(reference={"accuracy": 0.5, "energy": 2000.0}))
    references = {front.cost: front.reference for front in answer.fronts}
    assert references["energy"] == (2000.0, 0.5)
    assert references["spikes"] == (pytest.approx(770.0), 0.5)


def test_a_claim_pairs_samples_and_seeds(trials: Made, answer: Answer) -> None:
    claim = answer.claims[1]
    assert (claim.b, claim.seeds) == ("ce", (0, 1, 2))
    keys = {(t.setting, t.seed): t.key for t in trials.trials}
    sides = []
    for label in (claim.a, claim.b):
        setting = row(answer, label or "").setting
        sides.append([trials.read(keys[setting, seed], CHIP) for seed in claim.seeds])
    right = [np.stack([correct for correct, _ in side]) for side in sides]
    spikes = [np.stack([fired for _, fired in side]) for side in sides]
    at = claim.places[CHIP]
    assert at.difference == paired_difference(right[0], right[1])
    assert at.savings["spikes"] == paired_saving(spikes[0], spikes[1])
    assert at.no_less == at.difference.no_less(0.002)
    assert claim.places[FLOAT].savings["energy"] is None
    assert set(at.savings) == set(COSTS)


def test_the_cheapest_is_picked_among_the_accurate(answer: Answer) -> None:
    claim = answer.claims[0]
    rivals = [row for row in answer.rows if row.series == "kd"]
    best = max(row.mean("validation", "accuracy") or 0.0 for row in rivals)
    near = [
        row
        for row in answer.rows
        if row.series == "hetero" and (row.mean("validation", "accuracy") or 0.0) >= best - 0.01
    ]
    assert claim.a == min(near, key=lambda row: row.mean("validation", "spikes") or 0.0).label
    assert claim.a != "hetero, temperature_student=0.1"


def test_both_sides_are_the_cheapest_near_a_third() -> None:
    claim = {
        "a": {"method.name": "hetero"},
        "b": {"method.name": "kd"},
        "near": {"method.name": "ce"},
        "margin_points": 1.0,
        "pick": "spikes",
    }
    (found,) = made().answer(study(compare=[claim])).claims
    assert found.near == "ce"
    assert found.a == "hetero, temperature_student=0.5"
    assert found.b == "kd, temperature=2"
    assert "below ce" in words.picked(found)


def test_a_claim_without_a_side_or_common_seeds_says_so() -> None:
    trials = Made()
    trials.add(0.9, 100.0, (0,), method__name="ce")
    trials.add(0.9, 100.0, (1,), method__name="kd")
    pair: dict[str, Any] = {"a": {"method.name": "kd"}, "b": {"method.name": "ce"}}
    gone = {"a": {"method.name": "tser"}, "b": {"method.name": "ce"}}
    apart, missing = trials.answer(study(compare=[pair, gone])).claims
    assert (apart.a, apart.b, apart.seeds, apart.places) == ("kd", "ce", (), {})
    assert (missing.a, missing.places) == (None, {})


def test_a_single_seed_has_no_intervals_but_those_over_samples() -> None:
    trials = Made()
    trials.add(0.95, 100.0, (0,), method__name="ce")
    trials.add(0.5, 50.0, (0,), method__name="kd")
    pair = {"a": {"method.name": "kd"}, "b": {"method.name": "ce"}, "margin_points": 1.0}
    (claim,) = trials.answer(study(compare=[pair])).claims
    at = claim.places[CHIP]
    assert not at.no_less
    assert at.by_seeds.low is None
    assert at.difference.low is not None
    energy = at.savings["energy"]
    assert energy is not None
    assert energy.low is None


def test_unfinished_studies_and_refused_students(trials: Made) -> None:
    part = Made(trials.trials, dict(list(trials.outcomes.items())[:4]), trials.samples)
    answer = part.answer(study(), failures=["kd, seed 9: no memory"])
    assert (answer.trials, answer.done, len(answer.rows)) == (19, 4, 2)
    assert answer.failures == ("kd, seed 9: no memory",)
    first = next(iter(part.outcomes))
    figures = {FLOAT: part.outcomes[first].figures[FLOAT]}
    refused = replace(part.outcomes[first], figures=figures, refused={CHIP: "no soft reset"})
    part.outcomes[first] = refused
    answer = part.answer(study())
    assert answer.done == 3
    assert "no soft reset" in answer.failures[0]
    for key, outcome in part.outcomes.items():
        part.outcomes[key] = replace(outcome, figures={FLOAT: outcome.figures[FLOAT]})
    with pytest.raises(UnsupportedError, match="no student of the study"):
        part.answer(study())
    in_float = part.answer(study(), place=FLOAT)
    assert [front.cost for front in in_float.fronts] == ["spikes", "synaptic_events"]
    with pytest.raises(ConfigError, match="no trial"):
        Made(trials.trials, {}, {}).answer(study())
