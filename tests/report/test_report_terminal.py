"""The terminal report: golden text, widths, hostile names. ``UPDATE_GOLDEN=1`` writes it anew."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from snn2chip.core import PredictionChange
from snn2chip.energy import EnergyRange, EnergyTotals, RealTime
from snn2chip.report import terminal
from snn2chip.report.build import build
from snn2chip.report.terminal import printing
from snn2chip.report.types import TERMS, Report
from snn2chip.targets.types import Mesh
from tests.report.synthetic_results import PRICES, VIOLATION, result

GOLDEN = Path(__file__).parent / "golden"
NAMES = st.text(st.characters(), min_size=1, max_size=30)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_golden_text(report: Report, width: int) -> None:
    path = GOLDEN / f"terminal_{width}.txt"
    text = terminal.text(report, width)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal(report: Report, width: int) -> None:
    assert max(map(cell_len, terminal.text(report, width).splitlines())) <= width


def section(text: str, title: str) -> list[str]:
    """Lines from the one that starts with ``title`` to the next empty line but one."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(title))
    return lines[start : start + 12]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_numbers_are_never_broken(width: int) -> None:
    names = ("in", "a/very/long/path/of/nested/modules/conv1", "b" * 40, "out")
    run = result(names=names)
    energy = replace(run.energy, static_pj=123456789.0 * 5000, total_pj=123456789.0 * 5000)
    text = terminal.text(build(replace(run, energy=energy)), width)
    assert re.search(r"^static +123,456,789$", text, re.M)
    assert "…" not in text
    assert "282" in "".join(section(text, "Energy in nJ"))


@pytest.mark.parametrize("width", [40, 50, 60, 70])
def test_a_narrow_terminal_keeps_the_names_and_the_totals(width: int) -> None:
    names = ("in", "features.conv1", "classifier_of_digits", "output")
    text = terminal.text(build(result(names=names)), width)
    assert max(map(cell_len, text.splitlines())) <= width
    for title in ("Activity", "Energy in nJ"):
        lines = "\n".join(section(text, title))
        assert re.search(r"^in  .*\d$|^in  .*\S$", lines, re.M)
        assert re.search(r"^features.con", lines, re.M)
        assert re.search(r"^classifier_o", lines, re.M)
        assert re.search(r"^output  ", lines, re.M)
        assert "…" not in lines
        assert not re.search(r"share$", lines, re.M)
    assert re.search(r"^total +2,336$", text, re.M)


def test_every_layer_and_its_energy_is_in_the_text(report: Report) -> None:
    energy = "\n".join(section(terminal.text(report, 80), "Energy in nJ per inference"))
    for name, total in (("input", "6.84"), ("conv", "325"), ("hidden", "69.6"), ("output", "14.1")):
        assert re.search(rf"^{name} .* {re.escape(total)} ", energy, re.M)
    assert re.search(r"^static +1,921$", energy, re.M)


def test_a_wide_terminal_shows_more_columns(report: Report) -> None:
    narrow, wide = terminal.text(report, 80), terminal.text(report, 120)
    assert "synapses" not in section(narrow, "Activity")[2]
    for head in ("kind", "neurons", "synapses", "hops"):
        assert head in section(wide, "Activity")[2]


def test_a_term_without_a_price_has_no_column_and_is_named() -> None:
    text = terminal.text(build(result(prices={**PRICES, "hop": None})), 80)
    table = section(text, "Energy in")
    assert table[1].split() == ["layer", "synapse", "neuron", "packet", "total", "share", "%"]
    assert not any("n/a" in line for line in table)
    assert re.search(r"^unpriced +- hop: no price$", text, re.M)
    assert "2 terms unpriced" in text


def test_a_layer_without_a_price_is_unknown_in_a_column_that_has_some() -> None:
    run = result()
    first, *others = run.energy.layers
    first = replace(first, energy_pj=replace(first.energy_pj, packet=None))
    text = terminal.text(
        build(replace(run, energy=replace(run.energy, layers=(first, *others)))), 80
    )
    assert re.search(r"^input .* n/a ", "\n".join(section(text, "Energy in")), re.M)


def test_ranges_stand_under_the_energy() -> None:
    run = result()
    low, high = EnergyTotals(1e6, 2e6, 3e6, 10.0), EnergyTotals(4e6, 8e6, 12e6, 40.0)
    energy = replace(run.energy, range=EnergyRange(low, high))
    report = build(replace(run, energy=energy))
    assert "600 nJ to 2.40 uJ over the ranges of its constants" in terminal.text(report, 80)
    found = report.totals.range
    assert found is not None
    assert (found.low.energy_per_inference_nj, found.high.latency_us) == (600.0, 40.0)
    assert "over the ranges" not in terminal.text(build(run), 80)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (RealTime(1e6, 2.5e5, 3, "hidden", 0.0), "core 3 (hidden) is busiest, 250 us of one"),
        (RealTime(1e6, 2.5e6, 3, "hidden", 0.5), "are too short: core 3 (hidden) needs 2.50 ms"),
        (RealTime(1e6, None, None, None, None), "whether the cores keep up is not known"),
    ],
)
def test_ticks_stand_under_the_latency(check: RealTime, words: str) -> None:
    run = result()
    energy = replace(run.energy, real_time=check, cycles=12345.0)
    text = terminal.text(build(replace(run, energy=energy)), 120)
    assert "ticks of 1.00 ms" in text
    assert words in text
    assert "12.3k cycles of the busiest core" in text


def test_nothing_priced_is_said_in_the_verdict() -> None:
    run = result(prices=dict.fromkeys(TERMS), static_mw=None, latency=False)
    text = terminal.text(build(run), 80)
    assert "energy         n/a: nothing is priced" in text
    assert "latency        n/a: this cost table has no times" in text
    assert "No event of this run has a price in this cost table." in text
    assert "share %" not in text


def test_a_target_without_a_size_is_not_said_to_fit() -> None:
    run = result()
    target = replace(run.target, resources={}, mesh=Mesh(0, 0, 0))
    assert terminal.text(build(replace(run, target=target))).splitlines()[2].startswith("NO LIMIT")


def test_violations_have_four_parts_and_lead() -> None:
    text = terminal.text(build(result(violations=(VIOLATION,))), 80)
    assert "DOES NOT FIT: 1 LIMIT BROKEN" in text.splitlines()[2]
    for part in ("hidden: loihi2.neurons-per-core", "needs 9,000", "has 8,192", "change: let the"):
        assert part in text
    assert "as if it fitted" in text


def test_fitting_networks_say_so(report: Report) -> None:
    assert terminal.text(report, 80).splitlines()[2] == "FITS   9 of 128 cores"


def test_random_data_are_called_meaningless() -> None:
    text = terminal.text(build(replace(result(data="random"), synthetic=True)), 80)
    assert "synthetic input: the energy means nothing" in text


def test_the_list_of_changed_predictions_is_shortened() -> None:
    run = result()
    changed = tuple(PredictionChange(i, 1, 2, None) for i in range(50))
    drift = replace(run.drift[0], changed=changed, predictions_differing=50)
    text = terminal.text(build(replace(run, drift=(drift,))), 120)
    assert f"and {50 - printing.MAX_CHANGED} more" in text
    assert text.count("1 -> 2") == printing.MAX_CHANGED


def test_markup_and_escapes_in_names_are_inert() -> None:
    names = ("[bold]in[/bold]", "\x1b[31mred", "[link=http://x]y", "a\u202eb")
    buffer = io.StringIO()
    console = Console(file=buffer, width=120, force_terminal=True, color_system="standard")
    terminal.show(build(result(names=names)), console)
    text = buffer.getvalue()
    assert "[bold]in[/bold]" in text
    assert "\x1b[31m" not in text
    assert "\\x1b[31mred" in text
    assert "[link=http://x]y" in text
    assert "a\\u202eb" in text


def test_a_pipe_gets_plain_text_and_a_terminal_gets_colours(report: Report) -> None:
    pipe, screen = io.StringIO(), io.StringIO()
    terminal.show(report, Console(file=pipe, width=100))
    terminal.show(report, Console(file=screen, width=100, force_terminal=True))
    assert pipe.getvalue() == terminal.text(report, 100)
    assert "\x1b[" in screen.getvalue()


def test_an_ascii_console_gets_ascii() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, "ascii", newline="\n")
    terminal.show(build(result(names=("in", "schön", "層", "out"))), Console(file=out, width=100))
    out.flush()
    text = raw.getvalue().decode("ascii")
    assert "sch\\xf6n" in text
    assert "#" * 10 in text


@settings(max_examples=25, deadline=None)
@given(
    names=st.lists(NAMES, min_size=4, max_size=4, unique=True),
    prices=st.fixed_dictionaries({term: st.none() | st.floats(0, 1e9) for term in TERMS}),
    width=st.integers(80, 160),
)
def test_any_names_and_prices_fit_the_terminal(
    names: list[str], prices: dict[str, float | None], width: int
) -> None:
    text = terminal.text(build(result(names=tuple(names), prices=prices)), width)
    assert all(line.isprintable() for line in text.splitlines())
    assert max(map(cell_len, text.splitlines())) <= width
    assert " nan" not in text


def test_the_room_is_cheap_to_import() -> None:
    code = (
        "import sys, snn2chip.report, snn2chip.report.terminal, snn2chip.report.csvfile;"
        "print(sorted({'rich', 'jinja2', 'torch', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
