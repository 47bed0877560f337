"""Every preset against the frameworks' own update, written out for one neuron in plain Python.

Each function is one step as the framework computes it: (state, input) -> (spikes, state). Inputs
are dyadic where decays are, so comparisons with the threshold are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.neurons import (
    IF,
    LIF,
    CubaLIF,
    Discretization,
    Neuron,
    from_preset,
    initial_state,
    step,
)

THRESHOLD = 1.0
BETA, ALPHA = 0.75, 0.5
TAU, TAU_SYN = 4.0, 2.0
EXACT, EXACT_SYN = math.exp(-1 / TAU), math.exp(-1 / TAU_SYN)
State = dict[str, float]
Step = Callable[[State, float], tuple[float, State]]


def leaky(mechanism: str, delay: bool) -> Step:
    """snnTorch's Leaky."""

    def advance(state: State, x: float) -> tuple[float, State]:
        mem = state["v"]
        due = float(mem > THRESHOLD)
        if mechanism == "zero":
            mem = BETA * (1 - due) * mem + x
        else:
            mem = BETA * mem + x - due * THRESHOLD * (mechanism == "subtract")
        spike = float(mem > THRESHOLD)
        if not delay and mechanism == "subtract":
            mem -= (spike - due) * THRESHOLD
        if not delay and mechanism == "zero":
            mem -= (spike - due) * mem
        return spike, {"v": mem}

    return advance


def synaptic(mechanism: str, delay: bool) -> Step:
    """snnTorch's Synaptic: a delayed reset to zero loses the input of its step."""

    def advance(state: State, x: float) -> tuple[float, State]:
        due = float(state["v"] > THRESHOLD)
        syn = ALPHA * state["i"] + x
        mem = BETA * state["v"] + syn
        if mechanism == "zero":
            mem -= due * mem
        if mechanism == "subtract":
            mem -= due * THRESHOLD
        spike = float(mem > THRESHOLD)
        if not delay and mechanism == "subtract":
            mem -= (spike - due) * THRESHOLD
        if not delay and mechanism == "zero":
            mem -= (spike - due) * mem
        return spike, {"v": mem, "i": syn}

    return advance


def spyx_lif(state: State, x: float) -> tuple[float, State]:
    spike = float(state["v"] > THRESHOLD)
    return spike, {"v": BETA * state["v"] + x - spike * THRESHOLD}


def spyx_cuba(state: State, x: float) -> tuple[float, State]:
    spike = float(state["v"] > THRESHOLD)
    current = ALPHA * state["i"] + x
    return spike, {"v": BETA * (state["v"] - spike * THRESHOLD) + current, "i": current}


def sinabs_lif(state: State, x: float) -> tuple[float, State]:
    v = EXACT * state["v"] + x
    spikes = math.trunc(v / THRESHOLD) if v > 0 else 0
    return float(spikes), {"v": v - spikes * THRESHOLD}


def sinabs_iaf(state: State, x: float) -> tuple[float, State]:
    v = state["v"] + x
    spikes = math.trunc(v / THRESHOLD) if v > 0 else 0
    return float(spikes), {"v": max(v - spikes * THRESHOLD, -THRESHOLD)}


def rockpool_lif(state: State, x: float) -> tuple[float, State]:
    current = (state["i"] + x) * EXACT_SYN
    v = state["v"] * EXACT + current
    spikes = math.floor(v / THRESHOLD) if v >= THRESHOLD else 0
    return float(spikes), {"v": v - spikes * THRESHOLD, "i": current}


def nengo_lif(state: State, x: float) -> tuple[float, State]:
    v = state["v"] - (x - state["v"]) * math.expm1(-1 / TAU)
    spike = float(v > THRESHOLD)
    return spike, {"v": 0.0 if spike else max(v, 0.0)}


def spikingjelly_lif(state: State, x: float) -> tuple[float, State]:
    """decay_input, with v_reset = 0.25."""
    v = state["v"] + (x - (state["v"] - 0.25)) / TAU
    spike = float(v >= THRESHOLD)
    return spike, {"v": 0.25 if spike else v}


def one(value: float) -> np.ndarray:
    return np.full((1,), value)


LIF_ = LIF(one(TAU), one(TAU), one(0.0), one(THRESHOLD), one(0.0))
"""Input gain 1 with Euler steps of dt = 1, whatever the frameworks make of R."""
R1 = LIF(one(TAU), one(1.0), one(0.0), one(THRESHOLD), one(0.0))
REST = LIF(one(TAU), one(1.0), one(0.25), one(THRESHOLD), one(0.25))
CUBA = CubaLIF(
    one(TAU_SYN), one(TAU), one(TAU), one(0.0), one(THRESHOLD), one(0.0), one(TAU_SYN)
)  # fmt: skip
IF_ = IF(one(1.0), one(THRESHOLD), one(0.0))


def snntorch(reset: str, time: str) -> dict[str, str]:
    return {"reset": reset, "reset_time": time, "cuba_reset_time": time}


CASES: dict[str, tuple[Step, Neuron, str, dict[str, str]]] = {
    "Leaky, subtract, delayed": (
        leaky("subtract", True), LIF_, "snntorch", snntorch("subtract", "fire")
    ),
    "Leaky, subtract": (leaky("subtract", False), LIF_, "snntorch", {"reset": "subtract"}),
    "Leaky, zero, delayed": (leaky("zero", True), LIF_, "snntorch", snntorch("zero", "leak")),
    "Leaky, zero": (leaky("zero", False), LIF_, "snntorch", {}),
    "Leaky, none": (leaky("none", True), LIF_, "snntorch", {"reset": "none"}),
    "Synaptic, subtract, delayed": (
        synaptic("subtract", True), CUBA, "snntorch", snntorch("subtract", "fire")
    ),
    "Synaptic, subtract": (synaptic("subtract", False), CUBA, "snntorch", {"reset": "subtract"}),
    "Synaptic, zero, delayed": (
        synaptic("zero", True), CUBA, "snntorch", snntorch("zero", "fire")
    ),
    "Synaptic, zero": (synaptic("zero", False), CUBA, "snntorch", {}),
    "Synaptic, none": (synaptic("none", False), CUBA, "snntorch", {"reset": "none"}),
    "Spyx LIF": (spyx_lif, LIF_, "spyx", {}),
    "Spyx CuBaLIF": (spyx_cuba, CUBA, "spyx", {}),
    "Sinabs LIF": (sinabs_lif, R1, "sinabs", {}),
    "Sinabs IAF": (sinabs_iaf, IF_, "sinabs", {}),
    "Rockpool LIF": (rockpool_lif, CUBA, "rockpool", {}),
    "Nengo LIF": (nengo_lif, R1, "nengo", {}),
    "SpikingJelly LIF": (spikingjelly_lif, REST, "spikingjelly", {}),
}  # fmt: skip

dyadic = st.integers(-96, 160).map(lambda k: k / 64)


def run(neuron: Neuron, currents: list[float], d: Discretization) -> list[tuple[float, float]]:
    state, found = initial_state(neuron, (1, 1), d), []
    for current in currents:
        spikes, state = step(neuron, state, np.full((1, 1), current), d)
        found.append((spikes.item(), state.v.item()))
    return found


@pytest.mark.parametrize("case", CASES)
@given(currents=st.lists(dyadic, min_size=1, max_size=24))
def test_a_preset_is_the_frameworks_own_step(case: str, currents: list[float]) -> None:
    advance, neuron, preset, options = CASES[case]
    d = from_preset(preset, 1.0, **options)
    state: State = {"v": initial_state(neuron, (1, 1), d).v.item(), "i": 0.0}
    for current, (spikes, v) in zip(currents, run(neuron, currents, d), strict=True):
        expected, state = advance(state, current)
        if abs(state["v"] % THRESHOLD) < 1e-9 and preset not in ("snntorch", "spyx"):
            return  # a float at the threshold itself: the order of rounding decides
        assert spikes == expected
        assert v == pytest.approx(state["v"], abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_cases_fire(case: str) -> None:
    """A strong input makes every case spike, so that the comparison above means something."""
    _, neuron, preset, options = CASES[case]
    found = run(neuron, [2.5, 0.5, 2.5, -1.0, 3.5, 0.0], from_preset(preset, 1.0, **options))
    assert sum(spikes for spikes, _ in found) >= 1


def test_the_bias_of_spinnaker2_does_not_pass_the_synapse() -> None:
    """v' = 3/4 v + i' + w_in b, with the gain of R = 4 and dt/tau_mem = 1/4."""
    d = from_preset("spinnaker2", 1.0)
    state = initial_state(CUBA, (1, 1), d)
    _, state = step(CUBA, state, np.full((1, 1), 0.25), d, one(0.125))
    assert state.i is not None
    assert (state.i.item(), state.v.item()) == (0.25, 0.25 + TAU_SYN * 0.125)
    _, state = step(CUBA, state, np.zeros((1, 1)), d, one(0.125))
    assert state.i is not None
    assert (state.i.item(), state.v.item()) == (0.125, 0.75 * 0.5 + 0.125 + 0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reset": "multi", "reset_time": "fire"}, "reset multi at another time"),
        ({"recurrent_delay": 0}, "recurrent_delay is 0"),
        ({"input_latency": 64}, "input_latency is 64"),
        ({"input_latency": True}, "input_latency is True"),
        ({"output_latency": "soon"}, "output_latency is 'soon'"),
        ({"a.reset": "multi", "reset_time": "leak"}, "reset multi at another time"),
        ({"a.dt": 1.0}, "'dt' cannot differ"),
        ({"a.fires": "<"}, "fires is '<'"),
        ({"preset": "nengo"}, "unknown option 'preset'"),
    ],
)
def test_values_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    from snn2chip.errors import ConfigError

    with pytest.raises(ConfigError, match=message):
        from_preset("norse", 1.0).override(**options)


def test_exceptions_hold_for_one_population() -> None:
    d = from_preset("norse", 1.0, **{"a.reset": "none", "a.b.fires": ">="})
    assert (d.of("a").reset, d.of("a").fires) == ("none", ">")
    assert (d.of("a.b").reset, d.of("a.b").fires) == ("zero", ">=")
    assert d.of("c") == from_preset("norse", 1.0)
    assert d.override(**{"a.reset": "subtract"}).of("a").reset == "subtract"
