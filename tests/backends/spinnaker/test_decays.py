"""Time constants by which a core comes nearest to a wanted decay."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.backends.spinnaker.decays import membrane, synapse
from snn2chip.backends.spinnaker.fixed import ONE, accum, divide, exp_accum, exp_fraction
from snn2chip.backends.spinnaker.loaded import loaded

FEWEST = 0.2
"""Above this factor every unit of the last place is there."""


@given(st.floats(FEWEST, 1.0 - 2.0 / ONE))
def test_a_membrane_decays_within_its_last_place(beta: float) -> None:
    found = membrane(np.array([beta]))
    assert abs(found.decay[0] / ONE - beta) <= 1.01 / ONE
    np.testing.assert_allclose(found.gain, 1.0, atol=2e-4)


@given(st.floats(0.0, FEWEST))
def test_a_fast_membrane_decays_nearly_as_wanted(beta: float) -> None:
    assert abs(membrane(np.array([beta])).decay[0] / ONE - beta) <= 2e-4


def test_no_membrane_keeps_everything() -> None:
    """The exponential of the smallest exponent is cut off twice, and that of 0 lets nothing in."""
    assert membrane(np.ones(1)).decay[0] == ONE - 2


def test_a_core_makes_the_same_of_it() -> None:
    beta = np.array([0.0, 0.3, 0.75, 0.9, 0.99, 0.9999, 1.0])
    found = membrane(beta)
    told = {"tau_m": found.tau / ONE, "cm": found.capacity / ONE}
    rest = dict.fromkeys(("v_rest", "v_reset", "v_thresh", "i_offset", "tau_refrac"), np.zeros(7))
    core = loaded("IF_curr_delta", {**told, **rest})
    np.testing.assert_array_equal(core.membrane_decay, found.decay)
    np.testing.assert_array_equal(core.resistance, found.resistance)


def test_the_analytic_time_constant_misses_by_a_fifth_of_what_is_lost() -> None:
    beta = 1.0 - 1.5 / ONE
    analytic = int(exp_accum(-divide(ONE, accum(-1.0 / np.log(beta)))))
    ours = int(membrane(np.array([beta])).decay[0])
    lost = ONE * (1.0 - beta)
    assert abs(ONE - ours - lost) <= abs(ONE - analytic - lost)
    assert abs(ONE - ours - lost) / lost < 0.5


@given(st.floats(0.05, 0.999))
def test_a_synapse_decays_as_wanted(beta: float) -> None:
    tau = synapse(np.array([beta]))
    assert abs(exp_fraction(-divide(ONE, tau))[0] / 2**32 - beta) <= 2.0 / ONE
