"""Changes of JSON and TOML that leave them JSON and TOML, mostly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.fuzz import hostile_values as hostile
from tests.fuzz import mutate_bytes

_DEEP = "[" * 100_000
_VALUES = (
    "0", "-1", "1", "10", "1" + "0" * 30, "9" * 5000, "0x" + "f" * 6000, "1e999", "-1e308",
    "5e-324", "nan", "-nan", "inf", "-inf", "-0.0", "true", "false", '"x"', '""', "[]", "[[1]]",
    "[1, 'a']", "{}", "{ a = 1 }", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", _DEEP,
    "{a=" * 5000, '"loihi2"', '"lif"', "2.5", "[" + "1, " * 2000 + "1]", "'\\ud800'", "1_0",
    "1000000000", "2147483647", "9223372036854775807", "9223372036854775808", "1e-300", "1e300",
    "[0.1, 1e9]",
)  # fmt: skip


def mutate_json(content: bytes, draw: Random) -> bytes:
    """Values of a JSON text exchanged, removed, renamed or nested."""
    text = change_json(content.decode(), draw)
    return text.encode("utf-8", "surrogatepass")


def change_json(text: str, draw: Random) -> str:
    """As ``mutate_json``, from text to text; what is no JSON any more stays as it is."""
    try:
        document = [json.loads(text)]
    except (ValueError, RecursionError):
        return text
    for _ in range(draw.choice((1, 1, 2, 3))):
        _change(draw, *draw.choice(list(_places(document))))
    made = json.dumps(document[0], ensure_ascii=draw.random() < 0.5)
    match draw.randrange(12):
        case 0:
            deep = draw.choice((100, 1_000, 100_000))
            return made.replace(draw.choice(("{", "[")), "[" * deep, 1)
        case 1:
            return made.replace("{", '{"schema": 3, ', 1)
        case _:
            return made


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key)."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _change(draw: Random, owner: Any, key: Any) -> None:
    old = owner[key]
    match draw.randrange(8):
        case 0:
            del owner[key]
            if not owner and isinstance(owner, list):
                owner.append(None)
        case 1 if isinstance(owner, dict):
            owner[hostile.name(draw)] = owner.pop(key)
        case 2 if isinstance(owner, list):
            owner.append(old)
        case 3 if isinstance(old, int | float) and not isinstance(old, bool):
            owner[key] = old * draw.choice((-1, 2, 0.5, 1000, 10**9))
        case 4:
            owner[key] = draw.choice(([old], {"x": old}, str(old)))
        case 5 if isinstance(old, str):
            owner[key] = hostile.word(draw)
        case 6:
            owner[key] = hostile.number(draw)
        case _:
            owner[key] = hostile.plain(draw)


def mutate_toml(content: bytes, draw: Random) -> bytes:
    """Lines of a TOML text exchanged, removed, repeated, or with other values."""
    lines = content.decode().split("\n")
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(lines))
        key, equals, value = lines[at].partition("=")
        match draw.randrange(11):
            case 0 | 1 | 2 if equals:
                lines[at] = f"{key}= {draw.choice(_VALUES)}"
            case 3 if equals:
                lines[at] = f"{key}= {json.dumps(hostile.word(draw))}"
            case 4 if equals:
                lines[at] = f"{json.dumps(hostile.name(draw))} ={value}"
            case 5:
                lines[at] = ""
            case 6:
                lines.insert(draw.randrange(len(lines)), lines[at])
            case 7:
                other = draw.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 8 if lines[at].startswith("["):
                lines[at] = f"[{json.dumps(hostile.name(draw))}]"
            case 9:
                lines[at] = "[a" + ".a" * draw.choice((10, 1000, 50_000)) + "]"
            case _:
                lines[at] = mutate_bytes.mutate(lines[at].encode(), draw).decode("latin-1")
    return "\n".join(lines).encode(draw.choice(("utf-8", "utf-8", "utf-8", "utf-16")), "replace")
