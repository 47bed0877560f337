"""Compiled folders appear whole or not at all, and never over somebody's files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from snn2chip.backends.reference.arithmetic import realise
from snn2chip.compiled import dump_program, is_compiled, read_folder, write_folder
from snn2chip.errors import ConfigError, InputFileError
from tests.networks import chain


@pytest.fixture
def files():
    program = realise(chain(np.random.default_rng(0)))
    return {
        "program.safetensors": dump_program(program),
        "network.nir": b"nir",
        "mapping.json": b"{}",
    }


def test_what_was_written_is_read(tmp_path, files):
    out = tmp_path / "deep" / "out"
    write_folder(out, files, {"target": "loihi2"})
    assert is_compiled(out)
    compiled = read_folder(out)
    assert compiled.target == "loihi2"
    assert dump_program(compiled.program) == files["program.safetensors"]
    assert sorted(p.name for p in out.parent.iterdir()) == ["out"]


def test_an_old_compiled_folder_is_replaced_whole(tmp_path, files):
    out = tmp_path / "out"
    write_folder(out, {**files, "stale.txt": b"old"}, {"target": "loihi1"})
    write_folder(out, files, {"target": "loihi2"})
    assert not (out / "stale.txt").exists()
    assert read_folder(out).target == "loihi2"


def test_foreign_folders_and_files_are_left_alone(tmp_path, files):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("precious")
    a_file = tmp_path / "file"
    a_file.write_text("precious")
    for out in (mine, a_file):
        with pytest.raises(ConfigError, match="not a compiled folder"):
            write_folder(out, files, {"target": "loihi2"})
    assert (mine / "thesis.txt").read_text() == "precious"
    assert a_file.read_text() == "precious"


def test_a_failed_write_leaves_nothing(tmp_path, files):
    with pytest.raises(TypeError):
        write_folder(tmp_path / "out", {**files, "bad": None}, {"target": "loihi2"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["program.safetensors", "network.nir", "mapping.json"])
def test_a_missing_part_is_named(tmp_path, files, name):
    out = tmp_path / "out"
    write_folder(out, files, {"target": "loihi2"})
    (out / name).unlink()
    with pytest.raises(InputFileError, match=name):
        read_folder(out)


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"schema": "x"})])
def test_a_damaged_manifest_is_named(tmp_path, files, text):
    out = tmp_path / "out"
    write_folder(out, files, {"target": "loihi2"})
    (out / "manifest.json").write_text(text)
    with pytest.raises(InputFileError, match=r"manifest\.json"):
        read_folder(out)
