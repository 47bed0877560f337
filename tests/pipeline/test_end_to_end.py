"""File in, integers out: every kind of network against two plain interpreters.

The float run is compared with ``graph.oracle``, the chip's with ``backends.loihi.oracle``, on the
spikes that were written to the data file.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.backends.loihi.oracle import run_sample
from snn2chip.core import chip_delay
from snn2chip.graph.oracle import run_graph
from snn2chip.pipeline import Options, open_network, run
from tests.whole_networks import BUILDERS, SAMPLES, STEPS, write_network, write_spikes

OVERRIDES = {
    "leaky_readout": {"integrator": "exact"},
    "branching": {"fires": ">="},
}


class Case:
    """A network that went through the whole chain, with what went in."""

    def __init__(self, folder, name, target):
        path = write_network(folder, name)
        options = Options(
            target=target,
            preset_set=OVERRIDES.get(name, {}),
            batch=3,
            block_steps=4,
            trace=True,
            trace_state=True,
        )
        self.network = open_network(path, options)
        self.graph = self.network.graph
        data = write_spikes(folder, self.graph)
        self.options = replace(options, data=str(data))
        self.result = run(self.network, self.options)
        self.program, self.activity = self.result.program, self.result.activity
        with np.load(data) as arrays:
            one = len(self.graph.inputs) == 1
            self.given = {
                p.name: arrays["x_test" if one else f"x_test.{p.name}"] for p in self.graph.inputs
            }

    def spikes(self, activity, name):
        """[sample, step, neuron]."""
        raster = activity.populations[name].spikes.unpack()
        return np.moveaxis(raster, 1, 0).reshape(SAMPLES, STEPS, -1)


@pytest.fixture(scope="module", params=[(n, t) for n in BUILDERS for t in ("loihi1", "loihi2")])
def case(request, tmp_path_factory):
    return Case(tmp_path_factory.mktemp("case"), *request.param)


@pytest.fixture(scope="module")
def floats(case):
    given = {name: np.moveaxis(x, 1, 0) for name, x in case.given.items()}
    return run_graph(case.graph, given)


@pytest.fixture(scope="module")
def chip(case):
    """The integer oracle's run of each sample."""
    steps = STEPS + case.program.max_latency
    return [
        run_sample(case.program, {name: x[k] for name, x in case.given.items()}, steps)
        for k in range(SAMPLES)
    ]


def test_the_samples_are_lively(case):
    """Every spiking population fires and rests, so that the comparisons below mean something."""
    for population in case.program.populations:
        raster = case.activity.populations[population.name].spikes
        if population.spiking:
            assert 0 < raster.total() < raster.unpack().size, population.name
    assert case.activity.populations["out"].updated.total() > 0


def test_the_float_run_is_the_graph(case, floats):
    for population in case.graph.populations:
        if population.neuron.spiking or population.is_input:
            expected = np.moveaxis(floats[population.name], 1, 0).reshape(SAMPLES, STEPS, -1)
            seen = case.spikes(case.result.reference, population.name)
            np.testing.assert_array_equal(seen, expected != 0, population.name)


def test_the_float_readout_is_the_graphs(case, floats):
    out = floats["out"]
    scores = {"spike_count": out.sum(0), "v_max": out.max(0), "v_last": out[-1]}
    np.testing.assert_allclose(
        case.result.reference.scores, scores[case.graph.readout.kind], rtol=1e-12, atol=1e-12
    )


def test_the_reference_target_is_the_float_run(case):
    own = run(case.network, replace(case.options, target="reference"))
    for name, population in case.result.reference.populations.items():
        seen = own.activity.populations[name]
        np.testing.assert_array_equal(seen.spikes.bits, population.spikes.bits, name)
    np.testing.assert_array_equal(own.activity.scores, case.result.reference.scores)
    assert (own.drift, own.violations, own.reference) == ((), (), None)


def test_spikes_and_states_are_those_of_the_chip(case, chip):
    arrays = case.result.trace.arrays
    for population in case.program.populations:
        name = population.name
        wanted = [("spikes", name)] if population.spiking else []
        wanted += [] if population.is_input else [("u", f"{name}.u"), ("v", f"{name}.v")]
        for field, key in wanted:
            expected = np.stack([getattr(one, field)[name] for one in chip])
            seen = arrays[key].reshape(expected.shape)
            if population.is_input:
                expected[:, STEPS:] = 0
            np.testing.assert_array_equal(seen, expected, key)


def test_windows_and_updates_are_those_of_the_chip(case, chip):
    for population in case.program.populations:
        name, late = population.name, population.latency
        window = slice(late, late + STEPS)
        if population.spiking:
            expected = np.stack([one.spikes[name][window] for one in chip])
            np.testing.assert_array_equal(case.spikes(case.activity, name), expected, name)
        if not population.is_input:
            expected = np.stack([one.updated[name][window] for one in chip]).sum()
            assert case.activity.populations[name].updated.total() == expected, name


def test_scores_are_the_chips_in_the_graphs_units(case, chip):
    """Spike counts as they are; membranes divided by the scale."""
    out = case.program.population("out")
    window = slice(out.latency, out.latency + STEPS)
    field = "spikes" if out.spiking else "v"
    values = np.stack([getattr(one, field)["out"][window] for one in chip], axis=1)
    kind = case.graph.readout.kind
    raw = {"spike_count": values.sum(0), "v_max": values.max(0), "v_last": values[-1]}[kind]
    scores = raw if kind == "spike_count" else out.offset + raw / out.scale
    np.testing.assert_array_equal(case.activity.scores, scores)
    np.testing.assert_array_equal(case.activity.predictions, scores.argmax(axis=1))


def test_synapses_take_a_step_and_no_latency_is_wasted(case):
    tight = set()
    for projection in case.program.projections:
        least = int(chip_delay(case.program, projection).min())
        assert least >= 1, projection.name
        if least == 1:
            tight.add(projection.target)
    for population in case.program.populations:
        if population.latency:
            assert population.name in tight


def test_drift_is_the_difference_of_the_two_runs(case):
    (drift,) = case.result.drift
    assert [p.name for p in drift.populations] == [p.name for p in case.program.populations]
    for row in drift.populations:
        before = case.spikes(case.result.reference, row.name)
        after = case.spikes(case.activity, row.name)
        assert row.differing == int((before != after).sum())
        assert row.rate_before == before.mean()
        assert row.rate_after == after.mean()
    before, after = case.result.reference.predictions, case.activity.predictions
    assert drift.predictions_differing == len(drift.changed) == int((before != after).sum())
    labels = case.result.labels
    assert drift.accuracy_before == np.mean(before == labels)
    assert drift.accuracy_after == np.mean(after == labels) == case.result.accuracy


def test_rates_stay_close_to_the_float_graph(case):
    """Eight-bit weights move spikes, but not a population's rate."""
    for row in case.result.drift[0].populations:
        assert abs(row.rate_after - row.rate_before) <= 0.05, row


def test_a_program_does_not_depend_on_how_a_run_is_cut(case):
    other = run(
        case.network,
        replace(case.options, batch=256, block_steps=None, trace=False, trace_state=False),
    )
    for one, two in zip(case.program.projections, other.program.projections, strict=True):
        np.testing.assert_array_equal(
            getattr(one.operator, "weight", 0), getattr(two.operator, "weight", 0)
        )
    np.testing.assert_array_equal(case.activity.scores, other.activity.scores)
    assert case.result.energy == other.energy
    assert case.result.drift == other.drift
