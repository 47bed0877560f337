"""Loihi's rounding, shifts and wraps against Python's unbounded integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.backends.loihi.integers import shift, toward_zero, wrap24
from snn2chip.core import ProgramPopulation

big = st.integers(-(2**40), 2**40)


@given(big, st.integers(0, 20))
def test_toward_zero(x, bits):
    expected = (abs(x) >> bits) * (1 if x >= 0 else -1)
    assert toward_zero(np.array([x]), bits)[0] == expected


@given(st.integers(-(2**30), 2**30), st.integers(-8, 7))
def test_shift_rounds_down(x, exponent):
    assert shift(np.array([x]), exponent)[0] == (
        x * 2**exponent if exponent > 0 else x // 2**-exponent
    )


@given(big)
def test_wrap24_is_the_signed_residue(x):
    wrapped = int(wrap24(np.array([x]))[0])
    assert -(2**23) <= wrapped < 2**23
    assert (wrapped - x) % 2**24 == 0


def neuron(**overrides):
    parameters = {
        "du": 4095,
        "dv": 0,
        "vth": 2**17 - 1,
        "bias_mant": 0,
        "bias_exp": 0,
        "v0": 0,
        **overrides,
    }
    return ProgramPopulation(
        "n", "cuba", "IF", (1,), parameters={k: np.array(v) for k, v in parameters.items()}
    )


def run(population, current, mode="chip"):
    arithmetic = LoihiArithmetic(mode)
    current = np.array(current).reshape(-1, 1, 1)
    return arithmetic.scan(
        population, arithmetic.initial(population, 1), current, current != 0, record=True
    )


def flat(scan, name):
    return scan.records[name].reshape(-1).tolist()


def test_threshold_is_strict():
    assert run(neuron(vth=5), [5, 1]).output.reshape(-1).tolist() == [False, True]


def test_v_is_zero_after_a_spike_and_u_is_not():
    scan = run(neuron(vth=5, du=2047), [6, 0])
    assert flat(scan, "v")[0] == 0
    assert flat(scan, "u") == [6 << 6, (6 << 6) * 2048 >> 12]


def test_plus_two_to_23_is_legal_and_minus_is_not():
    half = 2**23 >> 6
    assert flat(run(neuron(), [half]), "u") == [2**23]
    assert flat(run(neuron(), [-half]), "u") == [2**23]


def test_only_one_wrap_is_made():
    """By Lava: what lies further out stays outside of 24 bits; a chip has no more than these."""
    sums = (3 * 2**23 >> 6) + 1
    far = run(neuron(), [sums], "lava")
    assert flat(far, "u") == [3 * 2**23 + 64 - 2**24]
    assert far.warnings["u_wrapped"] == 1
    assert "u_beyond_24_bits" not in far.warnings
    held = run(neuron(), [sums])
    assert flat(held, "u") == [64 - 2**23]
    assert held.warnings["u_beyond_24_bits"] == 1
    assert held.peak_input == sums


def test_v_saturates_and_is_counted():
    scan = run(neuron(v0=2**23 - 2), [100])
    assert scan.peak_v == 2**23 - 1
    assert scan.warnings["v_saturated"] == 1


def test_decay_rounds_toward_zero_for_both_signs():
    assert flat(run(neuron(dv=1, v0=5), [0]), "v") == [4]
    assert flat(run(neuron(dv=1, v0=-5), [0]), "v") == [-4]


def test_a_bias_alone_counts_as_an_update():
    quiet = run(neuron(), [0, 0])
    assert not quiet.updated.any()
    assert run(neuron(bias_mant=1), [0, 0]).updated.all()


def test_bias_exponent():
    assert flat(run(neuron(bias_mant=-3, bias_exp=4), [0, 0]), "v") == [-48, -96]


def test_a_negative_bias_exponent_rounds_down():
    assert flat(run(neuron(bias_mant=-3, bias_exp=-1), [0, 0]), "v") == [-2, -4]
    assert flat(run(neuron(bias_mant=3, bias_exp=-1), [0, 0]), "v") == [1, 2]


def test_a_memoryless_current_is_no_state():
    """u of a neuron with du = 4095 is overwritten at every step, so it keeps nothing awake."""
    scan = run(neuron(vth=5), [6, 0])
    assert scan.updated.reshape(-1).tolist() == [True, False]
    kept = run(neuron(vth=5, du=0), [6, 0])
    assert kept.updated.reshape(-1).tolist() == [True, True]
