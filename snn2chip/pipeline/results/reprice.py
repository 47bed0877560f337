"""A result again, with another cost table, target or mapping; nothing is simulated."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from snn2chip.backends import Fidelity, find_backend
from snn2chip.backends.reference import ReferenceBackend, not_simulated
from snn2chip.core import Mapping, Violation
from snn2chip.energy import TIMINGS, late_ticks
from snn2chip.energy.congestion import check
from snn2chip.energy.terms import table_of
from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.mapping import map_program, read_mapping
from snn2chip.pipeline.results.finish import Recorded, finish
from snn2chip.pipeline.types import FLOAT, PRICES_ONLY, Result
from snn2chip.targets.types import Target


def reprice(
    result: Result,
    costs: str | None,
    target: Target | None = None,
    mapping: str | Path | None = None,
    *,
    timing: str | None = None,
    curve: bool | None = None,
    placed: tuple[Mapping, tuple[Violation, ...]] | None = None,
) -> Result:
    """The same run at other prices, on another chip or with another mapping.

    Another chip gets a mapping of its own. One of which only prices are known takes the activity of
    the float network, as a run of its own would; where the run has none beside it, it takes that of
    the simulated chip without that chip's latency. The report says whose activity was priced.
    Another file of the same chip keeps the mapping and brings its own limits.

    Args:
        mapping: a ``mapping.json`` of the chip that is priced.
        timing: the model of time; None takes that of the result, or ``simple`` where the chip
            lacks what it needs, and the assumptions say so.
        curve: figures by the number of steps; None takes them where the result has them.
        placed: the mapping and the limits that it breaks, where they are known already.

    Raises:
        ConfigError: the target has no such cost table, or lacks what the model of time needs.
        InputFileError: a mapping that is none of this network on this chip.
        UnsupportedError: the host computed a part of the run, which another family would do itself.
    """
    chip = result.target if target is None else target
    found, notes = _activity_for(result, chip)
    if found.program.hosted and chip.family != result.target.family:
        raise UnsupportedError(
            f"a run whose first layer {result.target.name}'s host computes, on {chip.name}",
            needs="packets and synaptic events of the input (encoding 'direct')",
            has="constant currents",
            remedy=f"snn2chip simulate ... --target {chip.name}",
        )
    model, fallen = _model(found, chip, costs, timing)
    own = _is_own(found, chip)
    placed = placed or _placed(found, chip, mapping)
    again = finish(
        Recorded(**{f.name: getattr(found, f.name) for f in fields(Recorded)}),
        chip,
        _fidelity(found, chip, own),
        placed,
        costs,
        timing=model,
        curve=bool(result.curve) if curve is None else curve,
        counts=found.counts if placed[0] is found.mapping else None,
    )
    if not own and chip.family != PRICES_ONLY:
        notes = (
            f"activity of {found.program.arithmetic}, simulated for {result.target.name}: what "
            f"{chip.name} itself would compute was not simulated",
            *notes,
        )
    assumptions = (*again.energy.assumptions, *fallen, *notes)
    return replace(
        again,
        energy=replace(again.energy, assumptions=assumptions),
        simulated=own,
        trace=found.trace,
        wall_times=result.wall_times,
    )


def computed(target: Target) -> tuple[Any, ...]:
    """Equal for targets that compute the same: their family and number formats."""
    if target.family in FLOAT:
        return ("float64",)
    formats = sorted((name, limit.value) for name, limit in target.formats.items())
    return (target.family, *formats)


def _activity_for(result: Result, chip: Target) -> tuple[Result, tuple[str, ...]]:
    """The run whose activity the chip is priced on, and what must be said of it."""
    if chip.family not in FLOAT or result.program.arithmetic == "float64":
        return result, ()
    name = result.target.name
    if result.reference is not None:
        plain = replace(
            result,
            program=ReferenceBackend().program(result.graph),
            activity=result.reference,
            reference=None,
            ensemble=None if result.ensemble is None else result.ensemble.of_reference(),
            quantization=None,
            calibrated_on="not quantized",
            trace=None,
            counts=None,
        )
        return plain, (f"the float network's spikes, which the run for {name} kept beside its own",)
    steps = result.program.max_latency
    populations = tuple(replace(p, latency=0) for p in result.program.populations)
    prompt = replace(result.program, populations=populations)
    note = f"spikes as {name} computed them: no float network is beside the run"
    if steps:
        note += f"; {steps} steps of latency are those of {name} and not charged"
    return replace(result, program=prompt, trace=None, counts=None), (note,)


def _is_own(result: Result, chip: Target) -> bool:
    """Whether the chip computes just what was simulated."""
    if chip.family == PRICES_ONLY:
        return False
    if chip.family in FLOAT:
        return result.program.arithmetic == "float64"
    return result.simulated and computed(chip) == computed(result.target)


def _fidelity(result: Result, chip: Target, own: bool) -> Fidelity:
    """What is true of the figures; within a simulated family, what is true of the run."""
    if chip.family in FLOAT and own:
        return find_backend(chip.family).fidelity(result.program)
    same = chip.family not in FLOAT and chip.family == result.target.family
    return result.fidelity if same else not_simulated(result.program)


def _model(
    result: Result, chip: Target, costs: str | None, timing: str | None
) -> tuple[str, tuple[str, ...]]:
    """The model of time; another than the run's only where nobody asked for it by name."""
    if timing is not None or result.energy.timing == TIMINGS[0]:
        return timing or TIMINGS[0], ()
    try:
        check(result.program, chip, table_of(chip, costs))
    except ConfigError as error:
        note = f"timing {TIMINGS[0]} in place of the run's {result.energy.timing}: {error.what}"
        return TIMINGS[0], (note,)
    return result.energy.timing, ()


def _placed(
    result: Result, chip: Target, mapping: str | Path | None
) -> tuple[Mapping, tuple[Violation, ...]]:
    """The mapping, and every limit of the chip that it breaks."""
    same = chip.name == result.target.name
    if mapping is None and chip.sha256 == result.target.sha256:
        timely = late_ticks(result.energy, result.target)
        return result.mapping, tuple(v for v in result.violations if v not in timely)
    pinned = result.mapping if same else None
    if mapping is not None:
        pinned = read_mapping(Path(mapping), result.program, chip)
    placed, violations = map_program(result.program, chip, pinned)
    if chip.family == result.target.family:
        found = find_backend(chip.family).violations(result.program, chip, result.activity, placed)
        violations = (*found, *violations)
    return placed, violations
