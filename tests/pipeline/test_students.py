"""The bundled students on every chip: they fit, keep their accuracy, and list their drift."""

from __future__ import annotations

import numpy as np
import pytest

from snn2chip.pipeline import Options, open_network, run

FLOORS = {"digits-mlp": 0.965, "digits-conv": 0.98}
LOSS = 0.005
"""Share of right answers that eight-bit weights may cost."""


@pytest.fixture(scope="module", params=[(m, t) for m in FLOORS for t in ("loihi1", "loihi2")])
def result(request):
    model, target = request.param
    options = Options(target=target)
    return run(open_network(model, options), options)


def test_integers_keep_the_accuracy_of_the_float_graph(result):
    (drift,) = result.drift
    assert result.activity.samples == 719
    assert result.accuracy == drift.accuracy_after
    assert result.accuracy >= FLOORS[result.graph.name]
    assert result.accuracy >= drift.accuracy_before - LOSS
    assert drift.accuracy_before == np.mean(result.reference.predictions == result.labels)


def test_the_student_fits_and_overflows_nothing(result):
    assert result.violations == ()
    for name, population in result.activity.populations.items():
        assert not any(population.warnings.values()), name


def test_drift_is_listed_whole(result):
    """Eight bits move some spikes; each is in the list, and the first one is where it is said."""
    (drift,) = result.drift
    assert drift.output_spikes_differing == drift.populations[-1].differing > 0
    assert drift.populations[0].differing == 0
    changed = np.flatnonzero(result.reference.predictions != result.activity.predictions)
    assert [c.sample for c in drift.changed] == changed.tolist()
    right = sum((c.after == c.label) - (c.before == c.label) for c in drift.changed)
    difference = round(719 * (drift.accuracy_after - drift.accuracy_before))
    assert right == difference
    first = drift.first
    for row in drift.populations:
        one = result.reference.populations[row.name].spikes
        other = result.activity.populations[row.name].spikes
        np.testing.assert_array_equal(one.bits[: first.step], other.bits[: first.step], row.name)
    seen = result.reference.populations[first.population].spikes.unpack(first.step, first.step + 1)
    chip = result.activity.populations[first.population].spikes.unpack(first.step, first.step + 1)
    differing = (seen != chip)[0].reshape(719, -1)
    assert differing[first.sample, first.neuron]


def test_scored_samples_are_no_calibration_samples(result):
    assert result.calibrated_on == "256 samples of digits that are not scored"
    assert (result.data, result.synthetic) == ("digits", False)


def test_spikes_are_fewer_than_multiply_accumulates(result):
    """A student that spends more events than an ANN has products is of no use."""
    macs = result.baseline.macs_per_inference
    events = sum(layer.counts.synaptic_events for layer in result.energy.layers)
    assert macs == sum(layer.counts.synapses for layer in result.energy.layers)
    assert 0 < events / 719 < macs * result.activity.steps
