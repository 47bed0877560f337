"""What a trial of a study measured. Frozen data, plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COSTS = ("spikes", "synaptic_events", "spike_energy", "dynamic", "energy")
"""What an accuracy may be weighed against, per inference: spikes of hidden and output neurons,
synaptic events, and on a target with prices in nJ: what follows the spikes of neurons (synaptic
events, packets, hops), dynamic and total energy."""

PRICED = ("spike_energy", "dynamic", "energy")
"""Of them, those that are known only where a cost table has prices."""

_FIELDS = {"spike_energy": "spikes_nj", "dynamic": "dynamic_nj", "energy": "total_nj"}

FLOAT = "torch"
"""Where a student runs as it was trained; everywhere else is a target."""

SPLITS = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Figures:
    """A student on the samples of one split, in one place; all but shares are means per sample.

    Attributes:
        accuracy: share of right predictions.
        input_spikes, hidden_spikes, output_spikes: by the input, by all hidden populations, and by
            the output population, which in the readouts of membranes has none.
        synaptic_events: one per spike and synapse.
        spikes_nj: the part of the dynamic energy that follows the spikes of hidden and output
            neurons; input, updates and static energy are left out.
        dynamic_nj, static_nj, total_nj: by the target's cost table; None where there is no price.
        latency_us: modelled, or None.
        differing: share of the predictions that differ from the float network's, or None.
    """

    accuracy: float
    samples: int
    input_spikes: float
    hidden_spikes: float
    output_spikes: float
    synaptic_events: float
    dynamic_nj: float | None = None
    static_nj: float | None = None
    total_nj: float | None = None
    latency_us: float | None = None
    differing: float | None = None
    spikes_nj: float | None = None

    @property
    def spikes(self) -> float:
        """By hidden and output neurons."""
        return self.hidden_spikes + self.output_spikes

    def value(self, name: str) -> float | None:
        """One of ``COSTS``, or a field by its name."""
        found: float | None = getattr(self, _FIELDS.get(name, name))
        return found


@dataclass(frozen=True, slots=True)
class Trial:
    """One student to train: the recipe that is the study's with some keys changed.

    Attributes:
        tables: the whole recipe, defaults spelled out.
        settings: what the study chose, by dotted key of single values, without the seed.
        key: equal for equal recipes.
        setting: equal for recipes that differ in nothing but the seed.
    """

    tables: Mapping[str, Any]
    settings: Mapping[str, Any]
    seed: int
    key: str
    setting: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trial.

    Attributes:
        figures: place (``FLOAT`` or a target as it was asked for) -> split -> figures.
        cost_tables: name of the cost table by target, as far as there is one.
        parameters: of the student.
        epoch: that was kept.
        training_s, total_s: seconds of the training, and of everything.
        violations: limits that the student breaks, by target.
        refused: why a target cannot run the student; then it has no figures there.
        tool: version of snn2chip that measured it.
        samples: digits that tell the data set from another one; "" where an older version measured.
        files: digits of the files that taught it, a teacher or a chip; "" without, or unknown.
        digests: of each target's file, by target; an older version left them out.
    """

    key: str
    figures: Mapping[str, Mapping[str, Figures]]
    parameters: int
    epoch: int
    training_s: float
    total_s: float
    cost_tables: Mapping[str, str] = field(default_factory=dict)
    violations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    tool: str = ""
    samples: str = ""
    files: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
