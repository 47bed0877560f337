"""The web page and the notebook fragment: complete, inert, self-contained, the same every time."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import PredictionChange
from snn2chip.core.mapping import Mapping
from snn2chip.mapping.routes import NO_LINKS
from snn2chip.pipeline import CurvePoint, Result, Thresholds, judge
from snn2chip.report import html
from snn2chip.report.build import build
from snn2chip.report.figures import BINS, MAX_ROWS, MAX_STEPS
from snn2chip.report.html import draw, environment, notebook, page
from snn2chip.report.types import TERMS, Range, RangeEnd, Report, Terms
from tests.report.synthetic_results import PRICES, VIOLATION, result

NAMES = st.text(st.characters(), min_size=1, max_size=30)
EVIL = "<script>alert(1)</script>"
HOSTILE = (EVIL, "</style><img src=x onerror=alert(1)>", "\"'><svg onload=1>", "{{ 7 * 7 }}")


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_tells_the_verdict_first(report: Report) -> None:
    text = Page(html.text(report)).text
    order = [
        "Fits",
        "96.39 %",
        "2.34 µJ",
        "18.4 µs",
        "not a Loihi 2 measurement",
        "Where the energy",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Static 82.2 %; of the dynamic rest, conv is costliest: 78.2 %" in text


def test_the_page_has_every_layer_drift_and_price(report: Report) -> None:
    page = Page(html.text(report))
    for words in ("input", "conv", "hidden", "output", "4×4×4", "78.2 %", "now wrong", "now right"):
        assert words in page.text
    for words in ("e_synop", "23.6", "presilicon", "Davies 2018 Table 2", "113 to 465", "ab" * 32):
        assert words in page.text
    for words in (
        "barrier energy is not published",
        "No credit is taken",
        "v_saturated",
        "host I/O",
    ):
        assert words in page.text
    assert page.open == []


def test_the_page_is_self_contained(report: Report) -> None:
    content = html.text(report)
    page = Page(content)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "a"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in ("src", "href", "xlink:href")]
    assert not re.search(r"url\(|@import|https?:|//[a-z]", content)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_hostile_names_are_inert() -> None:
    run = result(names=HOSTILE, network=EVIL, violations=(replace(VIOLATION, object=EVIL),))
    content = html.text(build(run))
    page = Page(content)
    assert "<script" not in content
    assert "<img" not in content
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert EVIL in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert page.tags.count("style") == 1


@settings(max_examples=15, deadline=None)
@given(
    names=st.lists(NAMES, min_size=4, max_size=4, unique=True),
    prices=st.fixed_dictionaries({term: st.none() | st.floats(0, 1e6) for term in TERMS}),
)
def test_any_names_and_prices_give_a_whole_page(
    names: list[str], prices: dict[str, float | None]
) -> None:
    page = Page(html.text(build(result(names=tuple(names), prices=prices))))
    plain = Page(html.text(build(result(names=("a", "b", "c", "d"), prices=prices))))
    assert page.open == []
    assert [tag for tag in page.tags if tag != "rect"] == [t for t in plain.tags if t != "rect"]
    assert "nan" not in [value for _, value in page.attributes]


def test_the_page_is_byte_equal_for_equal_runs(tmp_path: Path) -> None:
    html.write(build(result()), tmp_path / "a.html")
    html.write(build(result()), tmp_path / "b.html")
    content = (tmp_path / "a.html").read_bytes()
    assert content == (tmp_path / "b.html").read_bytes()
    assert str(tmp_path).encode() not in content


def test_violations_are_shown_whole(report: Report) -> None:
    text = Page(html.text(build(result(violations=(VIOLATION,))))).text
    for words in ("Does not fit: 1 limit broken", VIOLATION.needs, VIOLATION.has, VIOLATION.remedy):
        assert words in text
    assert "What does not fit" not in Page(html.text(report)).text


def test_unpriced_terms_are_marked() -> None:
    text = Page(html.text(build(result(prices={**PRICES, "hop": None})))).text
    assert "hops (no price)" in text
    assert "packets (no price)" not in text
    assert "hop: no price" in text


def test_a_bare_report_leaves_its_sections_out(run: Result) -> None:
    bare = replace(
        result(drift=False, baseline=False, labels=False, latency=False, static_mw=None),
        mapping=Mapping.from_slices("loihi2", {}, {}),
        energy=replace(
            run.energy,
            table="elsewhere",
            layers=(),
            total_pj=None,
            static_pj=None,
            step_ns=(),
            by_core=None,
            links=NO_LINKS,
        ),
    )
    page = Page(html.text(build(bare)))
    ids = [value for name, value in page.attributes if name == "id"]
    assert not {"floorplan", "links", "latency", "baseline", "prices", "violations"} & set(ids)
    assert {"energy", "layers", "trust", "run"} <= set(ids)
    assert "No event of this run has a price" in page.text


def test_many_changed_predictions_are_cut(run: Result) -> None:
    changed = tuple(PredictionChange(i, 1, 2, None) for i in range(100))
    drift = replace(run.drift[0], changed=changed)
    text = Page(html.text(build(replace(run, drift=(drift,))))).text
    assert "and 88 more, in the JSON report." in text


# ---------------------------------------------------------------- geometry of the pictures


def test_energy_bars_share_one_scale() -> None:
    segments = draw.energy_bar(Terms(50.0, 25.0, None, 0.0, 75.0), longest=150.0)
    assert [(s.kind, s.start, s.width) for s in segments] == [
        ("synapse", 0.0, 33.333),
        ("neuron", 33.333, 16.667),
    ]
    assert draw.energy_bar(Terms(None, None, None, None, None), longest=0.0) == ()


def test_the_raster_draws_every_spike_of_the_first_sample(run: Result, report: Report) -> None:
    for figure in report.figures.rasters:
        flags = run.activity.populations[figure.population].spikes.unpack()[:, 0]
        assert figure.stride == 1
        assert len(figure.spikes) == flags.sum()
        assert draw.raster_path(figure).count("M") == flags.sum()
        step, row = figure.spikes[0]
        assert flags.reshape(12, -1)[step, row]


def test_large_rasters_are_thinned() -> None:
    run = result(shapes=((1, 40, 50), (4, 4, 4), (32,), (10,)), steps=300, samples=1)
    figure = build(run).figures.rasters[0]
    assert (figure.stride, figure.rows, figure.steps) == (32, 63, MAX_STEPS)
    assert figure.rows <= MAX_ROWS
    assert "1 in 32 shown" in Page(html.text(build(run))).text


def test_rates_count_every_neuron_once(run: Result, report: Report) -> None:
    for figure in report.figures.rates:
        raster = run.activity.populations[figure.population].spikes
        assert figure.silent + sum(figure.counts) == figure.neurons
        assert figure.silent == (raster.per_neuron() == 0).sum()
        assert figure.mean == pytest.approx(raster.total() / (figure.neurons * 60))
        assert len(figure.counts) == BINS
        assert max(box.height for box in draw.rate_bars(figure)) == 100.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (23.6, "23.6"),
        (81.0, "81"),
        ([29.9, 59.8], "29.9 to 59.8"),
        ({"1": 113.0, "32": 465.0}, "1: 113, 32: 465"),
        ("8x4", "8x4"),
    ],
)
def test_constants_of_every_form_are_printed(value: object, text: str) -> None:
    assert page.value_text(value) == text


# ---------------------------------------------------------------- notebook


def test_the_notebook_fragment_has_verdict_and_layers(run: Result) -> None:
    page = Page(notebook.render(build(run)))
    assert page.open == []
    for words in (
        "digits_student on Intel Loihi 2",
        "Fits",
        "9 of 128 cores",
        "96.39 %",
        "2.34 uJ",
    ):
        assert words in page.text
    assert page.tags.count("tr") == 5
    assert re.search(r"conv 4x4x4 3 66 8.59 12.0k 325 78.2", page.text)
    assert "not a Loihi 2 measurement" in page.text


def test_the_notebook_fragment_is_inert() -> None:
    content = notebook.render(build(result(names=HOSTILE, network=EVIL)))
    page = Page(content)
    assert set(page.tags) == {"div", "p", "b", "br", "small", "table", "tr", "th", "td"}
    assert {name for name, _ in page.attributes} == {"style"}
    assert EVIL in page.text


def test_the_notebook_fragment_says_what_is_unknown() -> None:
    run = result(prices=dict.fromkeys(TERMS), static_mw=None, latency=False, labels=False)
    text = Page(notebook.render(build(run))).text
    assert "accuracy n/a" in text
    assert "n/a per inference" in text
    assert "5 terms unpriced" in text


# ---------------------------------------------------------------- limits, ranges and curves


def test_limits_of_the_user_stand_in_the_head(run: Result) -> None:
    judged = judge(run, Thresholds(max_energy_nj=1.0, min_accuracy=0.5, max_latency_us=9.0))
    report = build(run, judged)
    assert [row.kept for row in report.thresholds] == [False, False, True]
    text = Page(html.text(report)).text
    assert "missed energy per inference at most 1.00 nJ: 2.34 µJ" in text
    assert "kept accuracy at least 50.00 %: 96.39 %" in text
    assert text.index("missed") < text.index("Where the energy goes")
    assert "at most 1.00 nJ" not in Page(html.text(build(run))).text


def test_an_unknown_figure_keeps_no_limit() -> None:
    run = result(latency=False)
    report = build(run, judge(run, Thresholds(max_latency_us=9.0)))
    assert "missed latency per inference at most 9.00 µs: n/a" in Page(html.text(report)).text


def test_all_energy_has_one_scale_with_its_range(report: Report) -> None:
    totals = report.totals
    assert totals.total_pj is not None
    assert totals.static_pj is not None
    plain = draw.whole(totals)
    assert plain.spread is None
    assert plain.top_pj == totals.total_pj
    ends = [RangeEnd(None, None, totals.total_pj * factor, 1.0, None) for factor in (0.5, 2.0)]
    found = draw.whole(replace(totals, range=Range(*ends)))
    assert found.top_pj == 2.0 * totals.total_pj
    assert found.spread == draw.Spread(start=25.0, width=75.0, mark=50.0)
    assert sum(part.width for part in found.total) == pytest.approx(50.0, abs=0.01)
    (dynamic,), (static,) = found.dynamic, found.static
    assert dynamic.width + static.width == pytest.approx(50.0, abs=0.01)
    assert static.width == pytest.approx(50.0 * totals.static_pj / totals.total_pj, abs=0.01)


def test_the_two_scales_of_energy_are_labelled(report: Report) -> None:
    section = html.text(report).split('<section id="energy"')[1].split("</section>")[0]
    whole, layers = section.split('id="by-layer"')
    nothing = "\N{NO-BREAK SPACE}"
    assert f"bars to 2.34{nothing}µJ" in whole
    assert f"another scale: bars to 325{nothing}nJ" in layers
    assert "static" in whole
    assert "static" not in layers


def test_the_curve_has_a_panel_for_every_known_figure(report: Report) -> None:
    points = tuple(
        CurvePoint(steps, steps / 8, None, 10.0 * steps, None, None, None) for steps in (1, 2, 4)
    )
    accurate, energetic = draw.curve_panels(points)
    assert (accurate.title, accurate.top) == ("accuracy", "100.00 %")
    assert accurate.line == "M0.00 87.50L33.33 75.00L100.00 50.00"
    assert (energetic.title, energetic.top) == ("energy per inference", "40.0 nJ")
    assert energetic.line == "M0.00 75.00L33.33 50.00L100.00 0.00"
    assert [spot.title for spot in energetic.spots] == ["1: 10.0 nJ", "2: 20.0 nJ", "4: 40.0 nJ"]
    assert draw.curve_panels(points[:1]) == ()
    text = Page(html.text(replace(report, curve=points))).text
    assert "With fewer steps" in text
    assert "With fewer steps" not in Page(html.text(report)).text


def test_inputs_are_no_neurons(report: Report) -> None:
    text = Page(html.text(report)).text
    assert "106 neurons" in text
    assert "input input 1×8×8 (64)" in text
    assert "total 106" in text


@pytest.mark.parametrize(
    "ids",
    ["energy", "layers", "latency", "floorplan", "utilization", "links", "neurobench", "prices"],
)
def test_every_section_has_its_place(report: Report, ids: str) -> None:
    found = [value for name, value in Page(html.text(report)).attributes if name == "id"]
    assert found.count(ids) == 1
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("words", "nice"),
    [
        ("costs 2.34 uJ and 18.4 us -> more", "costs 2.34\xa0µJ and 18.4\xa0µs → more"),
        ("used or not, with us", "used or not, with us"),
        ("96.39 % of 5 samples, 16 steps", "96.39\xa0% of 5 samples, 16 steps"),
        ("conv 3 used", "conv 3 used"),
    ],
)
def test_only_units_become_signs(words: str, nice: str) -> None:
    assert environment.nice(words) == nice
