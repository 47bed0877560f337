"""Reading and writing compiled folders, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snn2chip.compiled.program_file import parse_program
from snn2chip.core import Program
from snn2chip.errors import ConfigError, InputFileError

MANIFEST = "manifest.json"
PROGRAM = "program.safetensors"
NETWORK = "network.nir"
MAPPING = "mapping.json"
SCHEMA = "snn2chip/manifest/1"

_SCHEMAS = "snn2chip/manifest/"
_DAMAGE = (ValueError, KeyError, TypeError, RecursionError)


@dataclass(frozen=True, eq=False)
class Compiled:
    """A compiled folder that was read back.

    Attributes:
        network: path of the graph as NIR.
        mapping: path of ``mapping.json``.
        target: name of the target that it was compiled for.
        target_file: the file of that target where it is no bundled one, as it was given.
    """

    program: Program
    network: Path
    mapping: Path
    target: str
    manifest: Mapping[str, Any]
    target_file: Path | None = None


def is_compiled(path: Path) -> bool:
    """Whether ``path`` is a folder that holds a manifest."""
    return os.path.isfile(path / MANIFEST)


def _is_ours(path: Path) -> bool:
    """Whether a manifest says that we wrote it: other tools have files of that name too."""
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        return str(manifest["schema"]).startswith(_SCHEMAS)
    except (OSError, *_DAMAGE):
        return False


def check_folder(out: Path) -> None:
    """Whether a compiled folder may be written at ``out``.

    Raises:
        ConfigError: ``out`` exists and is not a compiled folder or an empty one.
    """
    if os.path.exists(out) and not _is_ours(out) and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(
            f"{out}: exists and is not a compiled folder",
            remedy="another -o DIR, so that nothing of yours is overwritten",
        )


def write_folder(out: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """Writes all files and the manifest beside ``out``, then renames; an old one is replaced.

    Raises:
        ConfigError: as ``check_folder``, or the place cannot be written to.
    """
    check_folder(out)
    try:
        _write(out, files, manifest)
    except OSError as error:
        raise ConfigError(
            f"{out}: cannot be written", has=error.strerror or str(error), remedy="another -o DIR"
        ) from error


def _write(out: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        for name, data in files.items():
            (staging / name).write_bytes(data)
        text = json.dumps({"schema": SCHEMA, **manifest}, indent=2, sort_keys=True)
        (staging / MANIFEST).write_text(text + "\n", encoding="utf-8")
        staging.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        staging.rename(out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def read_folder(path: Path) -> Compiled:
    """What a compiled folder holds.

    Raises:
        InputFileError: a part is missing or damaged.
    """
    missing = [
        name for name in (MANIFEST, PROGRAM, NETWORK, MAPPING) if not (path / name).is_file()
    ]
    if missing:
        raise InputFileError(
            f"{path}: not a whole compiled folder",
            needs=", ".join(missing),
            remedy="compile the network again: snn2chip compile NETWORK --target T -o DIR",
        )
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        target = manifest["target"]
        if not isinstance(target, str):
            raise TypeError(f"target is {target!r}")
    except _DAMAGE as error:
        raise InputFileError(
            f"{path / MANIFEST}: damaged ({type(error).__name__}: {error})",
            needs="a JSON object with the target's name",
            remedy="compile the network again: snn2chip compile NETWORK --target T -o DIR",
        ) from None
    program = parse_program((path / PROGRAM).read_bytes(), str(path / PROGRAM))
    return Compiled(
        program, path / NETWORK, path / MAPPING, target, manifest, _target_file(manifest)
    )


def _target_file(manifest: Mapping[str, Any]) -> Path | None:
    """The target's own file, where the folder was compiled for one."""
    options = manifest.get("options")
    given = options.get("target") if isinstance(options, dict) else None
    return Path(given) if isinstance(given, str) and given.endswith(".toml") else None
