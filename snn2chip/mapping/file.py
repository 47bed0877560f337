"""``mapping.json``: which neuron sits on which core, written and read.

::

    {"schema": "snn2chip/mapping/1", "target": "loihi2",
     "cores": {"<population>": [[first, last, core], ...]},
     "places": {"<core>": {"tile": 0, "x": 0, "y": 0}}}

Neurons are numbered in flattened C order; ``last`` is inclusive. A file that pins a mapping needs
``cores`` only: places that it leaves out are those of the target's mesh. A place that it gives lies
in the mesh, and its tile is x * rows + y. Where a network takes several chips, a place has its chip
too, from 0, and x counts the columns of all chips.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from snn2chip.core import Mapping, Program
from snn2chip.core.mapping import Place, Slice
from snn2chip.errors import InputFileError, did_you_mean
from snn2chip.files import write_text
from snn2chip.mapping.place import place_all
from snn2chip.targets.types import Mesh, Target

SCHEMA = "snn2chip/mapping/1"
_KEYS = ("schema", "target", "cores", "places")
_LARGEST_FILE = 64 << 20
_LARGEST_NUMBER = 2**31 - 1


def mapping_text(mapping: Mapping) -> str:
    """The text of ``mapping.json``, the same for equal mappings."""
    document = {
        "schema": SCHEMA,
        "target": mapping.target,
        "cores": {name: [list(part) for part in slices] for name, slices in mapping.cores.items()},
        "places": {str(core): _entry(p) for core, p in sorted(mapping.places.items())},
    }
    return json.dumps(document, indent=1) + "\n"


def _entry(place: Place) -> dict[str, int]:
    """A place as written: the first chip goes without saying."""
    entry = place._asdict()
    return entry if place.chip else {key: entry[key] for key in ("tile", "x", "y")}


def write_mapping(mapping: Mapping, path: Path) -> None:
    """Write ``mapping.json`` under a temporary name, then rename it.

    Raises:
        ConfigError: the place cannot be written to.
    """
    write_text(path, mapping_text(mapping))


def read_mapping(path: Path, program: Program, target: Target) -> Mapping:
    """A pinned mapping of a program.

    Raises:
        InputFileError: no such file, no JSON, or a mapping that does not cover every neuron once;
            all problems are listed.
    """
    document = _load(path)
    problems = list(_document_problems(document, target))
    cores: dict[str, tuple[Slice, ...]] = {}
    places: dict[int, Place] = {}
    if not problems:
        cores = _slices(document["cores"], problems)
        places = _places(document.get("places", {}), problems)
    if not problems:
        problems += coverage_problems(cores, program)
    if problems:
        _refuse(f"mapping {path}", problems)
    ordered = {p.name: cores[p.name] for p in program.populations}
    used = sorted({part.core for slices in ordered.values() for part in slices})
    chips = max((given.chip for given in places.values()), default=0) + 1
    wanted = place_all(used, target.mesh, target.limit("cores"), chips)
    known = {core: places.get(core) or wanted[core] for core in used}
    problems += _place_problems(known, wanted, target.mesh)
    problems += _tile_problems(known)
    if problems:
        _refuse(f"mapping {path}", problems)
    return replace(Mapping.from_slices(target.name, ordered, known), made="as mapping.json says")


def check_coverage(mapping: Mapping, program: Program) -> None:
    """Refuse a mapping that does not hold every neuron of the program once.

    Raises:
        InputFileError: with every population that is wrong.
    """
    problems = list(coverage_problems(mapping.cores, program))
    if not problems:
        used = {part.core for slices in mapping.cores.values() for part in slices}
        problems += [f"core {core} has no place" for core in sorted(used - set(mapping.places))]
    if problems:
        _refuse("mapping", problems)


def coverage_problems(cores: Any, program: Program) -> Iterator[str]:
    """One sentence for each population that is missing, unknown, or not covered once."""
    names = [population.name for population in program.populations]
    for name in cores:
        if name not in names:
            yield f"unknown population {name!r}; {did_you_mean(name, names)}"
    for population in program.populations:
        if population.name not in cores:
            yield f"population {population.name!r} is missing"
            continue
        expected = 0
        for part in sorted(cores[population.name]):
            if part.first != expected or part.last < part.first:
                fault = "twice" if part.first < expected else "not"
                number = min(part.first, expected)
                yield f"population {population.name!r}: neuron {number} is {fault} mapped"
                break
            expected = part.last + 1
        else:
            wanted = 0 if program.on_host(population.name) else population.size
            if expected != wanted:
                yield (
                    f"population {population.name!r}: {expected} neurons are mapped, "
                    f"it has {wanted}{' on cores' if wanted != population.size else ''}"
                )


def _load(path: Path) -> Any:
    if not os.path.isfile(path):
        raise InputFileError(f"mapping {path}: there is no such file")
    if path.stat().st_size > _LARGEST_FILE:
        raise InputFileError(f"mapping {path}: larger than {_LARGEST_FILE} bytes")
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"mapping {path}: no JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different; plain JSON keeps the last of equal ones."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:80]!r} stands twice in one object")
        found[key] = value
    return found


def _document_problems(document: Any, target: Target) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "must be an object with the key 'cores'"
        return
    for key in document:
        if key not in _KEYS:
            yield f"unknown key {key!r}; {did_you_mean(key, _KEYS)}"
    if document.get("schema", SCHEMA) != SCHEMA:
        yield f"schema is {document['schema']!r}, not {SCHEMA!r}"
    if document.get("target", target.name) != target.name:
        yield f"is for target {document['target']!r}, not {target.name!r}"
    if not isinstance(document.get("cores"), dict):
        yield "'cores' must be an object: population -> [[first, last, core], ...]"
    if not isinstance(document.get("places", {}), dict):
        yield "'places' must be an object: core -> {tile, x, y}"


def _slices(cores: dict[str, Any], problems: list[str]) -> dict[str, tuple[Slice, ...]]:
    read: dict[str, tuple[Slice, ...]] = {}
    for name, rows in cores.items():
        if not isinstance(rows, list) or not all(
            isinstance(row, list) and len(row) == 3 and all(map(_is_number, row)) for row in rows
        ):
            problems.append(
                f"population {name!r}: must be a list of [first, last, core], integers from 0"
            )
            continue
        read[name] = tuple(Slice(*row) for row in sorted(rows))
    return read


def _places(places: dict[str, Any], problems: list[str]) -> dict[int, Place]:
    read: dict[int, Place] = {}
    for core, entry in places.items():
        keyed = isinstance(entry, dict) and set(entry) - {"chip"} == {"tile", "x", "y"}
        numbered = core.isascii() and core.isdigit() and len(core) < 11 and core == str(int(core))
        if not (numbered and keyed and all(map(_is_number, entry.values()))):
            problems.append(f"place of core {core!r}: must be tile, x and y, integers from 0")
            continue
        read[int(core)] = Place(**entry)
    return read


def _place_problems(
    places: dict[int, Place], wanted: dict[int, Place], mesh: Mesh
) -> Iterator[str]:
    """Each place is in the mesh of its chip, or where that mesh would continue for its core."""
    for core, here in places.items():
        if here == wanted[core]:
            continue
        first = here.chip * mesh.columns
        if here.chip != wanted[core].chip:
            yield f"place of core {core}: must be on chip {wanted[core].chip}, not {here.chip}"
        elif mesh.cores_per_tile == 0:
            yield (
                f"place of core {core}: must be tile {here.chip}, x {here.chip}, y 0: the target "
                "has no mesh"
            )
        elif not first <= here.x < first + mesh.columns or here.y >= mesh.rows:
            yield (
                f"place of core {core}: column {here.x}, row {here.y} is outside the mesh of "
                f"{mesh.columns} columns and {mesh.rows} rows"
                + (f" of chip {here.chip}, whose first column is {first}" if first else "")
            )
        elif here.tile != here.x * mesh.rows + here.y:
            yield (
                f"place of core {core}: column {here.x}, row {here.y} is tile "
                f"{here.x * mesh.rows + here.y}, not {here.tile}"
            )


def _tile_problems(places: dict[int, Place]) -> Iterator[str]:
    """Each tile has one position, and each position one tile; given or from the mesh."""
    tiles: dict[int, Place] = {}
    positions: dict[tuple[int, int], Place] = {}
    for core, here in places.items():
        if tiles.setdefault(here.tile, here) != here:
            yield f"place of core {core}: tile {here.tile} has another position"
        first = positions.setdefault((here.x, here.y), here)
        if first.tile != here.tile:
            yield (
                f"place of core {core}: tile {first.tile} is at column {here.x}, row {here.y} "
                "already"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_NUMBER


def _refuse(what: str, problems: list[str]) -> None:
    listing = "\n".join(f"  {problem}" for problem in problems)
    raise InputFileError(
        f"{what}: {len(problems)} problem{'s' if len(problems) > 1 else ''}\n{listing}",
        needs="every neuron of every population on exactly one core",
        remedy="start from the mapping.json that `snn2chip compile` writes",
    )
