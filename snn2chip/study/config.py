"""Study files: one base recipe, what is varied, and what is compared, in one TOML file.

::

    recipe = "digits.toml"            # beside the study file
    targets = ["loihi2"]              # of the integer programs; loihi1:sanafe_nahuku names a table
    seeds = [0, 1, 2]                 # of the training
    series = ["method.name"]          # what has a colour and a hypervolume of its own
    reference = { accuracy = 0.9, energy = 100.0 }        # corner of the hypervolumes

    [[grid]]                          # every combination; several grids are joined
    method = [{ name = "ce" }, { name = "kd", temperature = 4.0 }]
    "training.lr" = [0.01, 0.02]

    [search]                          # of a sampler of optuna, beside or instead of grids
    trials = 20
    objectives = ["accuracy", "energy"]
    [search.space]
    "penalty.0.weight" = { low = 0.01, high = 1.0, log = true }

    [[compare]]                       # "a is no less accurate than b", and what it saves
    a = { "method.name" = "kd" }
    b = { "method.name" = "ce" }
    margin_points = 0.2

Every key but ``recipe`` has a default; an unknown key is an error with a suggestion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from snn2chip.distill.tables import at_least, from_table, read_toml, whole
from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.study.answer.statistics import LEVEL, RESAMPLES
from snn2chip.study.types import COSTS

MAX_TRIALS = 100_000
MAX_SEED = 2**32 - 1
MAX_LEVEL = 0.9999
"""Above it Student's t of two seeds is beyond any use, and at last infinite."""
SEED = "training.seed"
"""Key of the recipe that ``seeds`` sets; settings that differ in nothing else are one."""

ACCURACY = "accuracy"


@dataclass(frozen=True, slots=True)
class Range:
    """What a search may choose for one key: numbers from ``low`` to ``high``, or ``choices``.

    Attributes:
        log: spread evenly over magnitudes.
        whole: whole numbers only: both ends are.
        choices: values, tables too; then there are no ends.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """A search by optuna (``pip install 'snn2chip[pareto]'``).

    Attributes:
        trials: settings that are tried, each at every seed.
        sampler: ``tpe``, ``nsga2`` or ``random``.
        objectives: ``accuracy`` and costs, all on validation data: mean over the seeds.
        together: settings that are chosen before the first of them is known.
        seed: of the sampler.
        space: by dotted key of the recipe.
    """

    trials: int = 20
    sampler: Literal["tpe", "nsga2", "random"] = "tpe"
    objectives: tuple[str, ...] = (ACCURACY, "energy")
    together: int = 1
    seed: int = 0
    space: Mapping[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole("trials", self.trials, 1, MAX_TRIALS)
        whole("together", self.together, 1, MAX_TRIALS)
        whole("seed", self.seed, 0, MAX_SEED)
        _known("objectives", self.objectives, (ACCURACY, *COSTS))


@dataclass(frozen=True, slots=True)
class CompareConfig:
    """A claim about two selections of settings.

    Attributes:
        a, b: values by dotted key that a setting must have, an array for any of them; of several
            settings that have them one is picked on validation data.
        margin_points: a is no less accurate where the lower bound of the difference lies above
            minus so many points.
        pick: ``accuracy`` picks the most accurate setting; a cost picks for a the one that costs
            least among those at most the margin below b's accuracy.
        near: of a cost: both sides are those that cost least among those at most the margin below
            the most accurate setting with these values.
        name: of the claim; "" makes one of the selections.
    """

    a: Mapping[str, Any] = field(default_factory=dict)
    b: Mapping[str, Any] = field(default_factory=dict)
    margin_points: float = 0.0
    pick: str = ACCURACY
    name: str = ""
    near: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        at_least("margin_points", self.margin_points, 0.0)
        _known("pick", (self.pick,), (ACCURACY, *COSTS))
        if self.near is not None and self.pick == ACCURACY:
            raise ConfigError("near without a cost", remedy='pick = "spikes", or leave near out')
        if self.a == self.b:
            raise ConfigError(
                "a comparison of a selection with itself", needs="a and b that differ"
            )


@dataclass(frozen=True, slots=True)
class StudyConfig:
    """A study; `read_study` reads one from TOML.

    Attributes:
        recipe: path of the base recipe, as it can be opened.
        targets: on which integer programs are judged and priced; the recipe's where empty.
        reference: corner of the hypervolumes: the least accuracy, and the highest costs by name;
            what is left out is chosen from the settings, a tenth beyond the worst of them.
        level: of every interval.
        resamples: of the bootstrap.
    """

    recipe: str
    name: str = ""
    targets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    series: tuple[str, ...] = ("method.name",)
    level: float = LEVEL
    resamples: int = RESAMPLES
    grids: tuple[Mapping[str, tuple[Any, ...]], ...] = ()
    search: SearchConfig | None = None
    compare: tuple[CompareConfig, ...] = ()
    reference: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 < self.level <= MAX_LEVEL:
            raise ConfigError(
                f"level = {self.level}", needs=f"a coverage between 0 and 1, at most {MAX_LEVEL}"
            )
        whole("resamples", self.resamples, 100, 10_000_000)
        for seed in self.seeds:
            whole("seeds", seed, 0, MAX_SEED)
        for name in ("seeds", "targets"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ConfigError(f"{name} = {list(values)}", needs="each once")


def read_study(path: str | Path) -> StudyConfig:
    """The study in a TOML file; its recipe is looked for beside it.

    Raises:
        ConfigError: no such file, no TOML, or a key or value that makes no sense.
    """
    path = Path(path)
    tables = read_toml(path, "study")
    return study_from_dict(tables, str(path), path.parent, path.stem)


def study_from_dict(
    tables: Mapping[str, Any], source: str = "study", folder: Path = Path(), name: str = "study"
) -> StudyConfig:
    """The study in nested tables; ``source`` stands in front of every message.

    Raises:
        ConfigError: a key or value that makes no sense.
    """
    known = [*(f.name for f in fields(StudyConfig) if f.name != "grids"), "grid"]
    for key in tables:
        if key not in known:
            raise ConfigError(f"{source}: unknown key {key!r}", remedy=did_you_mean(key, known))
    nested = ("grid", "search", "compare", "reference")
    plain = {k: v for k, v in tables.items() if k not in nested}
    made = from_table(StudyConfig, {"name": name, **plain}, source, "")
    grids = _tables(tables.get("grid", []), source, "grid")
    values = {f.name: getattr(made, f.name) for f in fields(StudyConfig)}
    values["recipe"] = str(folder / made.recipe)
    values["grids"] = tuple(_grid(grid, source) for grid in grids)
    if "search" in tables:
        values["search"] = _search(tables["search"], source)
    values["reference"] = _reference(tables.get("reference", {}), source)
    compared = _tables(tables.get("compare", []), source, "compare")
    values["compare"] = tuple(_compare(table, source) for table in compared)
    return StudyConfig(**values)


def _tables(value: Any, source: str, name: str) -> list[Mapping[str, Any]]:
    """One table or an array of them."""
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, Mapping) for item in items):
        raise ConfigError(f"{source}: {name}", needs=f"a table [{name}], or several [[{name}]]")
    return items


def _grid(grid: Mapping[str, Any], source: str) -> dict[str, tuple[Any, ...]]:
    made = {}
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(
                f"{source}: grid.{key}",
                needs="an array of values",
                remedy=f'"{key}" = [...]; a key with dots stands in quotation marks',
            )
        made[key] = tuple(values)
    return made


def _search(table: Any, source: str) -> SearchConfig:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{source}: search", needs="a table [search]")
    space = table.get("space", {})
    if not isinstance(space, Mapping) or not space:
        raise ConfigError(f"{source}: search.space", needs="a table with a range for each key")
    ranges = {key: _range(key, given, source) for key, given in space.items()}
    plain = from_table(
        SearchConfig, {k: v for k, v in table.items() if k != "space"}, source, "search"
    )
    values = {f.name: getattr(plain, f.name) for f in fields(SearchConfig)}
    return SearchConfig(**{**values, "space": ranges})


def _range(key: str, given: Any, source: str) -> Range:
    where = f"{source}: search.space.{key}"
    needs = "{ low = 0.1, high = 1.0, log = true } or { choices = [...] }"
    if not isinstance(given, Mapping):
        raise ConfigError(where, needs=needs, remedy="a key with dots stands in quotation marks")
    if "choices" in given:
        choices = given["choices"]
        if len(given) > 1 or not isinstance(choices, list) or not choices:
            raise ConfigError(where, needs=needs)
        return Range(choices=tuple(choices))
    if not {"low", "high"} <= set(given) or not set(given) <= {"low", "high", "log"}:
        raise ConfigError(where, needs=needs, has=", ".join(given))
    ends, log = (given["low"], given["high"]), given.get("log", False)
    if not all(type(end) in (int, float) for end in ends) or type(log) is not bool:
        raise ConfigError(where, needs=needs)
    if not (-1e300 < ends[0] < ends[1] < 1e300) or (log and ends[0] <= 0):
        raise ConfigError(where, needs="low below high" + (" and above 0" if log else ""))
    low, high = map(float, ends)
    return Range(low, high, log=log, whole=all(type(end) is int for end in ends))


def _reference(table: Any, source: str) -> dict[str, float]:
    known = (ACCURACY, *COSTS)
    if not isinstance(table, Mapping):
        raise ConfigError(f"{source}: reference", needs="a table of numbers")
    for key, value in table.items():
        if key not in known:
            raise ConfigError(
                f"{source}: unknown key 'reference.{key}'", remedy=did_you_mean(key, known)
            )
        if type(value) not in (int, float) or not 0 <= value < 1e300:
            raise ConfigError(f"{source}: reference.{key}", needs="a number, 0 or more")
        if key == ACCURACY and value >= 1:
            raise ConfigError(
                f"{source}: reference.{key} = {value}",
                needs="a share below 1",
                remedy=f"reference = {{ {key} = 0.9 }}",
            )
    return {key: float(value) for key, value in table.items()}


def _compare(table: Mapping[str, Any], source: str) -> CompareConfig:
    sides = {}
    for name in ("a", "b"):
        side = table.get(name)
        if not isinstance(side, Mapping):
            raise ConfigError(
                f"{source}: compare.{name}", needs=f'a table: {name} = {{ "method.name" = "kd" }}'
            )
        sides[name] = side
    near = table.get("near")
    if near is not None and not isinstance(near, Mapping):
        raise ConfigError(
            f"{source}: compare.near", needs='a table: near = { "method.name" = "ce" }'
        )
    rest = {key: value for key, value in table.items() if key not in (*sides, "near")}
    plain = from_table(_Claim, rest, source, "compare")
    try:
        return CompareConfig(
            sides["a"], sides["b"], plain.margin_points, plain.pick, plain.name, near
        )
    except ConfigError as error:
        raise ConfigError(
            f"{source}: [compare]: {error.what}", needs=error.needs, remedy=error.remedy
        ) from None


@dataclass(frozen=True, slots=True)
class _Claim:
    """The plain keys of ``[[compare]]``."""

    margin_points: float = 0.0
    pick: str = ACCURACY
    name: str = ""


def _known(name: str, values: tuple[str, ...], known: tuple[str, ...]) -> None:
    for value in values:
        if value not in known:
            raise ConfigError(f"{name}: {value[:60]!r}", remedy=did_you_mean(value[:60], known))
    if not values or len(set(values)) < len(values):
        raise ConfigError(f"{name} = {list(values)}", needs="one or more, each once")
