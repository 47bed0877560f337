"""``activity.safetensors``: what a run did, as packed rasters, scores, labels, and a JSON header.

With it a run is priced again, on another mapping or chip, without being simulated. No pickle; every
size is checked against the program before anything is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from snn2chip.compiled.program_file import DAMAGE, header_of
from snn2chip.core import Activity, PopulationActivity, Program, Raster
from snn2chip.errors import InputFileError
from snn2chip.graph.operators import Array

SCHEMA = "snn2chip/activity/1"

_AGAIN = "run the network again: snn2chip simulate NETWORK -o DIR"
_MOST_SEED = 2**32
_LONGEST_NAME = 64
"""Characters of a warning's name; the arithmetics' own have at most 16."""


@dataclass(frozen=True, eq=False)
class SavedRun:
    """What a run did, and what is known of its samples.

    Attributes:
        reference: the float network on the same samples, or None.
        labels: class index per sample, or None.
        about: ``data``, ``synthetic``, ``calibrated_on``, ``seed``, ``notes`` and
            ``quantization`` (a dict or None) of the run.
    """

    activity: Activity
    reference: Activity | None
    labels: NDArray[np.int64] | None
    about: Mapping[str, Any]


def dump_run(run: SavedRun) -> bytes:
    """The file's bytes: the same for equal runs."""
    arrays: dict[str, Array] = {}
    header: dict[str, Any] = {"schema": SCHEMA, "about": dict(run.about)}
    header["activity"] = _dump(run.activity, "a", arrays)
    if run.reference is not None:
        header["reference"] = _dump(run.reference, "r", arrays)
    if run.labels is not None:
        arrays["labels"] = run.labels.astype(np.int64)
    stored = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return save(stored, {"snn2chip": json.dumps(header, sort_keys=True)})


def _dump(activity: Activity, key: str, arrays: dict[str, Array]) -> dict[str, Any]:
    arrays[f"{key}:scores"] = activity.scores
    if activity.running_scores is not None:
        arrays[f"{key}:running_scores"] = activity.running_scores
    populations = []
    for index, (name, found) in enumerate(activity.populations.items()):
        arrays[f"{key}{index}:spikes"] = found.spikes.bits
        if found.updated.bits.any():
            arrays[f"{key}{index}:updated"] = found.updated.bits
        populations.append(
            {
                "name": name,
                "warnings": dict(found.warnings),
                "peak_v": found.peak_v,
                "peak_input": found.peak_input,
                "membrane_changes": found.membrane_changes,
            }
        )
    return {
        "arithmetic": activity.arithmetic,
        "steps": activity.steps,
        "samples": activity.samples,
        "populations": populations,
    }


def parse_run(data: bytes, path: str, program: Program) -> SavedRun:
    """The run of a program in a file's bytes; ``path`` is only for messages.

    Raises:
        InputFileError: damaged, of another version, or not of this program.
    """
    try:
        header = json.loads(header_of(data))
        if header["schema"] != SCHEMA:
            raise InputFileError(
                f"{path}: not an activity of this version",
                needs=f"schema {SCHEMA}",
                has=f"schema {header['schema']}",
                remedy=_AGAIN,
            )
        arrays = load(data)
        activity = _activity(header["activity"], "a", arrays, program, program.arithmetic)
        reference = None
        if "reference" in header:
            reference = _activity(header["reference"], "r", arrays, program, "float64")
            if (reference.steps, reference.samples) != (activity.steps, activity.samples):
                raise ValueError("the float network ran on other samples")
        return SavedRun(activity, reference, _labels(arrays, activity), _about(header["about"]))
    except InputFileError:
        raise
    except DAMAGE as error:
        raise InputFileError(f"{path}: damaged activity ({error})", remedy=_AGAIN) from None


def _activity(
    entry: Mapping[str, Any],
    key: str,
    arrays: Mapping[str, Array],
    program: Program,
    arithmetic: str,
) -> Activity:
    if entry["arithmetic"] != arithmetic:
        raise ValueError(f"arithmetic is {_short(entry['arithmetic'])}, not {arithmetic!r}")
    steps, samples = (_whole(entry[name], 1) for name in ("steps", "samples"))
    names = [p["name"] for p in entry["populations"]]
    if sorted(names) != sorted(p.name for p in program.populations):
        raise ValueError("other populations than the program's")
    populations = {}
    for index, found in enumerate(entry["populations"]):
        population = program.population(found["name"])
        place = (steps, samples, -(-population.size // 8))
        spikes = _bits(arrays, f"{key}{index}:spikes", place, population.size)
        updated = np.broadcast_to(np.uint8(0), place)
        if f"{key}{index}:updated" in arrays:
            updated = _bits(arrays, f"{key}{index}:updated", place, population.size)
        changes = found["membrane_changes"]
        populations[population.name] = PopulationActivity(
            spikes=Raster(spikes, population.shape),
            updated=Raster(updated, population.shape),
            warnings={_name(k): _whole(v) for k, v in found["warnings"].items()},
            peak_v=_finite(found["peak_v"]),
            peak_input=_finite(found["peak_input"]),
            membrane_changes=None if changes is None else _whole(changes),
        )
    groups = program.readout_groups or program.population(program.outputs[0]).size
    scores = _scores(arrays[f"{key}:scores"], (samples, groups))
    running = arrays.get(f"{key}:running_scores")
    if running is not None:
        running = _scores(running, (steps, samples, groups))
        if not np.array_equal(running[-1], scores):
            raise ValueError("scores are not those of the last step")
    return Activity(
        arithmetic=arithmetic,
        steps=steps,
        samples=samples,
        populations=populations,
        scores=scores,
        running_scores=running,
    )


def _bits(
    arrays: Mapping[str, Array], name: str, place: tuple[int, int, int], size: int
) -> NDArray[np.uint8]:
    """Packed flags, none of them beyond the population."""
    bits = arrays[name]
    if bits.dtype != np.uint8 or bits.shape != place:
        raise ValueError(f"{name} is {bits.dtype} {bits.shape}, not uint8 {place}")
    spare = -size % 8
    if spare and (bits[..., -1] & ((1 << spare) - 1)).any():
        raise ValueError(f"{name}: flags of neurons that are not there")
    return bits


def _scores(scores: Array, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if scores.dtype != np.float64 or scores.shape != shape or not np.isfinite(scores).all():
        raise ValueError(f"scores are {scores.dtype} {scores.shape}, not finite float64 {shape}")
    return scores


def _labels(arrays: Mapping[str, Array], activity: Activity) -> NDArray[np.int64] | None:
    labels = arrays.get("labels")
    if labels is None:
        return None
    if labels.dtype != np.int64 or labels.shape != (activity.samples,) or (labels < 0).any():
        raise ValueError("labels are no class index per sample")
    return labels


def _about(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the samples, of the kinds that it has."""
    quantization = entry["quantization"]
    if quantization is not None and not isinstance(quantization, dict):
        raise ValueError("quantization is no table")
    if not isinstance(entry["synthetic"], bool):
        raise ValueError("synthetic is no flag")
    seed = _whole(entry["seed"])
    if seed >= _MOST_SEED:
        raise ValueError(f"seed {seed}")
    return {
        "data": _text(entry["data"]),
        "synthetic": entry["synthetic"],
        "calibrated_on": _text(entry["calibrated_on"]),
        "seed": seed,
        "notes": tuple(_texts(entry["notes"])),
        "quantization": quantization,
    }


def _texts(values: Any) -> Iterator[str]:
    if not isinstance(values, list):
        raise ValueError("notes are no list")
    yield from map(_text, values)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_short(value)} is no text")
    return value


def _name(value: str) -> str:
    """The name of a warning, which reports print as it is."""
    if len(value) > _LONGEST_NAME or not (value.isascii() and value.isidentifier()):
        raise ValueError(f"{_short(value)} is no warning's name")
    return value


def _short(value: Any) -> str:
    """The beginning of a value from outside, for a message."""
    return repr(str(value)[:40])


def _whole(value: Any, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 2**63:
        raise ValueError(f"{_short(value)} is no whole number of at least {least}")
    return value


def _finite(value: Any) -> float:
    if type(value) not in (int, float) or not isfinite(value) or value < 0:
        raise ValueError(f"{_short(value)} is no magnitude")
    return float(value)
