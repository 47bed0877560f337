"""Reading and writing compiled folders, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from snn2chip.compiled.program_file import parse_program
from snn2chip.core import Program
from snn2chip.errors import ConfigError, InputFileError

MANIFEST = "manifest.json"
PROGRAM = "program.safetensors"
NETWORK = "network.nir"
MAPPING = "mapping.json"
ACTIVITY = "activity.safetensors"
SCHEMA = "snn2chip/manifest/1"

PARTS = (MANIFEST, PROGRAM, NETWORK, MAPPING, ACTIVITY, "report.json", "report.html")
"""Files that are read again, or of which the manifest holds the sha256."""

_SCHEMAS = "snn2chip/manifest/"
_PARTS = (PROGRAM, NETWORK, MAPPING)
_WRITTEN = frozenset((*_PARTS, "graph.txt", "report.json", "report.html"))
"""Files of a folder whose manifest does not list them, as earlier schemas did not."""

_DAMAGE = (ValueError, KeyError, TypeError, RecursionError)
_AGAIN = "compile the network again: snn2chip compile NETWORK --target T -o DIR"


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


def _ours(path: Path) -> frozenset[str] | None:
    """Names of the files that we wrote; None where another tool wrote the manifest, or none did."""
    if not is_compiled(path):
        return None
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        if not str(manifest["schema"]).startswith(_SCHEMAS):
            return None
        return frozenset((MANIFEST, *manifest.get("files", _WRITTEN)))
    except (OSError, *_DAMAGE):
        return None


def check_folder(out: Path) -> None:
    """Whether a compiled folder may be written at ``out``.

    Raises:
        ConfigError: ``out`` exists and is not a compiled folder or an empty one, or it holds files
            that are not of the compilation.
    """
    if not os.path.exists(out) or (out.is_dir() and not any(out.iterdir())):
        return
    ours = _ours(out)
    if ours is None:
        raise ConfigError(
            f"{out}: exists and is not a compiled folder",
            remedy="another -o DIR, so that nothing of yours is overwritten",
        )
    foreign = sorted(x.name for x in out.iterdir() if x.name not in ours or not x.is_file())
    if foreign:
        raise ConfigError(
            f"{out}: a compiled folder that holds other files too",
            has=", ".join(foreign),
            remedy="another -o DIR, or move these files away, so that nothing of yours is lost",
        )


def write_folder(out: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """Writes all files and the manifest beside ``out``, then renames; an old one is replaced.

    The manifest gets the sha256 of every file, as ``files``.

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
        hashes = {name: sha256(data).hexdigest() for name, data in files.items()}
        whole = {**manifest, "schema": SCHEMA, "files": hashes}
        text = json.dumps(whole, indent=2, sort_keys=True)
        (staging / MANIFEST).write_text(text + "\n", encoding="utf-8")
        staging.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        staging.rename(out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def read_folder(path: Path) -> Compiled:
    """What a compiled folder holds; files that its manifest does not list are ignored.

    Raises:
        InputFileError: a part is missing, damaged, or not the one that was compiled.
    """
    missing = [name for name in (MANIFEST, *_PARTS) if not (path / name).is_file()]
    if missing:
        raise InputFileError(
            f"{path}: not a whole compiled folder", needs=", ".join(missing), remedy=_AGAIN
        )
    manifest = _manifest(path / MANIFEST)
    contents = {name: _content(path / name, manifest["files"][name]) for name in _PARTS}
    for name in sorted(set(manifest["files"]) - set(_PARTS)):
        if os.path.lexists(path / name):
            _content(path / name, manifest["files"][name])
    return Compiled(
        parse_program(contents[PROGRAM], str(path / PROGRAM)),
        path / NETWORK,
        path / MAPPING,
        manifest["target"],
        manifest,
        target_file(manifest),
    )


def vouched(path: Path, data: bytes) -> bool:
    """Whether the manifest beside a file says that it was written with these bytes.

    False where there is no manifest, or where it says nothing of the file.

    Raises:
        InputFileError: as ``read_manifest``, or it says other bytes.
    """
    manifest = read_manifest(path.parent)
    digest = None if manifest is None else manifest["files"].get(path.name)
    if digest is not None:
        _require_sha(path, data, digest)
    return digest is not None


def read_manifest(folder: Path) -> Mapping[str, Any] | None:
    """The manifest alone; None where there is none, or that of another tool.

    Raises:
        InputFileError: it is damaged, or it or a file that it lists is no regular file.
    """
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return None
    require_file(path)
    if _foreign(path):
        return None
    manifest = _manifest(path)
    for name in sorted(manifest["files"]):
        require_file(folder / name)
    return manifest


def require_file(path: Path) -> None:
    """Refuses what cannot be read as a file: folders, pipes, devices, links to nothing.

    Raises:
        InputFileError: there is something that is no regular file.
    """
    if os.path.lexists(path) and not os.path.isfile(path):
        kind = "a folder" if os.path.isdir(path) else "a pipe, a device or a broken link"
        raise InputFileError(f"{path}: no file", needs="a regular file", has=kind)


def _foreign(path: Path) -> bool:
    """Whether another tool wrote a manifest."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not str(found.get("schema")).startswith(_SCHEMAS)


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest, whose target and files are known to be what they should."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        target, schema = manifest["target"], manifest["schema"]
        if not isinstance(target, str):
            raise TypeError(f"target is {target!r}")
        if schema != SCHEMA:
            raise ValueError(f"schema is {schema!r}")
        for name in _PARTS:
            if not isinstance(manifest["files"][name], str):
                raise TypeError(f"no sha256 of {name}")
        for name in manifest["files"]:
            if name in ("", ".", "..") or Path(name).name != name or "\0" in name:
                raise ValueError(f"files has {name!r}, which is not in the folder")
    except (OSError, *_DAMAGE) as error:
        raise InputFileError(
            f"{path}: damaged ({type(error).__name__}: {error})",
            needs=f"a JSON object of schema {SCHEMA} with the target's name and the files' sha256",
            remedy=_AGAIN,
        ) from None
    return dict(manifest)


def _content(path: Path, digest: object) -> bytes:
    """The bytes of a part, which are known to be those that were written."""
    require_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputFileError(
            f"{path}: cannot be read", has=error.strerror or str(error), remedy=_AGAIN
        ) from None
    _require_sha(path, data, digest)
    return data


def _require_sha(path: Path, data: bytes, digest: object) -> None:
    found = sha256(data).hexdigest()
    if found != digest:
        raise InputFileError(
            f"{path}: is not the file that was compiled",
            needs=f"sha256 {digest}, as {MANIFEST} says",
            has=f"sha256 {found}",
            remedy=_AGAIN,
        )


def target_file(manifest: Mapping[str, Any]) -> Path | None:
    """The target's own file, where the folder was compiled for one."""
    options = manifest.get("options")
    given = options.get("target") if isinstance(options, dict) else None
    return Path(given) if isinstance(given, str) and given.endswith(".toml") else None
