"""Drift counts what differs, and names the first difference."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.core import Activity, Divergence, PopulationActivity, Raster
from snn2chip.drift import accuracy, compare

SHAPES = {"a": (3,), "b": (2, 2)}


def activity(flags, scores=None):
    steps, samples = flags["a"].shape[:2]
    populations = {}
    for name, values in flags.items():
        raster = Raster.pack(values, SHAPES[name])
        populations[name] = PopulationActivity(raster, raster)
    scores = np.zeros((samples, 2)) if scores is None else scores
    return Activity("float64", steps, samples, populations, scores)


def flags():
    return {name: np.zeros((4, 2, *shape), bool) for name, shape in SHAPES.items()}


def drift(before, after, **options):
    return compare(
        "stage", before, after, order=["a", "b"], outputs=["b"], latency={"b": 1}, **options
    )


def test_equal_runs_have_none():
    result = drift(activity(flags()), activity(flags()))
    assert result.first is None
    assert result.output_spikes_differing == 0
    assert result.predictions_differing == 0
    assert result.changed == ()
    assert [p.latency for p in result.populations] == [0, 1]


def test_the_earliest_step_wins_and_then_the_upstream_population():
    changed = flags()
    changed["b"][1, 1, 0, 1] = True
    changed["a"][2, 0, 0] = True
    assert drift(activity(flags()), activity(changed)).first == Divergence(1, 1, "b", 1)
    changed["a"][1, 0, 2] = True
    assert drift(activity(flags()), activity(changed)).first == Divergence(0, 1, "a", 2)


def test_changed_predictions_are_listed_with_labels():
    before = activity(flags(), np.array([[1.0, 0.0], [0.0, 1.0]]))
    after = activity(flags(), np.array([[0.0, 1.0], [0.0, 1.0]]))
    result = drift(before, after, labels=np.array([0, 1]))
    (change,) = result.changed
    assert (change.sample, change.before, change.after, change.label) == (0, 0, 1, 0)
    assert (result.accuracy_before, result.accuracy_after) == (1.0, 0.5)


def test_without_labels_there_is_no_accuracy():
    assert accuracy(activity(flags()), None) is None
    assert drift(activity(flags()), activity(flags())).accuracy_before is None


@given(st.data())
def test_counts_are_those_of_the_unpacked_rasters(data):
    pair = [
        {n: data.draw(hnp.arrays(np.bool_, (3, 2, *shape))) for n, shape in SHAPES.items()}
        for _ in range(2)
    ]
    result = drift(activity(pair[0]), activity(pair[1]))
    for population in result.populations:
        one, other = pair[0][population.name], pair[1][population.name]
        assert population.differing == int((one != other).sum())
        assert population.rate_before == one.mean()
        assert population.rate_after == other.mean()
    assert result.output_spikes_differing == result.populations[1].differing
    steps = [k for k in range(3) if any((pair[0][n][k] != pair[1][n][k]).any() for n in SHAPES)]
    assert (result.first.step if result.first else None) == (steps[0] if steps else None)
