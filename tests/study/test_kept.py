"""The list of trials that a run keeps: read as it was written, and as nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snn2chip.errors import ConfigError, InputFileError
from snn2chip.study.kept import FILE, digits_of, keep_trials, kept_trials
from tests.study.synthetic import BASE, study, trial

TRIALS = (trial(0), trial(1, method__name="kd", student__widths=[3, 4]))


def test_trials_come_back_as_they_were(tmp_path: Path) -> None:
    keep_trials(tmp_path, "0", TRIALS)
    assert kept_trials(tmp_path, "0") == TRIALS


def test_trials_of_another_study_are_not_taken_for_this_one(tmp_path: Path) -> None:
    digits = digits_of(study(seeds=[0]), BASE)
    assert digits == digits_of(study(seeds=[0], level=0.9, targets=["loihi1"]), BASE)
    others = (
        digits_of(study(seeds=[1]), BASE),
        digits_of(study(seeds=[0], grid={"training.lr": [0.1]}), BASE),
        digits_of(study(seeds=[0], search={"space": {"a": {"low": 0, "high": 1}}}), BASE),
        digits_of(study(seeds=[0]), {**BASE, "data": {}}),
    )
    assert len({digits, *others}) == 5
    with pytest.raises(ConfigError, match="without PyTorch") as caught:
        kept_trials(tmp_path, digits)
    assert caught.value.has == "none"
    keep_trials(tmp_path, digits, TRIALS)
    with pytest.raises(ConfigError, match="without PyTorch") as caught:
        kept_trials(tmp_path, others[0])
    assert caught.value.has == "that of another one"


def test_damaged_lists_are_named(tmp_path: Path) -> None:
    keep_trials(tmp_path, "0", TRIALS)
    whole = json.loads((tmp_path / FILE).read_text())
    one = whole["trials"][0]
    for broken in (
        [],
        {},
        {**whole, "schema": "another"},
        {**whole, "trials": 3},
        {**whole, "trials": [{**one, "key": "../../etc"}]},
        {**whole, "trials": [{**one, "setting": "0"}]},
        {**whole, "trials": [{**one, "seed": "0"}]},
        {**whole, "trials": [{**one, "settings": 3}]},
        {**whole, "trials": [{**one, "tables": []}]},
        {**whole, "trials": [{**one, "more": 1}]},
    ):
        (tmp_path / FILE).write_text(json.dumps(broken))
        with pytest.raises(InputFileError, match="no list of trials"):
            kept_trials(tmp_path, "0")
