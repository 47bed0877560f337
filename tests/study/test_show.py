"""The answer in every form: complete, inert, and as its schema says."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from io import StringIO

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.study.answer.statistics import Interval
from snn2chip.study.answer.types import Answer
from snn2chip.study.show import draw, forms, page, printing, words
from snn2chip.study.types import FLOAT
from tests.report.test_report_html import HOSTILE, Page
from tests.study.synthetic import CHIP, Made, claims, made, study


@pytest.fixture(scope="module")
def answer() -> Answer:
    return made().answer(study(compare=claims()), failures=["ce, seed 4: no memory"])


def test_the_json_document_meets_its_schema(answer: Answer) -> None:
    document = json.loads(forms.json_text(answer))
    jsonschema.Draft202012Validator.check_schema(forms.schema())
    jsonschema.validate(document, forms.schema())
    best = {front["cost"]: front["settings"] for front in document["fronts"]}
    assert set(best) == {"spikes", "synaptic_events", "spike_energy", "dynamic", "energy"}
    first = document["settings"][0]["figures"][CHIP]["test"]["accuracy"]
    assert first["low"] < first["value"] < first["high"]
    in_float = made().answer(study(), place=FLOAT)
    jsonschema.validate(json.loads(forms.json_text(in_float)), forms.schema())


def test_the_csv_has_a_line_for_every_measurement(answer: Answer) -> None:
    rows = list(csv.DictReader(StringIO(forms.csv_text(answer))))
    assert len(rows) == 19 * 2 * 2
    chosen = [r for r in rows if (r["label"], r["place"], r["split"]) == ("ce", CHIP, "test")]
    assert [row["seed"] for row in chosen] == ["0", "1", "2"]
    values = answer.rows[0].at_seeds("test", "accuracy")
    assert [float(row["accuracy"]) for row in chosen] == list(values or ())
    assert all(r["total_nj"] == "" for r in rows if r["place"] == FLOAT)


def test_the_terminal_says_what_the_study_found(answer: Answer) -> None:
    text = printing.text(answer, 220)
    for said in (
        "7 settings, 19 trials",
        "hetero, temperature_student=0.5",
        "loihi2_from_loihi1",
        "heterogeneous against conventional, cheapest",
        "Not done: ce, seed 4: no memory",
        "1 setting of a single seed",
        "validation",
    ):
        assert said in text
    accuracy = answer.rows[0].interval("test", "accuracy")
    assert words.spread(accuracy) in text
    assert all(len(line) <= 220 for line in text.splitlines())


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_every_width_keeps_accuracy_and_energy(answer: Answer, width: int) -> None:
    text = printing.text(answer, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert words.spread(answer.rows[0].interval("test", "accuracy")) in text
    assert " total" in text
    volume = answer.fronts[-1].volume.test
    assert words.spread(volume) in text, "no number is cut"
    assert ("No room for" in text) == (width < 200)


def test_long_settings_are_numbered_where_there_is_no_room(answer: Answer) -> None:
    long = f"{answer.rows[0].label}, {'x' * 40}=1"
    rows = (replace(answer.rows[0], label=long), *answer.rows[1:])
    narrow, wide = (printing.text(replace(answer, rows=rows), width) for width in (60, 300))
    listed = [line for line in narrow.splitlines() if line.startswith("1  ")]
    assert listed[0] == f"1  {long}"
    assert long in wide
    assert not any(line.startswith("1  ") for line in wide.splitlines())


def test_claims_say_what_their_seeds_alone_say(answer: Answer) -> None:
    claim = next(c for c in answer.claims if c.places)
    at = next(iter(claim.places.values()))
    said = words.by_seeds(at)
    assert said.startswith(f"over the {at.by_seeds.seeds} seeds alone [")
    assert said in printing.text(answer, 200)
    assert f"{100 * at.by_seeds.low:+.2f}" in page.text(answer)
    alone = replace(at, by_seeds=Interval(0.1, None, None, 0.95, 1))
    assert "one seed" in words.by_seeds(alone)


def test_ascii_terminals_are_served(answer: Answer) -> None:
    printing.text(answer, 100, "ascii").encode("ascii")


def test_the_page_is_whole_and_inert(answer: Answer) -> None:
    content = page.text(answer)
    found = Page(content)
    assert found.open == []
    assert "script" not in found.tags
    assert not [v for k, v in found.attributes if k in ("src", "href")]
    for said in ("Accuracy against cost", "Hypervolume", "One against another", "All settings"):
        assert said in found.text
    assert found.tags.count("circle") == len(answer.rows) * len(answer.fronts)
    assert content.count('class="front"') == len(answer.fronts)
    assert page.text(answer) == content


@pytest.mark.parametrize("evil", HOSTILE)
def test_names_from_outside_cannot_act(answer: Answer, evil: str) -> None:
    rows = tuple(replace(row, label=evil, series=evil) for row in answer.rows)
    fronts = tuple(
        replace(front, by_series={evil: volume})
        for front in answer.fronts
        for volume in [front.volume]
    )
    claims = tuple(replace(claim, name=evil, a=evil, b=evil) for claim in answer.claims)
    hostile = replace(
        answer, name=evil, place=evil, cost_table=evil, rows=rows, fronts=fronts, claims=claims
    )
    found = Page(page.text(hostile))
    assert found.open == []
    assert not {"script", "img"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert evil in found.text


def test_a_single_setting_and_no_claims_are_shown() -> None:
    one = Made()
    one.add(1.0, 4.0, (0,))
    answer = one.answer(study())
    content = page.text(answer)
    assert Page(content).open == []
    assert "One against another" not in content
    assert 'class="front"' not in content
    assert "ce" in printing.text(answer)
    unpriced = replace(answer, fronts=())
    assert "Hypervolume" not in page.text(unpriced)
    assert "Hypervolume" not in printing.text(unpriced)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.0, 1e9), min_size=1, max_size=8))
def test_costs_lie_within_the_picture(values: list[float]) -> None:
    scale = draw.cost_scale(values)
    places = [scale.place(value) for value in values]
    assert all(draw.LEFT <= place <= draw.WIDTH - draw.RIGHT for place in places)
    order = np.argsort(values, kind="stable")
    assert [places[k] for k in order] == sorted(places)
    marks = draw.ticks(scale)
    assert len(marks) <= 40
    assert all(scale.low <= mark <= scale.high * (1 + 1e-9) for mark in marks)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=8))
def test_accuracies_lie_within_the_picture(ends: list[tuple[float, float]]) -> None:
    pairs = [(min(pair), max(pair)) for pair in ends]
    scale = draw.accuracy_scale(pairs)
    assert scale.low <= min(low for low, _ in pairs) + 1e-12
    assert scale.high >= max(high for _, high in pairs) - 1e-12
    assert 2 <= len(draw.ticks(scale)) <= 13
    assert all(draw.TOP <= scale.place(v) <= draw.HEIGHT for pair in pairs for v in pair)


def test_a_student_that_learned_nothing_squeezes_no_picture() -> None:
    trials = made()
    trials.add(0.1, 0.5 + 4.0, (0, 1, 2), method__name="dead")
    answer = trials.answer(study())
    for front in answer.fronts:
        assert front.reference[1] > 0.7
        assert front.by_series["dead"].validation == 0.0
    for plot in draw.plots(answer):
        assert plot.below == 1
        assert min(float(label.split()[0]) for _, label in plot.y_ticks) > 50
    assert "1 setting below the picture" in Page(page.text(answer)).text


def test_words_of_intervals() -> None:
    whole = Interval(0.01, -0.002, 0.022, 0.95, 3)
    assert words.points(whole) == "+1.00 points [-0.20, +2.20]"
    assert words.spread(Interval(0.98, None, None, 0.95, 1)) == "98.00 %"
    assert words.spread(Interval(0.98, 0.97, 0.99, 0.95, 3)) == "98.00 ±1.00 %"
    assert words.saving(Interval(0.612, 0.58, 0.641, 0.95, 3)) == "61.2 % [58.0, 64.1] less"
    assert words.saving(Interval(-0.4, -0.41, -0.39, 0.95, 3)) == "40.0 % [39.0, 41.0] more"
    assert words.saving(None) == "n/a"


def test_the_axis_of_differences_is_symmetric(answer: Answer) -> None:
    forest = draw.forest(answer.claims)
    assert forest is not None
    for claim in answer.claims:
        for place, at in claim.places.items():
            bar = forest.bars[claim.name, place]
            assert 0.0 <= bar.start <= bar.mark <= bar.start + bar.width <= 100.0
            assert (bar.mark >= 50.0) == (at.difference.value >= 0.0)
        assert forest.margins[claim.name] < 50.0
    assert draw.forest(()) is None


def test_colours_are_those_of_the_style_sheet(answer: Answer) -> None:
    content = page.text(answer)
    for number in draw.colours(answer).values():
        assert re.search(rf"\.l{number} \{{", content)
        assert f".plot .k{number}" in content
