"""Programs written as ``.net``, and what the file makes of them when it is read as netx does."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.netx import pipelined, read_net
from snn2chip.backends.loihi.netx.writing.write import FILE, net_artefacts
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import UnsupportedError, combine
from snn2chip.graph import Conv, Delay, Dense, Encoding, Identity
from snn2chip.graph.operators import with_weights
from snn2chip.graph.zeros import without_zeros
from tests.examples import examples

from .chain_programs import chain_program, chains

STEPS, SAMPLES = 9, 2


def written(program, folder):
    """The program of the file, and its entry of the manifest."""
    made = net_artefacts(program)
    assert made.refused == ()
    path = folder / FILE
    path.write_bytes(made.files[FILE])
    return read_net(path), made.manifest["net"]


def recordings(program, arithmetic, spikes):
    """States and spikes by population in graph time, [sample, step, neuron]."""
    given = {program.inputs[0].name: spikes.reshape(STEPS, SAMPLES, *program.inputs[0].shape)}
    options = RunOptions(trace=True, trace_state=True)
    _, trace = simulate(program, given, LoihiArithmetic(arithmetic), options)
    found = {}
    for p in program.populations:
        for key in ("", ".v", ".u"):
            if p.name + key in trace.arrays:
                window = trace.arrays[p.name + key][:, p.latency : p.latency + STEPS]
                found[p.name, key] = window.reshape(SAMPLES, STEPS, -1)
    return found


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=chains())
def test_the_file_computes_what_the_program_does(program, tmp_path):
    """At every step of every neuron: netx's layers, started one after another, on Lava's side."""
    read, manifest = written(program, tmp_path)
    source = program.inputs[0]
    spikes = np.random.default_rng(1).random((STEPS, SAMPLES, source.size)) < 0.5
    ours = recordings(program, "chip", spikes)
    theirs = recordings(pipelined(read), "lava", spikes)
    for (name, key), values in ours.items():
        layer = f"layer{manifest['layers'][name]}"
        assert np.array_equal(values, theirs[layer, key]), (name, key)


@settings(max_examples=examples(20))
@given(program=chains())
def test_the_same_program_is_the_same_file(program):
    assert net_artefacts(program).files == net_artefacts(program).files


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=chains())
def test_layers_start_one_after_another(program, tmp_path):
    """As netx resets them: latency k of the k-th layer, whatever delays lie between."""
    read, manifest = written(program, tmp_path)
    started = {p.name: p.latency for p in pipelined(read).populations}
    for name, latency in manifest["latency"].items():
        assert started[f"layer{manifest['layers'][name]}"] == latency


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=chains(), seed=st.integers(0, 99))
def test_single_synapses_are_written_as_a_matrix(program, seed, tmp_path):
    """A matrix without its zeros is the same file."""
    rng = np.random.default_rng(seed)
    pruned, listed = [], []
    for p in program.projections:
        operator = p.operator
        if isinstance(operator, Dense) and p.delay.axis != "synapse":
            mask = rng.random(operator.weight.shape) < 0.5
            mask.reshape(-1)[0] = True  # netx cannot fit a matrix of zeros
            operator = with_weights(operator, operator.weight * mask)
        pruned.append(replace(p, operator=operator))
        kept = without_zeros(operator) if isinstance(operator, Dense) else operator
        listed.append(replace(p, operator=kept))
    one, other = (net_artefacts(replace(program, projections=tuple(p))) for p in (pruned, listed))
    assert one.refused == other.refused == ()
    assert one.files == other.files


def row(name, size, **parameters):
    values = {"du": 4095, "dv": 100, "vth": 50, "bias_mant": 0, "bias_exp": 6, "v0": 0}
    arrays = {key: np.asarray(value) for key, value in {**values, **parameters}.items()}
    return ProgramPopulation(name, "cuba", "LIF", (size,), arrays)


def link(source, target, operator, delay=None, exponent=0):
    late = Delay(np.array(0)) if delay is None else delay
    parameters = {"exponent": np.array(exponent)}
    return ProgramProjection(source, target, operator, late, parameters, 8)


def two_layers(weight=None, delay=None, exponent=0, **parameters):
    """in (3) -> a (2) -> b (2)."""
    first = np.array([[4, -6, 8], [2, 2, 2]])
    second = np.array([[10, -20], [30, 40]]) if weight is None else np.array(weight)
    return chain_program(
        [ProgramPopulation("in", "input", "input", (3,)), row("a", 2), row("b", 2, **parameters)],
        [
            link("in", "a", Dense(first, (3,), (2,))),
            link("a", "b", Dense(second, (2,), (2,)), delay, exponent),
        ],
    )


def test_the_file_is_laid_out_as_lava_dl_lays_it_out(tmp_path):
    late = Delay(np.array([0, 7]), "source")
    program = two_layers(delay=late, vth=[50, 60], bias_mant=[0, -3])
    (tmp_path / FILE).write_bytes(net_artefacts(program).files[FILE])
    with h5py.File(tmp_path / FILE) as file:
        assert list(file["layer"]) == ["0", "1", "2"]
        assert file["layer/0/type"][()].tolist() == [b"input"]
        assert file["layer/0/shape"][()].tolist() == [3]
        dense = file["layer/2"]
        assert dense["type"].dtype == "S10"
        assert dense["weight"][()].tolist() == [[10, -20], [30, 40]]
        assert dense["delay"][()].tolist() == [[0, 7], [0, 7]]
        assert dense["bias"][()].tolist() == [0, -3]
        neuron = dense["neuron"]
        assert {key: neuron[key][()].tolist() for key in neuron if key != "type"} == {
            "iDecay": 4096,
            "vDecay": 100,
            "vThMant": [50, 60],
        }
        assert "bias" not in file["layer/1"]
        assert "delay" not in file["layer/1"]


def test_the_manifest_turns_numbers_back_into_units():
    program = two_layers()
    populations = [
        replace(p, scale=np.array([2.0, 3.0]), offset=np.array(0.5)) if p.name == "b" else p
        for p in program.populations
    ]
    program = replace(program, populations=tuple(populations), encoding=Encoding("if", 16, 1.0))
    net = net_artefacts(program).manifest["net"]
    assert net["units"]["b"] == {"spiking": True, "scale": [2.0, 3.0], "offset": 0.5}
    assert net["input"]["encoding"] == "if"
    assert net["input"]["steps"] == 16
    assert net["layers"] == {"in": 0, "a": 1, "b": 2}
    assert net["reset_offset"] == 1
    assert net["samples_in_a_row"] is True


def test_delays_need_a_run_for_each_sample():
    late = two_layers(delay=Delay(np.array(2)))
    assert net_artefacts(late).manifest["net"]["samples_in_a_row"] is False


def refusal(program):
    """What the user reads."""
    made = net_artefacts(program)
    assert made.files == {}
    assert made.manifest == {}
    error = combine(made.refused)
    assert isinstance(error, UnsupportedError)
    return str(error)


LAVAS_WEIGHTS = "even weights from -256 to 254, any from -127 to 127"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (two_layers(weight=np.zeros((2, 2), int)), "'a->b': all weights are 0"),
        (two_layers(weight=[[0, -2], [-2, -4]]), "no weight above 0 beside weights of 0"),
        (two_layers(weight=[[300, -2], [2, 2]]), LAVAS_WEIGHTS),
        (two_layers(weight=[[201, -2], [2, 2]]), "nine bits"),
        (two_layers(weight=[[300, 2], [2, 2]]), "weights from 2 to 300"),
        (two_layers(exponent=-1, weight=[[3, 2], [2, 2]]), "a weight exponent of -1"),
        (two_layers(delay=Delay(np.array(63))), "63 steps of delay"),
        (two_layers(v0=[0, 5]), "membranes that do not begin at 0"),
        (two_layers(bias_exp=3, bias_mant=[1, 0]), "biases finer than the threshold's unit"),
        (two_layers(bias_mant=[40000, 0]), "biases up to 40000"),
        (two_layers(vth=2**26), "vThMant from 67108864"),
    ],
)
def test_what_the_file_cannot_hold_is_named(program, said):
    assert said in refusal(program)


def test_exponents_that_leave_whole_weights_are_written(tmp_path):
    read, _ = written(two_layers(exponent=-1, weight=[[20, -40], [60, 80]]), tmp_path)
    plain, _ = written(two_layers(), tmp_path)
    for one, other in zip(read.projections, plain.projections, strict=True):
        assert np.array_equal(one.operator.weight, other.operator.weight)


def test_biases_before_delays_are_refused():
    program = two_layers(delay=Delay(np.array(1)))
    biased = [row("a", 2, bias_mant=[5, 0]) if p.name == "a" else p for p in program.populations]
    assert "delays behind the biases of 'a'" in refusal(replace(program, populations=tuple(biased)))


def test_branches_and_skip_connections_are_refused_by_name():
    program = two_layers()
    skip = link("in", "b", Dense(np.ones((2, 3), int), (3,), (2,)))
    text = refusal(replace(program, projections=(*program.projections, skip)))
    assert "population 'in' feeds 'a', 'b'" in text
    assert "population 'b' is fed by 'a', 'in'" in text
    assert "no skip connections" in text


def test_answers_before_the_last_layer_and_two_inputs_are_refused():
    program = two_layers()
    assert "output population 'a' feeds 'b'" in refusal(replace(program, outputs=("a",)))
    other = ProgramPopulation("in2", "input", "input", (2,))
    extra = link("in2", "b", Dense(np.ones((2, 2), int), (2,), (2,)))
    both = replace(
        program,
        populations=(other, *program.populations),
        projections=(*program.projections, extra),
    )
    assert "inputs 'in', 'in2'" in refusal(both)


def images(operator, shape=(1, 4, 4), delay=None):
    """in -> conv -> out."""
    conv = replace(row("conv", 1), shape=operator.target_shape)
    return chain_program(
        [ProgramPopulation("in", "input", "input", shape), conv],
        [link("in", "conv", operator, delay)],
    )


def test_convolutions_that_netx_has_not_are_refused():
    weight = np.ones((1, 1, 2, 2), int)
    uneven = Conv(weight, (1, 4, 4), (1, 1), ((0, 1), (0, 0)), (1, 1))
    assert "as much before as after each axis" in refusal(images(uneven))
    even = Conv(weight, (1, 4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1))
    assert "ignores the delay of a convolution" in refusal(images(even, delay=Delay(np.array(2))))
    solid = np.ones((1, 1, 2, 2, 2), int)
    three = Conv(solid, (1, 4, 4, 4), (1, 1, 1), ((0, 0),) * 3, (1, 1, 1))
    assert "a convolution over 3 axes" in refusal(images(three, (1, 4, 4, 4)))


def test_images_behind_rows_are_refused():
    matrix = Dense(np.ones((16, 3), int), (3,), (1, 4, 4))
    conv = Conv(np.ones((1, 1, 2, 2), int), (1, 4, 4), (1, 1), ((0, 0), (0, 0)), (1, 1))
    program = chain_program(
        [
            ProgramPopulation("in", "input", "input", (3,)),
            replace(row("a", 1), shape=(1, 4, 4)),
            replace(row("b", 1), shape=(1, 3, 3)),
        ],
        [link("in", "a", matrix), link("a", "b", conv)],
    )
    assert "a convolution behind a dense layer" in refusal(program)


def test_an_image_is_flattened_once(tmp_path):
    """Neurons of a matrix are a row, whatever shape the network gives them."""
    scale = np.arange(1, 13).reshape(2, 2, 3)
    program = chain_program(
        [
            ProgramPopulation("in", "input", "input", (2, 2, 3)),
            replace(row("a", 12), shape=(2, 2, 3)),
            row("b", 2),
        ],
        [
            link("in", "a", Identity(scale, (2, 2, 3), (2, 2, 3))),
            link("a", "b", Dense(np.full((2, 12), 2), (2, 2, 3), (2,))),
        ],
    )
    written(program, tmp_path)
    with h5py.File(tmp_path / FILE) as file:
        kinds = [file[f"layer/{k}/type"][0].decode() for k in range(len(file["layer"]))]
    assert kinds == ["input", "flatten", "dense", "dense"]


def test_one_to_one_synapses_of_many_neurons_are_refused():
    scale = np.arange(1, 5001) % 7 + 1
    program = chain_program(
        [ProgramPopulation("in", "input", "input", (5000,)), row("a", 5000)],
        [link("in", "a", Identity(scale, (5000,), (5000,)))],
    )
    assert "one synapse each for 5000 neurons" in refusal(program)


def test_recurrence_with_longer_delays_is_refused():
    program = two_layers()
    loop = link("b", "b", Dense(np.ones((2, 2), int), (2,), (2,)), Delay(np.array(2)))
    looped = replace(program, projections=(*program.projections, loop))
    assert "recurrence with delays" in refusal(looped)


def test_lists_of_synapses_recur_as_matrices(monkeypatch):
    """The same file as of the matrices; lists that are too long for one are refused."""
    program = two_layers()
    recurrent = Dense(np.array([[2, 0], [0, 4]]), (2,), (2,))
    looped, listed = (
        replace(program, projections=(*program.projections, link("b", "b", op, Delay(np.array(1)))))
        for op in (recurrent, without_zeros(recurrent))
    )
    one, other = net_artefacts(looped), net_artefacts(listed)
    assert one.refused == other.refused == ()
    assert one.files == other.files
    monkeypatch.setattr("snn2chip.backends.loihi.netx.writing.holds.DENSE_LIMIT", 3)
    assert "compile without --drop-zeros" in str(combine(net_artefacts(listed).refused))


def test_every_problem_is_told_at_once():
    program = two_layers(weight=np.zeros((2, 2), int), v0=[1, 2], bias_exp=2, bias_mant=[1, 1])
    assert refusal(program).startswith("3 problems\n")
