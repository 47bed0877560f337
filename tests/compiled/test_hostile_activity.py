"""An activity file changed on purpose: refused as a damaged file, or it is counted and priced."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.compiled import SavedRun, dump_run, parse_run
from snn2chip.energy import count, price
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import InputFileError
from snn2chip.mapping import map_program
from tests.compiled.test_hostile_program import (
    GONE,
    PROGRAM,
    TARGET,
    VALUES,
    close_file,
    open_file,
    places,
)

STEPS, SAMPLES = 3, 2
SPIKES = {"input": np.random.default_rng(0).random((STEPS, SAMPLES, 1, 6, 6)) < 0.5}
ACTIVITY, _ = simulate(PROGRAM, SPIKES, LoihiArithmetic(), RunOptions(running_scores=True))
REFERENCE = replace(ACTIVITY, arithmetic="float64")
ABOUT: dict[str, Any] = {
    "data": "digits",
    "synthetic": False,
    "calibrated_on": "some samples",
    "seed": 3,
    "notes": ["one", "two"],
    "quantization": {"calibration": "max"},
}
SAVED = dump_run(SavedRun(ACTIVITY, REFERENCE, np.array([0, 2]), ABOUT))
HEADER, ARRAYS = open_file(SAVED)
FIELDS = [path for path in places(HEADER) if path != () and path[0] != "reference"]


def changed(path: tuple[Any, ...], value: Any) -> Any:
    header = copy.deepcopy(HEADER)
    inner = header
    for key in path[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return header


def refused_or_priced(data: bytes) -> bool:
    """Whether the file is refused; an exception of any other kind fails the test."""
    run, error = None, None
    try:
        run = parse_run(data, "my.safetensors", PROGRAM)
    except InputFileError as refusal:
        error = refusal
    if run is None:
        assert error is not None
        assert error.what.startswith("my.safetensors: ")
        assert error.remedy
        return True
    mapping, _ = map_program(PROGRAM, TARGET)
    price(count(PROGRAM, run.activity, mapping), TARGET)
    assert run.activity.predictions.shape == (SAMPLES,)
    return False


def test_what_was_saved_comes_back() -> None:
    run = parse_run(SAVED, "f", PROGRAM)
    assert dump_run(run) == SAVED
    assert run.about == {**ABOUT, "notes": ("one", "two")}
    assert run.labels is not None
    assert run.labels.tolist() == [0, 2]
    for name, found in ACTIVITY.populations.items():
        again = run.activity.populations[name]
        np.testing.assert_array_equal(again.spikes.unpack(), found.spikes.unpack())
        np.testing.assert_array_equal(again.updated.unpack(), found.updated.unpack())
        assert again.warnings == found.warnings
    np.testing.assert_array_equal(run.activity.scores, ACTIVITY.scores)
    np.testing.assert_array_equal(run.activity.running_scores, ACTIVITY.running_scores)
    alone = parse_run(dump_run(SavedRun(ACTIVITY, None, None, ABOUT)), "f", PROGRAM)
    assert alone.reference is None
    assert alone.labels is None


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_field_of_another_type_is_refused_or_harmless(value: Any) -> None:
    outcomes = [refused_or_priced(close_file(changed(path, value), ARRAYS)) for path in FIELDS]
    assert sum(outcomes) > len(FIELDS) // 3, "many fields matter"


@pytest.mark.parametrize("header", [None, 3, "x", [], {}, {"schema": "snn2chip/activity/9"}])
def test_a_header_that_is_none_is_refused(header: Any) -> None:
    assert refused_or_priced(close_file(header, ARRAYS))


@pytest.mark.parametrize("name", sorted(ARRAYS))
def test_arrays_of_another_form_are_refused(name: str) -> None:
    array = ARRAYS[name]
    forms: list[Callable[[np.ndarray], np.ndarray]] = [
        lambda a: a[:0],
        lambda a: a.reshape(-1),
        lambda a: np.concatenate([a, a]),
        lambda a: a[..., None],
        lambda a: a.astype(np.float32),
    ]
    for form in forms:
        made = form(array)
        if made.shape != array.shape or made.dtype != array.dtype:
            assert refused_or_priced(close_file(HEADER, {**ARRAYS, name: made}))


def test_flags_beyond_the_population_are_refused() -> None:
    """36 inputs leave four bits of the fifth byte; a flag there would be counted as a spike."""
    bits = ARRAYS["a0:spikes"].copy()
    bits[0, 0, -1] |= 1
    with pytest.raises(InputFileError, match="neurons that are not there"):
        parse_run(close_file(HEADER, {**ARRAYS, "a0:spikes": bits}), "f", PROGRAM)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad: float) -> None:
    scores = ARRAYS["a:scores"].copy()
    scores[0, 0] = bad
    assert refused_or_priced(close_file(HEADER, {**ARRAYS, "a:scores": scores}))


@pytest.mark.parametrize("side", ["activity", "reference"])
@pytest.mark.parametrize("other", ["float64", "loihi-chip", "<script>\x1b[31m", "", None])
def test_an_activity_of_another_arithmetic_is_refused(side: str, other: Any) -> None:
    if other != HEADER[side]["arithmetic"]:
        with pytest.raises(InputFileError, match="arithmetic is") as caught:
            parse_run(close_file(changed((side, "arithmetic"), other), ARRAYS), "f", PROGRAM)
        assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["<script>", "a b", "\x1b[31m", "\u202ex", "", "x" * 65, "x" * 10**6]
)
def test_names_of_warnings_that_are_none_are_refused(name: str) -> None:
    place = ("activity", "populations", 1, "warnings")
    with pytest.raises(InputFileError, match="no warning's name") as caught:
        parse_run(close_file(changed(place, {name: 5}), ARRAYS), "f", PROGRAM)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("key", ["a", "r"])
def test_scores_are_those_of_the_last_step(key: str) -> None:
    scores = ARRAYS[f"{key}:scores"].copy()
    scores[0, 0] = 1e300
    with pytest.raises(InputFileError, match="last step"):
        parse_run(close_file(HEADER, {**ARRAYS, f"{key}:scores": scores}), "f", PROGRAM)


@pytest.mark.parametrize("labels", [[-1, 0], [0], [0, 1, 2]])
def test_labels_that_are_none_are_refused(labels: list[int]) -> None:
    assert refused_or_priced(close_file(HEADER, {**ARRAYS, "labels": np.array(labels)}))


def test_a_reference_on_other_samples_is_refused() -> None:
    other, _ = simulate(PROGRAM, {"input": SPIKES["input"][:2]}, LoihiArithmetic())
    other = replace(other, arithmetic="float64")
    data = dump_run(SavedRun(ACTIVITY, other, None, ABOUT))
    with pytest.raises(InputFileError, match="other samples"):
        parse_run(data, "f", PROGRAM)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 20, len(SAVED) // 2, len(SAVED) - 1])
def test_cut_files_are_refused(cut: int) -> None:
    assert refused_or_priced(SAVED[:cut])


def test_a_huge_claim_takes_no_memory() -> None:
    """Sizes are compared with the program's before anything is made."""
    steps = 2**40
    header = json.loads(json.dumps(changed(("activity", "steps"), steps)))
    assert refused_or_priced(close_file(header, ARRAYS))
    without = {name: array for name, array in ARRAYS.items() if name != "a1:updated"}
    assert refused_or_priced(close_file(header, without))
