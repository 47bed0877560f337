"""Cost tables: ranges, cycles, what is included, formulas; each mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn2chip.errors import ConfigError
from snn2chip.targets import Constant, CostTable, Target, list_targets, load_target, validate_target

HEAD = """\
[chip]
name = "mine"
title = "My chip"
family = "none"
default_costs = "c"

[costs.c]
label = "a test"
scope = "per_term"
"""
BASE = HEAD.count("\n")
SYNOP = 'e_synop = { value = 2, grade = "measured", source = "x"'


def load(folder: Path, text: str) -> Target:
    path = folder / "mine.toml"
    path.write_text(HEAD + text)
    return load_target(path)


def problems(folder: Path, text: str) -> list[tuple[int, str, str]]:
    path = folder / "mine.toml"
    path.write_text(HEAD + text)
    found = validate_target(path)
    if found:
        with pytest.raises(ConfigError) as caught:
            load_target(path)
        assert all(str(problem) in caught.value.what for problem in found)
    return [(p.line - BASE, p.key.removeprefix("costs.c."), p.message) for p in found]


def test_a_constant_with_a_range(tmp_path: Path) -> None:
    text = SYNOP + ', low = 1.5, high = 4, range_source = "y" }\n'
    constant = load(tmp_path, text).costs["c"].constants["e_synop"]
    assert constant == Constant(2, "measured", "x", 1.5, 4, "y")
    assert (constant.at("low").value, constant.at("high").value) == (1.5, 4)


def test_a_table_at_the_ends_of_its_ranges(tmp_path: Path) -> None:
    fixed = 'e_neuron = { value = 3, grade = "vendor", source = "x" }\n'
    table = load(tmp_path, SYNOP + ', low = 1, high = 4, range_source = "y" }\n' + fixed).costs["c"]
    assert table.has_ranges
    assert (table.at("low").value("e_synop"), table.at("high").value("e_synop")) == (1.0, 4.0)
    assert (table.at("low").value("e_neuron"), table.at("high").value("e_neuron")) == (3.0, 3.0)
    assert not load(tmp_path, fixed).costs["c"].has_ranges


@pytest.mark.parametrize(
    ("rest", "key", "message"),
    [
        (', low = 1, range_source = "y" }', "e_synop.high", "missing; low, high, range_source"),
        (', high = 3, range_source = "y" }', "e_synop.low", "missing"),
        (", low = 1, high = 3 }", "e_synop.range_source", "missing"),
        (', range_source = "y" }', "e_synop.low", "missing"),
        (', low = 3, high = 4, range_source = "y" }', "e_synop.low", "at most the value 2, not 3"),
        (', low = 1, high = 1, range_source = "y" }', "e_synop.high", "at least the value 2"),
        (', low = -1, high = 3, range_source = "y" }', "e_synop.low", "not negative"),
        (', low = 1, high = inf, range_source = "y" }', "e_synop.high", "finite"),
        (', low = 1, high = "3", range_source = "y" }', "e_synop.high", "not a string"),
        (', low = true, high = 3, range_source = "y" }', "e_synop.low", "not a boolean"),
        (', low = [1], high = 3, range_source = "y" }', "e_synop.low", "not a list"),
        (', low = 1, high = 3, range_source = "" }', "e_synop.range_source", "not empty"),
        (', low = 1, high = 3, range_source = 3 }', "e_synop.range_source", "must be a string"),
        (', lo = 1, high = 3, range_source = "y" }', "e_synop.lo", "did you mean 'low'"),
    ],
)  # fmt: skip
def test_a_wrong_range_is_named(tmp_path: Path, rest: str, key: str, message: str) -> None:
    found = problems(tmp_path, "# a line\n" + SYNOP + rest + "\n")
    assert any(line == 2 and at == key and message in said for line, at, said in found), found


def test_a_look_up_has_no_range(tmp_path: Path) -> None:
    text = (
        't_barrier = { value = { 1 = 2 }, grade = "vendor", source = "x", low = 1, high = 3, '
        'range_source = "y" }\n'
    )
    assert problems(tmp_path, text) == [
        (1, "t_barrier", "has no low and high; only single numbers have")
    ]


PRICE = '{ value = 1, grade = "vendor", source = "x" }\n'


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        (f"cycles_synop = {PRICE}", 1, "cycles_synop", "needs clock_mhz"),
        (f"p_clock_per_mhz = {PRICE}", 1, "p_clock_per_mhz", "needs clock_mhz"),
        (
            f"clock_mhz = {PRICE}t_synop = {PRICE}cycles_synop = {PRICE}",
            3, "cycles_synop", "the same event as t_synop",
        ),
        (
            f"clock_mhz = {PRICE}t_core_step = {PRICE}cycles_core_step = {PRICE}",
            3, "cycles_core_step", "the same event as t_core_step",
        ),
        (
            f"e_synop = {PRICE}e_synapse_step = {PRICE}",
            2, "e_synapse_step", "the same event as e_synop",
        ),
        (
            f"clock_mhz = {PRICE}cycles_neuron = {PRICE}cycles_neuron_active = {PRICE}",
            3, "cycles_neuron_active", "the same event as cycles_neuron",
        ),
        (
            'clock_mhz = { value = 0, grade = "vendor", source = "x" }',
            1, "clock_mhz.value", "above 0",
        ),
        ('t_tick = { value = 0, grade = "vendor", source = "x" }', 1, "t_tick.value", "above 0"),
        ('included = ["e_sinop"]\n', 1, "included", "did you mean 'e_synop'"),
        ('included = "e_synop"\n', 1, "included", "list of names"),
        (f'included = ["e_synop"]\ne_synop = {PRICE}', 1, "included", "has a value"),
        ('included = ["e_synop"]\nunknown = ["e_synop"]\n', 1, "included", "as unknown too"),
        ('work = "both"\n', 1, "work", "one of: overlapping, serial"),
        ("work = 3\n", 1, "work", "must be a string"),
        ('formula = "event"\n', 1, "formula", "one of: events, memory"),
        ('formula = "memory"\n', 0, "e_add_int32", 'formula = "memory" needs it'),
        (f'formula = "memory"\ne_synop = {PRICE}', 2, "e_synop", "prices an event"),
        ('memory_word_bits = { value = 1.5, grade = "vendor", source = "x" }\n',
            1, "memory_word_bits.value", "must be an integer"),
    ],
)  # fmt: skip
def test_a_contradiction_is_named(
    tmp_path: Path, text: str, line: int, key: str, message: str
) -> None:
    found = problems(tmp_path, text)
    start = line if line else -2
    assert any(at == start and k == key and message in said for at, k, said in found), found


def test_every_kind_of_mistake_at_once(tmp_path: Path) -> None:
    """A file as bad as it can be: each problem stands at its line, in the order of the lines."""
    text = (
        f'{SYNOP}, low = 3, high = 1, range_source = "y" }}\n'
        f"e_neuron = {PRICE}"
        f"e_neuron_active = {PRICE}"
        'e_hop_we = { value = 1, grade = "vendor", source = "x" }\n'
        'e_hop_ew = { value = -1, grade = "vendr", source = "" }\n'
        "t_synop = 3\n"
        f"cycles_synop = {PRICE}"
        'unknown = ["e_neuron", "e_barier"]\n'
        'included = ["e_io", 3]\n'
        'work = "serially"\n'
    )
    found = problems(tmp_path, text)
    assert [(line, key) for line, key, _ in found] == [
        (1, "e_synop.low"),
        (1, "e_synop.high"),
        (3, "e_neuron_active"),
        (4, "e_hop_we"),
        (5, "e_hop_ew.grade"),
        (5, "e_hop_ew.source"),
        (5, "e_hop_ew.value"),
        (6, "t_synop"),
        (7, "cycles_synop"),
        (7, "cycles_synop"),
        (8, "unknown"),
        (8, "unknown"),
        (9, "included"),
        (10, "work"),
    ]


def tables() -> list[tuple[str, CostTable]]:
    return [(n, table) for n in list_targets() for table in load_target(n).costs.values()]


@pytest.mark.parametrize(("name", "table"), tables(), ids=lambda v: getattr(v, "name", v))
def test_bundled_tables_hold_what_they_promise(name: str, table: CostTable) -> None:
    for constant in table.constants.values():
        assert constant.grade != "memory", "a constant that nobody has read again"
        assert (constant.low is None) == (constant.high is None) == (not constant.range_source)
    assert not set(table.included) & {*table.unknown, *table.constants}
    if table.scope == "all_in":
        assert [key for key in table.constants if key.startswith("e_")] == ["e_synop"]
        assert "p_static_chip" not in table.constants


def test_bundled_targets_never_mix_marginal_and_all_in_figures() -> None:
    """A chip with both has them in two tables."""
    for name in ("odin", "truenorth"):
        costs = load_target(name).costs.values()
        assert {table.scope for table in costs} == {"per_term", "all_in"}


def test_loihi2_lies_between_scaled_cmos_and_the_measured_bound() -> None:
    """Stillmaker and Baas 2017, Table 5: energy factors a V^2 + b V + c of 14 nm and 7 nm CMOS."""
    table = load_target("loihi2").costs["loihi2_from_loihi1"]
    old = load_target("loihi1").costs["davies2018"]
    volt = old.value("vdd") or 0.0
    factors = [
        a * volt**2 + b * volt + c
        for a, b, c in ((0.1776, -0.09097, 0.02447), (0.2363, -0.09675, 0.02239))
    ]
    shrink = factors[0] / factors[1]
    for key in ("e_synop", "e_neuron_active", "e_neuron_inactive", "e_spike_tile", "e_hop_ew"):
        low = table.constants[key].low or 0.0
        assert low == pytest.approx((old.value(key) or 0.0) * shrink, rel=5e-3), key
    assert table.constants["e_synop"].high == table.constants["e_synop_measured_bound"].value[1]
    assert table.constants["t_synop"].high == table.constants["t_synop_measured_bound"].value[1]
