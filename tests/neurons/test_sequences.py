"""Sequences that a reader can follow with a pencil: one row per step, every number dyadic.

A row is (input c, synaptic current i where the model has one, membrane before the spike u,
output z, membrane after the reset v). The first number of u is the sum that makes it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from snn2chip.neurons import NEURONS, Discretization, Neuron, from_preset, initial_state, step

DT = 0.25


def make(kind: str, **values: float) -> Neuron:
    return NEURONS[kind](**{name: np.array([value]) for name, value in values.items()})


def follow(
    neuron: Neuron, currents: list[float], d: Discretization
) -> list[tuple[float | None, float, float]]:
    """(i, z, v) of every step."""
    state, found = initial_state(neuron, (1, 1), d), []
    for current in currents:
        z, state = step(neuron, state, np.full((1, 1), current), d)
        found.append((None if state.i is None else state.i.item(), z.item(), state.v.item()))
    return found


def norse(**options: Any) -> Discretization:
    return from_preset("norse", DT, **options)


IF = {"r": 2.0, "v_threshold": 1.0, "v_reset": -0.5}
LIF = {"tau": 1.0, "r": 2.0, "v_leak": 0.5, "v_threshold": 1.0, "v_reset": -0.5}
CUBA = {"tau_syn": 0.5, "tau_mem": 1.0, "r": 2.0, "v_leak": 0.5, "w_in": 4.0}
SPIKES = {"v_threshold": 1.5, "v_reset": -0.5}

TABLES: dict[str, tuple[Neuron, dict[str, str], list[tuple[float | None, ...]]]] = {
    "IF: v + 2 c from v_reset": (
        make("IF", **IF),
        {},
        [  # c, i, z, v
            (0.5, None, 0, 0.5),  # -0.5 + 1
            (0.25, None, 0, 1.0),  # 0.5 + 0.5: at the threshold, not above
            (0.125, None, 1, -0.5),  # 1 + 0.25
            (-1.0, None, 0, -2.5),  # -0.5 - 2: no floor
            (2.0, None, 1, -0.5),  # -2.5 + 4
        ],
    ),
    "IF that fires at its threshold": (
        make("IF", **IF),
        {"fires": ">="},
        [
            (0.5, None, 0, 0.5),
            (0.25, None, 1, -0.5),  # 1.0 is enough
            (0.125, None, 0, -0.25),
        ],
    ),
    "IF that keeps what is above": (
        make("IF", **IF),
        {"reset": "subtract"},
        [
            (2.0, None, 1, 2.5),  # 3.5 - 1: one spike a step, whatever is left
            (0.0, None, 1, 1.5),
            (0.0, None, 1, 0.5),
            (0.0, None, 0, 0.5),
        ],
    ),
    "IF with dt in its gain: v + 0.25 2 c from 0": (
        make("IF", **IF),
        {"if_gain": "dt", "initial_v": "zero"},
        [
            (1.0, None, 0, 0.5),
            (1.0, None, 0, 1.0),
            (1.0, None, 1, -0.5),
            (1.0, None, 0, 0.0),
        ],
    ),
    "LIF: 3/4 v + 1/4 (0.5 + 2 c) from v_leak": (
        make("LIF", **LIF),
        {},
        [
            (0.0, None, 0, 0.5),  # rests
            (1.0, None, 0, 1.0),  # 0.375 + 0.625
            (1.0, None, 1, -0.5),  # 0.75 + 0.625 = 1.375
            (0.0, None, 0, -0.25),  # -0.375 + 0.125
            (4.0, None, 1, -0.5),  # -0.1875 + 2.125
        ],
    ),
    "LIF that keeps what is above, from 0": (
        make("LIF", **LIF),
        {"reset": "subtract", "initial_v": "zero"},
        [
            (0.0, None, 0, 0.125),
            (4.0, None, 1, 1.21875),  # 0.09375 + 2.125 - 1
            (0.0, None, 1, 0.0390625),  # 0.9140625 + 0.125 = 1.0390625
            (0.0, None, 0, 0.154296875),  # 0.029296875 + 0.125
        ],
    ),
    "LIF that fires at its threshold": (
        make("LIF", **LIF),
        {"fires": ">="},
        [
            (0.0, None, 0, 0.5),
            (1.0, None, 1, -0.5),  # exactly 1
            (1.0, None, 0, 0.25),  # -0.375 + 0.625
        ],
    ),
    "LI: 3/4 v + 1/4 (0.5 + 2 c)": (
        make("LI", tau=1.0, r=2.0, v_leak=0.5),
        {},
        [
            (2.0, None, 1.5, 1.5),  # 0.375 + 1.125
            (0.0, None, 1.25, 1.25),  # 1.125 + 0.125
            (-1.0, None, 0.5625, 0.5625),  # 0.9375 - 0.375
        ],
    ),
    "CubaLI: i/2 + 1/2 4 c, then 3/4 v + 1/4 (0.5 + 2 i)": (
        make("CubaLI", **CUBA),
        {},
        [
            (1.0, 2.0, 1.5, 1.5),  # 0.375 + 0.25 4.5
            (0.0, 1.0, 1.75, 1.75),  # 1.125 + 0.25 2.5
            (0.0, 0.5, 1.6875, 1.6875),  # 1.3125 + 0.25 1.5
            (-1.0, -1.75, 0.515625, 0.515625),  # 1.265625 + 0.25 -3
        ],
    ),
    "CubaLIF: a spike leaves the current": (
        make("CubaLIF", **CUBA, **SPIKES),
        {},
        [
            (1.0, 2.0, 0, 1.5),  # at the threshold
            (0.0, 1.0, 1, -0.5),  # 1.75
            (0.0, 0.5, 0, 0.0),  # -0.375 + 0.375
            (2.0, 4.25, 1, -0.5),  # 0 + 0.25 9 = 2.25
        ],
    ),
    "CubaLIF that fires at its threshold and keeps what is above": (
        make("CubaLIF", **CUBA, **SPIKES),
        {"fires": ">=", "reset": "subtract"},
        [
            (1.0, 2.0, 1, 0.0),  # 1.5 - 1.5
            (0.0, 1.0, 0, 0.625),  # 0 + 0.625
            (0.0, 0.5, 0, 0.84375),  # 0.46875 + 0.375
        ],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_sequence(name: str) -> None:
    neuron, options, rows = TABLES[name]
    currents = [float(row[0] or 0.0) for row in rows]
    assert follow(neuron, currents, norse(**options)) == [row[1:] for row in rows]


EXACT = norse(integrator="exact", initial_v="zero")
STEPS = 60


def membranes(neuron: Neuron, currents: np.ndarray, d: Discretization) -> np.ndarray:
    return np.array([v for _, _, v in follow(neuron, list(currents), d)])


@pytest.mark.parametrize("tau", [0.1, 0.25, 1.0, 7.0])
def test_exact_steps_solve_the_equation_of_a_constant_input(tau: float) -> None:
    """v(t) = (v_leak + R c) (1 - exp(-t/tau)) from 0; Euler's steps go to the same limit."""
    li = make("LI", tau=tau, r=3.0, v_leak=-0.25)
    time = DT * np.arange(1, STEPS + 1)
    expected = (-0.25 + 3.0 * 0.5) * (1 - np.exp(-time / tau))
    np.testing.assert_allclose(membranes(li, np.full(STEPS, 0.5), EXACT), expected, rtol=1e-12)


def test_exact_steps_solve_the_equation_of_a_jumping_input() -> None:
    """The closed form holds at every step if the input is constant within each."""
    c = np.random.default_rng(3).normal(size=STEPS)
    tau, drive = 0.8, 2.0 * c
    expected, v = [], 0.0
    for value in drive:
        v = value + (v - value) * np.exp(-DT / tau)
        expected.append(v)
    li = make("LI", tau=tau, r=2.0, v_leak=0.0)
    np.testing.assert_allclose(membranes(li, c, EXACT), expected, rtol=1e-12, atol=1e-14)


def test_a_pulse_through_an_exact_synapse_and_membrane() -> None:
    """The membrane is the discrete convolution of the pulse with both exponentials."""
    ts, tm = 0.5, 2.0
    a, b = np.exp(-DT / ts), np.exp(-DT / tm)
    neuron = make("CubaLI", tau_syn=ts, tau_mem=tm, r=2.0, v_leak=0.0, w_in=4.0)
    pulse = np.zeros(STEPS)
    pulse[0] = 1.0
    n = np.arange(1, STEPS + 1)
    expected = 2.0 * 4.0 * (1 - a) * (1 - b) * (a**n - b**n) / (a - b)
    np.testing.assert_allclose(membranes(neuron, pulse, EXACT), expected, rtol=1e-11)


@pytest.mark.parametrize("integrator", ["euler", "exact"])
@pytest.mark.parametrize("start", ["v_leak", "zero"])
@pytest.mark.parametrize("kind", ["LI", "CubaLI"])
def test_a_constant_input_ends_at_rest_plus_r_i(integrator: str, start: str, kind: str) -> None:
    values = CUBA if kind == "CubaLI" else {"tau": 1.0, "r": 2.0, "v_leak": 0.5}
    gain = 4.0 if kind == "CubaLI" else 1.0
    d = norse(integrator=integrator, initial_v=start)
    v = membranes(make(kind, **values), np.full(300, 0.75), d)
    assert v[-1] == pytest.approx(0.5 + 2.0 * gain * 0.75, rel=1e-13)
    assert (np.diff(v) >= 0).all()


@pytest.mark.parametrize("kind", ["LI", "CubaLI", "LIF", "CubaLIF"])
def test_a_smaller_step_brings_euler_and_exact_together(kind: str) -> None:
    """The difference of the two membranes at one time shrinks with dt, first order."""
    values = dict(CUBA) if kind.startswith("Cuba") else {"tau": 1.0, "r": 2.0, "v_leak": 0.5}
    if kind.endswith("F"):
        values |= {"v_threshold": 1e6, "v_reset": 0.0}
    gaps = []
    for dt in (0.1, 0.05, 0.025, 0.0125):
        ends = []
        for integrator in ("euler", "exact"):
            d = from_preset("norse", dt, integrator=integrator)
            ends.append(membranes(make(kind, **values), np.full(round(0.5 / dt), 1.0), d)[-1])
        gaps.append(abs(ends[0] - ends[1]))
    ratios = [a / b for a, b in pairwise(gaps)]
    assert all(1.6 < ratio < 2.6 for ratio in ratios), ratios


@pytest.mark.parametrize(("current", "period"), [(0.25, 5), (0.5, 3), (1.25, 1), (0.0, 0)])
def test_an_if_fires_with_the_period_of_its_charge(current: float, period: int) -> None:
    """From 0 it needs the first n with n c > 1."""
    neuron = make("IF", r=1.0, v_threshold=1.0, v_reset=0.0)
    fired = [z for _, z, _ in follow(neuron, [current] * 30, norse())]
    assert [t for t, z in enumerate(fired) if z] == list(range(period - 1, 30, period or 99))[
        : 30 if period else 0
    ]


def test_subtracting_loses_no_charge() -> None:
    """spikes * threshold + v = sum of r c, at every step."""
    neuron = make("IF", r=1.0, v_threshold=1.0, v_reset=-3.0)
    c = np.random.default_rng(0).integers(0, 60, 200) / 64
    rows = follow(neuron, list(c), norse(reset="subtract", initial_v="zero"))
    spikes = np.cumsum([z for _, z, _ in rows])
    v = np.array([v for *_, v in rows])
    np.testing.assert_array_equal(spikes + v, np.cumsum(c))
    assert spikes[-1] > 50


def test_a_lif_below_its_rheobase_never_fires_and_above_it_does() -> None:
    """v_leak + R c must pass the threshold: c = 0.25 reaches 1 only in the limit."""
    neuron = make("LIF", **LIF)
    for integrator in ("euler", "exact"):
        d = norse(integrator=integrator)
        assert not any(z for _, z, _ in follow(neuron, [0.25] * 30, d))
        assert any(z for _, z, _ in follow(neuron, [0.2501] * 60, d))
