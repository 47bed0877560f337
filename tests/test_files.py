"""Output files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn2chip.errors import ConfigError
from snn2chip.files import replacing, write_bytes, write_text


def test_folders_are_made_and_old_content_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"
    assert write_bytes(path, b"old") == path
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail_half_way() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            assert path.read_bytes() == b"old"
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bytes(tmp_path / "file", b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(ConfigError, match="No space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["file/inside", "folder"])
def test_a_place_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as error:
        write_bytes(tmp_path / name, b"x")
    assert name in error.value.what
    assert error.value.has
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_text_with_lone_surrogates(tmp_path: Path) -> None:
    write_text(tmp_path / "t", "ä \ud800")
    assert (tmp_path / "t").read_text("utf-8") == "ä \\ud800"


def test_long_names_keep_their_temporary_name_short(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    write_bytes(path, b"x")
    assert path.read_bytes() == b"x"
