"""From a study to its trials: every setting of its grids at every seed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from snn2chip.errors import ConfigError
from snn2chip.pipeline.results.comparing import choice_of
from snn2chip.study.config import MAX_TRIALS, SEED, StudyConfig
from snn2chip.study.settings import changed, fingerprint, found, leaves, product_of
from snn2chip.study.types import FLOAT, Trial
from snn2chip.targets import list_targets

PATHS = ("data.name", "teacher.file")
"""Keys of a recipe that may hold a path, seen from the recipe's folder."""


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
    for key, value in leaves(tables).items():
        _finite(source[:400], key, value)
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


def targets_of(
    study: StudyConfig, base: Mapping[str, Any], further: str | None = None
) -> tuple[str, ...]:
    """On which every student is measured: the study's targets, or else the base recipe's.

    Args:
        further: one more, as ``--target`` names it; ``FLOAT`` is none.

    Raises:
        ConfigError: no such target or cost table.
    """
    given = base.get("targets", ())
    listed = study.targets or ([given] if isinstance(given, str) else given)
    named = [("targets", word) for word in listed]
    named += [] if further is None else [("--target", further)]
    for source, word in named:
        if not word.split(":")[0].strip():
            raise ConfigError(
                f"{source}: {word!r} names no target",
                needs="the name of a chip, or the path of a target file",
                remedy=f"one of: {', '.join(list_targets())}",
            )
        if word != FLOAT:
            choice_of(word)
    return tuple(word for word in dict.fromkeys(word for _, word in named) if word != FLOAT)


def files_of(
    study: StudyConfig,
    base: Mapping[str, Any],
    trials: Sequence[Trial],
    targets: Sequence[str] = (),
) -> tuple[tuple[str, Path], ...]:
    """Every file that a study reads, by the key that names it."""
    tables = [base, *(trial.tables for trial in trials)]
    spaces = {} if study.search is None else study.search.space
    tables += [{key: value} for key, one in spaces.items() for value in one.choices]
    named = [
        (key, Path(study.recipe).parent / value)
        for key in PATHS
        for value in (one[key] if key in one else found(one, key) for one in tables)
        if is_path(value)
    ]
    named += [
        ("target", Path(value))
        for one in tables
        for value in leaves(one).values()
        for value in (value if isinstance(value, list) else [value])
        if is_target_file(value)
    ]
    places = [choice_of(word).place for word in targets]
    named += [("target", Path(place)) for place in places if is_target_file(place)]
    return tuple(dict.fromkeys([("recipe", Path(study.recipe)), *named]))


def is_path(value: Any) -> bool:
    """Whether a value of one of ``PATHS`` is a file, and no name of a data set."""
    return isinstance(value, str) and bool(Path(value).suffix)


def is_target_file(value: Any) -> bool:
    """Whether a value is the path of a target file; unlike ``PATHS`` it is seen from here."""
    return isinstance(value, str) and value.endswith(".toml")


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


def _finite(source: str, key: str, value: Any) -> None:
    """Refuse what no figure follows from, and no result can be kept under."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, float) and not isfinite(one):
            raise ConfigError(f"{source}: {key} = {one}", needs="a finite number")


def _size(grid: Mapping[str, Sequence[Any]]) -> int:
    size = 1
    for values in grid.values():
        size *= len(values)
    return size
