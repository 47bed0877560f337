"""Options of scripts: a wrong one is named with what is wanted, and none is silently ignored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snn2chip
from snn2chip import Options
from snn2chip.errors import ConfigError
from tests.whole_networks import write_network

DIGITS = {"data": "digits", "samples": 4, "steps": 4}


@pytest.mark.parametrize(
    "given",
    [
        {"batch": 0},
        {"batch": -1},
        {"batch": None},
        {"batch": True},
        {"steps": 0},
        {"steps": -1},
        {"steps": 2.0},
        {"samples": "4"},
        {"samples": True},
        {"block_steps": 0},
        {"seed": -1},
        {"seed": None},
        {"seed": True},
        {"dt": True},
        {"dt": "1e-3"},
        {"data": np.zeros((2, 2))},
        {"calibrate": 3},
        {"target": None},
        {"target": 3},
        {"mapping": 3},
        {"preset_set": None},
        {"preset_set": [("fires", ">=")]},
        {"preset_set": {1: 2}},
        {"preset": 3},
        {"reset": True},
        {"encoding": 3},
        {"costs": 3},
        {"trace": 1},
        {"trace_state": "yes"},
        {"trace_state": True},
        {"allow_latency": 1},
        {"repair": "yes"},
        {"calibration": 3},
        {"calibration": "spike"},
        {"granularity": None},
        {"granularity": "channel"},
        {"weight_bits": 0},
        {"weight_bits": 4.0},
        {"weight_bits": True},
        {"percentile": 0, "calibration": "percentile"},
        {"percentile": 100.5, "calibration": "percentile"},
        {"percentile": "99", "calibration": "percentile"},
        {"percentile": float("nan"), "calibration": "percentile"},
        {"percentile": 99.0},
        {"percentile": 99.0, "calibration": "mse"},
    ],
    ids=str,
)
def test_a_wrong_value_says_what_is_wanted(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(given))) as caught:
        Options(**given)
    assert caught.value.needs or caught.value.remedy
    assert len(str(caught.value)) < 300


def test_names_and_paths_are_taken_alike() -> None:
    by_path = Options(target=Path("a.toml"), data=Path("b.npz"), mapping="m.json")  # type: ignore[arg-type]
    assert by_path == Options(target="a.toml", data="b.npz", mapping=Path("m.json"))
    assert (type(by_path.target), type(by_path.data)) == (str, str)


def test_numbers_of_numpy_are_numbers() -> None:
    options = Options(samples=np.int64(4), seed=np.uint8(3), dt=np.float32(0.5))  # type: ignore[arg-type]
    assert json.dumps([options.samples, options.seed]) == "[4, 3]"


def test_unknown_options_suggest() -> None:
    for call in (snn2chip.check, snn2chip.simulate):
        with pytest.raises(ConfigError, match="did you mean 'samples'"):
            call("digits-mlp", sampels=3)
    with pytest.raises(ConfigError, match="did you mean 'reset'"):
        snn2chip.load("digits-mlp", rest="zero")
    with pytest.raises(ConfigError, match="batch"):
        snn2chip.load("digits-mlp", batch=3)


@pytest.mark.parametrize("network", [3, b"digits-mlp", np.zeros(3)], ids=str)
def test_what_is_no_network_is_named(network: Any) -> None:
    with pytest.raises(ConfigError, match=type(network).__name__):
        snn2chip.simulate(network, **DIGITS)


OPENING = [
    {"dt": 2e-3},
    {"reset": "subtract"},
    {"encoding": "rate"},
    {"preset": "norse"},
    {"preset_set": {"fires": ">="}},
    {"repair": True},
]


@pytest.mark.parametrize("options", OPENING, ids=str)
def test_an_opened_network_is_not_opened_otherwise(options: dict[str, Any]) -> None:
    opened = snn2chip.load("digits-mlp")
    flag = "--" + next(iter(options)).replace("_", "-")
    for call in (snn2chip.check, snn2chip.simulate):
        with pytest.raises(ConfigError, match=flag) as caught:
            call(opened, **options)
        assert "load()" in caught.value.remedy


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    snn2chip.compile(write_network(folder, "branching"), folder / "out")
    return folder / "out"


@pytest.mark.parametrize(
    "options",
    [
        *OPENING,
        {"calibrate": "random"},
        {"calibration": "max"},
        {"granularity": "neuron"},
        {"weight_bits": 4},
        {"allow_latency": True},
    ],
    ids=str,
)
def test_a_compiled_folder_takes_no_options_of_its_making(
    compiled: Path, options: dict[str, Any]
) -> None:
    flag = "--" + next(iter(options)).replace("_", "-")
    for network in (compiled, snn2chip.load(compiled)):
        with pytest.raises(ConfigError, match=flag) as caught:
            snn2chip.simulate(network, data="random", steps=4, **options)
        assert "compile the network again" in caught.value.remedy


def test_a_compilation_without_data_has_its_times(compiled: Path) -> None:
    assert not (compiled / "report.json").exists()
    times = json.loads((compiled / "manifest.json").read_text())["wall_s"]
    assert set(times) == {"quantize", "map and price"}
    assert all(seconds >= 0 for seconds in times.values())
