"""Graphs in the firmware's numbers: nearly the float network, and what cores of a board compute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from snn2chip.backends.reference.arithmetic import Float64
from snn2chip.backends.reference.arithmetic import realise as realise_float
from snn2chip.backends.spinnaker.arithmetic import SpinnakerArithmetic
from snn2chip.backends.spinnaker.emit.unrolled import firmware_network, spikes_of_sources, synapses
from snn2chip.backends.spinnaker.fixed import BITS, ONE
from snn2chip.backends.spinnaker.neurons import FULL
from snn2chip.backends.spinnaker.oracle import MOST
from snn2chip.backends.spinnaker.products import receptors
from snn2chip.backends.spinnaker.realise import (
    capacity,
    realise,
    scaled,
    signal_to_noise,
    usual_shifts,
)
from snn2chip.backends.spinnaker.witness import found_engine, run_firmware
from snn2chip.core import Activity, Program
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Graph
from snn2chip.graph.operators import weights_of
from snn2chip.pipeline import Options, open_network
from snn2chip.pipeline.samples import scored_samples
from tests.networks import chain, cuba, integrate, lif, spikes_for

STUDENTS = ("digits-mlp", "digits-conv")


class Case(NamedTuple):
    graph: Graph
    spikes: dict[str, NDArray[np.generic]]
    labels: NDArray[np.int64]
    reference: Activity


@pytest.fixture(scope="module", params=STUDENTS)
def student(request: pytest.FixtureRequest) -> Case:
    graph = open_network(request.param, Options()).graph
    samples = scored_samples(graph, Options(data="digits"))
    spikes = dict(samples.spikes)
    reference, _ = simulate(realise_float(graph), spikes, Float64(graph.discretization))
    assert samples.labels is not None
    return Case(graph, spikes, samples.labels, reference)


def first(case: Case, samples: int) -> dict[str, NDArray[np.generic]]:
    return {name: x[:, :samples] for name, x in case.spikes.items()}


def test_digits_students_keep_their_accuracy(student: Case) -> None:
    """Calibrated or not, within half a point."""
    wanted = (student.reference.predictions == student.labels).mean()
    for reference in (None, student.reference):
        program = realise(student.graph, None, reference)
        found, _ = simulate(program, student.spikes, SpinnakerArithmetic())
        accuracy = (found.predictions == student.labels).mean()
        assert accuracy >= wanted - 0.005
        for name, population in student.reference.populations.items():
            fired = found.populations[name].spikes.total()
            assert fired == pytest.approx(population.spikes.total(), rel=0.01)


def test_calibration_fills_the_ring_buffers(student: Case) -> None:
    """The largest sums come near to what a slot holds; without it, weights are coarser."""
    program = realise(student.graph, None, student.reference)
    found, _ = simulate(program, student.spikes, SpinnakerArithmetic())
    coarse = realise(student.graph)
    for p in (p for p in program.populations if not p.is_input):
        shift = max(int(p.parameters["shift_e"]), int(p.parameters["shift_i"]))
        most = capacity(shift) * ONE
        assert 0.2 * most < found.populations[p.name].peak_input <= most
        assert FULL not in found.populations[p.name].warnings
        assert (p.scale >= coarse.population(p.name).scale).all()


def test_words_are_weights_in_their_receptors_units(student: Case) -> None:
    program = realise(student.graph, None, student.reference)
    for projection in program.projections:
        words, target = weights_of(projection.operator), program.population(projection.target)
        assert np.abs(words).max() <= MOST
        exact = weights_of(
            next(p for p in student.graph.projections if p.name == projection.name).operator
        )
        shifts = np.where(words < 0, target.parameters["shift_i"], target.parameters["shift_e"])
        currents = words * 2.0 ** (shifts - BITS)
        # One factor for all weights into a population whose neurons are alike, and half a unit.
        factor = np.median(currents[words != 0] / exact[words != 0])
        unit = 2.0 ** (np.max(shifts) - BITS)
        assert (np.abs(currents - factor * exact) <= 0.6 * unit + 2e-3 * np.abs(currents)).all()


def test_a_reset_that_the_chip_has_not_is_refused() -> None:
    graph = open_network("digits-mlp", Options()).graph
    changed = replace(graph, discretization=replace(graph.discretization, reset="subtract"))
    with pytest.raises(UnsupportedError, match="resets by subtraction"):
        realise(changed)


def test_every_synapse_of_a_convolution_is_listed(student: Case) -> None:
    """Lists of synapses say the same as the operators, spike by spike."""
    program = realise(student.graph, None, student.reference)
    rng = np.random.default_rng(1)
    for projection in program.projections:
        operator = projection.operator
        sources, targets, words = synapses(operator)
        assert (words != 0).all()
        size = int(np.prod(operator.source_shape))
        fired = rng.random(size) < 0.3
        sums = np.zeros(int(np.prod(operator.target_shape)), np.int64)
        on = fired[sources]
        np.add.at(sums, targets[on], words[on])
        product = SpinnakerArithmetic().product(projection, operator)
        up, down = receptors(product(fired.reshape(1, *operator.source_shape)))
        np.testing.assert_array_equal((up - down).reshape(-1), sums)


def test_weights_keep_more_of_their_bits_than_with_the_usual_shifts(student: Case) -> None:
    """Which are those that sPyNNaker picks where nobody says what it has to expect."""
    for population in (p for p in student.graph.populations if not p.is_input):
        made = scaled(student.graph, population, 1.0, student.reference)
        usual = usual_shifts(made)
        assert signal_to_noise(made, made.shifts) >= signal_to_noise(made, usual) + 5.0
    engine = found_engine()
    if engine is None:
        pytest.skip("no sPyNNaker: make spinnaker")
    program = realise(student.graph, None, student.reference)
    network = firmware_network(program, 2)
    silent = replace(
        network,
        populations=tuple(
            replace(p, max_expected=None) for p in network.populations if p.name[:4] != "bias"
        ),
        projections=tuple(p for p in network.projections if p.source[:4] != "bias"),
    )
    given = spikes_of_sources(program, silent, {k: x[:2, :1] for k, x in student.spikes.items()})
    theirs = run_firmware(engine, silent, given)
    for population in (p for p in student.graph.populations if not p.is_input):
        made = scaled(student.graph, population, 1.0, student.reference)
        assert theirs.shifts[population.name] == usual_shifts(made)


def require_board_equals_engine(program: Program, given: dict[str, NDArray[np.generic]]) -> None:
    """Every spike and every membrane of the cores is ours, in every population's window."""
    engine = found_engine()
    if engine is None:
        pytest.skip("no sPyNNaker: make spinnaker")
    steps, samples = next(iter(given.values())).shape[:2]
    options = RunOptions(trace=True, trace_state=True)
    _, trace = simulate(program, given, SpinnakerArithmetic(), options)
    assert trace is not None
    network = firmware_network(program, steps)
    theirs = run_firmware(engine, network, spikes_of_sources(program, network, given))
    for p in (p for p in program.populations if not p.is_input):
        shifts = int(p.parameters["shift_e"]), int(p.parameters["shift_i"])
        assert theirs.shifts[p.name] == shifts
        window = slice(p.latency, p.latency + steps)
        ours = trace.arrays[f"{p.name}.v"].reshape(samples, -1, p.size)[:, window]
        # A core records before its update, and the engine behind it.
        np.testing.assert_array_equal(ours[:, :-1], theirs.v[p.name][:, window][:, 1:])
        if p.spiking:
            fired = trace.arrays[p.name].reshape(samples, -1, p.size)[:, window] != 0
            assert fired.any()
            np.testing.assert_array_equal(fired, theirs.fired[p.name][:, window])


def test_cores_of_a_board_compute_the_students(student: Case) -> None:
    """sPyNNaker maps the unrolled network."""
    program = realise(student.graph, None, student.reference)
    require_board_equals_engine(program, first(student, 1))


@pytest.mark.parametrize(
    ("neuron", "bias"), [(lif, True), (integrate, True), (cuba, False), (cuba, True)]
)
def test_cores_of_a_board_compute_random_chains(neuron: Callable[..., Any], bias: bool) -> None:
    rng = np.random.default_rng(3)
    net = chain(rng, neuron, sizes=(12, 9, 5), bias=bias)
    given = spikes_for(net, rng, steps=25, samples=2, rate=0.4)
    reference, _ = simulate(realise_float(net), given, Float64(net.discretization))
    program = realise(net, None, reference)
    require_board_equals_engine(program, given)
    found, _ = simulate(program, given, SpinnakerArithmetic())
    for name, population in reference.populations.items():
        total = population.spikes.total()
        assert abs(found.populations[name].spikes.total() - total) <= max(3, 0.05 * total)
