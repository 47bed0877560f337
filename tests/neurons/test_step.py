"""Hand-computed sequences; all numbers are dyadic, so every value is exact."""

from __future__ import annotations

import numpy as np
import pytest

from snn2chip.neurons import (
    IF,
    LI,
    LIF,
    CubaLI,
    CubaLIF,
    Discretization,
    I,
    Input,
    Neuron,
    factors,
    from_preset,
    initial_state,
    step,
)

DT = 2.0**-10


def one(value: float) -> np.ndarray:
    return np.full((1,), value)


def run(
    neuron: Neuron, currents: list[float], discretization: Discretization
) -> tuple[list[float], list[float]]:
    """Outputs and membranes of one neuron."""
    state = initial_state(neuron, (1, 1), discretization)
    outputs, membranes = [], []
    for current in currents:
        output, state = step(neuron, state, np.full((1, 1), current), discretization)
        outputs.append(output.item())
        membranes.append(state.v.item())
    return outputs, membranes


def norse(**overrides: str) -> Discretization:
    return from_preset("norse", DT, **overrides)


IF_ = IF(r=one(2.0), v_threshold=one(1.0), v_reset=one(0.25))
LIF_ = LIF(tau=one(4 * DT), r=one(2.0), v_leak=one(0.5), v_threshold=one(1.0), v_reset=one(0.0))


def test_if_adds_r_times_the_current_and_starts_at_rest() -> None:
    assert run(IF_, [0.25, 0.125, 0.25], norse()) == ([0.0, 0.0, 1.0], [0.75, 1.0, 0.25])


def test_if_may_multiply_by_dt() -> None:
    discretization = norse(if_gain="dt", initial_v="zero")
    assert run(IF_, [256.0, 256.0], discretization) == ([0.0, 0.0], [0.5, 1.0])


def test_the_comparison_is_an_option() -> None:
    currents = [0.5, 0.0]
    assert run(IF_, currents, norse(initial_v="zero")) == ([0.0, 0.0], [1.0, 1.0])
    assert run(IF_, currents, norse(initial_v="zero", fires=">=")) == ([1.0, 0.0], [0.25, 0.25])


def test_the_reset_is_an_option() -> None:
    assert run(IF_, [1.0], norse(initial_v="zero")) == ([1.0], [0.25])
    assert run(IF_, [1.0], norse(initial_v="zero", reset="subtract")) == ([1.0], [1.0])


def test_lif_leaks_towards_v_leak() -> None:
    """v += 1/4 (0.5 - v + 2 I) from v = 0.5."""
    outputs, membranes = run(LIF_, [0.0, 1.0, 1.0, 0.0], norse())
    assert outputs == [0.0, 0.0, 1.0, 0.0]
    assert membranes == [0.5, 1.0, 0.0, 0.125]


def test_lif_may_start_at_zero() -> None:
    assert run(LIF_, [0.0], norse(initial_v="zero")) == ([0.0], [0.125])


def test_li_gives_its_membrane() -> None:
    li = LI(tau=one(2 * DT), r=one(1.0), v_leak=one(0.0))
    assert run(li, [1.0, 0.0], norse()) == ([0.5, 0.25], [0.5, 0.25])


def test_the_synapse_is_updated_before_the_membrane() -> None:
    """i = i/2 + 1/2 * 4 c ; v += 1/4 (-v + 2 i)."""
    values = {"tau_syn": one(2 * DT), "tau_mem": one(4 * DT), "r": one(2.0), "v_leak": one(0.0)}
    cuba_li = CubaLI(**values, w_in=one(4.0))
    assert run(cuba_li, [1.0, 0.0], norse()) == ([1.0, 1.25], [1.0, 1.25])
    cuba_lif = CubaLIF(**values, w_in=one(4.0), v_threshold=one(1.0), v_reset=one(-1.0))
    assert run(cuba_lif, [1.0, 0.0], norse()) == ([0.0, 1.0], [1.0, -1.0])


def test_factors() -> None:
    euler = factors(one(4 * DT), norse())
    assert (euler.decay.item(), euler.gain.item()) == (0.75, 0.25)
    exact = factors(one(4 * DT), norse(integrator="exact"))
    assert exact.decay.item() == np.exp(-0.25)
    assert exact.decay + exact.gain == 1.0


def test_the_exact_integrator_follows_the_exponential() -> None:
    li = LI(tau=one(8 * DT), r=one(1.0), v_leak=one(0.0))
    _, membranes = run(li, [1.0] * 50, norse(integrator="exact"))
    expected = 1.0 - np.exp(-np.arange(1, 51) / 8.0)
    np.testing.assert_allclose(membranes, expected, rtol=1e-13)


def test_spikes_are_zero_or_one_and_shapes_are_kept() -> None:
    rng = np.random.default_rng(0)
    shape = (2, 3)
    neuron = LIF(*(np.full(shape, v) for v in (4 * DT, 1.0, 0.0, 0.5, 0.0)))
    state = initial_state(neuron, (5, *shape), norse())
    output, after = step(neuron, state, rng.random((5, *shape)) * 4, norse())
    assert output.shape == after.v.shape == (5, *shape)
    assert set(np.unique(output)) == {0.0, 1.0}
    assert (after.v[output == 1.0] == 0.0).all()


def test_the_state_is_not_changed_in_place() -> None:
    state = initial_state(LIF_, (1, 1), norse())
    before = state.v.copy()
    step(LIF_, state, np.ones((1, 1)), norse())
    np.testing.assert_array_equal(state.v, before)


def test_an_input_has_no_step() -> None:
    with pytest.raises(TypeError, match="Input has no step"):
        step(Input(), initial_state(Input(), (1, 1), norse()), np.zeros((1, 1)), norse())


@pytest.mark.parametrize(("gain", "factor"), [("one", 1.0), ("dt", DT)])
def test_an_integrator_adds_up_and_never_spikes(gain: str, factor: float) -> None:
    neuron = I(r=np.array([0.5, -2.0]))
    options = norse(if_gain=gain)
    state = initial_state(neuron, (1, 2), options)
    for k in range(1, 4):
        output, state = step(neuron, state, np.full((1, 2), 3.0), options, bias=1.0)
        np.testing.assert_array_equal(state.v, factor * k * 4.0 * neuron.r[None])
        np.testing.assert_array_equal(output, state.v)
