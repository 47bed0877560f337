"""Target files changed on purpose: problems with a line, or a target; never another exception."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip import resources
from snn2chip.energy import ann_baseline, count, price
from snn2chip.errors import ConfigError, Snn2chipError
from snn2chip.mapping import assumptions, map_program
from snn2chip.targets import Grade, Problem, Target, list_targets, load_target, validate_target
from snn2chip.targets.vocabulary import COSTS, FORMATS, MESH, NEEDS, RESOURCES, Key
from tests.energy.networks import random_activity, two_layers
from tests.examples import examples

TEXT, *OTHERS = (
    (resources.targets_dir() / f"{name}.toml").read_text(encoding="utf-8")
    for name in ("loihi1", "loihi2", "spinnaker1", "odin", "asic45", "keras_spiking")
)
TEXTS = [TEXT, *OTHERS]
NETWORK = two_layers()
ACTIVITY = random_activity(NETWORK, 2, 2, seed=0)
REUSED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(120)
)


def use(target: Target) -> None:
    """All that a network goes through on a target."""
    mapping, _ = map_program(NETWORK, target)
    assumptions(NETWORK, target)
    for table in target.costs:
        report = price(count(NETWORK, ACTIVITY, mapping), target, table)
        assert report.total_pj is None or report.total_pj >= 0


def loads_or_says_why(folder: Path, content: bytes) -> bool:
    """Whether the file is good; a bad one has problems inside its lines."""
    path = folder / "mine.toml"
    path.write_bytes(content)
    problems = validate_target(path)
    lines = content.count(b"\n") + 1
    assert all(1 <= problem.line <= lines and problem.message for problem in problems)
    if not problems:
        use(load_target(path))
        return True
    grave = [problem for problem in problems if not prices_only(problem)]
    if not grave:
        use(load_target(path))
        return False
    with pytest.raises(ConfigError) as caught:
        load_target(path)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    assert str(grave[0]) in caught.value.what
    return False


def prices_only(problem: Problem) -> bool:
    """Whether networks cannot run on the target, and prices are taken from it all the same."""
    return (problem.key, problem.message.split()[0]) in (
        ("chip.family", "unknown"),
        ("formats", "the"),
    )


@REUSED
@given(
    st.sampled_from(TEXTS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_flipped_bytes(tmp_path: Path, text: str, flips: list[tuple[float, int]]) -> None:
    content = bytearray(text.encode())
    for place, byte in flips:
        content[int(place * (len(content) - 1))] = byte
    loads_or_says_why(tmp_path, bytes(content))


@REUSED
@given(st.data())
def test_lines_left_out_doubled_or_moved(tmp_path: Path, data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(TEXTS)).split("\n")
    index = st.integers(0, len(lines) - 1)
    for _ in range(data.draw(st.integers(1, 3))):
        taken = lines.pop(data.draw(index) % len(lines))
        for _ in range(data.draw(st.integers(0, 2))):
            lines.insert(data.draw(index) % len(lines), taken)
    loads_or_says_why(tmp_path, "\n".join(lines).encode())


VALUES = [
    "-1", "0", "1", "1.5", "-0.0", "inf", "nan", "true", '"4"', "[]", "[1]", "[1, 2]", "[2, 1]",
    "[[1]]", "{}", "{ 1 = 1 }", "{ 1 = -1 }", "{ a = 1 }", "{ 01 = 1 }", "1979-05-27",
    "9" * 400, "9" * 5000, "-" + "9" * 400, "0x" + "f" * 60, "1e999",
]  # fmt: skip
KEYS = {
    "resources": RESOURCES,
    "formats": FORMATS,
    "mesh": MESH,
    "costs.davies2018": COSTS,
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value[:9])
def test_every_kind_of_constant_takes_every_value_or_names_it(tmp_path: Path, value: str) -> None:
    document = tomllib.loads(TEXT)
    for table in KEYS:
        inner: Any = document
        for part in table.split("."):
            inner = inner[part]
        for name, entry in inner.items():
            if isinstance(entry, dict):
                header, _, rest = TEXT.partition(f"\n[{table}]\n")
                start = rest.index(f"{name} = ") if not rest.startswith(name) else 0
                end = rest.index("\n", start)
                line = f'{name} = {{ value = {value}, grade = "vendor", source = "x" }}'
                text = f"{header}\n[{table}]\n{rest[:start]}{line}{rest[end:]}"
                loads_or_says_why(tmp_path, text.encode())


@REUSED
@given(st.data())
def test_words_of_cost_tables_changed_for_others(tmp_path: Path, data: st.DataObject) -> None:
    """Names of constants, words and ends of ranges, each in the place of another."""
    text = data.draw(st.sampled_from(TEXTS))
    words = sorted(set(re.findall(r"[a-z_0-9]{3,}|(?<== )[0-9.]+", text)))
    for _ in range(data.draw(st.integers(1, 3))):
        old, new = (data.draw(st.sampled_from(words)) for _ in range(2))
        places = [m.start() for m in re.finditer(re.escape(old), text)]
        if places:
            at = data.draw(st.sampled_from(places))
            text = text[:at] + new + text[at + len(old) :]
    loads_or_says_why(tmp_path, text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "{ a = " * 50_000,
        "a = " + "9" * 5000,
        "[" * 5000,
        "\ufeff" + TEXT,
        "a.b = 1\na = 1",
        TEXT.replace("\n", "\r"),
        "",
        "\x00",
    ],
    ids=range(9),
)
def test_texts_that_break_the_parser_are_problems(tmp_path: Path, text: str) -> None:
    assert not loads_or_says_why(tmp_path, text.encode())


def test_windows_line_ends_change_nothing_but_the_hash(tmp_path: Path) -> None:
    unix, windows = tmp_path / "unix.toml", tmp_path / "windows.toml"
    unix.write_bytes(TEXT.encode())
    windows.write_bytes(TEXT.replace("\n", "\r\n").encode())
    one, other = load_target(unix), load_target(windows)
    assert (one.resources, one.formats, one.costs) == (other.resources, other.formats, other.costs)
    assert one.sha256 != other.sha256
    bad = TEXT.replace("value = 23.6", "value = -1")
    for path, end in ((unix, "\n"), (windows, "\r\n")):
        path.write_bytes(bad.replace("\n", end).encode())
    assert [p.line for p in validate_target(unix)] == [p.line for p in validate_target(windows)]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_lines_are_counted_as_editors_count_them(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "mine.toml"
    bad = TEXT.replace("value = 23.6", "value = -1")
    path.write_text(bad, encoding="utf-8")
    (plain,) = validate_target(path)
    path.write_text(bad.replace("# Intel", f"# {separator}Intel"), encoding="utf-8")
    (separated,) = validate_target(path)
    assert separated == plain
    assert "e_synop = " in bad.split("\n")[plain.line - 1]


@pytest.mark.parametrize("name", ["a" * 5000 + ".toml", "nul\0.toml", "", "../loihi2", "."])
def test_a_name_that_no_target_has(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_target(name)
    assert caught.value.exit_code == 2


def test_a_folder_is_no_target_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").mkdir()
    for call in (load_target, validate_target):
        with pytest.raises(ConfigError, match="is a folder"):
            call(tmp_path / "mine.toml")


def test_an_unknown_name_lists_what_there_is_and_how_to_bring_ones_own() -> None:
    with pytest.raises(ConfigError) as caught:
        load_target("zzz")
    assert caught.value.what == "unknown target 'zzz'"
    assert caught.value.has == ", ".join(list_targets())
    assert ".toml file of your own" in caught.value.remedy


def example(key: Key) -> str:
    return {
        "size": "1", "count": "0", "integer": "-3", "number": "0.5", "positive": "0.5",
        "range": "[1, 1]", "lookup": "{ 0 = 1.5, 12 = 2 }",
    }[key.kind]  # fmt: skip


def constant(name: str, key: Key) -> str:
    return f'{name} = {{ value = {example(key)}, grade = "vendor", source = "x" }}\n'


HEAD = '[chip]\nname = "m"\ntitle = "t"\nfamily = "none"\n'
MEMORY = ("word_bits", "axon_header_bits", "synapse_index_bits")


@pytest.mark.parametrize("name", [*RESOURCES, *FORMATS])
def test_each_limit_and_format_stands_alone(tmp_path: Path, name: str) -> None:
    table, keys = ("resources", RESOURCES) if name in RESOURCES else ("formats", FORMATS)
    needed = MEMORY if name == "synaptic_words_per_core" else ()
    lines = "".join(constant(each, keys[each]) for each in (name, *needed))
    path = tmp_path / "m.toml"
    path.write_text(f"{HEAD}[{table}]\n{lines}")
    found = getattr(load_target(path), table)
    assert set(found) == {name, *needed}
    assert found[name].value == (
        {0: 1.5, 12: 2} if keys[name].kind == "lookup" else int(example(keys[name]))
    )


@pytest.mark.parametrize("name", COSTS)
def test_each_price_stands_alone_in_a_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.toml"
    needed = [other for users, other in NEEDS if name in users]
    path.write_text(
        f'{HEAD}default_costs = "c"\n[costs.c]\nlabel = "l"\nscope = "per_term"\n'
        + "".join(constant(each, COSTS[each]) for each in (name, *needed))
    )
    table = load_target(path).costs["c"]
    assert set(table.constants) == {name, *needed}
    if COSTS[name].kind in ("number", "positive"):
        assert table.value(name) == 0.5
    if COSTS[name].kind == "lookup":
        assert list(table.lookup(name) or {}) == [0, 12]
    use(load_target(path))
    with pytest.raises(Snn2chipError, match=r"no e_(mul_int8|add_int32|sram)"):
        ann_baseline(NETWORK, load_target(path))


@pytest.mark.parametrize("grade", get_args(Grade))
def test_each_grade_is_known_in_this_spelling_alone(tmp_path: Path, grade: str) -> None:
    path = tmp_path / "m.toml"
    text = HEAD + '[resources]\ncores = { value = 1, grade = "GRADE", source = "x" }\n'
    path.write_text(text.replace("GRADE", grade))
    assert load_target(path).resources["cores"].grade == grade
    path.write_text(text.replace("GRADE", grade.upper()))
    (problem,) = validate_target(path)
    assert (problem.line, problem.key) == (6, "resources.cores.grade")


@pytest.mark.parametrize(("cores", "fits"), [(11, True), (12, True), (13, False)])
def test_a_mesh_holds_its_cores_exactly(tmp_path: Path, cores: int, fits: bool) -> None:
    path = tmp_path / "m.toml"
    rows = "".join(
        f'{name} = {{ value = {value}, grade = "vendor", source = "x" }}\n'
        for name, value in (("columns", 2), ("rows", 3), ("cores_per_tile", 2))
    )
    path.write_text(
        f'{HEAD}[resources]\ncores = {{ value = {cores}, grade = "vendor", source = "x" }}\n'
        f"[mesh]\n{rows}"
    )
    assert (validate_target(path) == []) is fits


@pytest.mark.parametrize(
    ("value", "fits"), [(10**15, True), (10**15 + 1, False), (1, True), (0, False)]
)
def test_sizes_reach_from_one_to_what_floats_hold_exactly(
    tmp_path: Path, value: int, fits: bool
) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        f'{HEAD}[resources]\ncores = {{ value = {value}, grade = "vendor", source = "x" }}\n'
    )
    assert (validate_target(path) == []) is fits


def test_reading_twice_gives_the_same_target_and_problems(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(TEXT)
    assert load_target(path) == load_target(path)
    path.write_text(TEXT.replace('grade = "', 'grade = "x'))
    assert validate_target(path) == validate_target(path)
    assert len(validate_target(path)) == TEXT.count('grade = "')


@pytest.mark.parametrize(
    ("key", "fits"),
    [("0", True), ("32", True), ("9" * 15, True), ("9" * 16, False), ("032", False), ("-1", False)],
)
def test_a_look_up_key_is_an_integer_written_in_one_way(
    tmp_path: Path, key: str, fits: bool
) -> None:
    path = tmp_path / "m.toml"
    path.write_text(TEXT.replace("{ 1 = 113.0, 32 = 465.0 }", f"{{ 1 = 113.0, {key} = 465.0 }}"))
    problems = validate_target(path)
    assert (problems == []) is fits
    if not fits:
        assert problems[0].key == "costs.davies2018.t_barrier.value"
        assert "integers as keys" in problems[0].message


def test_a_thousand_problems_are_not_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(TEXT + "".join(f"[t{k}]\n" for k in range(1000)))
    with pytest.raises(ConfigError, match="1000 problems") as caught:
        load_target(path)
    assert "and 800 more" in str(caught.value)
    assert len(str(caught.value)) < 30_000
    assert len(validate_target(path)) == 1000


@pytest.mark.parametrize("value", [["a"] * 10_000, "b" * 100_000], ids=["list", "word"])
def test_a_long_value_makes_no_long_message(tmp_path: Path, value: list[str] | str) -> None:
    path = tmp_path / "long.toml"
    path.write_text(TEXT.replace('family = "loihi"', f"family = {value!r}"), encoding="utf-8")
    problems = validate_target(path)
    assert problems
    assert all(len(problem.message) <= 300 for problem in problems)


def test_a_long_key_that_the_parser_names_makes_no_long_message(tmp_path: Path) -> None:
    key = ".".join(["a"] * 10_000)
    path = tmp_path / "long.toml"
    path.write_text(f"{TEXT}\n[{key}]\n[{key}]\n", encoding="utf-8")
    (problem,) = validate_target(path)
    assert problem.key == "syntax"
    assert len(problem.message) <= 300
