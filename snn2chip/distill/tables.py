"""From TOML tables to frozen dataclasses, with messages that name the file and the key."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from snn2chip.errors import ConfigError, did_you_mean

_LARGEST = 2**63 - 1
"""Largest integer of TOML."""


MAX_TOML_BYTES = 1 << 20


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The tables of a TOML file of a user's.

    Args:
        what: it should be, for messages: ``recipe``, ``study``.

    Raises:
        ConfigError: no such file, too large, or no TOML.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise ConfigError(
            f"{path}: cannot be read (a folder, pipe or device)", remedy=f"name a {what} in TOML"
        )
    try:
        if path.stat().st_size > MAX_TOML_BYTES:
            raise ConfigError(f"{path}: too large for a {what}", needs="at most 1 MiB of TOML")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors write a BOM
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})", remedy=f"name a {what} in TOML"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from error


def from_table(
    kind: type[Any], table: Any, source: str, path: str, also: Sequence[str] = ()
) -> Any:
    """The dataclass ``kind`` from one table.

    Args:
        source: the file's name, in front of every message.
        path: the table's dotted name, "" for the whole file.
        also: keys that are read elsewhere, for messages.

    Raises:
        ConfigError: an unknown or missing key, a value of the wrong type, or one that the
            dataclass refuses.
    """
    name = f"[{path}]" if path else "the recipe"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{source}: {path} is {_short(table)}", needs=f"a table, {name}")
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind)]
    for key in table:
        if key not in known:
            dotted = f"{path}.{key}" if path else key
            raise ConfigError(
                f"{source}: unknown key {dotted!r}", remedy=did_you_mean(str(key), [*known, *also])
            )
    _check_required(kind, table, source, path)
    values = {
        key: _value(hints[key], value, source, f"{path}.{key}" if path else key)
        for key, value in table.items()
    }
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(
            f"{source}: {name}: {error.what}",
            needs=error.needs,
            has=error.has,
            remedy=error.remedy,
        ) from None


def _check_required(kind: type[Any], table: Mapping[str, Any], source: str, path: str) -> None:
    for item in fields(kind):
        optional = item.default is not MISSING or item.default_factory is not MISSING
        if not optional and item.name not in table:
            dotted = f"{path}.{item.name}" if path else item.name
            raise ConfigError(f"{source}: {dotted!r} is missing")


def _value(hint: Any, value: Any, source: str, key: str) -> Any:
    """``value`` as the field's type; whole numbers pass as floats, one value as a list of one.

    A field that may be None is None where it is left out.
    """
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        if value is None:
            return None
        (hint,) = (kind for kind in get_args(hint) if kind is not NoneType)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_table(hint, value, source, key)
    if get_origin(hint) is tuple:
        items = value if isinstance(value, list) else [value]
        return tuple(_value(get_args(hint)[0], item, source, key) for item in items)
    if get_origin(hint) is Literal:
        choices = [str(choice) for choice in get_args(hint)]
        if value not in choices:
            raise ConfigError(
                f"{source}: {key} = {_short(value)}",
                remedy=did_you_mean(value if isinstance(value, str) else _short(value), choices),
            )
        return value
    if hint is float and type(value) is int and abs(value) <= _LARGEST:
        return float(value)
    if type(value) is int and abs(value) > _LARGEST:
        raise ConfigError(f"{source}: {key} has an integer of too many digits")
    if type(value) is not hint:
        needs = {int: "a whole number", float: "a number"}.get(hint, hint.__name__)
        raise ConfigError(f"{source}: {key} = {_short(value)}", needs=needs)
    return value


def _short(value: Any) -> str:
    """A value for a message; lists and tables may be long, and integers too long to print."""
    try:
        text = str(value) if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"
    text = repr(text) if isinstance(value, str) else text
    return text if len(text) <= 80 else text[:77] + "..."


LEAST, MOST = 1e-38, 1e38
"""Magnitudes that torch computes with in float32."""


def positive(name: str, value: float) -> None:
    """Refuse a value that is not a positive number of a magnitude of use."""
    if not LEAST <= value <= MOST:
        raise ConfigError(f"{name} = {value}", needs=f"a number from {LEAST:g} to {MOST:g}")


def at_least(name: str, value: float, least: float) -> None:
    """Refuse a value below ``least``, or one beyond use."""
    if not least <= value <= MOST:
        raise ConfigError(f"{name} = {value}", needs=f"a number from {least:g} to {MOST:g}")


def whole(name: str, value: int, least: int, most: int) -> None:
    """Refuse a whole number outside [least, most]."""
    if not least <= value <= most:
        raise ConfigError(f"{name} = {value}", needs=f"a whole number from {least} to {most}")


def between(name: str, value: float, low: float, high: float, closed: bool = False) -> None:
    """Refuse a value outside (low, high), or outside [low, high) where ``closed``."""
    inside = low <= value < high if closed else low < value < high
    if not inside:
        raise ConfigError(f"{name} = {value}", needs=f"a number between {low:g} and {high:g}")


def differences(before: Any, after: Any, most: int = 5) -> str:
    """How two recipes differ: ``training.lr 0.02 -> 0.03``, several of them with commas."""
    old, new = _flat(before), _flat(after)
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    found = [f"{key} {_told(old, key)} -> {_told(new, key)}" for key in keys[:most]]
    return ", ".join(found) + (f" and {len(keys) - most} more" if len(keys) > most else "")


def _flat(table: Any, path: str = "") -> dict[str, Any]:
    """Values by their dotted keys."""
    if not isinstance(table, Mapping):
        return {path: table}
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _flat(value, f"{path}.{key}" if path else str(key))
    return found


def _told(values: Mapping[str, Any], key: str) -> str:
    return _short(values[key]) if key in values else "nothing"
