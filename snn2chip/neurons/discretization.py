"""Discretization: how continuous-time NIR becomes steps. A preset is a named value of it.

NIR has no time step, integrator, reset kind or comparison, so every one of these is an option here.
What each option does to a neuron stands in ``neurons.step``, what each framework chooses in
``neurons.presets``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from snn2chip.errors import ConfigError, did_you_mean

Integrator = Literal["euler", "exact"]
InputGain = Literal["matched", "one"]
SynapseGain = Literal["matched", "one", "decay"]
IfGain = Literal["one", "dt"]
Reset = Literal["zero", "subtract", "multi", "none"]
ResetTime = Literal["spike", "leak", "fire", "both"]
Fires = Literal[">", ">="]
InitialV = Literal["v_leak", "v_reset", "zero"]
Floor = Literal["none", "zero", "threshold"]
EarlyBias = Literal["kept", "dropped"]
BiasPath = Literal["synapse", "membrane"]
Weights = Literal["float", "int8"]

_WORDS: dict[str, tuple[str, ...]] = {
    "integrator": get_args(Integrator),
    "input_gain": get_args(InputGain),
    "synapse_gain": get_args(SynapseGain),
    "if_gain": get_args(IfGain),
    "reset": get_args(Reset),
    "reset_time": get_args(ResetTime),
    "cuba_reset_time": get_args(ResetTime),
    "fires": get_args(Fires),
    "initial_v": get_args(InitialV),
    "v_floor": get_args(Floor),
    "if_floor": get_args(Floor),
    "early_bias": get_args(EarlyBias),
    "bias_path": get_args(BiasPath),
    "weights": get_args(Weights),
}
_STEPS: dict[str, range] = {
    "recurrent_delay": range(64),
    "input_latency": range(64),
    "output_latency": range(2),
}
_NEURON_OPTIONS = frozenset(_WORDS) - {"early_bias", "weights"}
"""What may differ from one population to another."""

OPTIONS: dict[str, str] = {
    **{name: ", ".join(f"`{word}`" for word in words) for name, words in _WORDS.items()},
    **{name: f"{steps.start} to {steps.stop - 1}" for name, steps in _STEPS.items()},
}
"""Every option but dt and its values, as documentation says them."""


@dataclass(frozen=True, slots=True)
class Discretization:
    """How one step of length ``dt`` is computed.

    Attributes:
        preset: name of the preset this value started from.
        dt: step length, in the unit of the network's time constants.
        integrator: ``euler``: decay 1 - dt/tau; ``exact``: decay exp(-dt/tau).
        input_gain: the input of a membrane counts (1 - decay) R (``matched``; for Euler dt/tau R),
            or 1 whatever R is (``one``).
        synapse_gain: the input of a synapse counts (1 - decay) w_in (``matched``), 1 (``one``), or
            the decay (``decay``: added before the leak), the latter two whatever w_in is.
        if_gain: an IF adds R*I per step (``one``) or dt*R*I (``dt``).
        reset: a spike sets v to v_reset (``zero``), subtracts the threshold (``subtract``), or
            subtracts it floor(v / threshold) times and counts as that many spikes (``multi``);
            ``none`` leaves v as it is.
        reset_time: when an IF or LIF is reset: in the step of its spike, after it (``spike``); in
            the next step, before the leak (``leak``) or just before the comparison (``fire``); or
            ``both``: after the spike, and where v is still above the threshold then, the next
            comparison takes v less one more threshold.
        cuba_reset_time: the same of a CubaLIF.
        fires: comparison of v with the threshold.
        initial_v: the membrane starts at rest (``v_leak``; an IF, which has none, at v_reset), at
            v_reset (what never spikes at rest), or at 0.
        v_floor: v of a LIF or CubaLIF is kept from below: not (``none``), at 0 (``zero``), or at
            minus the threshold.
        if_floor: the same of an IF.
        early_bias: the bias of a projection with a delay of d steps acts from the first step on
            (``kept``) or from step d on, when its first spikes can arrive (``dropped``: the bias
            of a recurrent layer is missing at step 0).
        bias_path: the bias of a CubaLIF or CubaLI passes its synapse, or is added to the current
            that the membrane sees, times w_in (``membrane``).
        weights: as they are, or truncated to int8 with one scale per target population.
        recurrent_delay: steps of delay of a projection that closes a cycle without delay.
        input_latency: steps by which all other projections are late.
        output_latency: 1: a population sends the spikes of the step before.
        exceptions: (population, option, value): options of single populations.
    """

    preset: str
    dt: float
    integrator: Integrator = "euler"
    input_gain: InputGain = "matched"
    synapse_gain: SynapseGain = "matched"
    if_gain: IfGain = "one"
    reset: Reset = "zero"
    reset_time: ResetTime = "spike"
    cuba_reset_time: ResetTime = "spike"
    fires: Fires = ">"
    initial_v: InitialV = "v_leak"
    v_floor: Floor = "none"
    if_floor: Floor = "none"
    early_bias: EarlyBias = "kept"
    bias_path: BiasPath = "synapse"
    weights: Weights = "float"
    recurrent_delay: int = 1
    input_latency: int = 0
    output_latency: int = 0
    exceptions: tuple[tuple[str, str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.dt > 0.0 or self.dt == float("inf"):
            raise ConfigError(
                f"discretization: dt is {self.dt}",
                needs="a positive, finite step length in the unit of the time constants",
                remedy="--dt 1e-3",
            )
        for name in (*_WORDS, *_STEPS):
            _check_option(name, getattr(self, name))
        for population, name, value in self.exceptions:
            _check_exception(population, name, value)
        self._check_multi()
        for population in {owner for owner, _, _ in self.exceptions}:
            self.of(population)
        if self.recurrent_delay == 0 and self.output_latency == 0:
            raise ConfigError(
                "discretization: recurrent_delay is 0",
                needs="a step of delay in every cycle, or populations that send a step late",
                remedy="--preset-set recurrent_delay=1, or output_latency=1",
            )

    def _check_multi(self) -> None:
        if self.reset == "multi" and (self.reset_time, self.cuba_reset_time) != ("spike", "spike"):
            raise ConfigError(
                "discretization: reset multi at another time than the spike's",
                needs="reset_time spike and cuba_reset_time spike",
            )

    def options(self) -> dict[str, str | int]:
        """All options but preset, dt and exceptions, by name."""
        return {name: getattr(self, name) for name in (*_WORDS, *_STEPS)}

    def listed(self) -> list[tuple[str, str]]:
        """Name and value of everything, as reports say it."""
        exceptions = [(f"{owner}.{name}", value) for owner, name, value in self.exceptions]
        options = {"preset": self.preset, "dt": f"{self.dt:g}", **self.options()}
        return [(name, str(value)) for name, value in options.items()] + exceptions

    def of(self, population: str) -> Discretization:
        """The options of one population: this value with the population's exceptions in place."""
        mine: dict[str, Any] = {
            name: value for owner, name, value in self.exceptions if owner == population
        }
        return replace(self, **mine, exceptions=()) if self.exceptions else self

    def override(self, **options: Any) -> Discretization:
        """A copy with single options replaced.

        ``population.option`` as a key makes an exception; words for whole numbers are read.

        Raises:
            ConfigError: an unknown option, with a suggestion, or a value that it has not.
        """
        known = [f.name for f in fields(self) if f.name != "preset"]
        plain: dict[str, Any] = {}
        exceptions = {(owner, name): value for owner, name, value in self.exceptions}
        for key, value in options.items():
            owner, dot, name = key.rpartition(".")
            if dot:
                _check_exception(owner, name, value)
                exceptions[owner, name] = value
            elif key in known:
                plain[key] = _whole(key, value) if key in _STEPS else value
            else:
                raise ConfigError(
                    f"discretization: unknown option {key!r}", remedy=did_you_mean(key, known)
                )
        if "exceptions" not in plain:
            plain["exceptions"] = tuple((o, n, v) for (o, n), v in sorted(exceptions.items()))
        return replace(self, **plain)


def _check_option(name: str, value: Any) -> None:
    if name in _STEPS:
        valid = type(value) is int and value in _STEPS[name]
    else:
        valid = isinstance(value, str) and value in _WORDS[name]
    if not valid:
        choices = OPTIONS[name].replace("`", "")
        raise ConfigError(f"discretization: {name} is {value!r}", has=f"one of {choices}")


def _check_exception(population: str, name: str, value: Any) -> None:
    if name not in _NEURON_OPTIONS:
        raise ConfigError(
            f"discretization: {name!r} cannot differ for population {population!r}",
            has="options of a neuron: " + ", ".join(sorted(_NEURON_OPTIONS)),
            remedy=did_you_mean(name, sorted(_NEURON_OPTIONS)),
        )
    _check_option(name, value)


def _whole(name: str, value: Any) -> Any:
    """A whole number that is given as a word; anything else as it is."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return value


def from_options(preset: str, dt: float, options: Mapping[str, Any]) -> Discretization:
    """The value of all ``options``, named after ``preset``."""
    return Discretization(preset=preset, dt=dt).override(**options)
