"""Figures of a study in words, the same in every form."""

from __future__ import annotations

from collections.abc import Iterator

from snn2chip.report.numbers import UNKNOWN, accuracy, count, energy, plural, significant
from snn2chip.study.answer.statistics import Interval
from snn2chip.study.answer.types import Answer, Claim, ClaimAt, Row
from snn2chip.study.config import ACCURACY
from snn2chip.study.types import FLOAT

COST_WORDS = {
    "spikes": "spikes",
    "synaptic_events": "synaptic events",
    "spike_energy": "spike energy",
    "dynamic": "dynamic energy",
    "energy": "total energy",
}

SHORT = {
    "spikes": "spikes",
    "synaptic_events": "events",
    "spike_energy": "spike energy",
    "dynamic": "dynamic",
    "energy": "total",
}
"""Costs in a narrow column."""

HEADS = (
    *("seeds", "validation", "test", "in float", "hidden", "output", "input"),
    *("events", "spike energy", "dynamic", "total", "drift %", "on the front of"),
)
"""Columns of a row, after the setting."""

NUMBERS = len(HEADS) - 1
"""Of them, the first so many are numbers."""


def columns(answer: Answer) -> tuple[int, ...]:
    """Indices of ``HEADS`` that are known of some setting."""
    found = zip(*map(cells, answer.rows), strict=True)
    return tuple(k for k, column in enumerate(found) if set(column) != {UNKNOWN})


def cells(row: Row) -> tuple[str, ...]:
    """A row in the order of ``HEADS``: test figures but for the validation accuracy."""

    def counted(name: str) -> str:
        value = row.mean("test", name)
        return UNKNOWN if value is None else count(value)

    differing = row.mean("test", "differing")
    return (
        str(len(row.seeds)),
        accuracy(row.mean("validation", "accuracy")),
        spread(row.interval("test", "accuracy")),
        accuracy(row.mean("test", "accuracy", FLOAT)),
        *map(counted, ("hidden_spikes", "output_spikes", "input_spikes", "synaptic_events")),
        energy(row.mean("test", "spike_energy")),
        energy(row.mean("test", "dynamic")),
        energy(row.mean("test", "energy")),
        UNKNOWN if differing is None else f"{100.0 * differing:.2f}",
        ", ".join(SHORT[cost] for cost in row.fronts),
    )


def cost_text(name: str, value: float | None) -> str:
    """A cost with its unit."""
    if value is None:
        return UNKNOWN
    return energy(value) if name in ("spike_energy", "dynamic", "energy") else count(value)


def spread(found: Interval | None) -> str:
    """``98.12 ±0.20 %``; without an interval ``98.12 %``."""
    if found is None:
        return UNKNOWN
    if found.low is None or found.high is None:
        return accuracy(found.value)
    half = 50.0 * (found.high - found.low)
    return f"{100.0 * found.value:.2f} ±{half:.2f} %"


def points(found: Interval) -> str:
    """``+0.31 points [-0.05, +0.66]``."""
    text = f"{100.0 * found.value:+.2f} points"
    if found.low is None or found.high is None:
        return text
    return f"{text} [{100.0 * found.low:+.2f}, {100.0 * found.high:+.2f}]"


def by_seeds(at: ClaimAt) -> str:
    """What the seeds alone say, which few of them leave wide open: ``over 2 seeds alone [...]``."""
    found = at.by_seeds
    if found.low is None or found.high is None:
        return "of one seed: how others would differ is not known"
    ends = f"[{100.0 * found.low:+.2f}, {100.0 * found.high:+.2f}]"
    return f"over the {plural(found.seeds, 'seed')} alone {ends}"


def saving(found: Interval | None) -> str:
    """``61.2 % [58.0, 64.1] less``, or more where the saving is negative."""
    if found is None:
        return UNKNOWN
    sign, word = (1.0, "less") if found.value >= 0 else (-1.0, "more")
    text = f"{significant(100.0 * sign * found.value)} %"
    if found.low is not None and found.high is not None:
        ends = sorted((100.0 * sign * found.low, 100.0 * sign * found.high))
        text += f" [{significant(ends[0])}, {significant(ends[1])}]"
    return f"{text} {word}"


def verdict(claim: Claim, at: ClaimAt) -> str:
    """Whether a is no less accurate, in one sentence."""
    level = f"{100.0 * at.difference.level:g} %"
    margin = f"{claim.margin_points:g} points"
    if at.no_less:
        return f"no less accurate: the lower {level} bound lies above -{margin}"
    return f"not shown to be no less accurate: the lower {level} bound is not above -{margin}"


def picked(claim: Claim) -> str:
    """How the two settings were picked."""
    if claim.pick == "accuracy":
        return "the most accurate of each side on validation data"
    cost = COST_WORDS[claim.pick]
    if claim.near is not None:
        return (
            f"of each side that of least {cost} at most {claim.margin_points:g} points below "
            f"{claim.near}, on validation data"
        )
    return (
        f"b the most accurate, a that of least {cost} at most {claim.margin_points:g} points "
        "below it, both on validation data"
    )


def missing(claim: Claim, answer: Answer) -> str:
    """Why a claim has no figures; "" where it has."""
    costs = (row.mean("validation", claim.pick) for row in answer.rows)
    if claim.pick != ACCURACY and all(cost is None for cost in costs):
        place = "float networks" if answer.place == FLOAT else answer.place
        return f"no setting's {COST_WORDS[claim.pick]} is known: {place} have no price of it"
    if claim.a is None or claim.b is None:
        side = "a" if claim.a is None else "b"
        return f"no setting of side {side} is done, or none is accurate enough"
    return "" if claim.places else "the two sides have no seed in common"


def lead(answer: Answer) -> str:
    """What the study is, in one or two sentences."""
    place = "as float networks" if answer.place == FLOAT else f"as programs of {answer.place}"
    done = plural(answer.done, "trial")
    if answer.done < answer.trials:
        done = f"{answer.done:,} of {plural(answer.trials, 'trial')}"
    return (
        f"{plural(len(answer.rows), 'setting')}, {done}, weighed {place}: picked on "
        f"{plural(answer.samples['validation'], 'validation sample')}, judged on "
        f"{plural(answer.samples['test'], 'test sample')}."
    )


def notes(answer: Answer) -> Iterator[str]:
    """What must be known of the figures, one sentence each."""
    yield (
        "Spikes, events and energies are means per inference on test data; ± is Student's t "
        f"interval of {100.0 * answer.level:g} % over the seeds."
    )
    corners = ", ".join(
        f"{cost_text(f.cost, f.reference[0])} {COST_WORDS[f.cost]}" for f in answer.fronts
    )
    if answer.fronts:
        yield (
            "Fronts are drawn on validation data. A hypervolume is the share that one dominates "
            "of the box from no cost at full accuracy to the reference: "
            f"{accuracy(answer.fronts[0].reference[1])} accuracy, {corners}."
        )
    if answer.cost_table:
        yield f"Energies by the cost table {answer.cost_table} of {answer.place}."
    single = sum(len(row.seeds) == 1 for row in answer.rows)
    if single:
        yield f"{plural(single, 'setting')} of a single seed: without an interval."
    broken = [row.label for row in answer.rows if row.violations]
    if broken:
        yield f"Do not fit {answer.place}, and are priced as if they did: {'; '.join(broken)}."
    for failure in answer.failures:
        yield f"Not done: {failure}"
