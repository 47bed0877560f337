"""From a study to its trials: every setting of its grids at every seed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snn2chip.errors import ConfigError
from snn2chip.study.config import MAX_TRIALS, SEED, StudyConfig
from snn2chip.study.settings import changed, fingerprint, found, leaves, product_of
from snn2chip.study.types import Trial


def base_tables(study: StudyConfig) -> dict[str, Any]:
    """The base recipe as its file has it, without the defaults that other settings may not have.

    Raises:
        ConfigError: the file is no recipe.
    """
    from snn2chip.distill import read_recipe

    read_recipe(study.recipe)
    return tomllib.loads(Path(study.recipe).read_text("utf-8-sig"))


def grid_trials(study: StudyConfig, base: Mapping[str, Any]) -> tuple[Trial, ...]:
    """The trials of all grids, in their order; a recipe that comes up again is left out.

    Without a grid and a search the base recipe itself is tried.

    Args:
        base: tables of the base recipe, as its file has them.

    Raises:
        ConfigError: a combination that is no recipe, or too many of them.
    """
    grids = study.grids or (() if study.search is not None else ({},))
    size = sum(_size(grid) for grid in grids) * max(1, len(study.seeds))
    if size > MAX_TRIALS:
        raise ConfigError(f"a study of {size:,} trials", needs=f"at most {MAX_TRIALS:,}")
    made: dict[str, Trial] = {}
    for grid in grids:
        for chosen in product_of(grid):
            for trial in seeded(study, base, chosen):
                made.setdefault(trial.key, trial)
    return tuple(made.values())


def seeded(
    study: StudyConfig, base: Mapping[str, Any], chosen: Mapping[str, Any]
) -> tuple[Trial, ...]:
    """One setting at every seed of the study; a seed among what was chosen is the only one.

    Raises:
        ConfigError: the recipe makes no sense; the message names what was chosen.
    """
    if SEED in chosen or not study.seeds:
        return (trial_of(study, base, chosen),)
    return tuple(trial_of(study, base, {**chosen, SEED: seed}) for seed in study.seeds)


def trial_of(study: StudyConfig, base: Mapping[str, Any], chosen: Mapping[str, Any]) -> Trial:
    """The recipe with what was chosen.

    Raises:
        ConfigError: it makes no sense.
    """
    from snn2chip.distill import recipe_from_dict

    shown = ", ".join(f"{key} = {value!r}" for key, value in chosen.items())
    source = f"{study.recipe} with {shown}" if shown else study.recipe
    recipe = recipe_from_dict(changed(base, chosen), source[:400])
    tables = recipe.to_dict()
    seed = found(tables, SEED)
    if not isinstance(seed, int):
        raise ConfigError(f"{source[:400]}: no {SEED}", needs="a seed of the training")
    if not recipe.data.validation:
        raise ConfigError(
            f"{source[:400]}: data.validation = 0",
            needs="validation samples: they decide what is picked, and the test samples do not",
            remedy="[data] validation = 0.1 in the base recipe",
        )
    return Trial(
        tables=tables,
        settings={key: value for key, value in leaves(chosen).items() if key != SEED},
        seed=seed,
        key=fingerprint(tables),
        setting=fingerprint(changed(tables, {SEED: 0})),
    )


def by_setting(trials: Sequence[Trial]) -> dict[str, tuple[Trial, ...]]:
    """Trials that differ in nothing but the seed, in the order in which settings first appear."""
    made: dict[str, list[Trial]] = {}
    for trial in trials:
        made.setdefault(trial.setting, []).append(trial)
    return {setting: tuple(group) for setting, group in made.items()}


def varying(trials: Sequence[Trial]) -> tuple[str, ...]:
    """Keys of settings that are not the same in all trials, in the order of their appearance."""
    keys = dict.fromkeys(key for trial in trials for key in trial.settings)
    absent = object()
    return tuple(
        key for key in keys if any(_differs(trial, trials[0], key, absent) for trial in trials[1:])
    )


def _differs(one: Trial, other: Trial, key: str, absent: object) -> bool:
    mine, theirs = one.settings.get(key, absent), other.settings.get(key, absent)
    return bool(mine != theirs)


def _size(grid: Mapping[str, Sequence[Any]]) -> int:
    size = 1
    for values in grid.values():
        size *= len(values)
    return size
