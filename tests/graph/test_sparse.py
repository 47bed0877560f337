"""Single synapses do what the dense operator with the same weights does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.graph import Conv, Dense, Identity, Sparse, to_text
from snn2chip.graph.compose import compose, reshaped, to_dense
from snn2chip.graph.equality import differences
from snn2chip.graph.linear import apply, arrivals, fan_in, fan_out, synapses, transpose_apply
from snn2chip.graph.oracle import run_graph
from snn2chip.graph.types import Projection
from tests import networks


@st.composite
def sparse(draw: Any, source: tuple[int, ...] = (2, 3), target: tuple[int, ...] = (4,)) -> Sparse:
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return drawn(rng, source, target, draw(st.sampled_from([0.0, 0.3, 1.0])))


def drawn(
    rng: np.random.Generator, source: tuple[int, ...], target: tuple[int, ...], share: float
) -> Sparse:
    sizes = int(np.prod(source)), int(np.prod(target))
    present = rng.random(sizes) < share
    rows, targets = np.nonzero(present)
    first = np.searchsorted(rows, np.arange(sizes[0] + 1))
    weight = rng.integers(1, 9, targets.size).astype(np.float64)
    return Sparse(weight, targets.astype(np.int32), first, source, target)


def matrix(operator: Sparse) -> np.ndarray:
    """[target, source], one synapse after another."""
    dense = np.zeros((int(np.prod(operator.target_shape)), int(np.prod(operator.source_shape))))
    for source in range(dense.shape[1]):
        for k in range(operator.first[source], operator.first[source + 1]):
            dense[operator.targets[k], source] = operator.weight[k]
    return dense


@given(sparse(), st.integers(0, 99))
def test_products_are_those_of_the_matrix(operator: Sparse, seed: int) -> None:
    rng, dense = np.random.default_rng(seed), matrix(operator)
    x, y = rng.integers(-4, 5, (2, 3, 2, 3)), rng.integers(-4, 5, (2, 4))
    flat = x.reshape(2, 3, 6)
    np.testing.assert_array_equal(apply(operator, x), flat @ dense.T)
    np.testing.assert_array_equal(transpose_apply(operator, y), (y @ dense).reshape(2, 2, 3))
    np.testing.assert_array_equal(arrivals(operator, x > 0), (flat > 0) @ (dense != 0).T > 0)
    np.testing.assert_array_equal(fan_out(operator).reshape(-1), (dense != 0).sum(axis=0))
    np.testing.assert_array_equal(fan_in(operator), (dense != 0).sum(axis=1))
    assert synapses(operator) == np.count_nonzero(dense)
    np.testing.assert_array_equal(to_dense(operator).weight, dense)


@given(sparse())
def test_scales_and_shapes_compose(operator: Sparse) -> None:
    before = Identity(np.arange(1.0, 7).reshape(6), (6,), (2, 3))
    after = Identity(np.arange(2.0, 6), (4,), (2, 2))
    found = compose(after, compose(operator, before))
    assert isinstance(found, Sparse)
    assert (found.source_shape, found.target_shape) == ((6,), (2, 2))
    expected = after.scale[:, None] * matrix(operator) * before.scale
    np.testing.assert_array_equal(matrix(found), expected)
    moved = reshaped(operator, (6,), (2, 2))
    assert moved is not None
    np.testing.assert_array_equal(to_dense(moved).weight, matrix(operator))


@given(sparse())
def test_other_operators_compose_to_a_matrix(operator: Sparse) -> None:
    conv = Conv(np.ones((2, 1, 1)), (1, 3), (1,), ((0, 0),), (1,))
    found = compose(operator, conv)
    assert isinstance(found, Dense)
    np.testing.assert_array_equal(found.weight, matrix(operator) @ to_dense(conv).weight)


@pytest.mark.parametrize(
    ("targets", "first", "fault"),
    [
        ([0, 4], [0, 1, 2], "neurons that are not in"),
        ([-1, 0], [0, 1, 2], "neurons that are not in"),
        ([1, 0], [0, 2, 2], "do not ascend"),
        ([1, 1], [0, 2, 2], "stand twice"),
        ([0, 1], [0, 2, 1], "descend|weights"),
        ([0, 1], [1, 1, 2], "offsets"),
        ([0, 1], [0, 2], "offsets"),
        ([0], [0, 1, 2], "synapses"),
    ],
)
def test_impossible_lists_are_refused(targets: list[int], first: list[int], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Sparse(np.ones(2), np.array(targets), np.array(first), (2,), (4,))


def test_a_network_with_single_synapses_runs_as_with_the_matrix() -> None:
    rng = np.random.default_rng(3)
    dense = networks.chain(rng, sizes=(6, 5, 3))
    first = dense.projections[0]
    operator = drawn(rng, (6,), (5,), 0.5)
    operator = replace(operator, weight=operator.weight / 2)
    lists = replace(dense, projections=(with_operator(first, operator), *dense.projections[1:]))
    whole = with_operator(first, Dense(matrix(operator), (6,), (5,)))
    whole_graph = replace(dense, projections=(whole, *dense.projections[1:]))
    spikes = networks.spikes_for(dense, rng)
    one, other = run_graph(lists, spikes), run_graph(whole_graph, spikes)
    for name, values in other.items():
        np.testing.assert_array_equal(one[name], values)
    assert one[dense.populations[1].name].any()
    assert differences(lists, whole_graph)
    assert not differences(lists, lists)
    assert "Sparse" in to_text(lists)
    fewer = drawn(rng, (6,), (5,), 0.4)
    changed = replace(lists, projections=(with_operator(first, fewer), *dense.projections[1:]))
    assert to_text(lists) != to_text(changed)


def with_operator(projection: Projection, operator: Any) -> Projection:
    return replace(projection, operator=operator)
