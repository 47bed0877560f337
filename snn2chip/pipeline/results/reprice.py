"""A result again, with another cost table, target or mapping; nothing is simulated."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from snn2chip.backends import find_backend
from snn2chip.core import Mapping, Violation
from snn2chip.energy import late_ticks
from snn2chip.mapping import map_program, read_mapping
from snn2chip.pipeline.results.finish import Recorded, finish
from snn2chip.pipeline.types import PRICES_ONLY, Result
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
    own: bool = False,
) -> Result:
    """The same activity at other prices, on another chip or with another mapping.

    Another chip gets a mapping of its own, and the report says that the activity is not its own;
    another file of the same chip keeps the mapping and brings its own limits.

    Args:
        mapping: a ``mapping.json`` of the chip that is priced.
        timing: the model of time; None takes that of the result.
        curve: figures by the number of steps; None takes them where the result has them.
        placed: the mapping and the limits that it breaks, where they are known already.
        own: the chip computes just what was simulated, so that nothing need be said of it.

    Raises:
        ConfigError: the target has no such cost table, or lacks what the model of time needs.
        InputFileError: a mapping that is none of this network on this chip.
    """
    chip = result.target if target is None else target
    recorded = Recorded(**{f.name: getattr(result, f.name) for f in fields(Recorded)})
    wanted = bool(result.curve) if curve is None else curve
    if placed is None:
        placed = _placed(result, chip, mapping)
    model = result.energy.timing if timing is None else timing
    fidelity = result.fidelity
    if chip.family == PRICES_ONLY or result.program.arithmetic == "float64":
        fidelity = find_backend(chip.family).fidelity(result.program)
    again = finish(
        *(recorded, chip, fidelity, placed, costs),
        timing=model,
        curve=wanted,
        counts=result.counts if placed[0] is result.mapping else None,
    )
    if not own and chip.name != result.target.name and chip.family != PRICES_ONLY:
        label = (
            f"activity of {result.program.arithmetic}, simulated for {result.target.name}: what "
            f"{chip.name} itself would compute was not simulated"
        )
        energy = replace(again.energy, assumptions=(*again.energy.assumptions, label))
        again = replace(again, energy=energy)
    return replace(again, trace=result.trace, wall_times=result.wall_times)


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
        found = find_backend(chip.family).violations(result.program, chip, result.activity)
        violations = (*found, *violations)
    return placed, violations
