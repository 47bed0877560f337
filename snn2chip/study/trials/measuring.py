"""A trained student, measured: as it was trained, and as a program of each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.pipeline import Result, reprice
from snn2chip.pipeline.results.comparing import choice_of
from snn2chip.study.trials.store import Seen
from snn2chip.study.types import FLOAT, SPLITS, Figures
from snn2chip.targets import load_target

if TYPE_CHECKING:
    import norse.torch as norse

    from snn2chip.data import Split
    from snn2chip.distill import CheckpointMetadata, Recipe

REFERENCE = "reference"


@dataclass
class Measured:
    """What was measured so far: see `snn2chip.study.types.Outcome`; ``seen`` is by place."""

    parameters: int
    samples: str
    figures: dict[str, dict[str, Figures]] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    cost_tables: dict[str, str] = field(default_factory=dict)
    violations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def measure(checkpoint: Path, recipe: Recipe, base: Path, targets: Sequence[str]) -> Measured:
    """A student on its validation and its test samples, in PyTorch and on targets.

    The scales of a program are picked on training samples, so that both splits meet one program.

    Args:
        base: folder that the recipe's data are seen from.
        targets: ``loihi1:sanafe_nahuku`` names a cost table too.

    Raises:
        ConfigError: the recipe has no validation samples.
    """
    from snn2chip.distill import load_checkpoint
    from snn2chip.distill.run import load_samples
    from snn2chip.distill.training.samples import split_digest

    student, metadata = load_checkpoint(checkpoint)
    split = load_samples(recipe, base)
    splits = validation_and_test(recipe, split)
    found = Measured(sum(p.numel() for p in student.parameters()), split_digest(split))
    for name in SPLITS:
        run = _Runs(student, metadata, splits[name])
        found.figures.setdefault(FLOAT, {})
        for target in targets:
            try:
                result = run.on(target)
            except UnsupportedError as error:
                found.refused[target] = error.what
                continue
            found.figures.setdefault(target, {})[name] = figures_of(result)
            found.cost_tables[target] = result.energy.table
            found.violations[target] = tuple(str(v.rule) for v in result.violations)
            if name == "test":
                found.seen[target] = seen_of(result)
        figures, seen = _in_float(run)
        found.figures[FLOAT][name] = figures
        if name == "test":
            found.seen[FLOAT] = seen
    return found


def validation_and_test(recipe: Recipe, split: Split) -> dict[str, Split]:
    """Splits whose test part is what is scored; the training part is the same in both.

    Raises:
        ConfigError: the recipe keeps no validation samples.
    """
    from snn2chip.distill.training.samples import hold_out

    _, judge = hold_out(recipe.data, split.y_train)
    if not judge.any():
        raise ConfigError(
            f"data.validation = {recipe.data.validation:g}",
            needs="validation samples: they decide what is picked, and the test samples do not",
            remedy="[data] validation = 0.1 in the base recipe",
        )
    kept = replace(split, x_test=split.x_train[judge], y_test=split.y_train[judge])
    return {"validation": kept, "test": split}


class _Runs:
    """Runs of one student on one split, each simulated once and priced as often as asked."""

    def __init__(
        self, student: norse.SequentialState, metadata: CheckpointMetadata, split: Split
    ) -> None:
        self.student, self.metadata, self.split = student, metadata, split
        self._results: dict[str, Result] = {}

    def on(self, word: str) -> Result:
        from snn2chip.distill.on_target import run_on_target

        choice = choice_of(word)
        known = self._results.get(choice.target.sha256)
        if known is not None:
            return reprice(known, choice.costs)
        made = run_on_target(self.student, self.metadata, self.split, choice.place, choice.costs)
        self._results[choice.target.sha256] = made
        return made

    def as_floats(self) -> Result:
        """The float graph, whose run lies beside that of any target."""
        for result in self._results.values():
            if result.reference is not None or result.program.arithmetic == "float64":
                return reprice(result, None, load_target(REFERENCE))
        return self.on(REFERENCE)


def _in_float(runs: _Runs) -> tuple[Figures, Seen]:
    """Accuracy and spikes in PyTorch; events are those of the same network as a float graph."""
    from snn2chip.distill import evaluate

    metadata, split = runs.metadata, runs.split
    found = evaluate(runs.student, split.x_test, split.y_test, metadata.encoding, metadata.readout)
    graph = runs.as_floats()
    _, spikes = seen_of(graph)
    last = [name for name, _ in runs.student.named_children()][-1]
    output = found.spikes.get(last, 0.0)
    figures = Figures(
        accuracy=found.accuracy,
        samples=len(split.y_test),
        input_spikes=found.spikes["input"],
        hidden_spikes=sum(found.spikes.values()) - found.spikes["input"] - output,
        output_spikes=output,
        synaptic_events=figures_of(graph).synaptic_events,
    )
    return figures, (found.predictions == split.y_test, spikes)


def figures_of(result: Result) -> Figures:
    """Figures per sample of a run with labels."""
    from snn2chip.distill.on_target import energy_parts

    samples, energy = result.activity.samples, result.energy
    layers = [layer.counts for layer in energy.layers]
    outputs = result.program.outputs

    def spikes(wanted: str) -> float:
        found = sum(layer.spikes for layer in layers if _role(layer.name, layer.kind) == wanted)
        return found / samples

    def _role(name: str, kind: str) -> str:
        return "input" if kind == "input" else "output" if name in outputs else "hidden"

    def per_sample(energy_pj: float | None) -> float | None:
        return None if energy_pj is None else energy_pj / samples / 1000.0

    assert result.accuracy is not None
    differing = [drift.predictions_differing for drift in result.drift]
    return Figures(
        accuracy=result.accuracy,
        samples=samples,
        input_spikes=spikes("input"),
        hidden_spikes=spikes("hidden"),
        output_spikes=spikes("output"),
        synaptic_events=sum(layer.synaptic_events for layer in layers) / samples,
        dynamic_nj=per_sample(energy.dynamic_pj),
        static_nj=per_sample(energy.static_pj),
        total_nj=per_sample(energy.total_pj),
        latency_us=energy.latency_us,
        differing=differing[0] / samples if differing else None,
        spikes_nj=energy_parts(result).get("spikes_nj"),
    )


def seen_of(result: Result) -> Seen:
    """Whether each sample is right, and how many spikes its hidden and output neurons fire."""
    assert result.labels is not None
    inputs = {p.name for p in result.graph.inputs}
    spikes = np.zeros(result.activity.samples, np.int64)
    for name, population in result.activity.populations.items():
        if name not in inputs:
            spikes += population.spikes.per_step().sum(axis=0)
    return result.activity.predictions == result.labels, spikes
