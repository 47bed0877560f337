"""Limits that a user sets on a run, and whether it keeps them: for builds that must fail.

A figure that is not known keeps no limit: an energy without a price is a miss, never a pass.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import inf, isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from snn2chip.errors import (
    ConfigError,
    DriftError,
    InputFileError,
    Snn2chipError,
    ThresholdError,
    combine,
    counted,
    did_you_mean,
)
from snn2chip.pipeline.types import Result
from snn2chip.targets.lines import line_of, locate

SECTION = "thresholds"

_LARGEST_FILE = 1 << 20
_SHARES = ("min_accuracy", "max_drift")


@dataclass(frozen=True)
class Thresholds:
    """Limits of a run; None sets none.

    Attributes:
        max_energy_nj: of the energy per inference, dynamic and static, as far as it is priced; of a
            table with ranges, at its own constants.
        max_latency_us: of the mean modelled time per inference.
        min_accuracy: share of right predictions, 0 to 1.
        max_cores: of distinct cores.
        max_drift: share of the samples, 0 to 1, whose prediction may differ from that of the
            float network.
    """

    max_energy_nj: float | None = None
    max_latency_us: float | None = None
    min_accuracy: float | None = None
    max_cores: int | None = None
    max_drift: float | None = None

    def __post_init__(self) -> None:
        """Checks every limit.

        Raises:
            ConfigError: a value that is no such limit.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _limit(field.name, value))

    @property
    def given(self) -> dict[str, Any]:
        """The limits that are set, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def over(self, other: Thresholds) -> Thresholds:
        """These limits, and where there is none the other's."""
        return replace(other, **self.given)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one limit is kept.

    Attributes:
        name: of the limit, a field of ``Thresholds``.
        measured: None where it is not known, which keeps no limit.
        error: what to say where the limit is missed, else None.
    """

    name: str
    limit: float
    measured: float | None
    error: Snn2chipError | None

    @property
    def kept(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Every limit of a run with its verdict, in the order of ``Thresholds``."""

    network: str
    target: str
    verdicts: tuple[Verdict, ...]

    @property
    def kept(self) -> bool:
        """Whether every limit is kept."""
        return all(verdict.kept for verdict in self.verdicts)

    @property
    def errors(self) -> tuple[Snn2chipError, ...]:
        """One error per missed limit: ``DriftError`` of the drift, else ``ThresholdError``."""
        return tuple(v.error for v in self.verdicts if v.error is not None)

    def check(self) -> None:
        """Nothing where every limit is kept.

        Raises:
            DriftError: the limit of the drift is missed, and no other.
            ThresholdError: another limit is missed; the message names all.
        """
        errors = sorted(self.errors, key=lambda error: isinstance(error, DriftError))
        if errors:
            raise combine(errors)


def read_thresholds(path: str | Path) -> Thresholds:
    """The section ``[thresholds]`` of a TOML file; what else is in the file is left alone.

    Raises:
        InputFileError: there is no such file, or it cannot be read.
        ConfigError: no TOML, no such section, an unknown key or a wrong value, with its line.
    """
    path = Path(path)
    text = _text(path)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: no TOML: {error}", remedy="correct the line") from error
    lines, known = locate(text), [field.name for field in fields(Thresholds)]
    section = document.get(SECTION)
    if not isinstance(section, dict):
        raise ConfigError(
            f"{path}: no section [{SECTION}]",
            needs=f"[{SECTION}] with some of: " + ", ".join(known),
            has="sections: " + (", ".join(document) or "none"),
            remedy=did_you_mean(SECTION, tuple(document)) if document else f"add [{SECTION}]",
        )
    for name, value in section.items():
        where = f"{path}, line {line_of(lines, (SECTION, name))}"
        if name not in known:
            raise ConfigError(
                f"{where}: unknown limit {name[:60]!r}",
                has=", ".join(known),
                remedy=did_you_mean(name[:60], known),
            )
        try:
            _limit(name, value)
        except ConfigError as error:
            raise ConfigError(
                f"{where}: {error.what}", needs=error.needs, remedy=error.remedy
            ) from error
    return Thresholds(**section)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputFileError(f"{path}: larger than {_LARGEST_FILE} bytes")
        return path.read_text("utf-8")
    except OSError as error:
        raise InputFileError(
            f"{path}: cannot be read", has=error.strerror or str(error), remedy="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise InputFileError(f"{path}: not UTF-8 text") from error


def _limit(name: str, value: Any) -> float:
    """A limit as a plain number.

    Raises:
        ConfigError: no number, or one that the limit cannot have.
    """
    flag = f"--{name.replace('_', '-')}"
    whole = name == "max_cores"
    if not isinstance(value, Integral if whole else Real) or isinstance(value, bool):
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"{flag} {str(value)[:60]!r} ({type(value).__name__})", needs=kind)
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not isfinite(number) or number < 0:
        raise ConfigError(f"{flag} {str(value)[:60]}", needs="a finite number of at least 0")
    if name in _SHARES and number > 1:
        raise ConfigError(
            f"{flag} {value}",
            needs="a share from 0 to 1",
            remedy=f"{flag} {number / 100:g}, if {number:g} % is meant",
        )
    return int(number) if whole else number + 0.0  # -0.0 is 0


def judge(result: Result, thresholds: Thresholds) -> Judgement:
    """Every limit that is set, against what the run gave."""
    made = tuple(_verdicts(result, thresholds))
    return Judgement(result.graph.name, result.target.name, made)


def _verdicts(result: Result, thresholds: Thresholds) -> Iterator[Verdict]:
    figures = {
        "max_energy_nj": _energy,
        "max_latency_us": _latency,
        "min_accuracy": _accuracy,
        "max_cores": _cores,
        "max_drift": _drift,
    }
    for name, limit in thresholds.given.items():
        figure = figures[name](result)
        measured = figure.measured
        least = name.startswith("min_")
        kept = measured is not None and (measured >= limit if least else measured <= limit)
        yield Verdict(name, limit, measured, None if kept else _miss(result, name, limit, figure))


@dataclass(frozen=True, slots=True)
class _Figure:
    """What is held against a limit.

    Attributes:
        what: in words.
        measured: None where it is not known.
        has: the figure with its unit and origin, or why there is none.
    """

    what: str
    measured: float | None
    unit: str
    has: str
    remedy: str


def _miss(result: Result, name: str, limit: float, figure: _Figure) -> Snn2chipError:
    kind = DriftError if name == "max_drift" else ThresholdError
    bound = "at least" if name.startswith("min_") else "at most"
    unit = figure.unit.removesuffix("s") if (figure.unit, limit) == (" cores", 1) else figure.unit
    return kind(
        f"{result.graph.name} on {result.target.name}: {figure.what}",
        needs=f"{bound} {limit:g}{unit} (--{name.replace('_', '-')})",
        has=figure.has,
        remedy=figure.remedy,
    )


def _energy(result: Result) -> _Figure:
    energy = result.energy
    value = energy.energy_per_inference_nj
    has = f"unknown: cost table {energy.table or 'none'} prices nothing of it"
    remedy = "--costs TABLE with these prices, or no limit; an unknown energy keeps none"
    if value is not None:
        parts = [
            f"{part / energy.samples / 1000.0:.6g} nJ {name}"
            for name, part in (("dynamic", energy.dynamic_pj), ("static", energy.static_pj))
            if part is not None
        ]
        parts.append(f"cost table {energy.table}")
        has = f"{value:.6g} nJ ({'; '.join([*parts, *_caveats(result)])})"
        remedy = "fewer steps or spikes, a smaller student, or a higher limit"
    return _Figure("energy per inference", value, " nJ", has, remedy)


def _caveats(result: Result) -> Iterator[str]:
    """The range of the figure, and how many terms it leaves out."""
    energy, ends = result.energy, result.energy.range
    if ends is not None and ends.low.total_pj is not None and ends.high.total_pj is not None:
        low, high = (pj / energy.samples / 1000.0 for pj in (ends.low.total_pj, ends.high.total_pj))
        yield f"range {low:.6g} to {high:.6g} nJ"
    if energy.unpriced:
        unpriced = len(energy.unpriced)
        yield f"{unpriced} unpriced term{'s' if unpriced > 1 else ''} left out"


def _latency(result: Result) -> _Figure:
    value, slow = result.energy.latency_us, result.energy.bottleneck
    has = f"unknown: cost table {result.energy.table or 'none'} has no times"
    remedy = "--costs TABLE with times, or no limit; an unknown time keeps none"
    if value is not None:
        where = "" if slow is None else f"; most steps wait for core {slow.core} ({slow.layer})"
        has = f"{value:.6g} us{where}"
        remedy = "fewer steps, layers spread over more cores, or a higher limit"
    return _Figure("time per inference", value, " us", has, remedy)


def _accuracy(result: Result) -> _Figure:
    value = result.accuracy
    has, remedy = "unknown: the data have no labels", "data with labels: y, or y_test, in the .npz"
    if value is not None:
        has = f"{value:.6g} on {result.activity.samples:,} samples of {Path(result.data).name}"
        if not result.simulated:
            has += f" in {result.program.arithmetic}: this chip's arithmetic was not simulated"
        remedy = "--calibration accuracy, quantization-aware training, or a lower limit"
    return _Figure("accuracy", value, "", has, remedy)


def _cores(result: Result) -> _Figure:
    used = result.mapping.cores_used
    remedy = "a smaller network, another --mapping, or a higher limit"
    return _Figure("cores", used, " cores", counted(used, "core"), remedy)


def _drift(result: Result) -> _Figure:
    what = "predictions that differ from the float network's"
    if not result.simulated:
        return _Figure(
            what,
            None,
            "",
            f"unknown: the arithmetic of {result.target.name} was not simulated",
            "--target with a simulated chip, or no limit; an unknown drift keeps none",
        )
    if not result.drift:
        if result.program.arithmetic == "float64":
            return _Figure(what, 0.0, "", "0: it is the float network itself", "")
        return _Figure(
            what,
            None,
            "",
            "unknown: there is no float network beside it",
            "the network that it was made of (.nir or checkpoint), or no limit",
        )
    drift = result.drift[-1]
    share = drift.predictions_differing / drift.samples
    has = f"{share:.6g}: {drift.predictions_differing} of {drift.samples} samples ({drift.stage})"
    remedy = "another --calibration, more --weight-bits, quantization-aware training"
    return _Figure(what, share, "", has, f"{remedy}, or a higher limit")


def named(verdict: Verdict) -> str:
    """The limit as its flag."""
    return f"--{verdict.name.replace('_', '-')} {verdict.limit:g}"
