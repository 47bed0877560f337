"""One step of one Loihi neuron in Python numbers, by model: the slow and obvious form.

Every function takes the neuron's parameters, its state (which it changes), the sums that arrive at
it, and Lava's step t = 1, 2, ...; it returns what the neuron sends. Equations: the model's file in
``neurons``, from which nothing is taken here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

_LIMIT = 2**23

Numbers: TypeAlias = dict[str, int]
Step: TypeAlias = Callable[[Numbers, Numbers, "complex_int", int], int]
complex_int: TypeAlias = tuple[int, int]
"""Real and imaginary sum; the imaginary one is 0 where a model has none."""


def start(model: str, p: Numbers) -> Numbers:
    """The state before the first step."""
    if model.startswith("rf"):
        return {"real": 0, "imag": 0}
    if model == "sigma":
        return {"sigma": 0}
    encoder = {"act": 0, "residue": 0, "error": 0}
    if model == "delta":
        return encoder
    if model == "sigma_delta":
        return {"sigma": 0, **encoder}
    return {"u": 0, "v": p["v0"]}


def shift(value: int, exponent: int) -> int:
    """value times 2^exponent, rounded down."""
    return value << exponent if exponent > 0 else value >> -exponent


def int32(x: int) -> int:
    """What 32 bits keep of x."""
    return (x + 2**31) % 2**32 - 2**31


def _toward_zero(x: int, bits: int) -> int:
    return x >> bits if x >= 0 else -(-x >> bits)


def _clip(x: int) -> int:
    return max(-(_LIMIT - 1), min(_LIMIT - 1, x))


def _integrate(p: Numbers, state: Numbers, arriving: int) -> int:
    """u and v of a CUBA neuron before its threshold; returns v."""
    u = int32(_toward_zero(state["u"] * (4096 - (p["du"] + 1)), 12))
    u = int32(u + int32(arriving << 6))
    if u > _LIMIT:
        u -= 2**24
    if u <= -_LIMIT:
        u += 2**24
    while p["chip"] and u > _LIMIT:
        u -= 2**24
    while p["chip"] and u <= -_LIMIT:
        u += 2**24
    v = _toward_zero(state["v"] * (4096 - p["dv"]), 12) + u + bias_of(p)
    state["u"], state["v"] = u, _clip(int32(v))
    return state["v"]


def bias_of(p: Numbers) -> int:
    """What a CUBA neuron adds to its membrane at every step."""
    return shift(p["bias_mant"], p["bias_exp"])


def _cuba(p: Numbers, state: Numbers, a: complex_int, t: int) -> int:
    fired = _integrate(p, state, a[0]) > p["vth"] << 6
    if fired:
        state["v"] = 0
    return int(fired)


def reset(p: Numbers, state: Numbers, t: int) -> None:
    """Clears u and v at the neuron's steps, if it has such."""
    if "reset_interval" in p:
        interval = p["reset_interval"]
        if t % interval == p["reset_offset"] % interval:
            state["u"] = state["v"] = 0


def _ternary(p: Numbers, state: Numbers, a: complex_int, t: int) -> int:
    v = _integrate(p, state, a[0])
    sent = int(v > p["vth_hi"] << 6) - int(v < p["vth_lo"] << 6)
    if sent != 0:
        state["v"] = 0
    return sent


def _sigma(p: Numbers, state: Numbers, a: complex_int, t: int) -> int:
    state["sigma"] = int32(state["sigma"] + a[0])
    return state["sigma"]


def _delta(p: Numbers, state: Numbers, a: complex_int, t: int) -> int:
    return _encode(p, state, int32(a[0] << (p["spike_exp"] + p["state_exp"])))


def _sigma_delta(p: Numbers, state: Numbers, a: complex_int, t: int) -> int:
    value = int32(_sigma(p, state, a, t) + p["bias"])
    return _encode(p, state, max(value, 0) if p["relu"] else value)


def _encode(p: Numbers, state: Numbers, value: int) -> int:
    change = int32(int32(value - state["act"]) + state["residue"])
    tested = change
    if p["cum_error"]:
        tested = state["error"] = int32(state["error"] + change)
    sent = change if int32(abs(tested)) >= p["vth"] else 0
    if p["cum_error"] and int32(abs(sent)) > 0:
        state["error"] = 0
    state["residue"], state["act"] = int32(change - sent), value
    return sent >> p["state_exp"]


def _rotate(p: Numbers, state: Numbers, a: complex_int) -> tuple[int, int]:
    c, s, bits = p["cos"], p["sin"], p["decay_bits"]
    re, im = state["real"], state["imag"]
    real = _toward_zero(c * re, bits) - _toward_zero(s * im, bits)
    imag = _toward_zero(s * re, bits) + _toward_zero(c * im, bits)
    shifted = [int32(x << p["state_exp"]) for x in a]
    return _clip(real + shifted[0]), _clip(imag + shifted[1])


def _rf(p: Numbers, state: Numbers, a: complex_int, t: int) -> int:
    before = state["imag"]
    state["real"], state["imag"] = _rotate(p, state, a)
    return int(state["real"] >= p["vth"] and state["imag"] >= 0 and before < 0)


def _rf_iz(p: Numbers, state: Numbers, a: complex_int, t: int) -> int:
    state["real"], state["imag"] = _rotate(p, state, a)
    fired = state["imag"] >= p["vth"]
    if fired:
        state["real"], state["imag"] = 0, p["vth"] - 1
    return int(fired)


STEPS: dict[str, Step] = {
    "cuba": _cuba,
    "cuba_reset": _cuba,
    "ternary": _ternary,
    "sigma": _sigma,
    "delta": _delta,
    "sigma_delta": _sigma_delta,
    "rf": _rf,
    "rf_iz": _rf_iz,
}
