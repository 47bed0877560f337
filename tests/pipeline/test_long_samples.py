"""Samples that are long, or say that they are: scales are picked from their beginning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn2chip.errors import ConfigError
from snn2chip.graph import Encoding
from snn2chip.graph.types import MOST_STEPS
from snn2chip.pipeline import Options, samples
from tests.networks import chain


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    """Scales from 5 steps at most."""
    monkeypatch.setattr(samples, "CALIBRATION_STEPS", 5)
    return 5


@pytest.mark.parametrize("events", [False, True])
@pytest.mark.parametrize("steps", [4, 5, 9])
def test_scales_are_picked_from_the_first_steps_of_timed_data(
    tmp_path: Path, short: int, steps: int, events: bool
) -> None:
    x = np.random.default_rng(0).random((3, steps, 6)) < 0.5
    x[2, -1, 5] = True
    arrays = {"events": np.argwhere(x), "steps": np.array(steps)} if events else {"x": x}
    np.savez(tmp_path / "long.npz", **arrays)
    graph = chain(np.random.default_rng(0))
    chosen = Options(data="random", calibrate=str(tmp_path / "long.npz"))
    found, _ = samples.calibration_samples(graph, chosen)
    assert found is not None
    np.testing.assert_array_equal(found.spikes["input"], np.moveaxis(x, 1, 0)[:short])


@pytest.mark.parametrize(("own", "given", "used"), [(4, None, 4), (9, None, 5), (4, 9, 4)])
def test_scales_are_picked_from_the_first_steps_of_encoded_values(
    short: int, own: int, given: int | None, used: int
) -> None:
    graph = replace(chain(np.random.default_rng(0)), encoding=Encoding("if", steps=own))
    options = Options(data="random", calibrate="random", steps=given)
    found, _ = samples.calibration_samples(graph, options)
    assert found is not None
    whole, _ = samples.calibration_samples(graph, replace(options, steps=None))
    assert whole is not None
    assert len(found.spikes["input"]) == used
    np.testing.assert_array_equal(found.spikes["input"], whole.spikes["input"])


@pytest.mark.parametrize("steps", [0, -1, MOST_STEPS + 1, 10**30])
def test_encodings_of_no_length_or_of_any(steps: int) -> None:
    assert Encoding("if", steps=MOST_STEPS).steps == MOST_STEPS
    with pytest.raises(ConfigError, match=str(steps)) as caught:
        Encoding("if", steps=steps)
    assert str(MOST_STEPS) in caught.value.needs
