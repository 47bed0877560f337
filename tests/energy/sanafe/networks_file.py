"""What goes into ``run_networks.py``, and what comes out of it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import ProgramProjection
from snn2chip.graph import Conv, Dense, Identity, Sparse
from snn2chip.witness import Engine, run_script

from .architecture import write_architecture
from .networks import Case, most_inputs

RUNNER = Path(__file__).with_name("run_networks.py")
TIMINGS = ("simple", "detailed")
_START_S, _CASE_S = 60, 20


@dataclass(frozen=True, eq=False)
class Found:
    """What SANA-FE says of one network.

    Attributes:
        steps: timing -> column -> [step]: ``sim_time`` and energies in seconds and joules, counts.
        totals: timing -> ``packets_sent``, ``spikes``, ``energy``, ``sim_time``, ... of the run.
        fired: population -> spikes [step, neuron], where they were asked for.
        costs: CPU seconds (``setup_s``, ``simple_s``, ``detailed_s``) and ``peak_mb``.
    """

    steps: dict[str, dict[str, NDArray[Any]]]
    totals: dict[str, dict[str, Any]]
    fired: dict[str, NDArray[np.bool_]]
    costs: dict[str, float]


def run_cases(
    engine: Engine,
    cases: Sequence[Case],
    timings: Sequence[str] = TIMINGS,
    raster: bool = True,
    own_chip: bool = False,
    limit_s: float | None = None,
) -> dict[str, Found]:
    """Networks in SANA-FE, by name, all in one process.

    Args:
        timings: models to run, one after the other.
        raster: with steps and spikes, else totals only.
        own_chip: on the Loihi that SANA-FE brings, not on our description of it.

    Raises:
        WitnessError: SANA-FE failed, with the end of what it printed.
    """
    limit = _START_S + _CASE_S * len(cases) if limit_s is None else limit_s
    with tempfile.TemporaryDirectory() as folder:
        given, target = Path(folder) / "networks.npz", Path(folder) / "found.npz"
        options = {"timings": list(timings), "raster": raster}
        chips = {} if own_chip else _architectures(Path(folder), cases)
        write(given, cases, options, chips)
        run_script(engine, RUNNER, [str(given), str(target)], limit)
        with np.load(target, allow_pickle=False) as file:
            return {case.name: _found(case, dict(file), timings) for case in cases}


def _architectures(folder: Path, cases: Sequence[Case]) -> dict[str, str]:
    """Network -> a file that describes the chip for it."""
    files = {}
    for case in cases:
        path = folder / f"{case.name}.yaml"
        write_architecture(path, case.target, most_inputs(case))
        files[case.name] = str(path)
    return files


def write(
    path: Path, cases: Sequence[Case], options: dict[str, Any], chips: dict[str, str]
) -> None:
    """One ``.npz`` with every network.

    Args:
        chips: network -> file of its chip; without one, SANA-FE's own Loihi.
    """
    networks, arrays = [], {}
    for case in cases:
        networks.append(_describe(case) | options | {"architecture": chips.get(case.name, "")})
        arrays |= {f"{case.name}/{key}": value for key, value in _arrays(case).items()}
    np.savez(path, networks=np.array(json.dumps(networks)), **arrays)


def _describe(case: Case) -> dict[str, Any]:
    program = case.program
    populations = []
    for p in program.populations:
        entry: dict[str, Any] = {"name": p.name, "kind": "input", "size": p.size}
        if not p.is_input:
            kinds = {_kind(projection) for projection in program.incoming(p.name)}
            assert len(kinds) == 1, f"{p.name}: SANA-FE's neurons have one kind of synapse: {kinds}"
            entry |= {
                "kind": "lif",
                "synapse": kinds.pop(),
                "threshold": float(p.parameters["threshold"]),
                "leak": float(p.parameters["leak"]),
            }
        populations.append(entry)
    return {
        "name": case.name,
        "steps": case.steps,
        "populations": populations,
        "projections": [_projection(p) for p in program.projections],
    }


def _projection(projection: ProgramProjection) -> dict[str, Any]:
    operator = projection.operator
    entry: dict[str, Any] = {"from": projection.source, "to": projection.target}
    entry["kind"] = _kind(projection)
    if isinstance(operator, Conv):
        entry |= {
            "source": operator.source_shape,
            "target": operator.target_shape,
            "stride": operator.stride,
            "padding": operator.padding,
            "dilation": operator.dilation,
            "groups": operator.groups,
        }
    return entry


def _kind(projection: ProgramProjection) -> str:
    match projection.operator:
        case Dense():
            return "dense"
        case Conv():
            return "conv"
        case _:
            return "sparse"


def _arrays(case: Case) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for p in case.program.populations:
        arrays[f"{p.name}.cores"] = case.mapping.assignment[p.name]
        if p.is_input:
            spikes = case.inputs[p.name].reshape(case.steps, -1)
            arrays[f"{p.name}.spikes"] = spikes.astype(np.uint8)
    for number, projection in enumerate(case.program.projections):
        match projection.operator:
            case Identity(scale=scale):
                every = np.arange(scale.size)
                arrays |= {f"{number}.sources": every, f"{number}.targets": every}
                arrays[f"{number}.weight"] = scale.reshape(-1)
            case Sparse() as operator:
                arrays[f"{number}.sources"] = operator.sources
                arrays[f"{number}.targets"] = operator.targets
                arrays[f"{number}.weight"] = operator.weight
            case operator:
                arrays[f"{number}.weight"] = operator.weight
    return arrays


def _found(case: Case, arrays: dict[str, NDArray[Any]], timings: Sequence[str]) -> Found:
    def columns(prefix: str) -> dict[str, NDArray[Any]]:
        start = f"{case.name}/{prefix}"
        return {k[len(start) :]: v for k, v in arrays.items() if k.startswith(start)}

    fired = {
        p.name: columns(f"{p.name}.").get("fired")
        for p in case.program.populations
        if not p.is_input
    }
    tables = {timing: columns(f"{timing}.") for timing in timings}
    return Found(
        steps={t: {k: v for k, v in c.items() if k != "totals"} for t, c in tables.items()},
        totals={t: json.loads(str(c["totals"])) for t, c in tables.items()},
        fired={name: spikes for name, spikes in fired.items() if spikes is not None},
        costs=json.loads(str(arrays[f"{case.name}/costs"])),
    )
