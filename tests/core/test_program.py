"""Programs and mappings as plain data: names, delays on the chip, and rasters under change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from snn2chip.core import (
    Activity,
    Drift,
    Mapping,
    Place,
    ProgramProjection,
    Raster,
    Slice,
    Violation,
    chip_delay,
)
from snn2chip.graph import Delay
from tests.energy.networks import dense, population, program, project, two_layers

flags = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=5, max_side=5))


def one_projection(delay: Delay, source: int = 0, target: int = 1):
    projection = ProgramProjection("input", "a", dense((2,), (3,)), delay)
    populations = [population("input", (2,), source), population("a", (3,), target)]
    return program(populations, [projection]), projection


@pytest.mark.parametrize(
    ("delay", "source", "target", "expected"),
    [
        (Delay(np.array(0)), 0, 1, 1),
        (Delay(np.array(4)), 0, 3, 7),
        (Delay(np.array(4)), 3, 0, 1),
        (Delay(np.array([0, 5]), "source"), 0, 2, [2, 7]),
        (Delay(np.array([0, 1, 2]), "target"), 1, 2, [1, 2, 3]),
        (Delay(np.array([[0, 1], [2, 3], [4, 5]]), "synapse"), 0, 1, [[1, 2], [3, 4], [5, 6]]),
    ],
)
def test_the_chips_delay_is_the_graphs_plus_the_difference_of_latencies(
    delay, source, target, expected
):
    network, projection = one_projection(delay, source, target)
    np.testing.assert_array_equal(chip_delay(network, projection), expected)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_shifting_all_latencies_leaves_the_chips_delays_alone(delay, latency, shift):
    one = chip_delay(*one_projection(Delay(np.array(delay)), 0, latency))
    other = chip_delay(*one_projection(Delay(np.array(delay)), shift, latency + shift))
    assert one == other


def test_a_program_finds_its_parts_by_name():
    network = two_layers()
    assert [p.name for p in network.inputs] == ["input"]
    assert network.population("hidden").shape == (5,)
    assert [p.name for p in network.incoming("hidden")] == ["input->hidden"]
    assert [p.name for p in network.outgoing("hidden")] == ["hidden->out"]
    assert (network.incoming("input"), network.outgoing("out")) == ((), ())
    assert (network.incoming("nobody"), network.max_latency) == ((), 2)
    with pytest.raises(KeyError, match="nobody"):
        network.population("nobody")


def test_a_population_in_a_loop_with_itself_is_its_own_source_and_target():
    loop = project("a", "a", dense((3,), (3,)), delay=1)
    network = program([population("input", (2,)), population("a", (3,))], [loop])
    assert network.incoming("a") == network.outgoing("a") == (loop,)


@given(flags, st.randoms(use_true_random=False))
def test_permuting_steps_and_samples_permutes_the_sums(drawn, random):
    shape = drawn.shape[2:]
    steps = random.sample(range(len(drawn)), len(drawn))
    samples = random.sample(range(drawn.shape[1]), drawn.shape[1])
    one, other = Raster.pack(drawn, shape), Raster.pack(drawn[steps][:, samples], shape)
    np.testing.assert_array_equal(other.per_step(), one.per_step()[steps][:, samples])
    np.testing.assert_array_equal(other.per_neuron(), one.per_neuron())
    assert other.total() == one.total()


@given(flags)
def test_a_raster_and_its_complement_fill_everything(drawn):
    """The bits that pad the last byte of a row belong to no neuron and are never counted."""
    shape = drawn.shape[2:]
    one, other = Raster.pack(drawn, shape), Raster.pack(~drawn, shape)
    assert one.total() + other.total() == drawn.size
    assert (one.per_neuron() + other.per_neuron() == drawn.shape[0] * drawn.shape[1]).all()
    assert (one.per_step() + other.per_step() == np.prod(shape)).all()


@given(flags, st.data())
def test_parts_of_a_run_add_up_to_the_run(drawn, data):
    raster = Raster.pack(drawn, drawn.shape[2:])
    cut = data.draw(st.integers(0, len(drawn)))
    both = np.concatenate([raster.unpack(0, cut), raster.unpack(cut)])
    np.testing.assert_array_equal(both, drawn)
    halves = [Raster(raster.bits[:cut], raster.shape), Raster(raster.bits[cut:], raster.shape)]
    np.testing.assert_array_equal(sum(h.per_neuron() for h in halves), raster.per_neuron())
    assert sum(h.total() for h in halves) == raster.total()


@pytest.mark.parametrize("neurons", [1, 7, 8, 9, 16, 17])
def test_a_row_takes_whole_bytes_with_the_first_neuron_in_the_highest_bit(neurons):
    first = np.zeros((1, 1, neurons), bool)
    first[0, 0, 0] = True
    raster = Raster.pack(first, (neurons,))
    assert raster.bits.shape == (1, 1, -(-neurons // 8))
    assert raster.bits[0, 0].tolist() == [128] + [0] * (raster.bits.shape[2] - 1)


def test_a_run_of_no_steps_counts_nothing():
    raster = Raster.pack(np.zeros((0, 2, 3), bool), (3,))
    assert (raster.steps, raster.samples, raster.total()) == (0, 2, 0)
    assert raster.per_step().shape == (0, 2)
    assert raster.per_neuron().tolist() == [0, 0, 0]


@given(hnp.arrays(np.int64, (4, 3), elements=st.integers(-5, 5)), st.permutations(range(4)))
def test_predictions_follow_their_samples_and_ignore_positive_scales(scores, order):
    whole = Activity("float64", 1, 4, {}, scores.astype(float))
    turned = Activity("float64", 1, 4, {}, scores[order] * 0.25 - 3.0)
    np.testing.assert_array_equal(turned.predictions, whole.predictions[order])


def test_cores_used_counts_each_place_once():
    cores = {"a": (Slice(0, 3, 7), Slice(4, 4, 9)), "b": (Slice(0, 1, 7),)}
    mapping = Mapping.from_slices("m", cores, {7: Place(1, 0, 1), 9: Place(2, 0, 2)})
    assert mapping.cores_used == 2


@pytest.mark.parametrize("kind", [Drift, Mapping, Violation, Raster, Activity, ProgramProjection])
def test_what_rooms_share_cannot_be_changed(kind):
    value = object.__new__(kind)
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, 1)
