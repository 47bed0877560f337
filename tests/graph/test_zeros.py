"""What is left without synapses of weight 0 computes the same, and nothing else is left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.errors import UnsupportedError
from snn2chip.graph import Conv, Dense, Identity, Operator, Sparse
from snn2chip.graph import zeros as module
from snn2chip.graph.compose import to_dense
from snn2chip.graph.linear import fan_in, fan_out, synapses
from snn2chip.graph.operators import weights_of, with_weights
from snn2chip.graph.zeros import without_zeros
from tests.examples import examples
from tests.graph.test_compose import conv_after, operator_after


@st.composite
def pruned(draw: st.DrawFn) -> Operator:
    """Any operator, with a share of its weights set to 0."""
    axes = draw(st.integers(0, 3))
    source = (draw(st.integers(1, 4)), *(draw(st.integers(2, 5)) for _ in range(axes)))
    whole = conv_after(source) if axes and draw(st.booleans()) else operator_after(source)
    operator = draw(whole)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    weight = weights_of(operator)
    return with_weights(operator, weight * (rng.random(weight.shape) < draw(st.floats(0, 1))))


@given(pruned())
@settings(max_examples=examples(300), deadline=None)
def test_the_matrix_is_the_same_and_has_no_other_synapses(operator: Operator) -> None:
    found, matrix = without_zeros(operator), to_dense(operator).weight
    np.testing.assert_array_equal(to_dense(found).weight, matrix)
    assert weights_of(found).dtype == weights_of(operator).dtype
    assert (found.source_shape, found.target_shape) == (
        operator.source_shape,
        operator.target_shape,
    )
    if weights_of(operator).all():
        assert found is operator
        return
    present = matrix != 0
    assert synapses(found) == np.count_nonzero(present)
    np.testing.assert_array_equal(fan_out(found).reshape(-1), present.sum(axis=0))
    np.testing.assert_array_equal(fan_in(found).reshape(-1), present.sum(axis=1))


def test_what_has_no_zeros_stays_what_it_is() -> None:
    conv = Conv(np.ones((2, 1, 3, 3)), (1, 5, 5), (1, 1), ((1, 1), (1, 1)), (1, 1))
    assert without_zeros(conv) is conv


def test_an_operator_of_zeros_has_no_synapse() -> None:
    found = without_zeros(Dense(np.zeros((2, 3), np.int8), (3,), (2,)))
    assert isinstance(found, Sparse)
    assert (synapses(found), found.weight.dtype) == (0, np.int8)


def test_single_synapses_lose_theirs() -> None:
    once = without_zeros(Dense(np.array([[1, 2], [3, 0]]), (2,), (2,)))
    assert isinstance(once, Sparse)
    again = without_zeros(with_weights(once, np.array([1, 0, 3])))
    np.testing.assert_array_equal(to_dense(again).weight, [[1, 3], [0, 0]])
    assert synapses(again) == 2


def test_what_is_too_long_a_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SYNAPSE_LIMIT", 3)
    fits = Identity(np.array([1, 0, 2, 3]), (4,), (4,))
    assert synapses(without_zeros(fits)) == 3
    with pytest.raises(UnsupportedError, match="fc1: up to 4 synapses") as caught:
        without_zeros(Dense(np.array([[1, 0, 2, 3, 4]]), (5,), (1,)), "fc1")
    assert caught.value.remedy == "leave --drop-zeros out"
