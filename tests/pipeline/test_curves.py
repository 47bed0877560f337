"""Figures by the number of steps: each point is what a run of so many steps gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn2chip.energy import EnergyReport
from snn2chip.pipeline import CurvePoint, Options, Result, open_network, reprice, run
from snn2chip.pipeline.results.curves import MOST_POINTS, settled, steps_curve
from tests.whole_networks import BUILDERS, STEPS, write_network, write_spikes


def point_of(result: Result) -> CurvePoint:
    """The figures of a whole run, by definition."""
    energy, samples = result.energy, result.activity.samples
    drift = None
    if result.reference is not None:
        drift = float(np.mean(result.reference.predictions != result.activity.predictions))

    def nj(pj: float | None) -> float | None:
        return None if pj is None else pj / samples / 1000.0

    return CurvePoint(
        result.activity.steps,
        result.accuracy,
        drift,
        nj(energy.total_pj),
        nj(energy.dynamic_pj),
        nj(energy.static_pj),
        energy.latency_us,
    )


@pytest.mark.parametrize("target", ["loihi2", "reference"])
@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_a_point_is_a_run_of_so_many_steps(name: str, target: str, tmp_path: Path) -> None:
    path = write_network(tmp_path, name)
    network = open_network(path, Options())
    data = write_spikes(tmp_path, network.graph)
    scales = "max" if target == "loihi2" else None
    options = Options(target=target, data=str(data), calibration=scales, block_steps=4, batch=3)
    whole = run(network, replace(options, steps_curve=True))
    assert [point.steps for point in whole.curve] == list(range(1, STEPS + 1))
    for point in whole.curve:
        short = run(network, replace(options, steps=point.steps))
        assert point == point_of(short)
        cut = whole.activity.first_steps(point.steps)
        np.testing.assert_array_equal(cut.scores, short.activity.scores)
        for population, done in short.activity.populations.items():
            mine = cut.populations[population]
            np.testing.assert_array_equal(mine.spikes.bits, done.spikes.bits)
            np.testing.assert_array_equal(mine.updated.bits, done.updated.bits)
    assert run(network, options).curve == ()


def test_encoded_values_and_scales_of_the_networks_own_length(tmp_path: Path) -> None:
    network = open_network("digits-mlp", Options())
    options = Options(samples=12, steps=7)
    whole = run(network, replace(options, steps_curve=True))
    for steps in (1, 3, 7):
        short = run(network, replace(options, steps=steps))
        assert whole.curve[steps - 1] == point_of(short)


def test_a_curve_follows_its_prices(tmp_path: Path) -> None:
    network = open_network("digits-mlp", Options())
    options = Options(target="loihi1", samples=4, steps=5, steps_curve=True)
    whole = run(network, options)
    other = next(t for t in sorted(whole.target.costs) if t != whole.target.default_costs)
    again = reprice(whole, other)
    assert again.curve == run(network, replace(options, costs=other)).curve
    assert again.curve != whole.curve


def test_a_long_run_has_few_points() -> None:
    network = open_network("digits-mlp", Options())
    whole = run(network, Options(samples=1, steps=100, steps_curve=True))
    steps = [point.steps for point in whole.curve]
    assert len(steps) == MOST_POINTS
    assert steps[0] == 1
    assert steps[-1] == 100
    assert steps == sorted(set(steps))


def test_there_is_no_part_whose_readout_was_not_kept() -> None:
    result = run(open_network("digits-mlp", Options()), Options(samples=2, steps=4))
    assert result.activity.first_steps(4) is result.activity
    for steps in (0, 2, 5):
        with pytest.raises(ValueError, match=f"no readout after {steps} of 4"):
            result.activity.first_steps(steps)

    def price(_: object) -> EnergyReport:
        return result.energy

    with pytest.raises(ValueError, match="no readout"):
        steps_curve(result.activity, None, None, price)


def at(*accuracies: float | None) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(k, a, None, None, None, None, None) for k, a in enumerate(accuracies, start=1)
    )


@pytest.mark.parametrize(
    ("accuracies", "steps"),
    [
        ((0.5, 0.9, 0.95, 0.945, 0.95), 3),
        ((0.95, 0.5, 0.95), 3),
        ((0.99, 0.99, 0.95), 1),
        ((0.1, 0.2, 0.9), 3),
        ((0.9,), 1),
    ],
)
def test_where_the_accuracy_settles(accuracies: tuple[float, ...], steps: int) -> None:
    found = settled(at(*accuracies))
    assert found is not None
    assert found.steps == steps


def test_without_labels_nothing_settles() -> None:
    assert settled(at(None, None)) is None
    assert settled(()) is None
