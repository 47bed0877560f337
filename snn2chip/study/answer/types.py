"""The answer of a study: rows, fronts and claims. Frozen data, from which every form is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snn2chip.study.answer.statistics import LEVEL, Interval, mean_interval
from snn2chip.study.types import Figures


@dataclass(frozen=True)
class Row:
    """A setting: all its seeds together.

    Attributes:
        setting: its identity, equal in every run of the study.
        label: what the study chose, as far as settings differ in it.
        series: what it is drawn and summed up with.
        place: whose figures are its own; ``figures`` has those of the float student too.
        figures: place -> split -> figures of every seed, in their order.
        parameters: of the student.
        training_s: mean seconds of a training.
        violations: limits of the place that a student of it breaks.
        fronts: costs on whose front it lies.
    """

    setting: str
    label: str
    series: str
    seeds: tuple[int, ...]
    place: str
    figures: Mapping[str, Mapping[str, tuple[Figures, ...]]]
    parameters: int
    training_s: float
    violations: tuple[str, ...] = ()
    fronts: tuple[str, ...] = ()
    level: float = LEVEL

    def at_seeds(self, split: str, name: str, place: str | None = None) -> tuple[float, ...] | None:
        """A figure at every seed, None where it is unknown at any."""
        splits = self.figures.get(place or self.place)
        if splits is None:
            return None
        values = [one.value(name) for one in splits[split]]
        known = tuple(value for value in values if value is not None)
        return known if len(known) == len(values) else None

    def interval(self, split: str, name: str, place: str | None = None) -> Interval | None:
        """Its mean over the seeds, with Student's t interval."""
        values = self.at_seeds(split, name, place)
        return None if values is None else mean_interval(values, self.level)

    def mean(self, split: str, name: str, place: str | None = None) -> float | None:
        """The mean alone."""
        values = self.at_seeds(split, name, place)
        return None if values is None else sum(values) / len(values)


@dataclass(frozen=True, slots=True)
class Volume:
    """Hypervolumes as shares of the box between the reference and a student right for nothing.

    Attributes:
        validation: of the means, by which the front was picked.
        test: mean over the seeds of what the same settings give on test data; None where they
            have no seed in common.
    """

    validation: float
    test: Interval | None


@dataclass(frozen=True, slots=True)
class Front:
    """Accuracy against one cost.

    Attributes:
        reference: (cost, accuracy) of the corner.
        settings: on the front by validation data, the cheapest first.
        by_series: of the front of each series alone.
    """

    cost: str
    reference: tuple[float, float]
    settings: tuple[str, ...]
    volume: Volume
    by_series: Mapping[str, Volume]


@dataclass(frozen=True, slots=True)
class ClaimAt:
    """A claim in one place, on test data.

    Attributes:
        difference: accuracy of a minus that of b, as a share, by paired bootstrap.
        by_seeds: the same with Student's t interval over the seeds' differences.
        no_less: the lower bound of ``difference`` lies above minus the margin.
        savings: cost -> share of b's that a saves; None where it is unknown.
    """

    difference: Interval
    by_seeds: Interval
    no_less: bool
    savings: Mapping[str, Interval | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """ "a is no less accurate than b": what was compared, and how it came out in each place.

    Attributes:
        a, b: labels of the settings that were picked on validation data; None where none was.
        pick: what was picked for: ``accuracy``, or the cost that a has least of.
        near: label of the setting by whose accuracy both sides were picked, or None.
        seeds: that both have.
        places: place -> figures; empty where a side or common seeds are missing.
    """

    name: str
    a: str | None
    b: str | None
    margin_points: float
    pick: str
    near: str | None
    seeds: tuple[int, ...]
    places: Mapping[str, ClaimAt]


@dataclass(frozen=True, slots=True)
class Tool:
    """What made the answer."""

    name: str
    version: str


@dataclass(frozen=True)
class Answer:
    """All of it.

    Attributes:
        place: target whose integer programs are weighed, or the float students'.
        cost_table: of its energies, "" where there is none.
        level: of every interval.
        trials, done: of the study, and of them measured.
        samples: by split.
        failures: of trials that could not be done, one line each.
        seconds: spent on the trials, whenever that was.
    """

    name: str
    place: str
    cost_table: str
    level: float
    trials: int
    done: int
    samples: Mapping[str, int]
    rows: tuple[Row, ...]
    fronts: tuple[Front, ...]
    claims: tuple[Claim, ...]
    failures: tuple[str, ...]
    seconds: float
    tool: Tool
