"""What the benchmarks make of their figures; nothing here is timed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import engine
from benchmarks.growth import Series, draw
from benchmarks.limits import Limits, machine, versions
from benchmarks.memory import Memory
from benchmarks.networks import conv_network, dense_network, random_spikes
from benchmarks.page import BEGIN, END, growth_table, memory_table, speed_table, write_page
from snn2chip.graph.linear import synapses

LIMITS = Limits(float32=50e9, int8=60e9, memory=20e9)
LINE = Series("steps", (10, 20, 40), (0.1, 0.2, 0.4))
SQUARE = Series("samples <&>", (10, 20, 40), (0.1, 0.4, 1.6))


def speed(**seconds):
    return engine.Speed(
        engine.cases()[0], LIMITS, {name: (value, value / 2) for name, value in seconds.items()}
    )


def test_the_networks_are_those_of_the_claim():
    dense, conv = dense_network(), conv_network()
    assert [p.size for p in dense.populations] == [784, 128, 64, 10]
    assert sum(p.size for p in conv.populations) == 158_509
    assert sum(synapses(p.operator) for p in conv.projections) == 14_144_550
    assert all((p.operator.weight % 2 == 0).all() for p in conv.projections)
    spikes = random_spikes(dense, 4, 50)["input"]
    assert spikes.shape == (4, 50, 784)
    assert 0.09 < spikes.mean() < 0.11


def test_a_fit_tells_linear_from_square():
    assert LINE.exponent == pytest.approx(1)
    assert SQUARE.exponent == pytest.approx(2)


@pytest.mark.parametrize("series", [(LINE,), (LINE, SQUARE)])
def test_the_plot_is_an_image_with_every_point_in_its_panel(series):
    root = ET.fromstring(draw(series))
    _, _, width, height = (float(x) for x in root.attrib["viewBox"].split())
    dots = root.findall(".//{*}circle")
    assert len(dots) == 3 * len(series)
    for k, dot in enumerate(dots):
        panel = width / len(series)
        assert panel * (k // 3) < float(dot.attrib["cx"]) < panel * (k // 3 + 1)
        assert 0 < float(dot.attrib["cy"]) < height
    texts = [text.text for text in root.findall(".//{*}text")]
    assert any("steps: time ~ size^1.00" in str(text) for text in texts)


def test_ratios_that_must_hold_are_judged_by_what_the_machine_has():
    measured = speed(**{"snn2chip": 1e-6, "Norse": 3e-6, "Lava": 2e-3})
    assert [check.holds for check in measured.checks()] == [True, True]
    slower = speed(**{"snn2chip": 1e-6, "Norse": 1e-6, "Lava": 0.5e-3})
    assert [check.holds for check in slower.checks()] == [False, False]
    amx = replace(measured, limits=replace(LIMITS, int8=1000e9))
    assert amx.limits.int8_hardware
    assert [check.holds for check in amx.checks()] == [False, False]
    assert speed(snn2chip=1e-6).checks() == []


def test_growth_and_memory_are_judged():
    good = engine.more_checks((LINE,), Memory(900, 500, 510))
    bad = engine.more_checks((SQUARE,), Memory(2100, 500, 600))
    assert [check.holds for check in good] == [True] * 3
    assert [check.holds for check in bad] == [False] * 3
    assert "MISSED" in str(bad[0])


def test_a_page_keeps_its_text_and_gets_the_figures(tmp_path):
    page = tmp_path / "figures.md"
    page.write_text(f"before\n{BEGIN}\noutdated\n{END}\nafter\n")
    measured = speed(**{"snn2chip": 1e-6, "Lava": 2e-3})
    memory = Memory(900, 500, 510)
    tables = [speed_table(measured), speed_table(measured), growth_table([LINE])]
    write_page(page, [*tables, memory_table(memory)], measured.checks(), "busy")
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "outdated" not in text
    assert "| Lava | 2,000.00 | 1,000.00 | 64,000.0 | 2,000.0 x |" in text
    assert "float32 products 50 GOP/s (numpy), int8 products 60 GOP/s" in text
    assert "(figures.svg)" in text
    assert "\n**busy**\n" in text
    assert machine() in text
    assert versions() in text


def test_a_missed_ratio_ends_with_7(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["engine", "--quick"])
    monkeypatch.setattr(engine, "lava_reason", lambda python: None)
    for seconds, code in ((1e-9, 0), (1.0, engine.MISSED)):
        found = {"snn2chip": seconds, "Lava": 1e-2}
        monkeypatch.setattr(
            engine,
            "compare",
            lambda case, options, found=found: engine.Speed(
                case, LIMITS, {name: (value, value) for name, value in found.items()}
            ),
        )
        assert engine.main() == code
    assert "MISSED" in capsys.readouterr().out


def test_nothing_of_a_quick_run_is_kept(monkeypatch):
    monkeypatch.setattr("sys.argv", ["engine", "--quick", "--write", "page.md"])
    with pytest.raises(SystemExit) as ended:
        engine.main()
    assert ended.value.code == 2


def test_norse_computes_the_same_network():
    pytest.importorskip("norse.torch")
    from benchmarks.rivals import norse_run
    from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
    from snn2chip.engine import simulate

    program = dense_network((50, 20, 5))
    spikes = random_spikes(program, 16, 8, rate=0.3)
    theirs = np.asarray(norse_run(program, spikes["input"], 1)()).astype(bool)
    ours, _ = simulate(program, spikes, LoihiArithmetic())
    differing = theirs != ours.populations["layer2"].spikes.unpack()
    assert differing.mean() < 0.05
    assert theirs.any()
