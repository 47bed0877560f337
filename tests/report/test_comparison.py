"""Comparisons in all forms: rows, changes, regressions, hostile names."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from snn2chip.backends import Fidelity
from snn2chip.core import Violation
from snn2chip.errors import ConfigError, ThresholdError, UnsupportedError
from snn2chip.pipeline import Compared
from snn2chip.report import Report, build
from snn2chip.report.comparison import (
    Change,
    Changes,
    Comparison,
    changes_of,
    comparison_of,
    forms,
    page,
    printing,
)
from tests.report.synthetic_results import VIOLATION, result

REFUSED = UnsupportedError("loihi9", needs="a chip", has="none", remedy="wait")


def rows(**changes: Any) -> Comparison:
    made = result(**changes)
    return comparison_of(
        [
            Compared("loihi2", made, own=True),
            Compared("far/away/mine.toml", made, own=False),
            Compared("loihi9", None, own=True, error=REFUSED),
        ]
    )


def reported(**changes: Any) -> Report:
    return build(result(**changes))


def two(limit: float | None = None, before: Any = None, **changes: Any) -> Changes:
    sides = reported(**(before or {})), reported(**changes)
    return changes_of(*sides, ("a", "b"), limit)


def test_a_row_repeats_the_report() -> None:
    compared, report = rows(), reported()
    own, other, refused = compared.targets
    assert own.energy_nj == report.totals.energy_per_inference_nj
    assert own.dynamic_nj is not None
    assert own.static_nj is not None
    assert own.dynamic_nj + own.static_nj == pytest.approx(own.energy_nj, rel=1e-12)
    assert own.accuracy == report.run.accuracy
    assert own.latency_us == report.totals.latency_us
    assert own.cores_used == report.totals.cores_used
    drift = report.drift[-1]
    assert own.drift == drift.predictions_differing / drift.samples
    assert own.grades == {price.grade: own.grades[price.grade] for price in report.prices}
    assert sum(own.grades.values()) == len(report.prices)
    assert other.asked == "mine.toml"
    assert not other.own
    assert refused.fits is None
    assert refused.energy_nj is None
    assert "needs:  a chip" in refused.refused


@pytest.mark.parametrize("compared", [rows(), two(1.0), two()], ids=["rows", "judged", "two"])
def test_json_meets_the_schema(compared: Comparison | Changes) -> None:
    document = json.loads(forms.json_text(compared))
    jsonschema.Draft202012Validator.check_schema(forms.schema())
    jsonschema.validate(document, forms.schema())
    for key in list(document):
        damaged = {name: value for name, value in document.items() if name != key}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(damaged, forms.schema())


def test_csv_has_a_line_per_target_and_none_that_is_a_formula() -> None:
    lines = list(csv.DictReader(StringIO(forms.csv_text(rows(network="=1+1")))))
    assert [line["asked"] for line in lines] == ["loihi2", "mine.toml", "loihi9"]
    assert lines[2]["energy_nj"] == ""
    assert float(lines[0]["energy_nj"]) == rows().targets[0].energy_nj
    layers = {"names": ("input", "=1+1", "hidden", "output")}
    changed = list(csv.DictReader(StringIO(forms.csv_text(two(before=layers, **layers)))))
    assert "'=1+1" in [line["layer"] for line in changed]


@pytest.mark.parametrize("width", [40, 80, 100, 140])
@pytest.mark.parametrize("compared", [rows(), two(1.0)], ids=["rows", "two"])
def test_text_keeps_its_width(compared: Comparison | Changes, width: int) -> None:
    shown = printing.text(compared, width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert "energy" in shown
    printing.text(compared, width, "ascii").encode("ascii")


def test_text_says_what_must_be_known() -> None:
    shown = printing.text(rows(violations=(VIOLATION,)), 120)
    for words in (
        "NO",
        "breaks loihi2.neurons-per-core",
        "its own arithmetic was not simulated",
        "loihi9: cannot run it",
        "unpriced",
    ):
        assert words in shown


class Tags(HTMLParser):
    """Every tag and text of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("href", "src"), value

    def handle_data(self, data: str) -> None:
        self.words += data


EVIL = "<script>alert(1)</script>\x1b[31m"


@pytest.mark.parametrize(
    "compared",
    [
        rows(network=EVIL, names=("input", EVIL, "hidden", "output")),
        two(0.0, network=EVIL, names=("input", EVIL, "hidden", "output")),
    ],
    ids=["rows", "two"],
)
def test_pages_and_text_show_names_and_do_not_run_them(compared: Comparison | Changes) -> None:
    found = Tags(page.text(compared))
    assert "script" not in found.tags
    assert "<script>alert(1)</script>" in found.words
    assert "\x1b" not in page.text(compared)
    assert "\x1b" not in printing.text(compared)
    assert "default-src 'none'" in page.text(compared)


def test_a_page_draws_every_energy_on_one_axis() -> None:
    compared = rows()
    axis = page.axis_of(compared.targets)
    assert axis is not None
    found = page.marks(compared.targets, axis)
    assert set(found) == {"loihi2", "mine.toml"}
    assert all(0 <= mark.total <= 100 for mark in found.values())
    assert axis.place(10.0**axis.first) == 0.0
    assert axis.place(10.0**axis.last) == 100.0
    unpriced = rows(prices=dict.fromkeys(("synapse", "neuron", "packet", "hop")), static_mw=None)
    assert page.axis_of(unpriced.targets) is None
    assert "n/a" in page.text(unpriced)


def test_a_run_against_itself_has_no_change() -> None:
    same = two(0.0)
    assert all(change.change in (0.0, None) for change in (*same.totals, *same.layers))
    assert same.regressions == ()
    assert same.differing == ()
    same.check()


def change(changes: Changes, name: str) -> Any:
    return next(c for c in changes.totals if c.name == name)


def test_more_energy_is_a_regression_beyond_the_limit() -> None:
    dear = {"synapse": 47.2, "neuron": 81.0, "packet": 1.7, "hop": 3.5}
    percent = change(two(prices=dear), "dynamic_nj").percent
    assert percent > 0
    assert change(two(percent, prices=dear), "dynamic_nj").regression is False
    worse = two(percent * 0.999, prices=dear)
    assert change(worse, "dynamic_nj").regression is True
    with pytest.raises(ThresholdError, match="dynamic_nj"):
        worse.check()
    better = two(0.0, before={"prices": dear})
    assert change(better, "dynamic_nj").percent < 0
    better.check()
    two(prices=dear).check()


def test_accuracy_is_judged_in_points() -> None:
    before, after = reported(), reported()
    after = replace(after, run=replace(after.run, accuracy=before.run.accuracy - 0.03))
    for limit, kept in ((3.1, True), (2.9, False)):
        found = changes_of(before, after, ("a", "b"), limit)
        assert change(found, "accuracy").percent == pytest.approx(-3.0)
        assert (found.regressions == ()) is kept
    assert changes_of(after, before, ("a", "b"), 0.0).regressions == ()


def test_a_figure_that_is_no_longer_known_is_a_regression() -> None:
    blind = {"prices": dict.fromkeys(("synapse", "neuron", "packet", "hop")), "static_mw": None}
    lost = two(50.0, **blind)
    assert {c.name for c in lost.regressions} == {"energy_nj", "dynamic_nj"}
    with pytest.raises(ThresholdError, match="unknown"):
        lost.check()
    assert two(50.0, before=blind).regressions == ()


def test_a_limit_that_is_broken_anew_is_a_regression() -> None:
    other = replace(VIOLATION, object="other")
    found = two(1e9, before={"violations": (VIOLATION,)}, violations=(other,))
    assert found.new_violations == ("loihi2.neurons-per-core: other",)
    assert found.gone_violations == ("loihi2.neurons-per-core: hidden",)
    with pytest.raises(ThresholdError, match="broken: loihi2"):
        found.check()
    assert "newly broken" in printing.text(found)
    assert "no longer broken" in page.text(found)


def test_what_the_runs_do_not_share_is_said() -> None:
    found = two(before={"steps": 12}, steps=6, network="other")
    assert "steps: 12 -> 6" in found.differing
    assert any(line.startswith("network: ") for line in found.differing)
    assert "steps: 12 -> 6" in printing.text(found)


def test_layers_of_one_run_only() -> None:
    names = ("input", "conv", "new", "output")
    found = two(names=names)
    layers = {c.layer: c for c in found.layers}
    assert set(layers) == {"input", "conv", "hidden", "output", "new"}
    assert layers["new"].before is None
    assert layers["hidden"].after is None
    assert [layers[name].only for name in ("input", "new", "hidden")] == [None, "after", "before"]
    assert printing.change_cells(layers["new"])[2] == "new"
    assert printing.change_cells(layers["hidden"])[2] == "gone"
    # a layer of both runs without a price in one of them is neither
    blind = {"prices": dict.fromkeys(("synapse", "neuron", "packet", "hop"))}
    unpriced = {c.layer: c for c in two(**blind).layers}["conv"]
    assert unpriced.only is None
    assert printing.change_cells(unpriced)[2] == "n/a"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (2.0, 42.1, "21x"),
        (2.0, 4.0, "2.0x"),
        (2.0, 3.98, "+99 %"),
        (42.0, 2.0, "-95.2 %"),
        (0.0, 2.0, "+2"),
        (2.0, 2.0, "="),
    ],
)
def test_what_grew_much_is_said_in_times(before: float, after: float, words: str) -> None:
    percent = None if before == 0 else 100.0 * (after - before) / before
    row = Change("energy_nj", None, before, after, after - before, percent, False)
    assert printing.change_cells(row)[2] == words


def test_columns_without_room_are_named() -> None:
    compared = rows()
    narrow = printing.text(compared, 80)
    head = next(line for line in narrow.splitlines() if line.startswith("target"))
    said = " ".join(narrow.split("No room for ")[1].split("\n\n")[0].split())
    missing = said.split(":")[0].split(", ")
    assert "static %" in head
    assert missing
    for column in printing.HEADS:
        assert (column in missing) != (column in re.split(r"\s{2,}", head)), column
    assert "--csv" in said
    needed = int(said.split("a terminal of ")[1].split()[0])
    assert "No room" in printing.text(compared, needed - 1)
    wide = printing.text(compared, needed)
    assert "No room" not in wide
    assert all(column in wide for column in printing.HEADS)


@pytest.mark.parametrize("limit", [-1.0, float("nan"), float("inf")])
def test_limits_that_are_none(limit: float) -> None:
    with pytest.raises(ConfigError, match="max-regression"):
        two(limit)


def test_violations_are_named_once() -> None:
    twice: tuple[Violation, ...] = (VIOLATION, replace(VIOLATION, object="other"))
    assert rows(violations=twice).targets[0].violations == (VIOLATION.rule,)


CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on the PATH")
@pytest.mark.parametrize(
    ("compared", "words"),
    [
        (rows(network=EVIL), ("Side by side", "mine.toml", "cannot run it")),
        (two(1.0), ("Energy by layer",)),
    ],
    ids=["rows", "two"],
)
def test_a_real_browser_shows_the_page_and_runs_nothing(
    compared: Comparison | Changes, words: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "c.html"
    path.write_text(page.text(compared), "utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [str(CHROMIUM), *flags, profile, path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    shown = Tags(done.stdout)
    assert "script" not in shown.tags
    for word in words:
        assert word in shown.words


def half(report: Report) -> Report:
    """The report with its static energy out of the total and among the unpriced terms."""
    totals = report.totals
    layers = totals.energy_pj.total
    assert layers is not None
    each = layers / report.run.samples / 1000.0
    lean = replace(totals, static_pj=None, total_pj=layers, energy_per_inference_nj=each)
    return replace(report, totals=lean, unpriced=("p_static_chip: power of a chip",))


def test_a_total_that_lost_its_static_energy_is_no_improvement() -> None:
    whole = reported()
    changes = changes_of(whole, half(whole), ("a", "b"), 5.0)
    energy = next(change for change in changes.totals if change.name == "energy_nj")
    assert energy.before is not None
    assert energy.after is not None
    assert energy.after < energy.before
    assert energy.percent is None
    assert {found.name for found in changes.regressions} == {"energy_nj", "static_nj"}
    assert "not comparable" in printing.text(changes)
    with pytest.raises(ThresholdError, match="no longer known"):
        changes.check()
    back = changes_of(half(whole), whole, ("a", "b"), 5.0)
    assert not back.regressions
    assert any("not comparable" in line for line in back.differing)
    same = changes_of(half(whole), half(whole), ("a", "b"), 5.0)
    assert not same.differing
    assert not same.regressions


def elsewhere() -> Comparison:
    """A chip that was simulated, and one that was not: its program is the float network's."""
    made = result()
    program = replace(made.program, arithmetic="float64")
    silent = Fidelity(bit_accurate=(), modelled=("spikes",), omitted=())
    other = replace(made, program=program, simulated=False, drift=(), fidelity=silent)
    return comparison_of(
        [Compared("loihi2", made, own=True), Compared("truenorth", other, own=False)]
    )


def test_what_was_not_simulated_is_marked_in_every_form() -> None:
    compared = elsewhere()
    own, other = compared.targets
    assert own.drift is not None
    assert other.drift is None
    said = printing.text(compared, 140)
    line = next(line for line in said.splitlines() if line.startswith("truenorth "))
    assert line.split()[1] == "yes*"
    assert "96.39 %*" in line
    assert "* this chip's arithmetic was not simulated: accuracy (float network)" in said
    assert "*" not in next(x for x in said.splitlines() if x.startswith("loihi2 "))
    html = page.text(compared)
    assert "(float network)" in html
    assert "number formats not checked" in html
    document = json.loads(forms.json_text(compared))
    jsonschema.validate(document, forms.schema())
    assert [row["own"] for row in document["targets"]] == [True, False]
    assert document["targets"][1]["drift"] is None
    lines = list(csv.DictReader(StringIO(forms.csv_text(compared))))
    assert lines[1]["drift"] == ""


def test_a_target_without_a_size_neither_fits_nor_does_not() -> None:
    made = result()
    mesh = replace(made.target.mesh, columns=0, rows=0, cores_per_tile=0)
    limits = {name: limit for name, limit in made.target.resources.items() if name != "cores"}
    sizeless = replace(made, target=replace(made.target, mesh=mesh, resources=limits))
    compared = comparison_of([Compared("asic", sizeless, own=True)])
    assert compared.targets[0].fits is None
    assert json.loads(forms.json_text(compared))["targets"][0]["fits"] is None
    assert printing.cells(compared.targets[0])[0] == "-"


def test_dynamic_totals_and_ranges_of_times_are_said() -> None:
    row = replace(
        rows().targets[0],
        dynamic_only=True,
        latency_us=22.6,
        latency_low_us=22.6,
        latency_high_us=57.99,
    )
    assert printing.cells(row)[3].startswith(">= ")
    notes = list(printing.notes_on(row))
    assert "latency 22.6 us to 58.0 us over the ranges of its constants" in notes
    assert any(line.startswith("dynamic only") for line in notes)
    assert not printing.cells(replace(row, dynamic_only=False))[3].startswith(">=")
