"""The engine's SpiNNaker against the oracle, on random populations and on the widest numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.arithmetic import NAME, SpinnakerArithmetic
from snn2chip.backends.spinnaker.fixed import accum
from snn2chip.backends.spinnaker.loaded import MODELS, RECEPTORS, Model, loaded, weight_words
from snn2chip.backends.spinnaker.neurons import (
    FULL,
    initial,
    parameters_of,
    scaled,
    scan,
    scan_plain,
)
from snn2chip.backends.spinnaker.oracle import MOST
from snn2chip.backends.spinnaker.products import RECEPTOR_BITS, receptor_product, receptors
from snn2chip.backends.spinnaker.witness import FirmwareNetwork
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.engine import RunOptions, simulate
from snn2chip.graph import Delay, Dense, Encoding, Readout
from tests.examples import examples

from .random_networks import INPUT, NEURONS, by_oracle, random_network, random_spikes

SHIFTS = (2, 1)


def program_of(network: FirmwareNetwork, shifts: tuple[int, int]) -> Program:
    """The network as a program: one projection for each receptor, a delay for each synapse.

    It lags behind nothing, so that its steps are those of a core that runs from the start.
    """
    source, target = network.populations
    assert target.model is not None
    assert target.parameters is not None
    assert target.v is not None
    projections = []
    for p, shift in zip(network.projections, shifts, strict=True):
        weights = np.zeros((target.size, source.size), np.int64)
        delays = np.ones((target.size, source.size), np.int64)
        sign = -1 if p.receptor == RECEPTORS[1] else 1
        weights[p.targets, p.sources] = sign * weight_words(p.weights, shift)
        delays[p.targets, p.sources] = p.delays
        operator = Dense(weights, (source.size,), (target.size,))
        projections.append(ProgramProjection(INPUT, NEURONS, operator, Delay(delays, "synapse")))
    parameters = parameters_of(
        loaded(target.model, target.parameters, network.time_step_ms), accum(target.v), shifts
    )
    return Program(
        name="random",
        arithmetic=NAME,
        populations=(
            ProgramPopulation(INPUT, "input", "input", (source.size,)),
            ProgramPopulation(NEURONS, target.model, target.model, (target.size,), parameters),
        ),
        projections=tuple(projections),
        outputs=(NEURONS,),
        readout=Readout("spike_count"),
        encoding=Encoding("none"),
    )


def by_engine(
    network: FirmwareNetwork, fired: NDArray[np.bool_], shifts: tuple[int, int], **cuts: int
) -> dict[str, NDArray[np.generic]]:
    """Traces [sample, chip step, neuron] of spikes [sample, step, source]."""
    options = RunOptions(trace=True, trace_state=True, **cuts)
    given = {INPUT: fired.swapaxes(0, 1)}
    activity, trace = simulate(program_of(network, shifts), given, SpinnakerArithmetic(), options)
    assert trace is not None
    return {**trace.arrays, "full": activity.populations[NEURONS].warnings.get(FULL, 0)}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(3))
def test_the_engine_equals_the_oracle(model: Model, seed: int) -> None:
    network = random_network(model, 30, 20, 60, seed)
    fired = random_spikes(3, network, 0.2, seed + 1)
    found = by_engine(network, fired, SHIFTS)
    for sample in range(3):
        ours = by_oracle(network, fired[sample], SHIFTS)
        assert ours.fired.any()
        np.testing.assert_array_equal(found[NEURONS][sample], ours.fired)
        # A core records before its update, and the engine behind it.
        np.testing.assert_array_equal(found[f"{NEURONS}.v"][sample, :-1], ours.v[1:])


@pytest.mark.parametrize("model", MODELS)
def test_full_ring_buffers_are_counted_and_saturate(model: Model) -> None:
    network = random_network(model, 20, 60, 30, 4)
    fired = random_spikes(1, network, 0.9, 5)
    small = (0, 0)
    found, ours = by_engine(network, fired, small), by_oracle(network, fired[0], small)
    assert found["full"] == ours.full > 0
    np.testing.assert_array_equal(found[f"{NEURONS}.v"][0, :-1], ours.v[1:])


def test_no_cut_changes_a_number() -> None:
    network = random_network("IF_curr_exp", 20, 15, 40, 6)
    fired = random_spikes(5, network, 0.2, 7)
    whole = by_engine(network, fired, SHIFTS)
    for cuts in ({"batch": 2}, {"block_steps": 7}, {"batch": 3, "block_steps": 1}):
        cut = by_engine(network, fired, SHIFTS, **cuts)
        for name, values in whole.items():
            np.testing.assert_array_equal(cut[name], values)


@settings(max_examples=examples(60))
@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1))
def test_a_product_of_32_bits_is_cut_down(value: int, fraction: int) -> None:
    assert scaled(np.array(value), np.array(fraction)) == value * fraction >> 32


@pytest.mark.parametrize(("size", "sources"), [(40, 900), (65_535, 900), (65_535, 9_000)])
def test_both_receptors_are_summed_apart(size: int, sources: int) -> None:
    """In one product where 53 bits hold both, in two where they do not."""
    rng = np.random.default_rng(8)
    weights = rng.integers(-size, size + 1, (5, sources))
    product = receptor_product("p", Dense(weights, (sources,), (5,)))
    assert (product.packed is None) == (sources > 900)
    spikes = rng.random((7, sources)) < 0.5
    up, down = receptors(product(spikes))
    whole = spikes.astype(np.int64)
    full = MOST + 1
    np.testing.assert_array_equal(up, np.minimum(whole @ np.maximum(weights, 0).T, full))
    np.testing.assert_array_equal(down, np.minimum(whole @ np.maximum(-weights, 0).T, full))
    _, hit = product.sums_and_arrivals(spikes)
    assert hit.all()


def test_full_sums_do_not_run_into_each_other() -> None:
    """What no 32 bits would hold of the inhibitory receptor leaves the excitatory one alone."""
    weights = np.full((1, 70_000), -MOST)
    sums = receptor_product("p", Dense(weights, (70_000,), (1,)))(np.ones((1, 70_000), np.bool_))
    assert [int(x[0, 0]) for x in receptors(sums + sums)] == [0, 2 * (MOST + 1)]


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(MODELS), st.booleans(), st.booleans())
def test_the_kernel_equals_plain_numpy(
    seed: int, model: Model, spiking: bool, record: bool
) -> None:
    """Random neurons, states on their way, and sums beyond a slot."""
    pytest.importorskip("numba")
    rng = np.random.default_rng(seed)
    network = random_network(model, 7, 5, 6, seed)
    population = replace(program_of(network, SHIFTS).population(NEURONS), spiking=spiking)
    always = {f"always_{r}": rng.integers(0, 3, 7) * 900 for r in ("e", "i")}
    population = replace(population, parameters={**population.parameters, **always})
    sums = rng.integers(0, 70_000, (2, 6, 3, 7)) * (rng.random((2, 6, 3, 7)) < 0.5)
    packed = (sums[0] << RECEPTOR_BITS) + sums[1]
    arrived = packed != 0
    state = {name: values.copy() for name, values in initial(population, 3).items()}
    found = [
        run(population, state, packed, arrived, record) for run in (scan, scan_plain)
    ]  # the plain one last: neither changes what it is given
    again = scan(population, found[0].state, packed, arrived, record)
    wanted = scan_plain(population, found[1].state, packed, arrived, record)
    for one, two in ((found[0], found[1]), (again, wanted)):
        np.testing.assert_array_equal(one.output, two.output)
        np.testing.assert_array_equal(one.updated, two.updated)
        assert one.output.dtype == two.output.dtype
        for name in two.state:
            np.testing.assert_array_equal(one.state[name], two.state[name], err_msg=name)
        assert set(one.records) == set(two.records)
        for name in two.records:
            np.testing.assert_array_equal(one.records[name], two.records[name], err_msg=name)
        assert one.warnings == two.warnings
        assert (one.peak_v, one.peak_input) == (two.peak_v, two.peak_input)
        assert one.membrane_changes == two.membrane_changes
