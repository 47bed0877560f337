"""Engine and oracle equal Lava running the same ``.net`` file with netx, at every step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.backends.loihi.netx import read_net
from snn2chip.backends.loihi.oracle import run_sample

from .netx_golden import CASES, FILE, STATES, assert_equal, engine, given, lava, net_file

EVERY_CASE = pytest.mark.parametrize("name", CASES)


@EVERY_CASE
def test_the_engine_equals_lava(name, tmp_path):
    program = read_net(net_file(name, tmp_path))
    assert_equal(engine(program, given(program, name)), lava(name))


@EVERY_CASE
def test_blocks_of_time_equal_lava(name, tmp_path):
    program = read_net(net_file(name, tmp_path))
    assert_equal(engine(program, given(program, name), block_steps=7), lava(name))


@pytest.mark.parametrize(
    "name", ["inhibitory_with_zero", "recurrent", "delay_per_synapse_clamped", "input_neurons"]
)
def test_the_oracle_equals_lava(name, tmp_path):
    program = read_net(net_file(name, tmp_path))
    source = program.inputs[0].name
    steps = 20
    run = run_sample(program, {source: given(program, name)[:steps]}, steps)
    found = {
        layer: {key: getattr(run, key)[layer].reshape(steps, *shape) for key in STATES}
        for layer, shape in ((p.name, p.shape) for p in program.populations)
        if layer != source
    }
    expected = {n: {k: values[:steps] for k, values in a.items()} for n, a in lava(name).items()}
    assert_equal(found, expected)


@EVERY_CASE
def test_the_case_is_not_silent(name):
    last = {"two_layers_no_neuron_group": "layer0"}.get(name, CASES[name]["layers"][-1])
    spikes = lava(name)[last]["spikes"]
    assert 0 < spikes.mean() < 1


def test_layers_without_neurons_reach_their_wrap():
    """netx's default never forgets its current, so that it passes 24 bits in a trace this long."""
    u = lava("two_layers_no_neuron_group")["layer1"]["u"].astype(np.int64)
    assert np.abs(np.diff(u, axis=0)).max() > 0


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("mixed_clipped", "weights are not what the file says"),
        ("mixed_odd_large", "weights of 9 bits"),
        ("excitatory_lost", "30 weights are not what the file says"),
        ("inhibitory_minus_one", "20 weights are not what the file says"),
        ("bias_beyond_16_bits", "biases beyond 16 bits wrap"),
        ("biases", "bias holds fractions, which netx cuts"),
        ("two_layers_no_neuron_group", "netx's defaults"),
        ("delay_per_synapse_clamped", "delays clamped to 62 steps"),
        ("input_neurons", "int(36 * x + 34)"),
        ("input_neurons_with_current_memory", "int(64 * x + 3)"),
    ],
)
def test_what_lava_makes_of_the_file_is_noted(name, fragment, tmp_path):
    program = read_net(net_file(name, tmp_path))
    assert any(fragment in note for note in program.notes)


@pytest.mark.parametrize("name", ["mixed_small", "mixed_even_large", "excitatory", "conv_groups"])
def test_files_that_lava_takes_as_they_are_have_no_note_of_it(name, tmp_path):
    (note,) = read_net(net_file(name, tmp_path)).notes
    assert note.startswith("integers of the file")


def test_a_wrong_weight_would_be_noticed(tmp_path):
    program = read_net(net_file("mixed_small", tmp_path))
    (projection,) = program.projections
    weights = projection.operator.weight.copy()
    weights[0, 0] += 2
    wrong = replace(projection, operator=replace(projection.operator, weight=weights))
    with pytest.raises(AssertionError):
        assert_equal(
            engine(replace(program, projections=(wrong,)), given(program, "mixed_small")),
            lava("mixed_small"),
        )


def test_the_file_stays_small():
    assert FILE.stat().st_size < 200_000
