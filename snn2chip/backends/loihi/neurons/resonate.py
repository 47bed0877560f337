"""``rf``, ``rf_iz``: resonate-and-fire neurons, in 24-bit real and imaginary parts.

ar and ai are the sums of the synapses to the real and to the imaginary part, which arrive as one
complex number; with c, s = int((1 - alpha) cos|sin(2 pi / period) 2^decay_bits), db = decay_bits,
vth a parameter times 2^state_exp already, and rz and M as in ``cuba``::

    re' = clip(rz(c re, db) - rz(s im, db) + (ar << state_exp), +-(M - 1))
    im' = clip(rz(s re, db) + rz(c im, db) + (ai << state_exp), +-(M - 1))
    rf      spike = re' >= vth and im' >= 0 and im < 0 ;  no reset
    rf_iz   spike = im' >= vth ;  re' = 0 and im' = vth - 1 where it spikes

Source: Lava 0.10.0, ``lava.proc.rf`` and ``lava.proc.rf_iz``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import STATE_LIMIT, int32, toward_zero, whole
from snn2chip.backends.loihi.neurons.base import NeuronModel, zeros
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.graph.operators import Array

PARAMETERS = frozenset({"cos", "sin", "decay_bits", "state_exp", "vth"})

_Ints: TypeAlias = NDArray[np.int64]
_Fire: TypeAlias = Callable[[_Ints, _Ints, _Ints, _Ints], tuple[NDArray[np.bool_], _Ints, _Ints]]


def initial(population: ProgramPopulation, samples: int) -> State:
    """Both parts 0."""
    return {"real": zeros(population, samples), "imag": zeros(population, samples)}


def _rf(
    vth: _Ints, before: _Ints, real: _Ints, imag: _Ints
) -> tuple[NDArray[np.bool_], _Ints, _Ints]:
    return (real >= vth) & (imag >= 0) & (before < 0), real, imag


def _rf_iz(
    vth: _Ints, before: _Ints, real: _Ints, imag: _Ints
) -> tuple[NDArray[np.bool_], _Ints, _Ints]:
    spikes = imag >= vth
    return spikes, np.where(spikes, 0, real), np.where(spikes, vth - 1, imag)


def _model(name: str, fire: _Fire) -> NeuronModel:
    def scan(
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        p = {key: whole(value) for key, value in population.parameters.items()}
        cos, sin, bits = p["cos"], p["sin"], int(p["decay_bits"])
        drive = [int32(whole(part) << p["state_exp"]) for part in (current.real, current.imag)]
        real, imag = state["real"], state["imag"]
        output, updated = np.empty(current.shape, bool), np.empty(current.shape, bool)
        reals, imags = [], []
        saturated = peak = 0
        for k in range(len(current)):
            busy = (real != 0) | (imag != 0)
            free = (
                toward_zero(cos * real, bits) - toward_zero(sin * imag, bits) + drive[0][k],
                toward_zero(sin * real, bits) + toward_zero(cos * imag, bits) + drive[1][k],
            )
            turned, lifted = (np.clip(x, 1 - STATE_LIMIT, STATE_LIMIT - 1) for x in free)
            saturated += int(np.count_nonzero((turned != free[0]) | (lifted != free[1])))
            peak = max(peak, int(np.abs(lifted).max(initial=0)))
            output[k], real, imag = fire(p["vth"], imag, turned, lifted)
            updated[k] = busy | arrived[k] | output[k]
            if record:
                reals.append(real.astype(np.int32))
                imags.append(imag.astype(np.int32))
        return Scan(
            output,
            updated,
            {"real": real, "imag": imag},
            {"real": np.stack(reals), "imag": np.stack(imags)} if reals else {},
            {"v_saturated": saturated},
            peak_v=float(peak),
            peak_input=float(np.abs(current).max(initial=0)),
        )

    return NeuronModel(name, PARAMETERS, initial, scan)


MODELS = (_model("rf", _rf), _model("rf_iz", _rf_iz))
