"""``device`` changes where layers are computed and nothing else, and says what stays behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.errors import ConfigError
from snn2chip.frontends.nir import write_graph
from snn2chip.pipeline import Options, devices, open_network, run, running

pytest.importorskip("torch")

from snn2chip.engine.devices.device import torch_device


@pytest.fixture
def on_torch(monkeypatch):
    """Everything that asks for a device gets torch's processor."""
    monkeypatch.setattr(running, "find_device", lambda name: torch_device("cpu"))


@pytest.mark.parametrize("which", ["network", "conv_network"])
def test_a_device_changes_no_integer(which, data, request, on_torch, monkeypatch):
    opened = open_network(request.getfixturevalue(which), Options())
    where = str(data) if which == "network" else "random"
    options = Options(data=where, samples=6, trace=True, trace_state=True)
    there = run(opened, options)
    monkeypatch.setattr(running, "find_device", lambda name: None)
    here = run(opened, options)
    assert not [note for note in there.notes if "--device" in note]
    np.testing.assert_array_equal(there.activity.scores, here.activity.scores)
    for name, values in here.trace.arrays.items():
        np.testing.assert_array_equal(there.trace.arrays[name], values, name)
    for name, population in here.activity.populations.items():
        other = there.activity.populations[name]
        np.testing.assert_array_equal(other.updated.bits, population.updated.bits)
        assert (other.warnings, other.peak_v) == (population.warnings, population.peak_v)


def test_what_has_no_layer_is_named(network, data, on_torch):
    opened = open_network(network, Options())
    result = run(opened, Options(data=str(data), target="reference", samples=2))
    assert result.notes[-1] == "--device cpu: float64 is computed on the processor"


def test_populations_in_cycles_are_named(tmp_path, on_torch):
    from tests.whole_networks import BUILDERS, STEPS, write_spikes

    graph = BUILDERS["recurrent"](np.random.default_rng(0))
    write_graph(graph, tmp_path / "net.nir")
    write_spikes(tmp_path, graph)
    opened = open_network(tmp_path / "net.nir", Options())
    result = run(opened, Options(data=str(tmp_path / "net.npz"), allow_latency=True))
    assert result.activity.steps == STEPS
    assert "on the processor all the same: " in result.notes[-1]


@pytest.mark.parametrize("device", ["gpu", "", "cuda:1"])
def test_devices_that_are_not_known(network, data, device):
    opened = open_network(network, Options())
    with pytest.raises(ConfigError, match="cpu and cuda"):
        run(opened, Options(data=str(data), device=device))


@pytest.mark.parametrize("device", [None, 0, ["cpu"]])
def test_what_is_no_name(device):
    with pytest.raises(ConfigError, match="device"):
        Options(device=device)


def test_the_processor_needs_no_notes():
    arithmetic, settings = object(), object()
    assert devices.on_device(None, None, arithmetic, settings) == (arithmetic, settings, ())


def test_a_run_on_a_device_has_one_thread():
    from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
    from snn2chip.engine import RunOptions
    from tests.backends.loihi.test_torch_layers import chain as one_layer

    program = one_layer(np.ones((2, 3), int), 4095)
    moved, settings, notes = devices.on_device(
        torch_device("cpu"), program, LoihiArithmetic("lava"), RunOptions(threads=8)
    )
    assert (moved.mode, moved.device.name) == ("lava", "cpu")
    assert (settings, notes) == (replace(RunOptions(), threads=1), ())
