"""A ``.net`` file and its input to Lava, and what its layers sent and held back."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program
from snn2chip.errors import WitnessError
from snn2chip.graph.operators import Array
from snn2chip.witness import Engine, run_script

SPIKES = "spikes"

T = TypeVar("T", bound=np.generic)

_RUNNER = "run_net.py"
_DAMAGE = (
    AttributeError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class Plan:
    """How Lava runs the file.

    Attributes:
        reset_interval, reset_offset: netx's options of the same names.
        hardware: on a chip (Loihi2HwCfg) and not on this processor.
        limit_s: wall-clock seconds after which Lava is ended.
    """

    reset_interval: int | None = None
    reset_offset: int = 0
    hardware: bool = False
    limit_s: float = 600.0


@dataclass(frozen=True, eq=False)
class Recordings:
    """What Lava recorded.

    Attributes:
        layers: ``layer<i>`` -> state (``spikes``, ``u``, ``v``, ...) -> [sample, step, *shape],
            images as (C, H, W). Index i of a step is Lava's step i + 1.
        versions: of Lava's packages and Python.
    """

    layers: Mapping[str, Mapping[str, NDArray[np.int64]]]
    versions: Mapping[str, str]

    def each_of(self, samples: int) -> Recordings:
        """The same of samples that followed each other in one run, as many steps each."""
        return replace(
            self,
            layers={
                layer: {state: in_samples(array, samples) for state, array in states.items()}
                for layer, states in self.layers.items()
            },
        )


def in_samples(array: NDArray[T], samples: int) -> NDArray[T]:
    """[sample, step, *shape] of what is that already, or of samples in a row, [1, step, *shape]."""
    return array.reshape(samples, -1, *array.shape[2:])


def run_net(engine: Engine, net: Path, program: Program, given: Array, plan: Plan) -> Recordings:
    """Runs a ``.net`` file in Lava, every sample from fresh states.

    Args:
        program: the file as we read it.
        given: [step, sample, *shape] as the program's input takes it; of an input layer that has
            neurons, what is added to their values at each step.

    Raises:
        WitnessError: Lava is missing, failed, did not end, or recorded something else.
    """
    values = np.moveaxis(np.asarray(given), 0, 1).astype(np.int64)
    if program.encoding.kind == "direct":
        values = values.cumsum(axis=1)
    options = {
        "net": str(net.absolute()),
        "reset_interval": plan.reset_interval,
        "reset_offset": plan.reset_offset,
        "hardware": plan.hardware,
    }
    with tempfile.TemporaryDirectory() as folder:
        request, recordings = Path(folder) / "request.npz", Path(folder) / "recordings.npz"
        np.savez(request, options=np.array(json.dumps(options)), input=values)
        with as_file(files("snn2chip.backends.loihi.witness").joinpath(_RUNNER)) as script:
            words = (str(request), str(recordings))
            printed = run_script(engine, script, words, plan.limit_s)
        return _read(recordings, program, values.shape[:2], plan, printed)


def _read(
    path: Path, program: Program, counts: tuple[int, ...], plan: Plan, printed: str
) -> Recordings:
    """The recordings, each of the shape that it must have."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("about")))
        versions = {str(name): str(text) for name, text in about["versions"].items()}
        layers: dict[str, dict[str, NDArray[Any]]] = {}
        for name, array in arrays.items():
            layer, _, state = name.rpartition(".")
            expected = (*counts, *program.population(layer).shape)
            layers.setdefault(layer, {})[state] = _in_our_order(array, expected, name)
        names = [p.name for p in program.populations if not p.is_input]
        wanted = names[-1:] if plan.hardware else names
        if not all(SPIKES in layers.get(name, ()) for name in wanted):
            raise ValueError("no spikes of " + ", ".join(set(wanted) - set(layers)))
    except _DAMAGE as error:
        lines = printed.strip().splitlines()[-4:]
        raise WitnessError(
            "Lava ended without whole recordings",
            needs="spikes of every layer at every step",
            has="\n          ".join([f"{type(error).__name__}: {error}", *lines]),
            remedy="look at what it printed; `snn2chip verify --prepare` tells its interpreter",
        ) from error
    return Recordings(layers, versions)


def _in_our_order(array: NDArray[Any], expected: tuple[int, ...], name: str) -> NDArray[np.int64]:
    """[sample, step, *C, H, W] of Lava's [sample, step, W, H, C]."""
    if array.dtype.kind not in "iub":
        raise ValueError(f"{name} holds {array.dtype}")
    turned = array.transpose(0, 1, *range(array.ndim - 1, 1, -1))
    if turned.shape != expected:
        raise ValueError(f"{name} has shape {turned.shape} and not {expected}")
    return turned.astype(np.int64)
