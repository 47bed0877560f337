"""A trained student, measured: as it was trained, and as a program of each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.pipeline.results.comparing import choice_of
from snn2chip.study.trials.figures import figures_of, seen_of
from snn2chip.study.trials.runs import EnsembleRuns, StudentRuns, parameters_in
from snn2chip.study.trials.store import Seen
from snn2chip.study.types import FLOAT, SPLITS, Figures

if TYPE_CHECKING:
    from snn2chip.data import Split
    from snn2chip.distill import Recipe


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
    digests: dict[str, str] = field(default_factory=dict)


def measure(trained: Path, recipe: Recipe, base: Path, targets: Sequence[str]) -> Measured:
    """A student on its validation and its test samples, in PyTorch and on targets.

    An ensemble answers by its own policy.

    The scales of a program are picked on training samples, so that both splits meet one program.

    Args:
        trained: the student's checkpoint, or an ensemble's ``ensemble.json``.
        base: folder that the recipe's data are seen from.
        targets: ``loihi1:sanafe_nahuku`` names a cost table too.

    Raises:
        ConfigError: the recipe has no validation samples.
    """
    from snn2chip.distill.run import load_samples
    from snn2chip.distill.training.samples import split_digest

    split = load_samples(recipe, base)
    splits = validation_and_test(recipe, split)
    made = EnsembleRuns if recipe.method.several else StudentRuns
    found = Measured(parameters_in(trained), split_digest(split))
    for name in SPLITS:
        run = made(trained, splits[name], recipe.drops_zeros)
        found.figures.setdefault(FLOAT, {})
        for target in targets:
            found.digests[target] = choice_of(target).target.sha256
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
        figures, seen = run.in_float()
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
