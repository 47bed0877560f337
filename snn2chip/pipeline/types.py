"""What the chain takes and gives. Frozen data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from os import PathLike, fspath
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends import Artefacts, Fidelity
from snn2chip.core import Activity, Drift, Program, Trace, Violation
from snn2chip.core import Mapping as CoreMapping
from snn2chip.energy.types import TIMINGS, Baseline, Counts, EnergyReport
from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.frontends import Repair
from snn2chip.graph import Ensemble, Graph
from snn2chip.graph.ensemble import IDLE
from snn2chip.mapping import OBJECTIVES, PARTITIONS
from snn2chip.pipeline.ensembles.types import EnsembleRun
from snn2chip.pipeline.results.curves import CurvePoint
from snn2chip.quantize import GRANULARITIES, METHODS
from snn2chip.targets.types import Target

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage's name, what is done, and all of it."""

PRICES_ONLY = "none"
"""Family of targets of which only limits and prices are known."""

FLOAT = (PRICES_ONLY, "reference")
"""Families whose activity is that of the float network."""

_SHOWN = 60
"""Characters of a wrong value in a message."""


@dataclass(frozen=True)
class Options:
    """What a user may say; the command line's flags by the same names.

    Attributes:
        target: name of a bundled target, or a path.
        data, calibrate: as ``snn2chip.data.load_data`` takes them; None asks the network's
            metadata, and the data's own training split.
        calibration: how scales are picked from that, one of ``snn2chip.quantize.METHODS``; None
            takes ``spikes`` where there are samples, else ``max``.
        percentile: of the method ``percentile``, per cent of the weights that the range holds.
        granularity: what has a scale, and so a threshold, of its own: each ``layer``, or each
            ``neuron`` (each channel of a convolution).
        weight_bits: width of the stored weights, the sign included; None takes the target's.
        steps: graph steps per sample, or None for the network's own.
        samples: score the first so many only.
        reset: ``zero`` or ``value`` (v_reset), or ``subtract``; None keeps the discretization's.
        repair: a malformed NIR file is repaired where there is one reading, and not refused.
        arithmetic: ``chip`` (what silicon holds) or ``lava`` (what Lava computes), of the Loihi
            family; None takes ``lava`` for a ``.net`` file and ``chip`` for everything else.
        reset_interval, reset_offset: of a ``.net`` file, whose states are cleared every so many
            steps, layer after layer as in netx; None never clears them.
        fine_biases: biases as fine as the chip holds them, finer than a ``.net`` file can.
        drop_zeros: synapses whose weight is 0 in the target's numbers are not loaded: they have
            neither events nor memory.
        allow_latency: cycles that are too tight for the chip run with longer delays, as drift.
        seed: of every random choice.
        mapping: a ``mapping.json`` that pins neurons to cores.
        objective: what the mapping is to be good at, one of ``snn2chip.mapping.OBJECTIVES``; None
            fills cores in order.
        partition: how neurons are split, one of ``snn2chip.mapping.PARTITIONS``.
        chips: that the network may take.
        cores: most that a mapping for latency or energy takes; None for a fifth more than it
            needs, and for energy all that there are.
        costs: name of a cost table, or None for the target's default.
        timing: the model of time: ``simple`` (the busiest core) or ``detailed`` (every message,
            through the links of the mesh).
        batch, block_steps: how a run is cut; they change no integer result.
        device: ``cpu``, or ``cuda`` through PyTorch; neither does it.
        trace, trace_state: record outputs, and states too.
        policy: who answers of an ensemble: ``budget=2``, ``confidence=0.9``, ``margin=0.5``,
            ``entropy=0.3``, ``gate=0``, or ``all``; None takes the ensemble's own.
        idle: what its idle members do, ``clocked`` or ``gated``; None takes the ensemble's own.
        steps_curve: accuracy, energy and latency against the number of steps, from the same run.
    """

    target: str = "loihi2"
    data: str | None = None
    calibrate: str | None = None
    calibration: str | None = None
    percentile: float | None = None
    granularity: str = "layer"
    weight_bits: int | None = None
    steps: int | None = None
    samples: int | None = None
    preset: str | None = None
    dt: float | None = None
    preset_set: Mapping[str, str] = field(default_factory=dict)
    reset: str | None = None
    encoding: str | None = None
    repair: bool = False
    arithmetic: str | None = None
    reset_interval: int | None = None
    reset_offset: int = 0
    fine_biases: bool = False
    drop_zeros: bool = False
    allow_latency: bool = False
    seed: int = 0
    mapping: Path | None = None
    objective: str | None = None
    partition: str = "auto"
    chips: int = 1
    cores: int | None = None
    costs: str | None = None
    timing: str = "simple"
    batch: int = 256
    block_steps: int | None = None
    device: str = "cpu"
    trace: bool = False
    trace_state: bool = False
    steps_curve: bool = False
    policy: str | None = None
    idle: str | None = None

    def __post_init__(self) -> None:
        """Checks every field, so that a wrong one is named and not met deep in the chain.

        Raises:
            ConfigError: with what is wanted.
        """
        for name in ("target", "data", "calibrate", "mapping"):
            _place(self, name)
        _check_quantization(self)
        _check_mapping(self)
        _one_of(self, "idle", IDLE, optional=True)
        for name in ("preset", "reset", "encoding", "costs", "arithmetic", "device", "policy"):
            value = getattr(self, name)
            if (value is not None or name == "device") and not isinstance(value, str):
                raise _wrong(name, value, "a name")
        if self.timing not in TIMINGS:
            raise _wrong("timing", self.timing, " or ".join(TIMINGS))
        for name in ("steps", "samples", "batch", "block_steps", "reset_interval"):
            if getattr(self, name) is not None or name == "batch":
                _whole(self, name, 1)
        _whole(self, "seed", 0)
        _whole(self, "reset_offset", 0)
        if self.reset_offset and self.reset_interval is None:
            raise ConfigError("reset_offset without reset_interval", remedy="reset_interval=N too")
        flags = (
            *("trace", "trace_state", "steps_curve"),
            *("allow_latency", "fine_biases", "drop_zeros", "repair"),
        )
        for name in flags:
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise _wrong(name, getattr(self, name), "True or False")
        if self.dt is not None and (_is_bool(self.dt) or not isinstance(self.dt, Real)):
            raise _wrong("dt", self.dt, "a positive number")
        if not isinstance(self.preset_set, Mapping):
            raise _wrong("preset_set", self.preset_set, "a dict of names and values")
        if not all(isinstance(key, str) for key in self.preset_set):
            raise _wrong("preset_set", self.preset_set, "names as keys")
        if self.trace_state and not self.trace:
            raise ConfigError("trace_state without trace", remedy="trace=True too")


def _wrong(name: str, value: object, needs: str) -> ConfigError:
    text = repr(value)
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return ConfigError(f"{name} {shown} ({type(value).__name__})", needs=needs)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool | np.bool_)


def _whole(options: Options, name: str, least: int) -> None:
    value = getattr(options, name)
    if _is_bool(value) or not isinstance(value, int | np.integer) or value < least:
        raise _wrong(name, value, f"a whole number of at least {least}")
    object.__setattr__(options, name, int(value))


def _place(options: Options, name: str) -> None:
    """A name or a path, kept as the field's own type."""
    value = getattr(options, name)
    if value is None and name != "target":
        return
    if not isinstance(value, str | PathLike):
        kind = "a name, or the path of a file"
        raise _wrong(name, value, kind + (" (.npz)" if name in ("data", "calibrate") else ""))
    text = fspath(value)
    object.__setattr__(options, name, Path(text) if name == "mapping" else str(text))


def _one_of(options: Options, name: str, known: tuple[str, ...], optional: bool = False) -> None:
    """A word out of a few; None too where it is ``optional``."""
    value = getattr(options, name)
    if value is None and optional:
        return
    if not isinstance(value, str):
        raise _wrong(name, value, "one of " + ", ".join(known))
    if value not in known:
        raise ConfigError(
            f"--{name} {value[:_SHOWN]}",
            has=", ".join(known),
            remedy=did_you_mean(value[:_SHOWN], known),
        )


def _check_mapping(options: Options) -> None:
    """The options of a mapping; a pinned one takes no others."""
    _one_of(options, "objective", OBJECTIVES, optional=True)
    _one_of(options, "partition", PARTITIONS)
    _whole(options, "chips", 1)
    if options.cores is not None:
        _whole(options, "cores", 1)
        if options.objective not in ("latency", "energy"):
            raise ConfigError(
                "--cores without --objective latency or energy",
                remedy="--objective latency; --max-cores is a limit for scripts",
            )
    chosen = options.objective, options.partition, options.chips
    if options.mapping is not None and chosen != (None, "auto", 1):
        raise ConfigError(
            "--mapping with --objective, --partition or --chips",
            needs="one of them: a pinned mapping is taken as it is",
            remedy="leave --mapping out",
        )


def _check_quantization(options: Options) -> None:
    """The options of a quantization, each by itself and together."""
    _one_of(options, "calibration", METHODS, optional=True)
    _one_of(options, "granularity", GRANULARITIES)
    if options.weight_bits is not None:
        _whole(options, "weight_bits", 1)
    share = options.percentile
    if share is None:
        return
    if _is_bool(share) or not isinstance(share, Real) or not 0 < share <= 100:
        raise _wrong("percentile", share, "a number above 0, at most 100, which is the maximum")
    if options.calibration != "percentile":
        raise ConfigError(
            f"percentile {share} without the method that it belongs to",
            remedy="--calibration percentile",
        )
    object.__setattr__(options, "percentile", float(share))


@dataclass(frozen=True, slots=True)
class Quantization:
    """How the scales of a program were picked.

    Attributes:
        calibration: the method.
        percentile: of the method ``percentile``, else None.
        fine_biases: finer than whole units of the threshold.
    """

    calibration: str
    percentile: float | None
    granularity: str
    weight_bits: int
    fine_biases: bool = False

    @property
    def sentence(self) -> str:
        """``percentile 99.9, a scale per layer, weights of 8 bits``."""
        share = "" if self.percentile is None else f" {self.percentile:g}"
        bits = "1 bit" if self.weight_bits == 1 else f"{self.weight_bits} bits"
        fine = ", fine biases" if self.fine_biases else ""
        return f"{self.calibration}{share}, a scale per {self.granularity}, weights of {bits}{fine}"


@dataclass(frozen=True, eq=False)
class Network:
    """A network that was opened.

    Attributes:
        graph: as the file states it, with the user's overrides.
        program, mapping: of a compiled folder, else None.
        target: name of what a compiled folder was compiled for, else None.
        family: the chips whose integers the file holds (``loihi`` for a ``.net``), else None. Then
            ``graph`` only describes ``program``: there is no float network.
        target_file: its file, where it is a chip of the user's own.
        repairs: what ``Options.repair`` changed in the file.
        ensemble: members and policy, where the network is an ensemble: ``graph`` is all of its
            members side by side.
        origin: where it came from, for people.
        path: the file or folder, or None.
    """

    graph: Graph
    origin: str
    path: Path | None = None
    program: Program | None = None
    mapping: Path | None = None
    target: str | None = None
    target_file: Path | None = None
    family: str | None = None
    repairs: tuple[Repair, ...] = ()
    ensemble: Ensemble | None = None

    @property
    def repair_notes(self) -> tuple[str, ...]:
        """What was repaired, one sentence each."""
        return tuple(f"repaired {repair}" for repair in self.repairs)

    @property
    def own_target(self) -> str | None:
        """What a compiled folder runs on unless told otherwise, as ``Options.target`` takes it."""
        return self.target if self.target_file is None else str(self.target_file)

    def __repr__(self) -> str:
        populations = ", ".join(p.name for p in self.graph.populations)
        return f"<Network {self.graph.name}: {populations}>"


@dataclass(frozen=True, eq=False)
class Check:
    """Whether a network fits a target; nothing was simulated."""

    graph: Graph
    target: Target
    program: Program
    mapping: CoreMapping
    violations: tuple[Violation, ...]


@dataclass(frozen=True, eq=False)
class Result:
    """Everything a run gave; the report is made of it.

    Attributes:
        reference: the float graph on the same samples, None where the target is the reference.
        labels: class index per sample, or None where the data have none.
        data: name of the data set, or of the file.
        calibrated_on: what the quantization scales come from, one sentence.
        quantization: how they were picked, or None where the program was made before.
        synthetic: the samples mean nothing, and neither does their energy.
        notes: what the encoding lost, one sentence each.
        curve: by the number of steps, where it was asked for.
        counts: what ``energy`` is priced from, for other prices on the same mapping; None of an
            ensemble, whose rounds are counted apart.
        ensemble: the members' logits and who answered, or None of a network.
        simulated: the activity is of the target's own arithmetic; else the accuracy is another's,
            and how the target would drift is not known.
        wall_times: seconds per stage; only ever written to the manifest.
    """

    graph: Graph
    target: Target
    program: Program
    activity: Activity
    reference: Activity | None
    mapping: CoreMapping
    violations: tuple[Violation, ...]
    energy: EnergyReport
    baseline: Baseline | None
    drift: tuple[Drift, ...]
    fidelity: Fidelity
    labels: NDArray[np.int64] | None
    accuracy: float | None
    data: str
    calibrated_on: str
    seed: int
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    quantization: Quantization | None = None
    trace: Trace | None = None
    curve: tuple[CurvePoint, ...] = ()
    counts: Counts | None = None
    ensemble: EnsembleRun | None = None
    simulated: bool = True
    wall_times: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Compilation:
    """What ``compile`` made: the check, and a run where there were data.

    Attributes:
        artefacts: files of the program for the chip's own tools, or why there are none.
        wall_times: seconds per stage; only ever written to the manifest.
    """

    check: Check
    result: Result | None
    calibrated_on: str
    artefacts: Artefacts = field(default_factory=Artefacts)
    wall_times: Mapping[str, float] = field(default_factory=dict)
