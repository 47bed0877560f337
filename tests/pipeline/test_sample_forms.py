"""One set of samples in every form that a data file may have gives one and the same run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.api import Run
from snn2chip.data import encode
from snn2chip.errors import ConfigError, InputFileError, Snn2chipError
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Encoding
from snn2chip.pipeline import Options, open_network, run
from tests.whole_networks import BUILDERS, SAMPLES, STEPS, write_network


@pytest.fixture(params=["delayed", "two_inputs", "images"])
def network(request, tmp_path):
    return open_network(write_network(tmp_path, request.param), Options())


@pytest.fixture
def spikes(network):
    rng = np.random.default_rng(3)
    return {p.name: rng.random((SAMPLES, STEPS, *p.shape)) < 0.4 for p in network.graph.inputs}


@pytest.fixture
def labels():
    return np.arange(SAMPLES) % 3


def deploy(network, path, labels=None, **arrays):
    """The run on a file with these arrays."""
    found = {name.replace("__", "."): array for name, array in arrays.items()}
    np.savez(path, **found, **({} if labels is None else {"y": labels}))
    return Run(run(network, Options(data=str(path))))


def keys(stem, network):
    """Names of the arrays by input: with the input's name where there are several."""
    inputs = network.graph.inputs
    return {p.name: stem if len(inputs) == 1 else f"{stem}__{p.name}" for p in inputs}


def events_of(spikes):
    """(sample, step, flat index) of every spike, in no order."""
    flat = spikes.reshape(SAMPLES, STEPS, -1)
    return np.random.default_rng(0).permutation(np.argwhere(flat), axis=0)


def test_events_are_the_spikes_they_name(network, spikes, labels, tmp_path):
    path = tmp_path / "data.npz"
    dense = {key: spikes[name] for name, key in keys("x", network).items()}
    sparse = {key: events_of(spikes[name]) for name, key in keys("events", network).items()}
    one = deploy(network, path, labels, **dense)
    other = deploy(network, path, labels, **sparse, steps=np.array(STEPS))
    for name, given in spikes.items():
        np.testing.assert_array_equal(np.moveaxis(other.spikes(name), 1, 0), given)
    assert one.report.to_dict() == other.report.to_dict()
    assert one.accuracy is not None


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
def test_spikes_of_any_type_are_the_same(network, spikes, labels, tmp_path, kind):
    path = tmp_path / "data.npz"
    plain = {key: spikes[name] for name, key in keys("x", network).items()}
    cast = {key: array.astype(kind) for key, array in plain.items()}
    one, other = (deploy(network, path, labels, **arrays) for arrays in (plain, cast))
    assert one.report.to_dict() == other.report.to_dict()


def test_static_values_are_the_spikes_of_the_encoder(network, tmp_path, labels):
    """One IF neuron per value: adds it at every step, fires above 1, restarts at 0."""
    encoding = Encoding("if", steps=STEPS)
    graph = replace(network.graph, encoding=encoding)
    write_graph(graph, tmp_path / "static.nir")
    static = open_network(tmp_path / "static.nir", Options())
    rng = np.random.default_rng(4)
    values = {p.name: rng.random((SAMPLES, *p.shape)) for p in graph.inputs}
    path = tmp_path / "data.npz"
    given = {key: values[name] for name, key in keys("x", network).items()}
    one = deploy(static, path, labels, **given)
    by_hand = {}
    for name, x in values.items():
        v, fired = np.zeros_like(x), []
        for _ in range(STEPS):
            v = v + x
            fired.append(v > 1.0)
            v = np.where(v > 1.0, 0.0, v)
        by_hand[name] = np.stack(fired, axis=1)
        np.testing.assert_array_equal(np.moveaxis(encode(x, encoding, STEPS), 0, 1), by_hand[name])
    timed = {key: by_hand[name] for name, key in keys("x", network).items()}
    other = deploy(static, path, labels, **timed)
    assert one.report.to_dict() == other.report.to_dict()


def test_a_run_without_any_spike_is_a_run(network, tmp_path, labels):
    silent = {
        key: np.zeros((SAMPLES, STEPS, *network.graph.population(name).shape), bool)
        for name, key in keys("x", network).items()
    }
    report = deploy(network, tmp_path / "data.npz", labels, **silent).report
    rows = {row.name: row for row in report.layers}
    for population in network.graph.inputs:
        assert (rows[population.name].spikes, rows[population.name].packets) == (0, 0)
    assert report.totals.neuron_steps > 0
    assert report.totals.energy_pj.neuron > 0


def wrong(spikes, change):
    return {f"x.{name}": change(name, array) for name, array in spikes.items()}


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda _, x: 2 * x.astype(int), InputFileError, "0 and 1"),
        (lambda _, x: x[:, :, :-1], InputFileError, "does not fit the network's input"),
        (lambda name, x: x[:-1] if name == "left" else x, InputFileError, "go together"),
        (lambda name, x: x[:, :-1] if name == "left" else x, InputFileError, "go together"),
        (lambda _, x: x[:, 0], ConfigError, "no encoding"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(tmp_path, change, kind, words):
    network = open_network(write_network(tmp_path, "two_inputs"), Options())
    rng = np.random.default_rng(3)
    given = {p.name: rng.random((SAMPLES, STEPS, *p.shape)) < 0.4 for p in network.graph.inputs}
    np.savez(tmp_path / "wrong.npz", **wrong(given, change))
    with pytest.raises(kind, match=words) as caught:
        run(network, Options(data=str(tmp_path / "wrong.npz")))
    assert isinstance(caught.value, Snn2chipError)
    assert "wrong.npz" in str(caught.value)


def test_all_networks_run_on_synthetic_spikes(tmp_path):
    """``random`` gives spikes of the asked length, and others for another seed."""
    for name in BUILDERS:
        network = open_network(write_network(tmp_path, name), Options())
        seeds = [
            Run(run(network, Options(data="random", steps=6, seed=seed))) for seed in (0, 0, 1)
        ]
        first = network.graph.inputs[0].name
        one, same, other = (seed.spikes(first) for seed in seeds)
        assert len(one) == 6
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()
        assert seeds[0].report.run.synthetic
