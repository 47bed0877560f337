"""Named data sets and samples: splits share nothing, counts are checked, seeds decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snn2chip.data import encode, load_calibration, load_data, load_digits_split
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.graph import Encoding

DIGITS = {"input": (1, 8, 8)}


def rows(x: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in x}


def test_digits_split_is_stratified_and_shares_no_sample() -> None:
    split = load_digits_split()
    assert split.x_train.shape == (1078, 1, 8, 8)
    assert split.x_test.shape == (719, 1, 8, 8)
    assert split.x_train.dtype == np.float64
    assert split.y_train.dtype == np.int64
    assert rows(split.x_train).isdisjoint(rows(split.x_test))
    assert (split.x_train.min(), split.x_train.max()) == (0.0, 1.0)
    shares = np.bincount(split.y_test) / np.bincount(np.r_[split.y_train, split.y_test])
    assert np.abs(shares - 0.4).max() < 0.01


def test_digits_split_depends_on_the_seed_alone() -> None:
    again, other = load_digits_split(seed=0), load_digits_split(seed=1)
    split = load_digits_split(seed=0)
    np.testing.assert_array_equal(split.x_test, again.x_test)
    assert not np.array_equal(split.y_test, other.y_test)


def test_digits_for_a_network_scores_the_test_part_and_calibrates_on_the_other() -> None:
    data, split = load_data("digits", DIGITS, seed=0), load_digits_split()
    np.testing.assert_array_equal(data.x["input"], split.x_test)
    np.testing.assert_array_equal(data.calibration["input"], split.x_train)
    assert data.y is not None
    np.testing.assert_array_equal(data.y, split.y_test)
    assert (data.samples, data.timed, data.steps, data.synthetic) == (719, False, None, False)


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 8, 8)])
def test_digits_take_the_inputs_shape_in_c_order(shape: tuple[int, ...]) -> None:
    x = load_data("digits", {"in": shape}, seed=0).x["in"]
    assert x.shape[1:] == shape
    np.testing.assert_array_equal(x.reshape(-1, 64), load_digits_split().x_test.reshape(-1, 64))


@pytest.mark.parametrize("inputs", [{"in": (12,)}, {"a": (64,), "b": (64,)}])
def test_digits_for_another_network_is_a_configuration_error(
    inputs: dict[str, tuple[int, ...]],
) -> None:
    with pytest.raises(ConfigError, match="does not fit") as error:
        load_data("digits", inputs, seed=0)
    assert "--data" in error.value.remedy


def test_samples_takes_the_first_and_leaves_the_calibration_alone() -> None:
    few, all_ = load_data("digits", DIGITS, seed=0, samples=7), load_data("digits", DIGITS, seed=0)
    assert few.y is not None
    assert all_.y is not None
    np.testing.assert_array_equal(few.x["input"], all_.x["input"][:7])
    np.testing.assert_array_equal(few.y, all_.y[:7])
    assert len(few.calibration["input"]) == 1078


@pytest.mark.parametrize(("samples", "says"), [(720, "719 samples"), (0, "at least one")])
def test_impossible_numbers_of_samples(samples: int, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_data("digits", DIGITS, seed=0, samples=samples)
    assert says in str(error.value)


def test_labels_beyond_the_networks_classes_are_refused() -> None:
    with pytest.raises(InputFileError, match="no class of the network"):
        load_data("digits", DIGITS, seed=0, classes=9)
    assert load_data("digits", DIGITS, seed=0, classes=10).y is not None


@pytest.mark.parametrize("steps", [None, 5])
def test_random_samples_depend_on_seed_and_index_alone(steps: int | None) -> None:
    inputs = {"a": (3, 2), "b": (4,)}
    many = load_data("random", inputs, seed=3, samples=6, random_steps=steps)
    few = load_data("random", inputs, seed=3, samples=2, random_steps=steps)
    other = load_data("random", inputs, seed=4, samples=2, random_steps=steps)
    lead = (6,) if steps is None else (6, steps)
    assert many.synthetic
    assert many.y is None
    assert many.steps == steps
    for name, shape in inputs.items():
        assert many.x[name].shape == (*lead, *shape)
        np.testing.assert_array_equal(many.x[name][:2], few.x[name])
        assert not np.array_equal(few.x[name], other.x[name])
        assert not np.array_equal(many.calibration[name], many.x[name])


def test_random_spikes_are_sparse_and_values_fill_the_unit_interval() -> None:
    spikes = load_data("random", {"a": (50,)}, seed=0, samples=20, random_steps=20).x["a"]
    values = load_data("random", {"a": (50,)}, seed=0, samples=200).x["a"]
    assert spikes.dtype == np.bool_
    assert 0.08 < spikes.mean() < 0.12
    assert 0.0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1.0


@pytest.mark.parametrize(("samples", "steps"), [(10**10, None), (2, 10**10)])
def test_random_samples_that_would_fill_the_memory(samples: int, steps: int | None) -> None:
    with pytest.raises(ConfigError, match="values") as error:
        load_data("random", {"a": (6,)}, seed=0, samples=samples, random_steps=steps)
    assert "--samples" in error.value.remedy


@pytest.mark.parametrize("ref", ["digts", "digit", "x.csv"])
def test_unknown_data_names_what_there_is(ref: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_data(ref, DIGITS, seed=0)
    assert ref in error.value.what
    assert "digits" in error.value.remedy


def test_calibration_uses_the_training_split_even_of_scored_data() -> None:
    data = load_calibration("digits", DIGITS, seed=0, scored="digits")
    np.testing.assert_array_equal(data.x["input"], load_digits_split().x_train)
    assert data.calibration == {}


def test_calibration_on_scored_samples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "only_x.npz"
    np.savez(path, x=np.zeros((4, 3)))
    (tmp_path / "link.npz").symlink_to(path)
    inputs = {"input": (3,)}
    for ref in (path, tmp_path / "link.npz"):
        with pytest.raises(ConfigError, match="are scored"):
            load_calibration(str(ref), inputs, seed=0, scored=str(path))
    assert load_calibration(str(path), inputs, seed=0, scored="digits").samples == 4
    assert load_calibration(str(path), inputs, seed=0, scored=None).samples == 4


def test_more_input_than_memory_should_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--samples or --steps") as caught:
        encode(np.zeros((1000, 64)), Encoding("if"), 10**9)
    assert "1000 samples x 1000000000 steps" in str(caught.value)
