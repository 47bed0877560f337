"""A JSON report read back. Pictures of spikes are not in it, so they are empty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from snn2chip.compiled import require_file, vouched
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.graph import Encoding
from snn2chip.report.figures import Figures
from snn2chip.report.types import SCHEMA, Report

MAX_BYTES = 1 << 28

_NOT_SAVED = {"figures": Figures((), ())}
_ADDED: dict[type[Any], dict[str, Any]] = {Encoding: {"byte_scale": 1.0}}
"""Fields that older reports lack, and what they stood for."""


def read(path: str | Path) -> Report:
    """The report that `snn2chip.report.jsonfile.write` wrote.

    Raises:
        InputFileError: there is no such file, it is no report of this version, or a manifest beside
            it says that it was changed.
    """
    return read_checked(path)[0]


def read_checked(path: str | Path) -> tuple[Report, bool]:
    """The report, and whether a manifest beside it says that it is as it was written.

    Raises:
        InputFileError: as ``read``.
    """
    path = Path(path)
    data = _bytes(path)
    checked = vouched(path, data)
    return _report(data, path), checked


def _bytes(path: Path) -> bytes:
    require_file(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputFileError(f"{path}: too large for a report", needs="at most 256 MiB")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputFileError(
            f"{path}: there is no such report",
            needs="a folder with a report.json, which a compiled folder has if data were given",
            remedy="compile it with --data DATA, or write one: snn2chip simulate --json FILE",
        ) from error
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read ({error.strerror})") from error


def _report(data: bytes, path: Path) -> Report:
    try:
        document = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputFileError(
            f"{path}: no JSON ({error})",
            needs="a report that `snn2chip simulate --json FILE` wrote, or a compiled folder",
            remedy="run what you compare with --json first",
        ) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise InputFileError(
            f"{path}: a file of schema {schema!r}",
            needs=SCHEMA,
            remedy="write it again with this version: snn2chip simulate --json FILE",
        )
    try:
        report: Report = _object(Report, document, "report")
        return report
    except (TypeError, ValueError, OverflowError, ConfigError) as error:
        raise InputFileError(f"{path}: a damaged report: {error}") from error


def _no_number(text: str) -> None:
    """NaN and infinities, which Python's reader takes and JSON does not have."""
    raise ValueError(f"{text} is no JSON number")


def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _object(kind: type[Any], value: Any, where: str) -> Any:
    """A frozen dataclass of its fields' plain values; a missing or foreign field is an error."""
    if not isinstance(value, dict):
        raise TypeError(f"{where} is no table")
    names = [f.name for f in fields(kind)]
    saved = [name for name in names if kind is not Report or name not in _NOT_SAVED]
    value = {**_ADDED.get(kind, {}), **value}
    if set(value) != set(saved):
        odd = ", ".join(sorted(set(value) ^ set(saved)))
        raise ValueError(f"{where} has missing or unknown fields: {odd}")
    made = {name: _value(_hints(kind)[name], value[name], f"{where}.{name}") for name in saved}
    return kind(**(_NOT_SAVED if kind is Report else {}), **made)


def _value(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return _plain(value, where)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if value is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return _object(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError(f"{where} is no list")
        hints = [arguments[0]] * len(value) if arguments[1:] == (...,) else list(arguments)
        return tuple(
            _value(h, v, f"{where}[{i}]") for i, (h, v) in enumerate(zip(hints, value, strict=True))
        )
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise TypeError(f"{where} is no table")
        return {key: _value(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    return _scalar(hint, value, where)


def _plain(value: Any, where: str) -> Any:
    """A number, a text, or a list or table of numbers."""
    if isinstance(value, dict):
        return {key: _scalar(float, item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_scalar(float, item, f"{where}[{i}]") for i, item in enumerate(value)]
    return _scalar(None, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    """A string, number or flag; literals are left to the dataclass that holds them."""
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is not hint:
        raise TypeError(f"{where} is {type(value).__name__}, not {hint.__name__}")
    if not isinstance(value, str | int | float | bool):
        raise TypeError(f"{where} is {type(value).__name__}")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{where} is too large a number")
    return value
