"""Data files changed on purpose: an input error, or samples; never another exception."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.data import load_calibration, load_data, npz
from snn2chip.data.parts import from_events
from snn2chip.errors import ConfigError, InputFileError, Snn2chipError

ONE = {"input": (2, 3)}
TWO = {"left": (2,), "right": (3,)}
X = np.random.default_rng(0).random((5, 2, 3))
REUSED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


def archive(compressed: bool) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, x=X, y=np.arange(5))
    return stream.getvalue()


def refused_or_whole(path: Path, content: bytes) -> bool:
    path.write_bytes(content)
    error, data = None, None
    try:
        data = load_data(str(path), ONE, seed=0)
    except InputFileError as refusal:
        error = refusal
    if error is not None:
        assert path.name in error.what
        assert error.needs
        return True
    assert data is not None
    assert data.x["input"].shape[-2:] == (2, 3)
    assert np.isfinite(data.x["input"]).all()
    return False


@pytest.mark.parametrize("compressed", [False, True])
def test_each_byte_flipped_in_turn(tmp_path: Path, compressed: bool) -> None:
    whole = archive(compressed)
    for place in range(len(whole)):
        for mask in (0x01, 0x80):
            content = bytearray(whole)
            content[place] ^= mask
            refused_or_whole(tmp_path / "samples.npz", bytes(content))


@REUSED
@given(st.data(), st.booleans())
def test_bytes_overwritten_cut_and_repeated(
    tmp_path: Path, data: st.DataObject, compressed: bool
) -> None:
    content = bytearray(archive(compressed))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["overwrite", "cut", "repeat"])):
            case "overwrite":
                content[place : place + 4] = data.draw(st.binary(min_size=4, max_size=4))
            case "cut":
                del content[place : place + data.draw(st.integers(1, 8))]
            case _:
                content[place:place] = content[place : place + 16]
    refused_or_whole(tmp_path / "samples.npz", bytes(content))


def with_header(text: str, version: tuple[int, int] = (1, 0)) -> bytes:
    """An archive whose array's header says ``text``."""
    header = text.encode("latin1")
    body = b"\x93NUMPY" + bytes(version) + len(header).to_bytes(2, "little") + header + bytes(480)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        target.writestr("x.npy", body)
    return stream.getvalue()


HEADERS = [
    "",
    "(",
    "{'descr': '<f8'",
    "[" * 3000,
    "{'descr': '<f8', 'fortran_order': False, 'shape': (-5, 2, 3)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (5.0, 2, 3)}",
    "{'descr': '<f8', 'fortran_order': 3, 'shape': (5, 2, 3)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 5000 + ", 2, 3)}",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 2, 1" + "0" * 30 + ")}",
    "{'descr': '|O', 'fortran_order': False, 'shape': (5, 2, 3)}",
    "{'descr': '<c16', 'fortran_order': False, 'shape': (5, 2, 3)}",
    "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (5, 2, 3)}",
    "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (5, 2, 3)}",
    "{'descr': None, 'fortran_order': False, 'shape': (5, 2, 3)}",
    "__import__('os')",
    "{'descr': '<f8', 'fortran_order': False, 'shape': (5L, 2L, 3L)",
    "\n  x\n y",
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", HEADERS, ids=range(len(HEADERS)))
def test_headers_that_lie_are_refused(tmp_path: Path, text: str) -> None:
    assert refused_or_whole(tmp_path / "samples.npz", with_header(text))


@pytest.mark.parametrize("version", [(0, 0), (3, 0), (9, 9)])
def test_other_versions_of_the_format_are_refused(tmp_path: Path, version: tuple[int, int]) -> None:
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (5, 2, 3)}"
    assert not refused_or_whole(tmp_path / "samples.npz", with_header(text))
    assert refused_or_whole(tmp_path / "samples.npz", with_header(text, version))


@pytest.mark.parametrize("descr", ["<f2", ">f8", "<i1", "|u1", ">u4", "|b1"])
def test_every_width_and_byte_order_gives_the_same_samples(tmp_path: Path, descr: str) -> None:
    x = np.arange(30).reshape(5, 2, 3) % 2
    path = tmp_path / "samples.npz"
    np.savez(path, x=np.asfortranarray(x.astype(descr)), y=np.arange(5).astype(">i2"))
    data = load_data(str(path), ONE, seed=0)
    np.testing.assert_array_equal(data.x["input"], x)
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 2, 3, 4]


EVENTS = [[0, 0, 5], [2, 3, 0], [1, 1, 1]]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", ">i4", "i8"])
def test_events_of_every_integer_type_give_the_same_samples(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "samples.npz"
    np.savez(path, events=np.array(EVENTS, dtype), steps=np.array(4, dtype))
    x = load_data(str(path), ONE, seed=0).x["input"]
    assert x.shape == (3, 4, 2, 3)
    assert [list(map(int, row)) for row in np.argwhere(x.reshape(3, 4, 6))] == sorted(EVENTS)


@pytest.mark.parametrize(
    ("row", "dtype"), [([2**64 - 1, 0, 0], "u8"), ([2**63 - 1, 0, 0], "i8"), ([2**32, 0, 0], "i8")]
)
def test_a_sample_index_without_bounds_is_too_large(row: list[int], dtype: str) -> None:
    with pytest.raises(InputFileError, match="too large"):
        from_events("file", "events", np.array([row], dtype), 4, None, (6,))


@pytest.mark.parametrize(
    ("row", "fits"),
    [([2, 3, 5], True), ([3, 3, 5], False), ([2, 4, 5], False), ([2, 3, 6], False)],
)
@pytest.mark.parametrize("dtype", ["u1", "i8"])
def test_the_last_event_that_fits_and_the_first_that_does_not(
    row: list[int], fits: bool, dtype: str
) -> None:
    events = np.array([row], dtype)
    if fits:
        dense = from_events("file", "events", events, 4, 3, (2, 3))
        assert dense[2, 3, 1, 2]
        assert dense.sum() == 1
    else:
        with pytest.raises(InputFileError, match="out of range"):
            from_events("file", "events", events, 4, 3, (2, 3))


@given(st.permutations(range(6)))
def test_events_in_any_order_give_the_same_samples(order: list[int]) -> None:
    events = np.array([*EVENTS, [0, 0, 5], [2, 3, 0], [2, 3, 0]])
    one = from_events("file", "events", events, 4, None, (2, 3))
    other = from_events("file", "events", events[order], 4, None, (2, 3))
    np.testing.assert_array_equal(one, other)
    assert sorted(one[one > 0].tolist()) == [1, 2, 3]


@pytest.mark.parametrize("timed", ["x_train", "x_test"])
def test_splits_of_different_layouts_are_refused(tmp_path: Path, timed: str) -> None:
    path = tmp_path / "samples.npz"
    arrays: dict[str, Any] = {"x_train": X, "x_test": X}
    arrays[timed] = np.zeros((5, 4, 2, 3))
    np.savez(path, **arrays)
    for call in (
        lambda: load_data(str(path), ONE, seed=0),
        lambda: load_calibration(str(path), ONE, seed=0, scored=None),
    ):
        with pytest.raises(InputFileError, match="laid out differently") as caught:
            call()
        assert f"{timed} [sample, step, ...]" in caught.value.has
        assert caught.value.needs
        assert caught.value.remedy


def test_splits_may_differ_in_samples_and_in_steps(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    np.savez(path, x_train=np.zeros((7, 4, 2, 3)), x_test=np.zeros((2, 9, 2, 3)))
    assert load_data(str(path), ONE, seed=0).steps == 9
    data = load_calibration(str(path), ONE, seed=0, scored=str(path))
    assert (data.samples, data.steps, data.y, data.calibration) == (7, 4, None, {})


def test_training_labels_are_checked_as_well(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    np.savez(path, x_train=X, y_train=np.arange(4), x_test=X)
    with pytest.raises(InputFileError, match="'y_train'"):
        load_data(str(path), ONE, seed=0)


@pytest.mark.parametrize(
    ("seed", "fits"), [(0, True), (2**32 - 1, True), (-1, False), (2**32, False)]
)
@pytest.mark.parametrize("ref", ["digits", "random"])
def test_seeds_from_zero_to_the_largest(ref: str, seed: int, fits: bool) -> None:
    if fits:
        assert load_data(ref, {"input": (64,)}, seed=seed, samples=2).samples == 2
    else:
        with pytest.raises(ConfigError, match=f"seed {seed}") as caught:
            load_data(ref, {"input": (64,)}, seed=seed)
        assert "4294967295" in caught.value.needs


@pytest.mark.parametrize("classes", [3, 2])
def test_the_largest_label_that_is_a_class(tmp_path: Path, classes: int) -> None:
    path = tmp_path / "samples.npz"
    np.savez(path, x=X, y=np.array([0, 1, 2, 1, 0]))
    if classes == 3:
        assert load_data(str(path), ONE, seed=0, classes=3).y is not None
    else:
        with pytest.raises(InputFileError) as caught:
            load_data(str(path), ONE, seed=0, classes=2)
        assert caught.value.needs == "class indices, 0 to 1"
        assert caught.value.has == "2 at index 2"
        assert "number the classes from 0" in caught.value.remedy


def test_an_unsigned_label_beyond_every_integer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    np.savez(path, x=X, y=np.array([0, 1, 2, 1, 2**64 - 1], np.uint64))
    with pytest.raises(InputFileError, match="18446744073709551615 at index 4"):
        load_data(str(path), ONE, seed=0)


@pytest.mark.parametrize(("samples", "fits"), [(1, True), (5, True), (6, False)])
def test_as_many_samples_as_there_are(tmp_path: Path, samples: int, fits: bool) -> None:
    path = tmp_path / "samples.npz"
    np.savez(path, x=X, y=np.arange(5))
    if fits:
        data = load_data(str(path), ONE, seed=0, samples=samples)
        np.testing.assert_array_equal(data.x["input"], X[:samples])
        assert data.y is not None
        assert len(data.y) == samples
    else:
        with pytest.raises(ConfigError) as caught:
            load_data(str(path), ONE, seed=0, samples=samples)
        assert (caught.value.needs, caught.value.has, caught.value.remedy) == (
            "6 samples",
            "5 samples to score",
            "--samples 5 or fewer",
        )


def test_renaming_the_inputs_renames_the_samples_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    left, right = rng.random((4, 2)), rng.random((4, 3))
    path = tmp_path / "samples.npz"
    np.savez(path, **{"x.left": left, "x.right": right, "x.a/b": left, "x.ä": right})
    plain = load_data(str(path), TWO, seed=0)
    renamed = load_data(str(path), {"a/b": (2,), "ä": (3,)}, seed=0)
    for one, other in (("left", "a/b"), ("right", "ä")):
        np.testing.assert_array_equal(plain.x[one], renamed.x[other])


def test_a_file_of_one_array_or_of_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    np.savez(path)
    with pytest.raises(Snn2chipError, match="no arrays"):
        load_data(str(path), ONE, seed=0)
    with path.open("wb") as stream:
        np.save(stream, X)
    with pytest.raises(InputFileError, match="not a readable"):
        load_data(str(path), ONE, seed=0)


@pytest.mark.parametrize("values", [2**26, 2**26 + 6])
def test_zeros_that_expand_a_thousandfold(tmp_path: Path, values: int) -> None:
    path = tmp_path / "samples.npz"
    header = {"descr": "|u1", "fortran_order": False, "shape": (values,)}
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", stream.getvalue() + bytes(values))
    with pytest.raises(InputFileError) as caught:
        load_data(str(path), ONE, seed=0)
    assert ("expands to" in caught.value.what) is (values > 2**26)
    assert ("does not fit the network" in caught.value.what) is (values == 2**26)


def test_many_values_that_barely_compress_are_no_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "_SMALL", 6)
    spikes = np.random.default_rng(0).random((50, 100, 2, 3)) < 0.01
    np.savez_compressed(tmp_path / "samples.npz", x=spikes)
    assert load_data(str(tmp_path / "samples.npz"), ONE, seed=0).samples == 50
