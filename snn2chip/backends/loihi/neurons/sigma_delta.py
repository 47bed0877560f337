"""``sigma``, ``delta``, ``sigma_delta``: neurons that send changes, all in 32-bit integers.

With S = spike_exp + state_exp; vth and bias are parameters times 2^S already; sg, act, res and err
begin at 0::

    sigma         sg += a ; out = sg
    delta         A = a << S
    sigma_delta   sg += a ; A = max(sg + bias, 0) (relu = 1) or sg + bias (relu = 0)
    delta_driven  as delta, of a value a that stays until a change of it arrives
    all but sigma d = A - act + res ; test |d| >= vth
                  (cum_error = 1: err += d, test |err| >= vth, err = 0 where q != 0)
                  q = d where the test holds, else 0 ; res = d - q ; act = A
                  out = q >> state_exp (floor)

Source: Lava 0.10.0, ``lava.proc.sdn``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.neurons.base import NeuronModel
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.graph.operators import Array

Words: TypeAlias = NDArray[np.int32]
_Step: TypeAlias = Callable[[dict[str, Words], dict[str, Words], Words], Words]

_ENCODER = ("act", "residue", "error")
DRIVEN_DELTA = "delta_driven"

_OPTIONS = frozenset({"vth", "cum_error", "spike_exp", "state_exp"})


def _sigma(p: dict[str, Words], s: dict[str, Words], a: Words) -> Words:
    s["sigma"] = s["sigma"] + a
    return s["sigma"]


def _delta(p: dict[str, Words], s: dict[str, Words], a: Words) -> Words:
    return _encode(p, s, np.left_shift(a, p["spike_exp"] + p["state_exp"]))


def _sigma_delta(p: dict[str, Words], s: dict[str, Words], a: Words) -> Words:
    value = _sigma(p, s, a) + p["bias"]
    return _encode(p, s, np.where(p["relu"] != 0, np.maximum(value, 0), value).astype(np.int32))


def _encode(p: dict[str, Words], s: dict[str, Words], value: Words) -> Words:
    """What is sent of a new activation."""
    change = value - s["act"] + s["residue"]
    error = np.where(p["cum_error"] != 0, s["error"] + change, s["error"])
    tested = np.where(p["cum_error"] != 0, error, change)
    sent = np.where(np.abs(tested) >= p["vth"], change, 0)
    cleared = (np.abs(sent) > 0) & (p["cum_error"] != 0)
    s |= {"act": value, "residue": change - sent, "error": np.where(cleared, 0, error)}
    return np.right_shift(sent, p["state_exp"])


def _model(
    name: str, step: _Step, parameters: frozenset[str], states: tuple[str, ...]
) -> NeuronModel:
    def initial(population: ProgramPopulation, samples: int) -> State:
        return {key: np.zeros((samples, *population.shape), np.int32) for key in states}

    def scan(
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        p = {key: value.astype(np.int32) for key, value in population.parameters.items()}
        biased = p["bias"] != 0 if "bias" in p else np.zeros((), bool)
        running = dict(state)
        inputs = current.astype(np.int64).astype(np.int32)
        output, updated = np.empty(current.shape, np.int32), np.empty(current.shape, bool)
        records: dict[str, list[Words]] = {key: [] for key in states}
        peak = 0
        for k, a in enumerate(inputs):
            busy = np.logical_or.reduce([running[key] != 0 for key in states])
            output[k] = step(p, running, a)
            updated[k] = busy | arrived[k] | biased | (output[k] != 0)
            peak = max(peak, int(np.abs(running[states[0]].astype(np.int64)).max(initial=0)))
            if record:
                for key in states:
                    records[key].append(running[key])
        return Scan(
            output,
            updated,
            running,
            {key: np.stack(values) for key, values in records.items() if values},
            peak_v=float(peak),
            peak_input=float(np.abs(current).max(initial=0)),
        )

    return NeuronModel(name, parameters, initial, scan, graded=True)


def _driven(model: NeuronModel) -> NeuronModel:
    """The model with an input that is written from outside and stays."""
    level = "written"

    def initial(population: ProgramPopulation, samples: int) -> State:
        written = np.zeros((samples, *population.shape), np.int64)
        return {**model.initial(population, samples), level: written}

    def scan(
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        values = state[level] + np.cumsum(current, axis=0, dtype=np.int64)
        rest = {name: array for name, array in state.items() if name != level}
        result = model.scan(population, rest, values, arrived, record)
        return replace(result, state={**result.state, level: values[-1]})

    return NeuronModel(DRIVEN_DELTA, model.parameters, initial, scan, graded=True)


_DELTA = _model("delta", _delta, _OPTIONS, _ENCODER)

MODELS = (
    _model("sigma", _sigma, frozenset(), ("sigma",)),
    _DELTA,
    _driven(_DELTA),
    _model("sigma_delta", _sigma_delta, _OPTIONS | {"bias", "relu"}, ("sigma", *_ENCODER)),
)
