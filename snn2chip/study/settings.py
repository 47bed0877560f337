"""Dotted keys into nested tables: how a study changes a recipe, and names what it changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from hashlib import sha256
from itertools import product
from typing import Any

from snn2chip.errors import ConfigError

MAX_DEPTH = 8
"""Most parts of a dotted key."""


def changed(tables: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of nested tables in which each dotted key has its value.

    A key leads through tables by name and through arrays by index (``penalty.0.weight``); tables
    on the way are made where there are none. A value that is a table replaces the whole table.
    Shorter keys are set first, so that ``method`` and ``method.weight`` may stand together.

    Raises:
        ConfigError: a key that leads through a plain value, or to a place that an array lacks.
    """
    made: dict[str, Any] = deepcopy(dict(tables))
    for key in sorted(settings, key=lambda k: k.count(".")):
        _set(made, key, deepcopy(settings[key]))
    return made


def found(tables: Any, key: str) -> Any:
    """The value of a dotted key, or None where there is no such place."""
    for part in key.split("."):
        if isinstance(tables, Mapping) and part in tables:
            tables = tables[part]
        elif isinstance(tables, list | tuple) and _is_index(part) and int(part) < len(tables):
            tables = tables[int(part)]
        else:
            return None
    return tables


def leaves(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same values under the keys of single ones: tables and arrays of tables are opened."""
    return {leaf: v for key, value in settings.items() for leaf, v in _leaves(key, value)}


def product_of(grid: Mapping[str, Iterable[Any]]) -> Iterator[dict[str, Any]]:
    """Every combination of one value for each key; the last key varies first."""
    for values in product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def fingerprint(tables: Any) -> str:
    """16 hexadecimal digits that are equal for equal values, in whatever order of keys."""
    text = json.dumps(tables, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def value_text(value: Any) -> str:
    """A value as a label shows it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "+".join(value_text(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return " ".join(f"{k} {value_text(v)}" for k, v in value.items())
    return str(value)


def settings_text(settings: Mapping[str, Any]) -> str:
    """Settings in a message: ``method.name = kd, training.lr = 0.01``."""
    pairs = (f"{key} = {value_text(value)}" for key, value in leaves(settings).items())
    return ", ".join(pairs) or "the recipe"


def _set(tables: dict[str, Any], key: str, value: Any) -> None:
    parts = key.split(".")
    if not all(parts) or len(parts) > MAX_DEPTH:
        raise ConfigError(f"key {key[:80]!r}", needs=f"1 to {MAX_DEPTH} names with dots between")
    place: Any = tables
    for index, part in enumerate(parts):
        last, here = index == len(parts) - 1, ".".join(parts[: index + 1])
        if isinstance(place, dict):
            if last:
                place[part] = value
            elif part not in place and _is_index(parts[index + 1]):
                raise _missing(key, here)
            else:
                place = place.setdefault(part, {})
        elif isinstance(place, list) and _is_index(part) and int(part) < len(place):
            if last:
                place[int(part)] = value
            else:
                place = place[int(part)]
        else:
            raise _nowhere(key, here, place)


def _missing(key: str, array: str) -> ConfigError:
    return ConfigError(
        f"key {key!r}: the recipe has no {array!r}",
        needs="an array of tables there",
        remedy=f"give the recipe a [[{array}]], or set {array!r} as a whole: "
        f'"{array}" = [[{{ ... }}]]',
    )


def _nowhere(key: str, here: str, place: Any) -> ConfigError:
    before = here.rpartition(".")[0]
    if isinstance(place, list):
        count = len(place)
        return ConfigError(
            f"key {key!r}: {here!r} is nowhere in the recipe",
            needs=f"an index below the length of {before!r}",
            has=f"{count} of them",
            remedy=f"give the recipe more [[{before}]], or set {before!r} as a whole",
        )
    return ConfigError(
        f"key {key!r}: {before!r} is a plain value", needs="a table or an array of tables there"
    )


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 10


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(f"{prefix}.{key}", item)
    elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(f"{prefix}.{index}", item)
    else:
        yield prefix, value
