"""Encoding ``direct``: a network in floats takes the values themselves, at every step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snn2chip
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Encoding
from snn2chip.graph.oracle import run_graph
from tests.networks import chain

STEPS = 12


@pytest.fixture
def network(tmp_path: Path) -> Path:
    graph = replace(chain(np.random.default_rng(0), sizes=(6, 5, 3)), encoding=Encoding())
    write_graph(graph, tmp_path / "net.nir")
    return tmp_path / "net.nir"


def saved(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0.5, 1.0, shape)


@pytest.mark.parametrize("timed", [False, True])
def test_the_run_is_that_of_the_values(network: Path, tmp_path: Path, timed: bool) -> None:
    x = values(4, STEPS, 6) if timed else values(4, 6)
    length = {} if timed else {"steps": STEPS}
    run = snn2chip.simulate(
        network, "reference", data=saved(tmp_path, x=x), encoding="direct", trace=True, **length
    )
    given = np.moveaxis(x, 1, 0) if timed else np.repeat(x[None], STEPS, axis=0)
    expected = run_graph(snn2chip.load(network, encoding="direct").graph, given)
    assert expected["out"].sum() > 0
    trace = run.result.trace.arrays
    np.testing.assert_array_equal(np.moveaxis(trace["out"], 1, 0), expected["out"])
    np.testing.assert_array_equal(np.moveaxis(trace["input"], 1, 0), given)


def test_the_gain_is_a_factor_on_the_values() -> None:
    from snn2chip.data import encode

    x = values(3, 2)
    found = encode(x, Encoding("direct", gain=2.0), 5)
    assert found.shape == (5, 3, 2)
    np.testing.assert_array_equal(found, np.repeat(2.0 * x[None], 5, axis=0))
    with pytest.raises(ConfigError, match="8 bytes each"):
        encode(np.zeros((1000, 64)), Encoding("direct"), 2**13)


def test_loihi_takes_spikes_only(network: Path, tmp_path: Path) -> None:
    data = saved(tmp_path, x=values(4, 6))
    with pytest.raises(UnsupportedError, match="direct"):
        snn2chip.simulate(network, "loihi2", data=data, encoding="direct", steps=STEPS)


def test_values_over_time_need_the_encoding(network: Path, tmp_path: Path) -> None:
    data = saved(tmp_path, x=values(4, STEPS, 6))
    with pytest.raises(InputFileError, match="other than 0 and 1") as refused:
        snn2chip.simulate(network, "reference", data=data)
    assert "--encoding direct" in refused.value.remedy


@pytest.mark.parametrize("target", ["reference", "truenorth"])
def test_values_are_told_from_spikes(network: Path, target: str) -> None:
    found = snn2chip.check(network, target=target, encoding="direct", steps=STEPS)
    assert any("values at every step" in note for note in found.program.notes)
