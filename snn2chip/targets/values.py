"""Values of constants by kind: checked, and in the form that the tool computes with."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from snn2chip.targets.vocabulary import Kind

_LARGEST = 10**15
"""Largest integer; every smaller one is exact in float64."""

_SMALLEST = 1e-15
"""Smallest number above 0: sums and quotients of what is allowed stay finite."""

_INTEGER = re.compile(r"0|[1-9][0-9]{0,14}")


def read_value(kind: Kind, value: object) -> tuple[Any, str]:
    """The value in its final form, and what is wrong with it ("" where nothing is)."""
    match kind:
        case "size" | "count" | "integer":
            return _integer(kind, value)
        case "number":
            return value, _number(value)
        case "positive":
            return value, _number(value) or ("" if value else "must be above 0")
        case "range":
            return _range(value)
        case "lookup":
            return _lookup(value)


def _integer(kind: Kind, value: object) -> tuple[Any, str]:
    least = {"size": 1, "count": 0}.get(kind)
    if isinstance(value, bool) or not isinstance(value, int):
        return value, f"must be an integer, not {_kind_of(value)}"
    if abs(value) > _LARGEST:
        return value, f"must be at most {_LARGEST:.0e}"
    if least is not None and value < least:
        return value, f"must be at least {least}, not {value}"
    return value, ""


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {_kind_of(value)}"
    if isinstance(value, int) and abs(value) > _LARGEST:
        return f"must be at most {_LARGEST:.0e}"
    if not isfinite(value) or value < 0:
        return f"must be finite and not negative, not {value}"
    if value and not _SMALLEST <= value <= _LARGEST:
        return f"must be 0, or from {_SMALLEST:.0e} to {_LARGEST:.0e}, not {value}"
    return ""


def _range(value: object) -> tuple[Any, str]:
    if not isinstance(value, list) or len(value) != 2:
        return value, f"must be a list of two numbers, not {_kind_of(value)}"
    fault = _number(value[0]) or _number(value[1])
    if not fault and value[0] > value[1]:
        fault = f"must have its lower number first, not {value}"
    return tuple(value), fault


def _lookup(value: object) -> tuple[Any, str]:
    if not isinstance(value, dict) or not value:
        return value, f"must be a table of numbers by integer, not {_kind_of(value)}"
    wrong = [key for key in value if not _INTEGER.fullmatch(key)]
    if wrong:
        return value, f"must have integers as keys, without leading zeros, not {wrong[0][:20]!r}"
    fault = next((f"{key}: {text}" for key in value if (text := _number(value[key]))), "")
    return {int(key): value[key] for key in value}, fault


def _kind_of(value: object) -> str:
    """TOML's name of a value's type, and the value where it is short."""
    names = {bool: "a boolean", str: "a string", list: "a list", dict: "a table", int: "an integer"}
    return names.get(type(value), f"{value!r}")
