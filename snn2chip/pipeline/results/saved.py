"""Runs that were saved in a folder: read back and finished again, without simulating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from snn2chip.compiled import (
    ACTIVITY,
    SavedRun,
    dump_run,
    is_compiled,
    parse_run,
    read_folder,
    read_manifest,
    target_file,
)
from snn2chip.core import Mapping as CoreMapping
from snn2chip.energy import TIMINGS
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.mapping import OBJECTIVES
from snn2chip.pipeline.opening import open_network
from snn2chip.pipeline.placing import placed_on
from snn2chip.pipeline.results.finish import Recorded, finish
from snn2chip.pipeline.running import backend_for, chosen_target
from snn2chip.pipeline.types import Options, Quantization, Result
from snn2chip.quantize import GRANULARITIES, METHODS
from snn2chip.targets import load_target

_AGAIN = "write one: snn2chip simulate NETWORK -o DIR, or compile it with --data DATA"
_WIDEST = 64
"""Bits of a weight, of any arithmetic."""


def has_run(path: str | Path) -> bool:
    """Whether a folder holds a run, which ``open_run`` reads."""
    return is_compiled(Path(path)) and (Path(path) / ACTIVITY).is_file()


def target_since(folder: str | Path) -> str | None:
    """What became of the target of a folder since it was written: ``gone``, ``changed``, or None.

    Raises:
        InputFileError: a damaged manifest.
    """
    manifest = read_manifest(Path(folder))
    if manifest is None:
        return None
    file = target_file(manifest)
    try:
        target = load_target(manifest["target"] if file is None else file)
    except ConfigError:
        return "gone"
    return None if target.sha256 == manifest.get("target_sha256") else "changed"


def dump_result(result: Result) -> bytes:
    """What the run did, as ``activity.safetensors`` has it; the same for equal runs."""
    about = {
        "data": Path(result.data).name,
        "synthetic": result.synthetic,
        "calibrated_on": result.calibrated_on,
        "seed": result.seed,
        "notes": list(result.notes),
        "quantization": None if result.quantization is None else asdict(result.quantization),
    }
    return dump_run(SavedRun(result.activity, result.reference, result.labels, about))


def open_run(folder: str | Path) -> Result:
    """The result of a run that ``simulate -o`` or ``compile`` saved, at the prices of its target.

    Only a trace is not saved. A figure is what the run's own report says, unless the target's file
    has changed since: then the notes say so.

    Raises:
        InputFileError: no run, or a damaged one.
        ConfigError: the target is gone.
    """
    folder = Path(folder)
    if not has_run(folder):
        raise InputFileError(
            f"{folder}: no saved run", needs=f"a folder with {ACTIVITY}", remedy=_AGAIN
        )
    network = open_network(folder, Options())
    options = Options(target=network.own_target or "")
    target = chosen_target(network, options)
    network, backend = backend_for(network, target, options)
    program = network.program
    assert program is not None
    manifest = read_folder(folder).manifest
    path = folder / ACTIVITY
    if ACTIVITY not in manifest["files"]:
        raise InputFileError(f"{path}: not a file that was written with the folder", remedy=_AGAIN)
    run = parse_run(path.read_bytes(), str(path), program)
    classes = program.readout_groups or program.population(program.outputs[0]).size
    if run.labels is not None and (run.labels >= classes).any():
        raise InputFileError(f"{path}: damaged activity (labels beyond {classes} classes)")
    about = dict(run.about)
    quantization = _quantization(about.pop("quantization"), path)
    recorded = Recorded(
        graph=network.graph,
        program=program,
        activity=run.activity,
        reference=run.reference,
        labels=run.labels,
        quantization=quantization,
        **about,
    )
    if target.sha256 != manifest.get("target_sha256"):
        note = f"the file of {target.name} has changed since the run: prices and limits are new"
        recorded = replace(recorded, notes=(*recorded.notes, note))
    placed = placed_on(network, program, backend, target, options, run.activity)
    given = manifest.get("options")
    said = given if isinstance(given, dict) else {}
    placed = replace(placed[0], made=_made(said)), placed[1]
    costs, timing = said.get("costs"), said.get("timing")
    return finish(
        recorded,
        target,
        backend.fidelity(program),
        placed,
        costs if isinstance(costs, str) and costs in target.costs else None,
        timing=timing if timing in TIMINGS else TIMINGS[0],
        curve=_has_curve(run),
    )


def _made(options: dict[str, Any]) -> str:
    """How the saved mapping came about."""
    if options.get("mapping"):
        return "as mapping.json says"
    objective = options.get("objective")
    return f"mapped for {objective}" if objective in OBJECTIVES else CoreMapping.made


def _quantization(made: Mapping[str, Any] | None, path: Path) -> Quantization | None:
    """How the scales were picked, every field of its kind.

    Raises:
        InputFileError: another field, or another kind.
    """
    if made is None:
        return None
    share = made.get("percentile")
    right = (
        set(made) == {field.name for field in fields(Quantization)}
        and made["calibration"] in METHODS
        and (share is None or (type(share) in (int, float) and 0 <= share <= 100))
        and made["granularity"] in GRANULARITIES
        and type(made["weight_bits"]) is int
        and 1 <= made["weight_bits"] <= _WIDEST
        and type(made["fine_biases"]) is bool
    )
    if not right:
        raise InputFileError(f"{path}: damaged activity (no such quantization)", remedy=_AGAIN)
    return Quantization(**made)


def _has_curve(run: SavedRun) -> bool:
    """Whether the readout of every step was kept, of the float network too."""
    known = [run.activity, *([] if run.reference is None else [run.reference])]
    return all(activity.running_scores is not None for activity in known)
