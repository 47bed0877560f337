"""A compiled folder is the one that was written: parts are checked, files of others are kept."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.backends.reference.arithmetic import realise
from snn2chip.compiled import check_folder, dump_program, read_folder, write_folder
from snn2chip.errors import ConfigError, InputFileError
from tests.networks import chain


def parts(seed: int) -> dict[str, bytes]:
    return {
        "program.safetensors": dump_program(realise(chain(np.random.default_rng(seed)))),
        "network.nir": b"nir %d" % seed,
        "mapping.json": b'{"seed": %d}' % seed,
        "report.json": b"{}",
    }


@pytest.fixture
def out(tmp_path: Path) -> Path:
    write_folder(tmp_path / "out", parts(0), {"target": "loihi2"})
    return tmp_path / "out"


def edit(out: Path, **changes: Any) -> None:
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, **changes}))


def test_the_manifest_has_the_sha256_of_every_file(out: Path) -> None:
    files = json.loads((out / "manifest.json").read_text())["files"]
    assert files == {name: sha256(data).hexdigest() for name, data in parts(0).items()}


@pytest.mark.parametrize("name", parts(0))
def test_a_part_of_another_compilation_is_refused(out: Path, name: str) -> None:
    (out / name).write_bytes(parts(1)[name] + b" ")
    with pytest.raises(InputFileError, match="not the file that was compiled") as caught:
        read_folder(out)
    assert str(out / name) in caught.value.what
    assert "compile the network again" in caught.value.remedy


def test_a_weight_set_to_zero_is_refused(out: Path) -> None:
    data = bytearray((out / "program.safetensors").read_bytes())
    data[-8:] = bytes(8)
    (out / "program.safetensors").write_bytes(data)
    with pytest.raises(InputFileError, match=r"program\.safetensors"):
        read_folder(out)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "snn2chip/manifest/2"},
        {"schema": None},
        {"files": None},
        {"files": []},
        {"files": {}},
        {"files": dict.fromkeys(parts(0), 3)},
        {"files": {**dict.fromkeys(parts(0), "0"), "../outside": "0"}},
        {"files": {**dict.fromkeys(parts(0), "0"), "/etc/hostname": "0"}},
        {"files": {**dict.fromkeys(parts(0), "0"), "": "0"}},
    ],
    ids=range(9),
)
def test_a_manifest_of_another_kind_is_refused(out: Path, change: dict[str, Any]) -> None:
    edit(out, **change)
    with pytest.raises(InputFileError, match=r"manifest\.json: damaged") as caught:
        read_folder(out)
    assert "compile the network again" in caught.value.remedy


def test_a_file_that_the_manifest_does_not_list_is_ignored(out: Path) -> None:
    (out / "notes.txt").write_text("mine")
    assert read_folder(out).target == "loihi2"


def test_a_report_may_be_gone(out: Path) -> None:
    (out / "report.json").unlink()
    assert read_folder(out).target == "loihi2"


def test_files_of_the_user_in_a_compiled_folder_are_kept(out: Path) -> None:
    (out / "notes.txt").write_text("precious")
    (out / "figures").mkdir()
    for write in (check_folder, lambda path: write_folder(path, parts(1), {"target": "loihi1"})):
        with pytest.raises(ConfigError, match="other files") as caught:
            write(out)
        assert caught.value.has == "figures, notes.txt"
        assert caught.value.exit_code == 2
    assert (out / "notes.txt").read_text() == "precious"
    assert read_folder(out).target == "loihi2"


def test_a_damaged_compiled_folder_can_be_compiled_again(out: Path) -> None:
    (out / "program.safetensors").write_bytes(b"damaged")
    write_folder(out, parts(1), {"target": "loihi1"})
    assert read_folder(out).target == "loihi1"


def test_an_unrelated_manifest_keeps_its_folder(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "an extension"}')
    (tmp_path / "background.js").write_text("precious")
    with pytest.raises(ConfigError, match="not a compiled folder"):
        write_folder(tmp_path, parts(0), {"target": "loihi2"})
    assert sorted(x.name for x in tmp_path.iterdir()) == ["background.js", "manifest.json"]
