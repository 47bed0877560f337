"""Folders and manifests of others: never overwritten, and never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from snn2chip.backends.reference.arithmetic import realise
from snn2chip.compiled import check_folder, dump_program, is_compiled, read_folder, write_folder
from snn2chip.errors import ConfigError, InputFileError
from tests.networks import chain

FILES = {
    "program.safetensors": dump_program(realise(chain(np.random.default_rng(0)))),
    "network.nir": b"nir",
    "mapping.json": b"{}",
}
FOREIGN = [
    '{"manifest_version": 3, "name": "a browser extension"}',
    '{"schema": "other/manifest/1"}',
    '{"schema": 3}',
    "[]",
    "",
    "[" * 100_000,
]


@pytest.mark.parametrize("text", FOREIGN, ids=range(len(FOREIGN)))
def test_a_folder_with_another_tools_manifest_is_never_replaced(tmp_path: Path, text: str) -> None:
    out = tmp_path / "extension"
    out.mkdir()
    (out / "manifest.json").write_text(text)
    (out / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match="not a compiled folder") as caught:
        write_folder(out, FILES, {"target": "loihi2"})
    assert caught.value.exit_code == 2
    assert "nothing of yours is overwritten" in caught.value.remedy
    assert (out / "thesis.txt").read_text() == "precious"
    assert (out / "manifest.json").read_text() == text


def test_a_folder_of_an_earlier_schema_of_ours_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text('{"schema": "snn2chip/manifest/0"}')
    write_folder(out, FILES, {"target": "loihi2"})
    assert read_folder(out).target == "loihi2"


def test_an_empty_folder_and_an_absent_one_may_be_written(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        check_folder(tmp_path / name)
        write_folder(tmp_path / name, FILES, {"target": "loihi2"})
        assert is_compiled(tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["absent", "empty"]


def test_a_place_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        write_folder(tmp_path / "file" / "out", FILES, {"target": "loihi2"})
    assert caught.value.has
    assert caught.value.remedy == "another -o DIR"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"target": 3}',
        '{"target": null}',
        '{"target": ["loihi2"]}',
        '"target"',
        "null",
        '{"target": "loihi2"',
        "\ufeff{}",
        "9" * 5000,
    ],
    ids=range(9),
)
def test_a_damaged_manifest_says_what_it_needs(tmp_path: Path, text: str) -> None:
    out = tmp_path / "out"
    write_folder(out, FILES, {"target": "loihi2"})
    (out / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputFileError, match=r"manifest\.json: damaged") as caught:
        read_folder(out)
    assert caught.value.exit_code == 3
    assert "target" in caught.value.needs
    assert "compile" in caught.value.remedy


def test_a_manifest_that_is_no_text_is_damaged(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out, FILES, {"target": "loihi2"})
    (out / "manifest.json").write_bytes(b'{"target": "\xff"}')
    with pytest.raises(InputFileError, match="damaged"):
        read_folder(out)


def test_all_missing_parts_are_listed_at_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out, {}, {"target": "loihi2"})
    with pytest.raises(InputFileError) as caught:
        read_folder(out)
    assert caught.value.needs == "program.safetensors, network.nir, mapping.json"


def test_a_damaged_program_is_named_by_its_path(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out, {**FILES, "program.safetensors": b"\x08" + bytes(7)}, {"target": "loihi2"})
    with pytest.raises(InputFileError) as caught:
        read_folder(out)
    assert str(out / "program.safetensors") in caught.value.what


def test_a_name_that_no_file_can_have_is_no_compiled_folder() -> None:
    assert not is_compiled(Path("a" * 5000))


def test_the_manifest_is_sorted_and_names_its_schema(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out, FILES, {"target": "loihi2", "a": 1})
    text = (out / "manifest.json").read_text()
    manifest = json.loads(text)
    assert text == json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    assert sorted(manifest) == ["a", "files", "schema", "target"]
    assert manifest["schema"] == "snn2chip/manifest/1"
    assert read_folder(out).manifest == manifest
