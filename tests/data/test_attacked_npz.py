"""Damage, pipes and sizes that an attacker chose: an input error with file and key, and soon."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.data import load_data
from snn2chip.data.files import read_file
from snn2chip.data.parts import from_events
from snn2chip.errors import ConfigError, InputFileError

ONE = {"input": (2, 3)}
X = np.random.default_rng(0).random((20, 2, 3))


def archive(method: int) -> bytes:
    array, stream = io.BytesIO(), io.BytesIO()
    np.save(array, X)
    with zipfile.ZipFile(stream, "w", method) as target:
        target.writestr("x.npy", array.getvalue())
    return stream.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_in_every_compression(tmp_path: Path, method: int) -> None:
    whole, path, refused = archive(method), tmp_path / "a.npz", 0
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 0x10
        path.write_bytes(content)
        try:
            read_file(path, ONE)
        except InputFileError as error:
            assert path.name in error.what  # noqa: PT017
            refused += 1
    assert refused > len(whole) // 2


@pytest.mark.parametrize(
    "shape", ["((((", "(True,10,3)", "-----1", "-" * 5000 + "1", "(" * 500, "(10**9,)", "'x'"]
)
def test_shapes_of_headers(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(960)
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("x.npy", body)
    with pytest.raises(InputFileError) as error:
        read_file(path, ONE)
    assert "a.npz" in str(error.value)
    assert "'x'" in str(error.value)


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 97), (6, 255), (6, 99)])
def test_encryption_methods_and_versions(tmp_path: Path, offset: int, value: int) -> None:
    content = bytearray(archive(zipfile.ZIP_STORED))
    content[content.index(b"PK\x01\x02") + offset] = value
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="npz"):
        read_file(path, ONE)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(InputFileError, match="pipe"):
        read_file(tmp_path / "a.npz", ONE)


@pytest.mark.parametrize(
    ("events", "steps"),
    [([[0, 0, 0]], 2**29), ([[0, 0, 0], [0, 0, 0]], 2**26), ([[0, 0, 0]], 2**62)],
)
def test_events_are_not_spread_over_gigabytes(events: Any, steps: int) -> None:
    with pytest.raises(InputFileError, match="too large"):
        from_events("a.npz", "events", np.array(events), steps, None, (2, 3))


def test_the_largest_unsigned_integer_is_no_index() -> None:
    with pytest.raises(InputFileError, match="events"):
        from_events("a", "events", np.array([[2**64 - 1, 0, 0]], np.uint64), 5, None, (2, 3))
    with pytest.raises(InputFileError, match="out of range"):
        from_events("a", "events", np.array([[0, 2**64 - 1, 0]], np.uint64), 5, 1, (2, 3))


def test_dense_samples_and_events_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=X, events=np.array([[0, 0, 0]]), steps=4)
    with pytest.raises(InputFileError, match=r"'x' and as 'events'"):
        read_file(path, ONE)


@pytest.mark.parametrize(("samples", "steps"), [(5_000_000, None), (100_000, 10_000)])
def test_random_samples_are_bounded(samples: int, steps: int | None) -> None:
    with pytest.raises(ConfigError, match="random"):
        load_data("random", ONE, seed=0, samples=samples, random_steps=steps)


def test_what_is_not_scored_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    array = X.copy()
    array[7] = np.nan
    np.savez(path, x=array, y=np.arange(20))
    data = load_data(str(path), ONE, seed=0, samples=4)
    assert data.samples == 4
    assert (data.x["input"] == X[:4]).all()
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 2, 3]
    with pytest.raises(InputFileError, match="no numbers"):
        load_data(str(path), ONE, seed=0, samples=8)
    np.savez(path, x=X)
    with pytest.raises(ConfigError, match="too few"):
        load_data(str(path), ONE, seed=0, samples=21)


def test_labels_are_compared_with_all_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=X, y=np.arange(4))
    with pytest.raises(InputFileError, match="labels"):
        load_data(str(path), ONE, seed=0, samples=4)
