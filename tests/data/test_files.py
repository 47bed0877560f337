"""Samples from ``.npz`` files: every key of the format, and every way a file can be wrong."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.data import Dataset, load_data, npz
from snn2chip.data.parts import from_events, has_steps
from snn2chip.errors import InputFileError

ONE = {"input": (2, 3)}
TWO = {"left": (2,), "right": (3,)}


def save(folder: Path, **arrays: Any) -> str:
    path = folder / "samples.npz"
    np.savez(path, **arrays)
    return str(path)


def load(folder: Path, inputs: dict[str, tuple[int, ...]] = ONE, **arrays: Any) -> Dataset:
    return load_data(save(folder, **arrays), inputs, seed=0)


def refused(folder: Path, inputs: dict[str, tuple[int, ...]] = ONE, **arrays: Any) -> str:
    with pytest.raises(InputFileError) as error:
        load(folder, inputs, **arrays)
    assert error.value.exit_code == 3
    assert "samples.npz" in error.value.what
    return str(error.value)


def test_static_samples_become_floats(tmp_path: Path) -> None:
    x = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    data = load(tmp_path, x=x, y=np.array([0, 1, 2, 0], np.uint8))
    assert data.x["input"].dtype == np.float64
    np.testing.assert_array_equal(data.x["input"], x)
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 2, 0]
    assert (data.timed, data.name, dict(data.calibration)) == (False, "samples.npz", {})


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float32, np.int64])
def test_timed_zeros_and_ones_are_spikes(tmp_path: Path, dtype: type) -> None:
    x = np.random.default_rng(0).random((4, 5, 2, 3)) < 0.5
    data = load(tmp_path, x=x.astype(dtype))
    assert (data.timed, data.steps, data.y) == (True, 5, None)
    assert data.x["input"].dtype == np.bool_
    np.testing.assert_array_equal(data.x["input"], x)


def test_timed_values_stay_values(tmp_path: Path) -> None:
    x = np.full((1, 2, 2, 3), 0.5, np.float32)
    data = load(tmp_path, x=x)
    assert data.x["input"].dtype == np.float64
    np.testing.assert_array_equal(data.x["input"], x)


def test_a_file_with_both_splits_keeps_them_apart(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((5, 2, 3))
    data = load(
        tmp_path, x_train=x[:3], y_train=np.arange(3), x_test=x[3:], y_test=np.arange(2), other=x
    )
    np.testing.assert_array_equal(data.x["input"], x[3:])
    np.testing.assert_array_equal(data.calibration["input"], x[:3])
    assert data.y is not None
    assert data.y.tolist() == [0, 1]


def test_several_inputs_have_one_array_each(tmp_path: Path) -> None:
    left, right = np.ones((2, 4, 2)), np.zeros((2, 4, 3))
    data = load(tmp_path, TWO, **{"x.left": left, "x.right": right})
    assert list(data.x) == ["left", "right"]
    assert data.timed
    np.testing.assert_array_equal(data.x["left"], left)


def test_events_of_one_input_and_dense_spikes_of_another(tmp_path: Path) -> None:
    events = np.array([[0, 1, 0], [1, 3, 1]])
    right = np.zeros((2, 4, 3), np.bool_)
    data = load(tmp_path, TWO, **{"events.left": events, "x.right": right, "steps": 4})
    expected = np.zeros((2, 4, 2))
    expected[0, 1, 0] = expected[1, 3, 1] = 1
    np.testing.assert_array_equal(data.x["left"], expected)


def test_labels_give_events_their_number_of_samples(tmp_path: Path) -> None:
    data = load(tmp_path, events=np.array([[0, 0, 5]]), steps=2, y=np.array([1, 0, 1]))
    assert data.x["input"].shape == (3, 2, 2, 3)
    assert data.x["input"].sum() == 1
    assert data.x["input"][0, 0, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 5)), min_size=1))
def test_events_count_what_a_loop_counts(events: list[tuple[int, int, int]]) -> None:
    dense = from_events("file", "events", np.array(events), 5, 4, (2, 3))
    expected = np.zeros((4, 5, 6))
    for sample, step, index in events:
        expected[sample, step, index] += 1
    np.testing.assert_array_equal(dense.reshape(4, 5, 6), expected)
    assert dense.dtype == (np.bool_ if expected.max() <= 1 else np.float64)


def test_misfitting_shapes_say_what_fits(tmp_path: Path) -> None:
    says = refused(tmp_path, x=np.zeros((4, 6)))
    assert "[sample, 2, 3]" in says
    assert "[4, 6]" in says
    assert "x.reshape(-1, 2, 3)" in says


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((4, 6, 5, 2), "x.transpose(0, 3, 2, 1)"),
        ((4, 9, 6, 5, 2), "x.transpose(0, 1, 4, 3, 2)"),
        ((4, 60), "reshape it, for example x.reshape(-1, 2, 5, 6)"),
        ((4, 5, 6, 2), "reshape it"),
    ],
)
def test_images_in_lavas_order_are_to_be_turned_and_not_reshaped(
    found: tuple[int, ...], said: str
) -> None:
    with pytest.raises(InputFileError) as caught:
        has_steps("x.npz", "x", np.zeros(found), (2, 5, 6))
    assert said in caught.value.remedy


@pytest.mark.parametrize("x", [np.zeros((0, 2, 3)), np.zeros((3, 0, 2, 3)), np.float64(1)])
def test_samples_without_samples(tmp_path: Path, x: Any) -> None:
    refused(tmp_path, x=x)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_located(tmp_path: Path, value: float) -> None:
    x = np.zeros((4, 2, 3))
    x[2, 1, 0] = value
    says = refused(tmp_path, x=x)
    assert "index [2, 1, 0]" in says
    assert "finite" in says


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (np.array([0, 1]), "each of 4 samples"),
        (np.array([0, 1, -1, 2]), "-1 at index 2"),
        (np.array([0, 1, 0.5, 2]), "0.5 at index 2"),
        (np.array([0, 1, np.nan, 2]), "nan at index [2]"),
        (np.array([0, 1, 1e300, 2]), "1e+300 at index 2"),
        (np.array(3), "each of 4 samples"),
        (np.eye(4), "each of 4 samples"),
    ],
)
def test_wrong_labels(tmp_path: Path, y: Any, says: str) -> None:
    assert says in refused(tmp_path, x=np.zeros((4, 2, 3)), y=y)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([[0, 0, 6]], "index < 6"),
        ([[0, 4, 0]], "step < 4"),
        ([[0, -1, 0]], "[0, -1, 0] in row 0"),
        ([[1, 0, 0], [-1, 0, 0]], "row 1"),
        ([[0, 0]], "[n, 3]"),
        ([[0.0, 0.0, 1.0]], "integers"),
        (np.zeros((0, 3), np.int64), "empty"),
    ],
)
def test_wrong_events(tmp_path: Path, events: Any, says: str) -> None:
    assert says in refused(tmp_path, events=np.array(events), steps=4)


@pytest.mark.parametrize("steps", [0, 2.5, [1, 2], None])
def test_events_need_their_steps(tmp_path: Path, steps: Any) -> None:
    extra = {} if steps is None else {"steps": np.array(steps)}
    assert "steps" in refused(tmp_path, events=np.array([[0, 0, 0]]), **extra)


def test_events_that_would_fill_the_memory(tmp_path: Path) -> None:
    says = refused(tmp_path, events=np.array([[10**6, 0, 0]]), steps=10**6)
    assert "too large" in says


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    says = refused(tmp_path, TWO, **{"x.left": np.zeros((2, 2))})
    assert "'right'" in says
    assert "x.left, x.right" in says


def test_inputs_that_do_not_go_together(tmp_path: Path) -> None:
    says = refused(tmp_path, TWO, **{"x.left": np.zeros((2, 2)), "x.right": np.zeros((3, 3))})
    assert "left [2], right [3]" in says
    refused(tmp_path, TWO, **{"x.left": np.zeros((2, 5, 2)), "x.right": np.zeros((2, 3))})


def test_a_file_without_samples_lists_what_it_has(tmp_path: Path) -> None:
    says = refused(tmp_path, images=np.zeros(3), labels=np.zeros(3))
    assert "images, labels" in says


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such file"):
        load_data(str(tmp_path / "absent.npz"), ONE, seed=0)


def test_text_and_objects_are_never_loaded(tmp_path: Path) -> None:
    assert "integers, floats" in refused(tmp_path, x=np.array(["a"]))
    assert "object" in refused(tmp_path, x=np.array([{"a": 1}], dtype=object))


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    path = Path(save(tmp_path, x=np.random.default_rng(0).random((4, 2, 3))))
    whole = path.read_bytes()
    for size in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:size])
        with pytest.raises(InputFileError, match="not a readable"):
            load_data(str(path), ONE, seed=0)


def test_a_flipped_byte_in_the_values_is_seen(tmp_path: Path) -> None:
    path = Path(save(tmp_path, x=np.ones((4, 2, 3))))
    content = bytearray(path.read_bytes())
    content[content.index(np.ones(1).tobytes())] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InputFileError, match="not a readable"):
        load_data(str(path), ONE, seed=0)


def _archive(path: Path, shape: tuple[int, ...], payload: bytes) -> str:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", stream.getvalue() + payload)
    return str(path)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((10**12, 2, 3), "too large"),
        ((100, 2, 3), "cut off"),
    ],
)
def test_sizes_are_checked_before_anything_is_allocated(
    tmp_path: Path, shape: tuple[int, ...], says: str
) -> None:
    path = _archive(tmp_path / "bomb.npz", shape, bytes(48))
    with pytest.raises(InputFileError, match=says):
        load_data(path, ONE, seed=0)


def test_the_limit_holds_for_true_sizes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path, x=np.zeros((10, 2, 3)))
    monkeypatch.setattr(npz, "MAX_BYTES", 480)
    assert load_data(path, ONE, seed=0).samples == 10
    monkeypatch.setattr(npz, "MAX_BYTES", 479)
    with pytest.raises(InputFileError, match="too large"):
        load_data(path, ONE, seed=0)


def test_labels_of_another_shape_are_told_how_to_become_indices(tmp_path):
    np.savez(tmp_path / "hot.npz", x=np.zeros((4, 3)), y=np.eye(4))
    with pytest.raises(InputFileError, match="one label for each of 4 samples") as caught:
        load_data(str(tmp_path / "hot.npz"), {"input": (3,)}, seed=0)
    assert "y.argmax(axis=1)" in caught.value.remedy
