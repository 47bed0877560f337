"""The chain end to end on small networks: what it returns, and what it must not depend on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.core import Mapping, Slice
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Delay
from snn2chip.mapping import write_mapping
from snn2chip.pipeline import Options, check, compile_network, open_network, reprice, run
from snn2chip.targets import load_target
from tests.networks import chain, dense


@pytest.fixture
def options(data):
    return Options(data=str(data))


@pytest.fixture
def opened(network, options):
    return open_network(network, options)


@pytest.fixture
def result(opened, options):
    return run(opened, options)


def same_activity(one, other):
    for name, population in one.populations.items():
        np.testing.assert_array_equal(population.spikes.bits, other.populations[name].spikes.bits)
        np.testing.assert_array_equal(population.updated.bits, other.populations[name].updated.bits)
    np.testing.assert_array_equal(one.scores, other.scores)


def test_the_result_is_whole(result):
    assert result.activity.samples == 30
    assert result.activity.steps == 16
    assert result.activity.populations["out"].spikes.total() > 0
    assert result.accuracy == np.mean(result.activity.predictions == result.labels)
    assert result.violations == ()
    assert [layer.counts.name for layer in result.energy.layers] == ["input", "hidden0", "out"]
    (drift,) = result.drift
    assert drift.samples == 30
    assert drift.accuracy_after == result.accuracy
    assert "40 samples" in result.calibrated_on
    assert set(result.wall_times) >= {"quantize", "simulate"}


def test_layer_counts_follow_from_the_rasters(result):
    layers = {layer.counts.name: layer.counts for layer in result.energy.layers}
    spikes = {name: p.spikes.total() for name, p in result.activity.populations.items()}
    for name, counts in layers.items():
        assert counts.spikes == spikes[name]
        assert counts.spike_rate == spikes[name] / (counts.neurons * 16 * 30)
    assert layers["hidden0"].synaptic_events == spikes["input"] * 8
    assert layers["out"].synaptic_events == spikes["hidden0"] * 3
    assert layers["input"].neuron_steps == 0
    assert layers["out"].neuron_steps == 3 * 16 * 30


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("block_steps", [None, 5])
def test_cuts_change_nothing(opened, options, result, batch, block_steps):
    other = run(opened, replace(options, batch=batch, block_steps=block_steps))
    same_activity(result.activity, other.activity)
    assert other.energy == result.energy
    assert other.drift == result.drift


def test_the_same_seed_gives_the_same_result(opened, options, result):
    other = run(opened, options)
    same_activity(result.activity, other.activity)
    assert other.energy == result.energy


def test_fewer_samples_are_the_first_ones(opened, options, result):
    part = run(opened, replace(options, samples=5))
    np.testing.assert_array_equal(part.activity.scores, result.activity.scores[:5])


def test_fewer_steps_are_the_first_ones(opened, options, result):
    part = run(opened, replace(options, steps=9))
    full = result.activity.populations["hidden0"].spikes.unpack()
    np.testing.assert_array_equal(part.activity.populations["hidden0"].spikes.unpack(), full[:9])


def test_scored_samples_do_not_reach_the_scales(opened, options, tmp_path, data, result):
    """Other test samples leave the program as it is."""
    arrays = dict(np.load(data))
    arrays["x_test"] = 1.0 - arrays["x_test"]
    other = tmp_path / "other.npz"
    np.savez(other, **arrays)
    changed = run(opened, replace(options, data=str(other)))
    for a, b in zip(result.program.projections, changed.program.projections, strict=True):
        np.testing.assert_array_equal(a.operator.weight, b.operator.weight)


def test_the_reference_target_is_the_graph(opened, options, result):
    reference = run(opened, replace(options, target="reference"))
    assert reference.drift == ()
    assert reference.energy.total_pj is None
    same_activity(reference.activity, result.reference)


def test_calibration_data_of_their_own(opened, options, tmp_path):
    path = tmp_path / "calibration.npz"
    np.savez(path, x=np.random.default_rng(3).random((10, 6)))
    result = run(opened, replace(options, calibrate=str(path)))
    assert "10 samples of calibration.npz" in result.calibrated_on


def test_without_a_training_split_the_maxima_serve(opened, options, tmp_path):
    path = tmp_path / "plain.npz"
    np.savez(path, x=np.random.default_rng(3).random((10, 6)))
    result = run(opened, replace(options, data=str(path)))
    assert "maxima" in result.calibrated_on
    assert result.accuracy is None


def test_random_data_are_marked(opened):
    assert run(opened, Options(data="random", samples=4)).synthetic


def test_no_data_is_a_question_with_three_answers(opened):
    with pytest.raises(ConfigError) as caught:
        run(opened, Options())
    for answer in ("FILE.npz", "digits", "random"):
        assert answer in str(caught.value)


def test_a_trace_holds_the_whole_run_by_chip_step(opened, options):
    result = run(opened, replace(options, trace=True, trace_state=True))
    arrays = result.trace.arrays
    assert set(arrays) == {"input", "hidden0", "out"} | {
        f"{name}.{state}" for name in ("hidden0", "out") for state in "uv"
    }
    assert arrays["out"].shape == (30, 18, 3)
    assert arrays["out"].dtype == np.uint8
    assert arrays["out.v"].dtype == np.int32
    window = result.activity.populations["out"].spikes.unpack()
    np.testing.assert_array_equal(np.moveaxis(arrays["out"][:, 2:], 1, 0), window)
    assert not arrays["out"][:, :2].any()
    assert not arrays["input"][:, 16:].any()


def test_check_does_not_simulate_and_fits(opened):
    found = check(opened, Options())
    assert found.violations == ()
    assert found.mapping.cores_used == 3


def test_a_mapping_can_be_pinned(opened, options, tmp_path, result):
    path = tmp_path / "mapping.json"
    cores = {**result.mapping.cores, "hidden0": (Slice(0, 3, 1), Slice(4, 7, 3))}
    places = {**result.mapping.places, 3: result.mapping.places[0]}
    write_mapping(Mapping.from_slices(result.mapping.target, cores, places), path)
    pinned = run(opened, replace(options, mapping=path))
    same_activity(pinned.activity, result.activity)
    before, after = (
        {layer.counts.name: layer.counts for layer in r.energy.layers} for r in (result, pinned)
    )
    assert after["hidden0"].cores == 2
    assert after["input"].packets == 2 * before["input"].packets
    assert after["hidden0"].synaptic_events == before["hidden0"].synaptic_events


def test_another_table_reprices_the_same_counts(opened, options):
    chosen = replace(options, target="loihi1")
    one = run(opened, replace(chosen, costs="davies2018"))
    other = run(opened, replace(chosen, costs="sanafe_nahuku"))
    assert [layer.counts for layer in one.energy.layers] == [
        layer.counts for layer in other.energy.layers
    ]
    assert one.energy.dynamic_pj != other.energy.dynamic_pj


def test_other_prices_on_the_same_mapping_do_not_count_again(opened, options):
    one = run(opened, replace(options, target="loihi1"))
    again = reprice(one, "sanafe_nahuku", timing="detailed")
    assert again.counts is one.counts
    assert again.energy.timing == "detailed"
    assert reprice(again, "sanafe_nahuku").energy.timing == "detailed"
    other = reprice(one, None, load_target("loihi2"))
    assert other.counts is not one.counts


def test_unknown_names_suggest(opened, options):
    with pytest.raises(ConfigError, match="loihi2"):
        run(opened, replace(options, target="loihi22"))
    with pytest.raises(ConfigError, match="davies2018"):
        run(opened, replace(options, target="loihi1", costs="davies"))
    with pytest.raises(InputFileError, match="no such file") as caught:
        open_network("nothing.nir", options)
    assert caught.value.remedy == "check the path"
    with pytest.raises(InputFileError, match="did you mean 'digits-mlp'"):
        open_network("digits-mpl", options)


def test_reset_and_encoding_can_be_overridden(network, options):
    opened = open_network(network, replace(options, reset="subtract"))
    with pytest.raises(UnsupportedError, match="subtraction"):
        run(opened, options)
    opened = open_network(network, replace(options, encoding="direct"))
    with pytest.raises(UnsupportedError, match="direct"):
        run(opened, options)


def test_compile_without_data_still_gives_a_program(opened):
    compilation = compile_network(opened, Options())
    assert compilation.result is None
    assert "maxima" in compilation.calibrated_on
    assert compilation.check.violations == ()


def test_a_convolution_runs_end_to_end(conv_network, tmp_path):
    path = tmp_path / "images.npz"
    rng = np.random.default_rng(4)
    np.savez(path, x=rng.random((6, 1, 6, 6)), y=rng.integers(0, 3, 6))
    options = Options(data=str(path), steps=12)
    result = run(open_network(conv_network, options), options)
    layers = {layer.counts.name: layer.counts for layer in result.energy.layers}
    assert layers["conv"].synapses == 2 * 16 * 9
    assert layers["conv"].synaptic_events > 0


def test_timed_spikes_need_no_encoding(opened, tmp_path):
    path = tmp_path / "timed.npz"
    spikes = np.random.default_rng(5).random((4, 11, 6)) < 0.4
    np.savez(path, x=spikes)
    result = run(opened, Options(data=str(path)))
    assert result.activity.steps == 11
    given = np.moveaxis(result.activity.populations["input"].spikes.unpack(), 0, 1)
    np.testing.assert_array_equal(given, spikes)


def test_a_tight_cycle_runs_with_longer_delays_when_allowed(tmp_path):
    """Two populations that feed each other with one step of delay: the chip needs two."""
    rng = np.random.default_rng(6)
    net = chain(rng, sizes=(6, 4, 4))
    back = dense("out", "hidden0", 1.5 * np.eye(4), (4,), (4,), delay=Delay(np.array(1, np.int64)))
    path = tmp_path / "loop.nir"
    write_graph(replace(net, projections=(*net.projections, back), name="loop"), path)
    spikes = tmp_path / "spikes.npz"
    np.savez(spikes, x=rng.random((5, 30, 6)) < 0.5)
    options = Options(data=str(spikes))
    opened = open_network(path, options)
    with pytest.raises(UnsupportedError, match="--allow-latency"):
        run(opened, options)
    allowed = replace(options, allow_latency=True)
    result = run(opened, allowed)
    assert any("1 step of delay added" in note for note in result.program.notes)
    assert result.drift[0].first is not None
    assert result.program.notes[-1] in check(opened, allowed).program.notes
