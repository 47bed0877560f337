"""Nested tables as TOML, so that the recipe of a trial can be trained by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from snn2chip.errors import ConfigError

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def toml_text(tables: Mapping[str, Any]) -> str:
    """A document that `tomllib` reads as the same tables.

    Raises:
        ConfigError: a value that TOML has not, such as None.
    """
    return "\n".join(_table("", tables)).strip() + "\n"


def _table(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Plain values first, then the tables and arrays of tables below."""
    below = {key: value for key, value in table.items() if _is_below(value)}
    for key, value in table.items():
        if key not in below:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in below.items():
        name = f"{path}.{_key(key)}" if path else _key(key)
        for item in [value] if isinstance(value, Mapping) else value:
            yield ""
            yield f"[{name}]" if isinstance(value, Mapping) else f"[[{name}]]"
            yield from _table(name, item)


def _is_below(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) > 0 and all(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping)


def _key(key: str) -> str:
    return key if _BARE.match(key) else _string(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        return text if any(c in text for c in ".en") else text + ".0"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        items = (f"{_key(key)} = {_value(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    raise ConfigError(f"a value of type {type(value).__name__}", needs="one that TOML has")


def _string(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for DEL and lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"the text {text[:60]!r}", needs="valid Unicode") from error
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
