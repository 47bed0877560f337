"""Targets by name or file: bundled TOML files, or a user's own."""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path

from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.resources import targets_dir
from snn2chip.targets import vocabulary
from snn2chip.targets.costs import read_costs
from snn2chip.targets.schema import (
    Problem,
    Reader,
    check_family,
    check_formats,
    clipped,
    read_chip,
    read_limits,
    read_mesh,
)
from snn2chip.targets.types import Target

_LARGEST_FILE = 1 << 20
_MOST_LISTED = 200


def list_targets() -> tuple[str, ...]:
    """Names of the bundled targets, sorted."""
    return tuple(sorted(path.stem for path in targets_dir().glob("*.toml")))


def load_target(name_or_path: str | Path) -> Target:
    """A bundled target by name, or a target file by path (anything that ends in ``.toml``).

    Raises:
        ConfigError: no such target, or a file with problems, all of them listed.
    """
    path = _path_of(name_or_path)
    target, problems = _read(path)
    if target is None:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        listing = "\n".join(f"  {problem}" for problem in problems[:_MOST_LISTED])
        if len(problems) > _MOST_LISTED:
            listing += f"\n  and {len(problems) - _MOST_LISTED} more"
        raise ConfigError(
            f"target file {path}: {count}\n{listing}",
            remedy="correct the lines; `snn2chip targets validate` checks the file again",
        )
    return target


def validate_target(path: str | Path) -> list[Problem]:
    """Everything that is wrong with a target file; empty where it is right.

    A family that nothing here knows, and number formats that the family needs to run networks and
    that are missing, are problems too; ``load_target`` takes such a file, for its prices.

    Raises:
        ConfigError: there is no such file, or it is a folder.
    """
    return _read(_path_of(path), runs=True)[1]


def _path_of(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml"):
        path = Path(name_or_path)
        if os.path.isdir(path):
            raise ConfigError(
                f"target file {path}: is a folder",
                needs="the path of a .toml file",
                remedy=f"name the files in it: {path}/*.toml",
            )
        if not os.path.isfile(path):
            raise ConfigError(f"target file {path}: there is no such file")
        return path
    known = list_targets()
    if text not in known:
        raise ConfigError(
            f"unknown target {text!r}",
            has=", ".join(known),
            remedy=f"{did_you_mean(text, known)}; or the path of a .toml file of your own",
        )
    return targets_dir() / f"{text}.toml"


def _read(path: Path, runs: bool = False) -> tuple[Target | None, list[Problem]]:
    """The target, or None with its problems.

    Args:
        runs: the family must be able to run networks.
    """
    if path.stat().st_size > _LARGEST_FILE:
        return None, [Problem(path.name, 1, "file", f"larger than {_LARGEST_FILE} bytes")]
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return None, [Problem(path.name, line, "file", "not UTF-8 text")]
    except (ValueError, RecursionError) as error:
        return None, [_syntax(path, text, error)]
    reader = Reader(path.name, text)
    chip = read_chip(reader, document)
    resources, few = read_limits(reader, document, "resources", vocabulary.RESOURCES)
    formats, fewer = read_limits(reader, document, "formats", vocabulary.FORMATS)
    check_formats(reader, chip["family"], formats)
    if runs:
        check_family(reader, document, chip["family"])
    mesh = read_mesh(reader, document, resources.get("cores"))
    costs = read_costs(reader, document, chip["default_costs"])
    if reader.problems:
        return None, sorted(reader.problems, key=lambda problem: problem.line)
    target = Target(
        **chip,
        resources=resources,
        formats=formats,
        mesh=mesh,
        costs=costs,
        sha256=hashlib.sha256(content).hexdigest(),
        unknown=few + fewer,
    )
    return target, []


def _syntax(path: Path, text: str, error: ValueError | RecursionError) -> Problem:
    """A syntax error; its line stands in the message of tomllib ("... (at line 3, column 1)").

    Brackets too deep and integers too long are no syntax errors to tomllib, and have no line.
    """
    if not isinstance(error, tomllib.TOMLDecodeError):
        return Problem(path.name, 1, "file", f"cannot be read: {error}")
    message = str(error)
    _, _, place = message.rpartition("(at ")
    digits = place.removeprefix("line ").partition(",")[0]
    line = int(digits) if digits.isdigit() else text.count("\n") + 1
    return Problem(path.name, line, "syntax", clipped(message))
