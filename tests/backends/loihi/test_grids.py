"""Grids: with them the numpy rounding gives the program's integers again, whatever was folded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends import find_backend
from snn2chip.backends.reference import ReferenceBackend
from snn2chip.graph.operators import weights_of
from snn2chip.quantize import fake_biases, fake_weights, per_target
from snn2chip.targets import load_target
from tests.networks import chain, conv_net, cuba, integrate, li, lif

LOIHI = find_backend("loihi")
NEURONS = {
    "lif": lambda shape: lif(shape, tau=3e-3, threshold=0.7, r=1.3, v_leak=0.1, v_reset=-0.2),
    "if": lambda shape: integrate(shape, threshold=1.7, r=0.6, v_reset=0.3),
    "cuba": lambda shape: cuba(shape, v_leak=0.2, threshold=1.4),
    "li": lambda shape: li(shape, tau=3e-3, v_leak=-0.1),
}


def check(graph, bits, multiplier):
    """Weights and biases on the grids are the program's."""
    target = load_target("loihi2")
    backend = LOIHI.with_scales(target, weight_bits=bits)
    neurons = [p.name for p in graph.populations if not p.is_input]
    program = backend.realise(graph, target, dict.fromkeys(neurons, multiplier))
    grids = backend.grids(graph, program, target)
    assert set(grids) == {p.name for p in program.projections}
    for made, projection in zip(program.projections, graph.projections, strict=True):
        grid, floats = grids[made.name], weights_of(projection.operator)
        scale = per_target(grid.weight_scale, floats.ndim)
        fake = fake_weights(floats.astype(np.float64), scale, grid.weight_bits)
        np.testing.assert_array_equal(fake.integers, weights_of(made.operator))
        population = program.population(made.target)
        bias = np.zeros(population.shape) if projection.bias is None else projection.bias
        fake = fake_biases(
            bias, grid.bias_scale, grid.bias_origin, grid.bias_bits, grid.bias_exponent
        )
        np.testing.assert_array_equal(fake.integers, population.parameters["bias_mant"])
        np.testing.assert_array_equal(grid.loss * 4096, population.parameters["dv"] + 0 * grid.loss)


@given(
    kind=st.sampled_from(sorted(NEURONS)),
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    bias=st.booleans(),
    bits=st.integers(2, 8),
    multiplier=st.sampled_from([0.8, 1.0, 1.35, 3.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_dense_chains(kind, sizes, bias, bits, multiplier, seed):
    sizes = sizes[:2] if kind == "li" else sizes
    graph = chain(np.random.default_rng(seed), NEURONS[kind], sizes, bias)
    check(graph, bits, multiplier)


def test_the_reference_has_no_grids():
    backend = ReferenceBackend()
    graph = chain(np.random.default_rng(0))
    assert backend.grids(graph, backend.program(graph), load_target("reference")) == {}


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_convolutions(bits):
    check(conv_net(np.random.default_rng(bits), NEURONS["lif"]), bits, 1.0)
