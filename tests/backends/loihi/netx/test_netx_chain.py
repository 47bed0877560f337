"""``.net`` files through the API and the commands, from the file to the report."""

from __future__ import annotations

import json

import numpy as np
import pytest

import snn2chip
from snn2chip.cli import main
from snn2chip.energy import count
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError

from . import plain_netx
from .net_files import conv, cuba, dense, write_net

WEIGHT = np.array([[90, -40, 20], [10, 120, -60]])
OUT = np.array([[100, 30], [-20, 90], [60, 60], [127, 0]])


@pytest.fixture
def spiking(tmp_path):
    """Layers, their file, and a file of timed spikes [sample, step, 3]."""
    layers = [
        {"type": "input", "shape": np.array([3])},
        dense(WEIGHT, cuba(60)),
        dense(OUT, cuba(50), delay=np.array([0, 2, 1, 0])),
        {"type": "average", "shape": np.array([2])},
    ]
    write_net(tmp_path / "spiking.net", layers)
    x = (np.random.default_rng(3).random((4, 9, 3)) < 0.5).astype(np.uint8)
    np.savez(tmp_path / "spikes.npz", x=x, y=np.array([0, 1, 1, 0]))
    return layers, tmp_path / "spiking.net", tmp_path / "spikes.npz", x


@pytest.fixture
def driven(tmp_path):
    """The same for an input layer with neurons; biases [sample, 1, 2, 3]."""
    layers = [
        {"type": "input", "shape": np.array([1, 2, 3]), "neuron": cuba(25, 4096, 1024)},
        conv(np.array([[[[30, -20]]]]), (1, 2, 2), cuba(30)),
    ]
    write_net(tmp_path / "driven.net", layers)
    x = np.random.default_rng(3).integers(-10, 60, (3, 1, 2, 3))
    np.savez(tmp_path / "biases.npz", x=x)
    return layers, tmp_path / "driven.net", tmp_path / "biases.npz", x


def command(*words):
    """Exit code of a command."""
    return main([str(word) for word in words])


def test_spikes_of_every_step_are_those_of_the_plain_oracle(spiking):
    layers, net, data, x = spiking
    run = snn2chip.simulate(net, data=str(data))
    for sample in range(len(x)):
        expected = plain_netx.run(layers[:3], x[sample], 9)
        for layer in ("layer1", "layer2"):
            np.testing.assert_array_equal(
                run.spikes(layer)[:, sample], expected[layer]["spikes"], layer
            )


def test_steps_are_the_chip_s_own(spiking):
    """Fewer than the data have, or more: then the network goes on without input."""
    layers, net, data, x = spiking
    longer = snn2chip.simulate(net, data=str(data), steps=14)
    shorter = snn2chip.simulate(net, data=str(data), steps=5)
    padded = np.concatenate([x[1], np.zeros((5, 3), np.uint8)])
    expected = plain_netx.run(layers[:3], padded, 14)["layer2"]["spikes"]
    np.testing.assert_array_equal(longer.spikes("layer2")[:, 1], expected)
    np.testing.assert_array_equal(shorter.spikes("layer2")[:, 1], expected[:5])
    assert longer.report.to_dict()["run"]["chip_steps"] == 14


def test_the_average_sums_spikes_of_neighbours(spiking):
    _, net, data, _ = spiking
    run = snn2chip.simulate(net, data=str(data))
    counts = run.spikes("layer2").sum(axis=0)
    expected = np.stack([counts[:, :2].sum(axis=1), counts[:, 2:].sum(axis=1)], axis=1)
    np.testing.assert_array_equal(run.result.activity.scores, expected)
    assert run.accuracy == np.mean(expected.argmax(axis=1) == [0, 1, 1, 0])


def test_there_is_no_float_network_to_drift_from(spiking):
    _, net, data, _ = spiking
    run = snn2chip.simulate(net, data=str(data))
    assert run.drift == ()
    assert run.result.reference is None
    assert run.result.calibrated_on == "the .net file"
    assert run.layers[1].counts.synaptic_events == 2 * run.spikes("layer0").sum()
    assert run.energy.total_pj > 0


def test_biases_drive_the_first_neurons(driven):
    layers, net, data, x = driven
    run = snn2chip.simulate(net, data=str(data), steps=11)
    for sample in range(len(x)):
        expected = plain_netx.run(layers, x[sample], 11)
        for layer in ("layer0", "layer1"):
            np.testing.assert_array_equal(run.spikes(layer)[:, sample], expected[layer]["spikes"])


def test_a_bias_is_sent_once(driven):
    """One packet per bias that is not 0, and no more while it stays."""
    _, net, data, x = driven
    run = snn2chip.simulate(net, data=str(data), steps=11)
    result = run.result
    counts = count(result.program, result.activity, result.mapping)
    layers = {layer.name: layer for layer in counts.layers}
    assert layers["input"].spikes == np.count_nonzero(x)
    assert layers["layer0"].synaptic_events == np.count_nonzero(x)
    assert layers["layer0"].neuron_updates >= 11 * np.count_nonzero(x)
    assert any("one packet per bias" in line for line in result.fidelity.modelled)


def test_biases_that_change(driven, tmp_path):
    """Timed values are written when they change; the last ones stay."""
    _, net, _, x = driven
    timed = np.stack([x, x, x + 5], axis=1)
    np.savez(tmp_path / "timed.npz", x=timed)
    run = snn2chip.simulate(net, data=str(tmp_path / "timed.npz"), steps=6)
    program = run.result.program
    sent = run.result.activity.populations["input"].spikes.unpack()
    assert sent[1].sum() == 0
    assert sent[2].sum() == x.size
    assert sent[3:].sum() == 0
    assert program.encoding.kind == "direct"


def test_values_that_are_no_biases_are_refused(driven, tmp_path):
    _, net, _, x = driven
    for wrong in (x / 3.0, x + 40_000):
        np.savez(tmp_path / "wrong.npz", x=wrong)
        with pytest.raises(InputFileError, match="bias mantissas"):
            snn2chip.simulate(net, data=str(tmp_path / "wrong.npz"), steps=3)


def test_random_data_run_either_kind(spiking, driven):
    for net in (spiking[1], driven[1]):
        run = snn2chip.simulate(net, data="random", steps=6, samples=2)
        assert run.result.synthetic
    with pytest.raises(ConfigError, match="length of a sample"):
        snn2chip.simulate(driven[1], data="random")


def test_values_are_encoded_where_the_user_says_so(spiking, driven, tmp_path):
    np.savez(tmp_path / "values.npz", x=np.random.default_rng(1).random((2, 3)))
    run = snn2chip.simulate(spiking[1], data=str(tmp_path / "values.npz"), encoding="if", steps=8)
    assert run.spikes("layer0").any()
    with pytest.raises(ConfigError, match="--encoding"):
        snn2chip.load(driven[1], encoding="if")


@pytest.mark.parametrize("target", ["reference", "asic45"])
def test_other_targets_are_refused(target, spiking, capsys):
    code = command("simulate", spiking[1], "--target", target, "--data", "random", "--steps", 3)
    assert code == 4
    assert "integers for loihi already" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_both_loihis_run_it(target, spiking):
    run = snn2chip.simulate(spiking[1], target=target, data=str(spiking[2]))
    assert run.violations == ()


@pytest.mark.parametrize(
    "option", [{"preset": "norse"}, {"dt": 0.1}, {"reset": "zero"}, {"preset_set": {"fires": ">"}}]
)
def test_options_of_time_are_refused(option, spiking):
    with pytest.raises(ConfigError, match="--"):
        snn2chip.load(spiking[1], **option)


def test_calibration_is_refused(spiking):
    with pytest.raises(ConfigError, match="--calibrate"):
        snn2chip.simulate(spiking[1], data="random", calibrate="random", steps=3)


def test_info_shows_integers(spiking, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert command("info", spiking[1]) == 0
    text = capsys.readouterr().out
    assert "du 4095, dv 128, vth 60, bias_mant 0, bias_exp 6, v0 0" in text
    assert "spike_count of layer2 in 2 groups" in text
    assert "layer1->layer2" in text
    assert command("info", "--text", spiking[1]) == 2


def test_check_places_it(driven, capsys):
    assert command("check", driven[1]) == 0
    assert "driven fits loihi2" in capsys.readouterr().out


def test_simulate_writes_traces_and_reports(driven, tmp_path):
    layers, net, data, x = driven
    files = ("--trace", tmp_path / "t.npz", "--trace-state", "--json", tmp_path / "r.json")
    pages = ("--html", tmp_path / "r.html", "--csv", tmp_path / "r.csv")
    assert command("simulate", net, "--data", data, "--steps", 7, *files, *pages) == 0
    expected = plain_netx.run(layers, x[2], 7)
    with np.load(tmp_path / "t.npz") as trace:
        for layer, states in expected.items():
            np.testing.assert_array_equal(trace[layer][2], states["spikes"])
            for key in ("u", "v"):
                np.testing.assert_array_equal(trace[f"{layer}.{key}"][2], states[key])
    report = json.loads((tmp_path / "r.json").read_text())
    assert [layer["name"] for layer in report["layers"]] == ["input", "layer0", "layer1"]
    assert report["drift"] == []
    assert report["run"]["steps"] == report["run"]["chip_steps"] == 7


def test_compile_says_that_there_is_nothing_to_compile(spiking, tmp_path):
    with pytest.raises(UnsupportedError, match="nothing to compile"):
        snn2chip.compile(spiking[1], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["network.nir", "network.net"])
def test_files_under_the_other_suffix(name, spiking, tmp_path, capsys):
    """A .net file called .nir, and a file that is none."""
    path = tmp_path / name
    path.write_bytes(spiking[1].read_bytes() if name.endswith(".nir") else b"text")
    assert command("info", path) == 3
    assert "Traceback" not in capsys.readouterr().err
