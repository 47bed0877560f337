"""sPyNNaker's firmware as a witness: a network and spikes to it, and what it recorded.

The environment holds sPyNNaker 1!7.4.1, which maps networks without a board and ships the binaries
that its boards run, and Unicorn, an emulator of their processor (GPL 2, which is why it runs as a
process of its own). What happens there is in ``firmware``.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.fixed import Integers
from snn2chip.backends.spinnaker.witness.networks import (
    FirmwareNetwork,
    network_arrays,
    network_json,
)
from snn2chip.errors import WitnessError
from snn2chip.witness import Engine, Environment, engine_of, engine_there, run_script
from snn2chip.witness.environments import Tell

SPINNAKER_PYTHON = "SNN2CHIP_SPINNAKER_PYTHON"
"""Variable that names a Python with sPyNNaker 1!7.4.1 and Unicorn."""

_NAME = "sPyNNaker"
_FOLDER = "snn2chip.backends.spinnaker.witness"
_RUNNER, _MAPPER = "run_firmware.py", "map_network.py"
_LIMIT_S = 600.0
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class FirmwareRecordings:
    """What cores recorded.

    Attributes:
        v: population -> s16.15 [sample, step, neuron], before each step's update.
        fired: population -> [sample, step, neuron].
        shifts: population -> shifts of its excitatory and inhibitory ring buffers.
        versions: of sPyNNaker and Unicorn.
        seconds: that the steps of each sample took, without mapping and loading.
        instructions: population -> [sample, step, core], where they were counted.
    """

    v: Mapping[str, Integers]
    fired: Mapping[str, NDArray[np.bool_]]
    shifts: Mapping[str, tuple[int, int]]
    versions: Mapping[str, str]
    seconds: tuple[float, ...] = ()
    instructions: Mapping[str, Integers] = field(default_factory=dict)


def environment() -> Environment:
    """sPyNNaker 1!7.4.1 and Unicorn 2.1.4, and what they need: some 450 MB."""
    lock = files(_FOLDER).joinpath("spynnaker.lock")
    return Environment("spynnaker", "3.11", lock.read_text("utf-8"))


def spinnaker_engine(given: str | Path | None = None, tell: Tell | None = None) -> Engine:
    """The Python that is named, else the environment, made where it is not there.

    Raises:
        WitnessError: it is not there and cannot be made.
    """
    return engine_of(_NAME, environment(), given or os.environ.get(SPINNAKER_PYTHON), tell=tell)


def found_engine() -> Engine | None:
    """What lies already there, without making anything."""
    return engine_there(_NAME, environment(), os.environ.get(SPINNAKER_PYTHON))


def run_firmware(
    engine: Engine,
    network: FirmwareNetwork,
    fired: Mapping[str, NDArray[np.bool_]],
    limit_s: float = _LIMIT_S,
    counted: bool = False,
) -> FirmwareRecordings:
    """Map a network with sPyNNaker, and run its binaries on it.

    Args:
        fired: input -> spikes [sample, step, neuron]; every sample is a run of its own.
        counted: count instructions, which takes some ten times as long; nothing is recorded then.

    Raises:
        WitnessError: sPyNNaker or the firmware failed.
    """
    with tempfile.TemporaryDirectory() as place:
        request, recordings = Path(place) / "request.npz", Path(place) / "recordings.npz"
        arrays = {f"{name}.fired": values for name, values in fired.items()}
        text = np.array(json.dumps({**network_json(network), "counted": counted}))
        np.savez(request, network=text, **network_arrays(network), **arrays)  # type: ignore[arg-type]
        with as_file(files(_FOLDER).joinpath("firmware")) as folder:
            run_script(engine, folder / _RUNNER, (str(request), str(recordings)), limit_s)
        try:
            return _read(recordings)
        except _DAMAGE as error:
            raise WitnessError(
                f"{_NAME} left no recordings: {type(error).__name__}: {error}"
            ) from error


def map_network(
    engine: Engine, network: FirmwareNetwork, limit_s: float = _LIMIT_S, version: int = 5
) -> dict[str, Any]:
    """What sPyNNaker makes of a network on a virtual board, as ``map_network.py`` writes it.

    Args:
        version: of the board: 5 has 48 chips of SpiNNaker 1, 248 of SpiNNaker 2, 201 one of them.

    Raises:
        WitnessError: sPyNNaker failed.
    """
    with tempfile.TemporaryDirectory() as place:
        request, answer = Path(place) / "request.npz", Path(place) / "mapped.json"
        text = np.array(json.dumps({**network_json(network), "version": version}))
        np.savez(request, network=text, **network_arrays(network))  # type: ignore[arg-type]
        with as_file(files(_FOLDER).joinpath("firmware")) as folder:
            run_script(engine, folder / _MAPPER, (str(request), str(answer)), limit_s)
        try:
            found: dict[str, Any] = json.loads(answer.read_text("utf-8"))
        except _DAMAGE as error:
            raise WitnessError(
                f"{_NAME} left no mapping: {type(error).__name__}: {error}"
            ) from error
        return found


def _read(path: Path) -> FirmwareRecordings:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(str(arrays.pop("about")))

    def ending(suffix: str) -> dict[str, NDArray[np.generic]]:
        return {k.removesuffix(suffix): v for k, v in arrays.items() if k.endswith(suffix)}

    return FirmwareRecordings(
        v={name: values.astype(np.int64) for name, values in ending(".v").items()},
        fired={name: values.astype(np.bool_) for name, values in ending(".fired").items()},
        shifts={name: (int(a), int(b)) for name, (a, b) in about["shifts"].items()},
        versions=about["versions"],
        seconds=tuple(about["seconds"]),
        instructions={k: v.astype(np.int64) for k, v in ending(".instructions").items()},
    )
