"""Target files with mistakes: each is found, with its line and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snn2chip import resources
from snn2chip.errors import ConfigError
from snn2chip.targets import load_target, validate_target
from snn2chip.targets.lines import line_of, locate
from snn2chip.targets.values import read_value

GOOD = """\
[chip]
name = "mine"
title = "My chip"
family = "none"
default_costs = "fit"

[resources]
cores = { value = 4, grade = "vendor", source = "data sheet" }
neurons_per_core = { value = 64, grade = "vendor", source = "data sheet" }
unknown = ["axons_in_per_core"]

[formats]
weight_min = { value = -8, grade = "vendor", source = "data sheet" }

[mesh]
columns = { value = 2, grade = "vendor", source = "data sheet" }
rows = { value = 1, grade = "vendor", source = "data sheet" }
cores_per_tile = { value = 2, grade = "vendor", source = "data sheet" }

[costs.fit]
label = "a fit"
scope = "per_term"
unknown = ["e_hop_ew"]
e_synop = { value = 2.5, grade = "regressed", source = "our board" }
t_barrier = { value = { 1 = 10, 2 = 20.0 }, grade = "regressed", source = "our board" }
e_synop_measured_bound = { value = [1, 2], grade = "measured", source = "our board" }
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_good_file_is_good(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert validate_target(path) == []
    target = load_target(path)
    assert (target.name, target.limit("cores"), target.unknown) == (
        "mine",
        4,
        ("axons_in_per_core",),
    )
    table = target.costs["fit"]
    assert table.value("e_synop") == 2.5
    assert table.lookup("t_barrier") == {1: 10.0, 2: 20.0}
    assert table.value("e_packet_out") is table.lookup("t_barrier_by_tiles") is None
    assert table.unknown == ("e_hop_ew",)


BAD = [
    ("[resources]", "[resourcs]", 7, "resourcs", "did you mean 'resources'"),
    ("cores = {", "core = {", 8, "resources.core", "did you mean 'cores'"),
    ("e_synop = {", "e_synops = {", 24, "costs.fit.e_synops", "did you mean 'e_synop'"),
    ("weight_min", "weight_mini", 13, "formats.weight_mini", "did you mean 'weight_min'"),
    ("columns =", "colums =", 16, "mesh.colums", "did you mean 'columns'"),
    ('title = "My chip"\n', "", 1, "chip.title", "missing"),
    ('title = "My chip"', "title = 3", 3, "chip.title", "must be a string"),
    ('name = "mine"', 'name = " "', 2, "chip.name", "not empty"),
    ('family = "none"', 'famly = "none"', 4, "chip.famly", "did you mean 'family'"),
    ('default_costs = "fit"', 'default_costs = "fitt"', 5, "chip.default_costs", "'fit'"),
    ('default_costs = "fit"\n', "", 1, "chip.default_costs", "the file has costs"),
    ("value = 4,", "value = 4.0,", 8, "resources.cores.value", "must be an integer"),
    ("value = 4,", "value = true,", 8, "resources.cores.value", "not a boolean"),
    ("value = 4,", "value = 0,", 8, "resources.cores.value", "at least 1"),
    ("value = 4,", 'value = "4",', 8, "resources.cores.value", "not a string"),
    ("value = 4, ", "", 8, "resources.cores.value", "missing"),
    ("value = 4,", "value = 5,", 15, "mesh", "holds 4 cores, the chip has 5"),
    ("value = 2.5", "value = -2.5", 24, "costs.fit.e_synop.value", "not negative"),
    ("value = 2.5", "value = nan", 24, "costs.fit.e_synop.value", "finite"),
    ("value = 2.5", "value = inf", 24, "costs.fit.e_synop.value", "finite"),
    ("value = 2.5", "value = [1, 2]", 24, "costs.fit.e_synop.value", "must be a number"),
    ("value = 2.5", "valu = 2.5", 24, "costs.fit.e_synop.valu", "did you mean 'value'"),
    (
        'e_synop = { value = 2.5, grade = "regressed", source = "our board" }',
        "e_synop = 2.5",
        24,
        "costs.fit.e_synop",
        "{ value = ..., grade = ..., source = ... }",
    ),
    (
        '2.5, grade = "regressed", source = "our board"',
        '2.5, grade = "regressed"',
        24,
        "costs.fit.e_synop.source",
        "missing",
    ),
    (
        '2.5, grade = "regressed"',
        '2.5, grade = "guessed"',
        24,
        "costs.fit.e_synop.grade",
        "unknown 'guessed'",
    ),
    ("{ 1 = 10, 2 = 20.0 }", "[10, 20]", 25, "costs.fit.t_barrier.value", "table of numbers"),
    ("{ 1 = 10, 2 = 20.0 }", "{ a = 10 }", 25, "costs.fit.t_barrier.value", "integers as keys"),
    ("{ 1 = 10, 2 = 20.0 }", "{ 1 = -10 }", 25, "costs.fit.t_barrier.value", "1: must be finite"),
    ("value = [1, 2]", "value = [2, 1]", 26, "e_synop_measured_bound.value", "lower number first"),
    ("value = [1, 2]", "value = [2]", 26, "e_synop_measured_bound.value", "two numbers"),
    ('label = "a fit"\n', "", 20, "costs.fit.label", "missing"),
    ('scope = "per_term"', 'scope = "all"', 22, "costs.fit.scope", "all_in, per_term"),
    ('unknown = ["e_hop_ew"]', 'unknown = "e_hop_ew"', 23, "costs.fit.unknown", "list of names"),
    ('["e_hop_ew"]', '["e_hop_we"]', 23, "costs.fit.unknown", "did you mean 'e_hop_ew'"),
    ('["e_hop_ew"]', '["e_synop"]', 23, "costs.fit.unknown", "has a value and is listed"),
    ("[mesh]\ncolumns", "[mesh]\n# columns", 15, "mesh.columns", "missing"),
    ("[costs.fit]", "[costs]\nfit = 3\n[more]", 21, "costs.fit", "must be a table"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "message"), BAD)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, key: str, message: str
) -> None:
    assert GOOD.count(old) == 1, "the test must change one place"
    path = write(tmp_path, GOOD.replace(old, new))
    problems = validate_target(path)
    assert any(
        p.file == "mine.toml" and p.line == line and p.key.endswith(key) and message in p.message
        for p in problems
    ), [str(p) for p in problems]
    with pytest.raises(ConfigError) as caught:
        load_target(path)
    assert caught.value.exit_code == 2
    assert f"mine.toml:{line}: " in str(caught.value)


def test_all_problems_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("value = 4,", "value = 0,").replace("value = 2.5", "value = -1")
    text = text.replace('title = "My chip"', "title = 3")
    problems = validate_target(write(tmp_path, text))
    assert [p.line for p in problems] == [3, 8, 24]
    with pytest.raises(ConfigError, match="3 problems"):
        load_target(write(tmp_path, text))


MEMORY = 'synaptic_words_per_core = { value = 9, grade = "vendor", source = "x" }\ncores = {'


def test_a_memory_without_its_format_is_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("cores = {", MEMORY, 1))
    missing = {p.key for p in validate_target(path)}
    assert missing == {
        f"resources.{name}" for name in ("word_bits", "axon_header_bits", "synapse_index_bits")
    }


PRICE = '{ value = 1, grade = "vendor", source = "x" }'


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (f"e_neuron_active = {PRICE}\ne_neuron_access = {PRICE}", "e_neuron_access"),
        (f"t_neuron = {PRICE}\nt_neuron_inactive = {PRICE}", "t_neuron_inactive"),
        (
            't_barrier_by_tiles = { value = { 1 = 1 }, grade = "vendor", source = "x" }',
            "t_barrier_by_tiles",
        ),
    ],
)
def test_prices_that_count_an_event_twice_are_a_problem(
    tmp_path: Path, lines: str, key: str
) -> None:
    problems = validate_target(write(tmp_path, GOOD + lines + "\n"))
    assert [(p.key, "same event" in p.message) for p in problems] == [(f"costs.fit.{key}", True)]


def test_an_all_in_price_stands_alone(tmp_path: Path) -> None:
    text = GOOD.replace("per_term", "all_in")
    assert validate_target(write(tmp_path, text)) == []
    problems = validate_target(write(tmp_path, f"{text}e_neuron = {PRICE}\n"))
    assert [p.key for p in problems] == ["costs.fit.e_neuron"]


def test_a_syntax_error_has_its_line(tmp_path: Path) -> None:
    (problem,) = validate_target(write(tmp_path, GOOD.replace("rows =", "rows", 1)))
    assert (problem.line, problem.key) == (17, "syntax")
    (end,) = validate_target(write(tmp_path, '[chip]\nname = "x'))
    assert end.line == 2


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"[chip]\n# \xff\n")
    (problem,) = validate_target(path)
    assert (problem.line, problem.message) == (2, "not UTF-8 text")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    (problem,) = validate_target(write(tmp_path, "#" * ((1 << 20) + 1)))
    assert "larger than" in problem.message


def test_lines_of_keys() -> None:
    text = '# a\n[a]\nb.c = 1\n"d e" = 2\n[a.f]\ng = [\n 1,\n]\n'
    lines = locate(text)
    assert lines[("a",)] == 2
    assert lines[("a", "b", "c")] == 3
    assert lines[("a", "d e")] == 4
    assert line_of(lines, ("a", "f", "g", "value")) == 6
    assert line_of(lines, ("a", "f", "absent")) == 5
    assert line_of(lines, ("absent",)) == 1


def test_values_in_their_final_form() -> None:
    assert read_value("lookup", {"7": 8}) == ({7: 8}, "")
    assert read_value("range", [1.0, 2.0]) == ((1.0, 2.0), "")
    assert read_value("integer", -3) == (-3, "")
    assert read_value("count", 0) == (0, "")
    assert read_value("count", -1)[1] == "must be at least 0, not -1"
    assert read_value("number", 1.5) == (1.5, "")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("value = 23.6", "value = 1e308", "costs.davies2018.e_synop.value: must be 0, or from"),
        ("value = 23.6", "value = 1e-320", "costs.davies2018.e_synop.value: must be 0, or from"),
        ('name = "loihi1"', 'name = "a\\nb"', "chip.name: must be letters, digits"),
        ('name = "loihi1"', 'name = "../../x"', "chip.name: must be letters, digits"),
        ('"e_packet_in", ', '"e_packet_in", "e_packet_in", ', "'e_packet_in' is listed twice"),
    ],
)
def test_numbers_that_overflow_and_names_that_lie(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    text = (resources.targets_dir() / "loihi1.toml").read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    (problem,) = validate_target(path)
    assert words in str(problem)


def test_a_clock_has_no_range(tmp_path: Path) -> None:
    text = (resources.targets_dir() / "odin.toml").read_text(encoding="utf-8")
    ends = r'\g<1>, low = 1.0, high = 900.0, range_source = "x"'
    wide = re.sub(r"(clock_mhz = \{ value = [0-9.]+)", ends, text, count=1)
    assert wide != text
    path = tmp_path / "mine.toml"
    path.write_text(wide, encoding="utf-8")
    (problem,) = validate_target(path)
    assert "each clock is a cost table of its own" in str(problem)
