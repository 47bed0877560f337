"""``ensemble.json``: members (a network file each), how they are added up, and who answers.

A folder holds the file, a network per member (``.nir``, or a student's checkpoint) and, for the
policy ``gate``, its matrices in ``gate.safetensors``. All paths lie in that folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, InputFileError, Snn2chipError, did_you_mean
from snn2chip.files import write_bytes, write_text
from snn2chip.frontends.nir.write import write_graph
from snn2chip.graph import Ensemble, Gate, Graph, Member, Policy
from snn2chip.graph.ensemble import MOST_MEMBERS

SCHEMA = "snn2chip/ensemble/1"
FILE = "ensemble.json"
GATE = "gate.safetensors"

_KEYS = ("schema", "name", "members", "bias", "order", "idle", "policy")
_MEMBER = ("name", "file", "gain", "offset")
_POLICY = ("kind", "members", "threshold", "file")

_MOST_BYTES = 1 << 24
_MOST_GATE_BYTES = 1 << 28
_MOST_CLASSES = 1 << 16
_MOST_LAYERS = 16

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")

_DAMAGE = (ValueError, RecursionError, KeyError, TypeError, AttributeError, MemoryError)


def find_ensemble(path: Path) -> Path | None:
    """The ``ensemble.json`` that a path means: itself, or that of a folder; None for others."""
    if path.is_dir():
        return path / FILE if (path / FILE).is_file() else None
    return path if path.is_file() and path.suffix == ".json" else None


def read_ensemble(path: Path, open_graph: Callable[[Path], Graph]) -> Ensemble:
    """The ensemble of a file.

    Args:
        open_graph: opens a member's file.

    Raises:
        InputFileError: a damaged file, a member that is missing or lies elsewhere, or members
            that do not fit together.
        UnsupportedError, ConfigError: as ``open_graph`` says of a member.
    """
    document = _document(path)
    try:
        return _ensemble(document, path, open_graph)
    except ConfigError as error:
        if not error.what.startswith(("policy", "ensemble")):
            raise
        raise _damaged(path, str(error)) from error
    except Snn2chipError:
        raise
    except _DAMAGE as error:
        raise _damaged(path, f"{type(error).__name__}: {str(error)[:200]}") from error


def write_ensemble(ensemble: Ensemble, folder: str | Path) -> tuple[Path, ...]:
    """Writes a NIR file per member, the gate, and ``ensemble.json`` last; returns the files.

    Raises:
        UnsupportedError: something of a member that NIR cannot hold.
        ConfigError: a name that no file can have, or a place that cannot be written to.
    """
    folder = Path(folder)
    for name in ensemble.names:
        if _NAME.fullmatch(name) is None:
            raise ConfigError(
                f"member {name[:80]!r}", needs="a name of letters, digits, '.', '_' and '-'"
            )
    files = []
    for member in ensemble.members:
        file = folder / f"{member.name}.nir"
        write_graph(member.graph, file)
        files.append(file)
    gate = ensemble.policy.gate
    if gate is not None:
        files.append(write_bytes(folder / GATE, gate_bytes(gate)))
    return (*files, write_text(folder / FILE, ensemble_text(ensemble)))


def ensemble_text(ensemble: Ensemble, suffix: str = ".nir") -> str:
    """The content of ``ensemble.json``: the same for equal ensembles.

    Args:
        suffix: of the members' files.
    """
    policy = ensemble.policy
    said = {
        "kind": policy.kind,
        "members": policy.members,
        "threshold": policy.threshold,
        "file": None if policy.gate is None else GATE,
    }
    document = {
        "schema": SCHEMA,
        "name": ensemble.name,
        "members": [
            {
                "name": member.name,
                "file": f"{member.name}{suffix}",
                "gain": member.gain,
                "offset": member.offset.tolist(),
            }
            for member in ensemble.members
        ],
        "bias": ensemble.bias.tolist(),
        "order": [ensemble.names[k] for k in ensemble.order],
        "idle": ensemble.idle,
        "policy": {key: value for key, value in said.items() if value is not None},
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _document(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MOST_BYTES:
        raise _damaged(path, f"larger than {_MOST_BYTES} bytes")
    try:
        document = json.loads(path.read_bytes(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"no JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        has = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise _damaged(path, f"schema {str(has)[:80]!r}")
    _known(document, _KEYS, path, "the ensemble")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different; plain JSON keeps the last of equal ones."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _ensemble(
    document: Mapping[str, Any], path: Path, open_graph: Callable[[Path], Graph]
) -> Ensemble:
    bias = _numbers(document["bias"], "bias")
    entries = document["members"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_MEMBERS:
        raise ValueError(f"members: a list of 1 to {MOST_MEMBERS}")
    places = [_place(entry, path) for entry in entries]
    members = tuple(
        Member(
            entry["name"],
            open_graph(place),
            _number(entry.get("gain", 1.0), "gain"),
            _numbers(entry["offset"], "offset") if "offset" in entry else np.zeros(bias.size),
        )
        for entry, place in zip(entries, places, strict=True)
    )
    names = [member.name for member in members]
    order = document.get("order", names)
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(names):
        raise ValueError("order: the name of every member, once")
    return Ensemble(
        name=_word(document["name"], "name"),
        members=members,
        bias=bias,
        policy=_policy(document["policy"], path),
        order=tuple(names.index(name) for name in order),
        idle=document.get("idle", "clocked"),
    )


def _place(entry: Any, path: Path) -> Path:
    """A member's file.

    Raises:
        InputFileError: it is missing, or lies outside the folder.
    """
    _known(entry, _MEMBER, path, "a member")
    name = entry["name"]
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ValueError(f"a member called {str(name)[:80]!r}")
    return _inside(entry["file"], path)


def _inside(name: Any, path: Path) -> Path:
    """A file of the ensemble's folder, links followed."""
    word, folder = _word(name, "file"), path.parent.resolve()
    place = (folder / word).resolve()
    if folder not in place.parents:
        raise _damaged(path, f"file {word[:80]!r} lies outside the folder")
    if not place.is_file():
        raise InputFileError(
            f"{path}: file {word[:80]!r} is missing", remedy="export the ensemble again"
        )
    return path.parent / word


def _policy(entry: Any, path: Path) -> Policy:
    _known(entry, _POLICY, path, "the policy")
    members, threshold = entry.get("members"), entry.get("threshold")
    if members is not None and type(members) is not int:
        raise ValueError("members of the policy: a whole number")
    gate = _read_gate(_inside(entry["file"], path)) if "file" in entry else None
    return Policy(
        entry["kind"],
        members,
        None if threshold is None else _number(threshold, "threshold"),
        gate,
    )


def gate_bytes(gate: Gate) -> bytes:
    """The matrices of a gate as safetensors."""
    from safetensors.numpy import save

    arrays = {}
    for k, (weight, bias) in enumerate(gate.layers):
        arrays[f"{k}.weight"] = np.ascontiguousarray(weight, np.float64)
        arrays[f"{k}.bias"] = np.ascontiguousarray(bias, np.float64)
    return save(arrays)


def _read_gate(path: Path) -> Gate:
    """Matrices that follow each other, all numbers finite."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if path.stat().st_size > _MOST_GATE_BYTES:
        raise _damaged(path, f"larger than {_MOST_GATE_BYTES} bytes")
    try:
        arrays = load(path.read_bytes())
    except (SafetensorError, ValueError, TypeError) as error:
        raise _damaged(path, f"no safetensors: {str(error)[:200]}") from error
    count = len(arrays) // 2
    wanted = {f"{k}.{part}" for k in range(count) for part in ("weight", "bias")}
    if set(arrays) != wanted or not 1 <= count <= _MOST_LAYERS:
        raise _damaged(path, "other tensors than 0.weight, 0.bias, 1.weight, ...")
    layers = []
    size = None
    for k in range(count):
        weight, bias = arrays[f"{k}.weight"], arrays[f"{k}.bias"]
        floats = weight.dtype.kind == bias.dtype.kind == "f"
        if not floats or weight.ndim != 2 or bias.shape != weight.shape[:1] or 0 in weight.shape:
            raise _damaged(path, f"layer {k} is no matrix of floats with a bias")
        if size not in (None, weight.shape[1]):
            raise _damaged(path, f"layer {k} takes {weight.shape[1]} values of {size}")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise _damaged(path, f"layer {k} has a number that is not finite")
        size = weight.shape[0]
        layers.append((weight.astype(np.float64), bias.astype(np.float64)))
    return Gate(tuple(layers))


def _known(entry: Any, keys: tuple[str, ...], path: Path, what: str) -> None:
    if not isinstance(entry, dict):
        raise _damaged(path, f"{what} is no object")
    for key in entry:
        if key not in keys:
            raise _damaged(path, f"unknown key {key[:80]!r} of {what}; {did_you_mean(key, keys)}")


def _word(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{what}: a word")
    return value


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{what}: a number")
    return float(value)


def _numbers(values: Any, what: str) -> NDArray[np.float64]:
    if not isinstance(values, list) or not 1 <= len(values) <= _MOST_CLASSES:
        raise ValueError(f"{what}: a list of numbers, one per class")
    return np.array([_number(value, what) for value in values], np.float64)


def _damaged(path: Path, why: str) -> InputFileError:
    return InputFileError(
        f"{path}: damaged ensemble ({why})",
        needs=f"JSON of schema {SCHEMA} beside its members",
        remedy="export the ensemble again",
    )
