"""Discretization: how continuous-time NIR becomes steps. A preset is a named value of it.

NIR has no time step, integrator, reset kind or comparison, so every one of these is an option here.
Facts per framework: the table of presets in ``docs/presets.md`` and the frameworks' own sources.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from snn2chip.errors import ConfigError, did_you_mean

Integrator = Literal["euler", "exact"]
IfGain = Literal["one", "dt"]
Reset = Literal["zero", "subtract"]
Fires = Literal[">", ">="]
InitialV = Literal["v_leak", "zero"]
EarlyBias = Literal["kept", "dropped"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "integrator": get_args(Integrator),
    "if_gain": get_args(IfGain),
    "reset": get_args(Reset),
    "fires": get_args(Fires),
    "initial_v": get_args(InitialV),
    "early_bias": get_args(EarlyBias),
}


@dataclass(frozen=True, slots=True)
class Discretization:
    """How one step of length ``dt`` is computed.

    Attributes:
        preset: name of the preset this value started from.
        dt: step length, in the unit of the network's time constants.
        integrator: ``euler``: decay 1 - dt/tau, gain dt/tau; ``exact``: decay exp(-dt/tau),
            gain 1 - decay.
        if_gain: an IF adds R*I per step (``one``) or dt*R*I (``dt``).
        reset: a spike sets v to v_reset (``zero``) or subtracts the threshold (``subtract``).
        fires: comparison of v with the threshold.
        initial_v: the membrane starts at rest (``v_leak``; an IF, which has none, at v_reset) or
            at 0.
        early_bias: the bias of a projection with a delay of d steps acts from the first step on
            (``kept``) or from step d on, when its first spikes can arrive (``dropped``: the bias
            of a recurrent layer is missing at step 0).
    """

    preset: str
    dt: float
    integrator: Integrator = "euler"
    if_gain: IfGain = "one"
    reset: Reset = "zero"
    fires: Fires = ">"
    initial_v: InitialV = "v_leak"
    early_bias: EarlyBias = "kept"

    def __post_init__(self) -> None:
        if not self.dt > 0.0 or self.dt == float("inf"):
            raise ConfigError(
                f"discretization: dt is {self.dt}",
                needs="a positive, finite step length in the unit of the time constants",
                remedy="--dt 1e-3",
            )
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ConfigError(
                    f"discretization: {name} is {value!r}", has="one of " + ", ".join(choices)
                )

    def override(self, **options: Any) -> Discretization:
        """A copy with single options replaced; unknown ones are errors with a suggestion."""
        known = [f.name for f in fields(self)]
        for key in options:
            if key not in known:
                raise ConfigError(
                    f"discretization: unknown option {key!r}", remedy=did_you_mean(key, known)
                )
        return replace(self, **options)


PRESETS: dict[str, dict[str, str]] = {
    "norse": {
        "integrator": "euler",
        "if_gain": "one",
        "reset": "zero",
        "fires": ">",
        "initial_v": "v_leak",
        "early_bias": "dropped",
    },
}
"""Options of each preset, without dt. Norse: read in norse 1.1.0 ``torch/functional``."""


def from_preset(preset: str, dt: float, **overrides: Any) -> Discretization:
    """The discretization named ``preset`` with step ``dt`` and single overrides."""
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}", remedy=did_you_mean(preset, list(PRESETS)))
    options: dict[str, Any] = {**PRESETS[preset], "preset": preset, "dt": float(dt)}
    return Discretization(preset=preset, dt=float(dt)).override(**{**options, **overrides})
