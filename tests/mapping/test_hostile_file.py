"""mapping.json changed on purpose: refused with reasons, or a mapping that can be priced."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.core import Place
from snn2chip.energy import count, price
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.mapping import map_program, read_mapping, write_mapping
from snn2chip.mapping.file import mapping_text
from snn2chip.targets import load_target
from tests.energy.networks import population, program, random_activity, two_layers

LOIHI1 = load_target("loihi1")
NETWORK = two_layers(6, 5, 3)
ACTIVITY = random_activity(NETWORK, 2, 2, seed=0)
MAPPING, _ = map_program(NETWORK, LOIHI1)
TEXT = mapping_text(MAPPING)
GONE = object()
REUSED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


def refused_or_priced(path: Path, content: bytes) -> str:
    """The reasons; "" where the file is taken, and then it maps and prices."""
    path.write_bytes(content)
    error, mapping = None, None
    try:
        mapping = read_mapping(path, NETWORK, LOIHI1)
    except InputFileError as refusal:
        error = refusal
    if error is not None:
        assert str(path) in error.what
        assert error.exit_code == 3
        return error.what
    assert mapping is not None
    mapped, _ = map_program(NETWORK, LOIHI1, mapping)
    report = price(count(NETWORK, ACTIVITY, mapped), LOIHI1)
    assert report.total_pj is not None
    assert report.total_pj > 0
    return ""


@REUSED
@given(st.lists(st.tuples(st.integers(0, len(TEXT) - 1), st.binary(max_size=3)), min_size=1))
def test_bytes_overwritten_and_left_out(tmp_path: Path, edits: list[tuple[int, bytes]]) -> None:
    content = bytearray(TEXT.encode())
    for place, new in edits:
        content[place : place + 1] = new
    refused_or_priced(tmp_path / "mapping.json", bytes(content))


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key in part if isinstance(part, dict) else range(len(part) if type(part) is list else 0):
        yield from places(part[key], (*path, key))


VALUES = [
    GONE, None, -1, 0, 1, 2**31 - 1, 2**31, 10**30, 1.5, float("nan"), float("inf"), True, "x", "",
    "\ud800", [], [[]], [[0]], [0, 0, 0], [[0, 4, 1]], {}, {"tile": 0}, {"a": [[0, 0, 0]]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:12])
def test_a_part_of_another_type_is_refused_or_harmless(tmp_path: Path, value: Any) -> None:
    document = json.loads(TEXT)
    refused = 0
    for path in places(document):
        changed = copy.deepcopy(document)
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        if not path:
            changed = None if value is GONE else value
        elif value is GONE:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
        reasons = refused_or_priced(tmp_path / "mapping.json", json.dumps(changed).encode())
        refused += bool(reasons)
    assert refused > 3


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b"9" * 5000, b"\xff\xfe", b"", b"null", b"\x00", b'{"cores": 1', b"NaN"],
)
def test_texts_that_break_the_parser_are_refused(tmp_path: Path, content: bytes) -> None:
    assert refused_or_priced(tmp_path / "mapping.json", content)


def pinned(path: Path, **places: dict[str, int]) -> str:
    document = {**json.loads(TEXT), "places": {k.strip("c"): v for k, v in places.items()}}
    return refused_or_priced(path / "mapping.json", json.dumps(document).encode())


def at(tile: int, x: int, y: int) -> dict[str, int]:
    return {"tile": tile, "x": x, "y": y}


def test_two_tiles_do_not_share_a_position(tmp_path: Path) -> None:
    assert pinned(tmp_path, c0=at(0, 0, 0), c1=at(4, 1, 0), c2=at(1, 0, 1)) == ""
    reasons = pinned(tmp_path, c0=at(0, 0, 0), c1=at(4, 1, 0), c2=at(2, 0, 0))
    assert "place of core 2: tile 0 is at column 0, row 0 already" in reasons


def test_a_given_place_must_go_with_those_of_the_mesh(tmp_path: Path) -> None:
    """Cores 1 and 2 lie in tile 0 at (0, 0) by the chip's mesh."""
    assert pinned(tmp_path, c0=at(0, 0, 0)) == ""
    assert "tile 0 has another position" in pinned(tmp_path, c0=at(0, 5, 5))
    assert "tile 9 is at column 0, row 0 already" in pinned(tmp_path, c0=at(9, 0, 0))


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (at(900, 900, 0), "column 900, row 0 is outside the mesh of 8 columns and 4 rows"),
        (at(4, 0, 4), "column 0, row 4 is outside"),
        (at(900, 0, 1), "column 0, row 1 is tile 1, not 900"),
        (at(1, 1, 0), "column 1, row 0 is tile 4, not 1"),
        (at(31, 7, 3), ""),
    ],
)
def test_a_place_lies_in_the_mesh_and_is_its_tile(
    tmp_path: Path, place: dict[str, int], reason: str
) -> None:
    reasons = pinned(tmp_path, c0=place)
    assert reason in reasons
    assert bool(reason) is bool(reasons)


@pytest.mark.parametrize("key", ['"cores": {}', '"places": {}', '"schema": "snn2chip/mapping/1"'])
def test_a_key_that_stands_twice(tmp_path: Path, key: str) -> None:
    text = f"{{{key}, " + TEXT.lstrip()[1:]
    reasons = refused_or_priced(tmp_path / "mapping.json", text.encode())
    assert "stands twice" in reasons


def test_places_beyond_a_chip_without_a_mesh(tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    document = {"cores": json.loads(TEXT)["cores"], "places": {"0": at(1, 1, 0)}}
    path.write_text(json.dumps(document))
    with pytest.raises(InputFileError, match="no mesh"):
        read_mapping(path, NETWORK, load_target("reference"))


def test_places_of_cores_that_hold_nothing_do_not_matter(tmp_path: Path) -> None:
    assert pinned(tmp_path, c0=at(0, 0, 0), c99=at(0, 7, 7)) == ""


@pytest.mark.parametrize("core", ["00", "01", "+1", " 1", "1.0", "\u0661", "-1", "", "1e0"])
def test_a_core_is_written_in_one_way_alone(tmp_path: Path, core: str) -> None:
    document = {**json.loads(TEXT), "places": {core: at(0, 0, 0)}}
    reasons = refused_or_priced(tmp_path / "mapping.json", json.dumps(document).encode())
    assert f"place of core {core!r}: must be tile, x and y, integers from 0" in reasons


def test_the_order_of_rows_and_keys_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    rows = {"input": [[0, 2, 0], [3, 5, 3]], "hidden": [[0, 4, 1]], "out": [[0, 2, 2]]}
    path.write_text(json.dumps({"cores": rows}))
    one = read_mapping(path, NETWORK, LOIHI1)
    turned = {name: rows[name][::-1] for name in reversed(rows)}
    path.write_text(json.dumps({"cores": turned}))
    other = read_mapping(path, NETWORK, LOIHI1)
    assert mapping_text(one) == mapping_text(other)
    assert list(one.cores) == list(other.cores) == ["input", "hidden", "out"]


@pytest.mark.parametrize("name", ["a/b", "a\nb", '"', "\u00e9", "\ud800", "__proto__", " ", "0"])
def test_names_of_every_kind_come_back(tmp_path: Path, name: str) -> None:
    network = program([population("input", (2,)), population(name, (3,))], [])
    mapping, _ = map_program(network, LOIHI1)
    path = tmp_path / "mapping.json"
    write_mapping(mapping, path)
    assert read_mapping(path, network, LOIHI1).cores == mapping.cores
    assert path.read_bytes().isascii()


def test_the_text_of_a_mapping_is_stable() -> None:
    network = two_layers(2, 1, 1)
    mapping, _ = map_program(network, LOIHI1)
    assert json.loads(mapping_text(mapping)) == {
        "schema": "snn2chip/mapping/1",
        "target": "loihi1",
        "cores": {"input": [[0, 1, 0]], "hidden": [[0, 0, 1]], "out": [[0, 0, 2]]},
        "places": {str(core): at(0, 0, 0) for core in range(3)},
    }
    assert mapping_text(mapping) == mapping_text(map_program(network, LOIHI1)[0])
    assert mapping.places[2] == Place(0, 0, 0)


def test_a_place_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        write_mapping(MAPPING, tmp_path / "file" / "mapping.json")
    assert (caught.value.exit_code, caught.value.remedy) == (2, "another path")


@pytest.mark.parametrize("name", ["a" * 5000, "nul\0", "."])
def test_a_name_that_no_file_can_have_is_no_mapping(name: str) -> None:
    with pytest.raises(InputFileError, match="no such file"):
        read_mapping(Path(name), NETWORK, LOIHI1)
