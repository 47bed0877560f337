"""Strict reading of a target file: every problem at once, each with its line and key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from snn2chip.errors import did_you_mean
from snn2chip.targets import vocabulary
from snn2chip.targets.families import format_faults, known_families, missing_formats
from snn2chip.targets.lines import Path, line_of, locate
from snn2chip.targets.types import Constant, Grade, Mesh
from snn2chip.targets.values import read_value
from snn2chip.targets.vocabulary import Key

_GRADES = get_args(Grade)
_MEMORY = ("word_bits", "axon_header_bits", "synapse_index_bits")
_CHIP = ("name", "title", "family", "node", "default_costs")
_TABLES = ("chip", "resources", "formats", "mesh", "costs")
_RANGE = ("low", "high", "range_source")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_FORM = "letters, digits, '.', '_' and '-', at most 64, a letter or digit first"
"""What a chip may be called: names stand in messages, files and reports."""

_LONGEST = 300
"""Most characters of a key, and of what is said about it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a target file."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.message}"


class Reader:
    """Reads one parsed document and collects its problems."""

    def __init__(self, file: str, text: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._lines = locate(text)

    def report(self, path: Path, message: str) -> None:
        """Note a problem at the key ``path``."""
        line = line_of(self._lines, path)
        key, said = clipped(".".join(path)), clipped(message)
        self.problems.append(Problem(self._file, line, key, said))

    def known_keys(self, table: Mapping[str, Any], path: Path, known: tuple[str, ...]) -> None:
        """Report keys that are not among ``known``."""
        for key in table:
            if key not in known:
                self.report((*path, key), f"unknown key; {did_you_mean(key, known)}")

    def table(self, document: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """The table at the last part of ``path``, empty where it is absent."""
        value = document.get(path[-1], {})
        if isinstance(value, dict):
            return value
        self.report(path, "must be a table")
        return {}

    def text(self, table: Mapping[str, Any], path: Path, required: bool = True) -> str:
        """The string at the last part of ``path``."""
        value = table.get(path[-1])
        if isinstance(value, str) and (value.strip() or not required):
            return value
        if value is not None:
            self.report(path, "must be a string" + (" that is not empty" if required else ""))
        elif required:
            self.report(path, "missing")
        return ""

    def names(
        self, table: Mapping[str, Any], path: Path, known: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The list of names of constants without a number of their own at ``path``."""
        value = table.get(path[-1], [])
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            self.report(path, "must be a list of names")
            return ()
        for name in dict.fromkeys(value):
            if name not in known:
                self.report(path, f"unknown name {name!r}; {did_you_mean(name, known)}")
            elif name in table:
                self.report(path, f"{name!r} has a value and is listed as {path[-1]}")
            elif value.count(name) > 1:
                self.report(path, f"{name!r} is listed twice")
        return tuple(value)

    def constants(
        self, table: Mapping[str, Any], path: Path, keys: Mapping[str, Key], extra: tuple[str, ...]
    ) -> dict[str, Constant]:
        """The constants of a table; ``extra`` names its keys that are no constants."""
        self.known_keys(table, path, (*keys, *extra))
        read = {
            name: self._constant(table[name], (*path, name), key)
            for name, key in keys.items()
            if name in table
        }
        return {name: constant for name, constant in read.items() if constant is not None}

    def _constant(self, entry: object, path: Path, key: Key) -> Constant | None:
        if not isinstance(entry, dict):
            self.report(path, "must be { value = ..., grade = ..., source = ... }")
            return None
        before = len(self.problems)
        self.known_keys(entry, path, ("value", "grade", "source", *_RANGE))
        grade = self.text(entry, (*path, "grade"))
        if grade and grade not in _GRADES:
            self.report((*path, "grade"), f"unknown {grade!r}; {did_you_mean(grade, _GRADES)}")
        source = self.text(entry, (*path, "source"))
        if "value" not in entry:
            self.report((*path, "value"), "missing")
            return None
        value, fault = read_value(key.kind, entry["value"])
        if fault:
            self.report((*path, "value"), fault)
        elif any(name in entry for name in _RANGE):
            self._check_range(entry, path, key, value)
        if len(self.problems) > before:
            return None
        found = {name: entry[name] for name in _RANGE if name in entry}
        return Constant(value, grade, source, **found)  # type: ignore[arg-type]  # checked above

    def _check_range(self, entry: Mapping[str, Any], path: Path, key: Key, value: Any) -> None:
        """``low``, ``high`` and ``range_source``: all three, around the value."""
        if key.kind not in ("number", "positive"):
            self.report(path, "has no low and high; only single numbers have")
            return
        if path[-1] == "clock_mhz":
            self.report(path, "has no low and high: each clock is a cost table of its own")
            return
        for name in _RANGE:
            if name not in entry:
                self.report((*path, name), f"missing; {', '.join(_RANGE)} go together")
        self.text(entry, (*path, "range_source"), required="range_source" in entry)
        ends = {name: entry[name] for name in ("low", "high") if name in entry}
        for name, end in ends.items():
            if fault := read_value(key.kind, end)[1]:
                self.report((*path, name), fault)
            elif (end > value) if name == "low" else (end < value):
                most = "most" if name == "low" else "least"
                self.report((*path, name), f"must be at {most} the value {value}, not {end}")


def read_chip(reader: Reader, document: Mapping[str, Any]) -> dict[str, str]:
    """[chip], and unknown tables of the document."""
    reader.known_keys(document, (), _TABLES)
    chip = reader.table(document, ("chip",))
    reader.known_keys(chip, ("chip",), _CHIP)
    read = {name: reader.text(chip, ("chip", name)) for name in ("name", "title", "family")}
    if read["name"] and not NAME.fullmatch(read["name"]):
        reader.report(("chip", "name"), f"must be {NAME_FORM}")
    read["node"] = reader.text(chip, ("chip", "node"), required=False)
    read["default_costs"] = reader.text(chip, ("chip", "default_costs"), required=False)
    return read


def read_limits(
    reader: Reader, document: Mapping[str, Any], name: str, keys: Mapping[str, Key]
) -> tuple[dict[str, Constant], tuple[str, ...]]:
    """[resources] or [formats]: constants, and those that are unknown."""
    table = reader.table(document, (name,))
    constants = reader.constants(table, (name,), keys, ("unknown",))
    unknown = reader.names(table, (name, "unknown"), tuple(keys))
    if "synaptic_words_per_core" in table:
        for other in _MEMORY:
            if other not in table:
                reader.report((name, other), "missing; synaptic_words_per_core needs it")
    return constants, unknown


def check_formats(reader: Reader, family: str, formats: Mapping[str, Constant]) -> None:
    """Formats that the family has not, and formats that contradict each other."""
    values = {name: int(constant.value) for name, constant in formats.items()}
    for name, fault in format_faults(family, values):
        reader.report(("formats", name, "value"), fault)


def check_family(reader: Reader, document: Mapping[str, Any], family: str) -> None:
    """Whether networks can run in the family: it is known, and has all that it needs."""
    known = known_families()
    if family and family not in known:
        reader.report(
            ("chip", "family"), f"unknown family {family!r}; {did_you_mean(family, known)}"
        )
    formats = document.get("formats", {})
    missing = missing_formats(family, formats) if isinstance(formats, dict) else ()
    if missing:
        reader.report(("formats",), f"the family {family!r} needs {', '.join(missing)}")


def read_mesh(reader: Reader, document: Mapping[str, Any], cores: Constant | None) -> Mesh:
    """[mesh]; a chip without one has all its cores in one tile."""
    table = reader.table(document, ("mesh",))
    read = reader.constants(table, ("mesh",), vocabulary.MESH, ())
    if not table:
        return Mesh(1, 1, 0)
    sizes = ("columns", "rows", "cores_per_tile")
    for name in sizes:
        if name not in table:
            reader.report(("mesh", name), "missing")
    copies = read.get("multicast")
    if copies is not None and copies.value > 1:
        reader.report(("mesh", "multicast", "value"), f"must be 0 or 1, not {copies.value}")
    if any(name not in read for name in sizes):
        return Mesh(1, 1, 0)
    columns, rows, per_tile = (int(read[name].value) for name in sizes)
    mesh = Mesh(columns, rows, per_tile, bool(copies and copies.value))
    size = mesh.columns * mesh.rows * mesh.cores_per_tile
    if cores is not None and size < cores.value:
        reader.report(("mesh",), f"holds {size} cores, the chip has {cores.value}")
    return mesh


def clipped(text: str) -> str:
    """What a file may make long, as long as a message may be."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
