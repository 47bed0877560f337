"""One wrong value anywhere is found, counted and named; equal recordings are equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends.loihi.netx import pipelined, read_net, with_resets
from snn2chip.backends.loihi.witness import Recordings, compare_net, compare_program
from snn2chip.errors import InputFileError
from tests.backends.loihi.netx.net_files import conv, cuba, dense, write_net

from .recorded import VERSIONS, states

SAMPLES, STEPS = 3, 8
LAYERS = {"layer1": (2, 2, 3), "layer3": (4,)}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """(program, its input, what is recorded) of an image with biases and a dense layer."""
    rng = np.random.default_rng(5)
    layers = [
        {"type": "input", "shape": np.array([1, 3, 4])},
        conv(rng.integers(-40, 60, (2, 1, 2, 2)), (2, 2, 3), cuba(60), bias=np.array([5, -3])),
        {"type": "flatten", "shape": np.array([12])},
        dense(rng.integers(-40, 60, (4, 12)), cuba(90), bias=rng.integers(0, 30, 4)),
    ]
    path = tmp_path_factory.mktemp("net") / "image.net"
    write_net(path, layers)
    program = read_net(path)
    x = rng.random((STEPS, SAMPLES, 1, 3, 4)) < 0.5
    return program, x, states(program, x)


def recordings(found):
    return Recordings(found, VERSIONS)


def test_equal_recordings_are_equal(case):
    program, x, found = case
    rows = compare_net(program, x, recordings(found))
    assert [row.population for row in rows] == list(LAYERS)
    assert all(row.mismatches == 0 and row.first is None and not row.missing for row in rows)
    assert all(set(row.states) == {"spikes", "u", "v"} for row in rows)
    sizes = [3 * SAMPLES * STEPS * np.prod(shape) for shape in LAYERS.values()]
    assert [row.values for row in rows] == sizes
    assert [row.spikes for row in rows] == [int(found[k]["spikes"].sum()) for k in LAYERS]
    assert rows[1].spikes > 0


@settings(max_examples=40)
@given(st.data())
def test_wrong_values_are_counted_and_the_first_is_named(case, data):
    program, x, found = case
    layer = data.draw(st.sampled_from(list(LAYERS)))
    places = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, STEPS - 1),
                st.integers(0, SAMPLES - 1),
                st.sampled_from(("spikes", "u", "v")),
                *(st.integers(0, n - 1) for n in LAYERS[layer]),
            ),
            min_size=1,
            max_size=4,
            unique=True,
        )
    )
    changed = {key: {k: v.copy() for k, v in values.items()} for key, values in found.items()}
    for step, sample, state, *neuron in places:
        changed[layer][state][(sample, step, *neuron)] += 7
    rows = compare_net(program, x, recordings(changed))
    by_name = {row.population: row for row in rows}
    assert by_name[layer].mismatches == len(places)
    assert sum(row.mismatches for row in rows) == len(places)
    first = by_name[layer].first
    assert (first.step - 1, first.sample) == min((t, s) for t, s, *_ in places)
    assert (first.step - 1, first.sample, first.state, *first.neuron) in places
    assert first.lava == first.ours + 7


def test_what_is_not_recorded_is_said(case):
    program, x, found = case
    rows = compare_net(program, x, recordings({"layer3": {"spikes": found["layer3"]["spikes"]}}))
    assert rows[0].values == 0
    assert set(rows[0].missing) == {"spikes", "u", "v"}
    assert rows[1].states == ("spikes",)
    assert set(rows[1].missing) == {"u", "v"}


def renamed(program, names):
    """The program in windows, its populations by other names."""
    windowed = pipelined(program)
    return replace(
        windowed,
        populations=tuple(replace(p, name=names.get(p.name, p.name)) for p in windowed.populations),
        projections=tuple(
            replace(p, source=names.get(p.source, p.source), target=names.get(p.target, p.target))
            for p in windowed.projections
        ),
        outputs=(names[windowed.outputs[0]],),
    )


@pytest.mark.parametrize("in_a_row", [False, True])
def test_windows_of_a_program_are_resets_of_netx(case, in_a_row):
    """Layer k begins k + 1 steps after the input, biases included."""
    program, x, _ = case
    compiled = renamed(program, {"layer1": "image", "layer3": "answer"})
    steps = STEPS + 2
    whole = np.zeros((steps, *x.shape[1:]), bool)
    whole[:STEPS] = x
    if in_a_row:
        whole = whole.swapaxes(0, 1).reshape(SAMPLES * steps, 1, *x.shape[2:])
    resetting = with_resets(program, steps if in_a_row else 99, 1)
    found = recordings(states(resetting, whole)).each_of(SAMPLES)
    layers, latency = {"image": 1, "answer": 3}, {"image": 1, "answer": 2}
    rows = compare_program(compiled, layers, latency, x, found)
    assert [(row.population, row.layer, row.mismatches) for row in rows] == [
        ("image", "layer1", 0),
        ("answer", "layer3", 0),
    ]
    assert all(row.mismatches == 0 for row in compare_net(resetting, whole, found))
    late = compare_program(compiled, layers, {"image": 0, "answer": 2}, x, found)
    assert late[0].mismatches > 0
    assert late[1].mismatches == 0


@pytest.mark.parametrize("layers", [{"image": 7}, {"image": 1, "ghost": 3}, {}, {"input": 0}])
def test_layers_that_are_not_there_are_refused(case, layers):
    program, x, found = case
    compiled = renamed(program, {"layer1": "image", "layer3": "answer"})
    latency = dict.fromkeys(layers, 1)
    with pytest.raises(InputFileError, match=r"layers of network\.net"):
        compare_program(compiled, layers, latency, x, recordings(found))
