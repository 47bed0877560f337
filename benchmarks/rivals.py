"""The same networks in Norse (float, torch) and in Lava (its own Python)."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program
from snn2chip.graph import Conv

SIDE = Path(__file__).with_name("lava_side.py")


def norse_run(program: Program, spikes: NDArray[np.bool_], threads: int) -> Callable[[], object]:
    """A run of the network in Norse, at its best: products of all steps at once, then the neurons.

    ``v += dv/4096 ((0 - v) + i)`` with spikes above 1 and reset to 0: the integers' own equation,
    with weights in units of the threshold.
    """
    import torch
    from norse.torch import LIFBoxCell, LIFBoxParameters

    torch.set_num_threads(threads)
    layers = []
    for projection in program.projections:
        parameters = program.population(projection.target).parameters
        decay = int(parameters["dv"]) / 4096
        operator = projection.operator
        weight = torch.tensor(operator.weight / (int(parameters["vth"]) * decay)).float()
        cell = LIFBoxCell(LIFBoxParameters(tau_mem_inv=torch.tensor(decay / 1e-3)), dt=1e-3)
        layers.append((weight, operator if isinstance(operator, Conv) else None, cell))
    x = torch.tensor(spikes).float()

    def run() -> object:
        with torch.inference_mode():
            y = x
            for weight, conv, cell in layers:
                flat = y.flatten(0, 1)
                if conv is None:
                    flat = torch.nn.functional.linear(flat.flatten(1), weight)
                else:
                    padding = [before for before, _ in conv.padding]
                    flat = torch.nn.functional.conv2d(flat, weight, None, conv.stride, padding)
                current = flat.unflatten(0, y.shape[:2])
                state, sent = None, []
                for step in current:
                    z, state = cell(step, state)
                    sent.append(z)
                y = torch.stack(sent)
            return y

    return run


def norse_reason() -> str | None:
    """Why Norse is left out, or None."""
    missing = [name for name in ("torch", "norse") if find_spec(name) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


def lava_reason(python: Path | None) -> str | None:
    """Why Lava is left out, or None."""
    if python is None:
        return "no --lava-python given"
    try:
        said = subprocess.run(
            [python, "-c", "import lava.proc.lif.process"], capture_output=True, text=True
        )
    except OSError as error:
        return str(error)
    return None if said.returncode == 0 else f"{python}: {said.stderr.strip().splitlines()[-1]}"


def lava_measure(program: Program, python: Path, steps: int, reset: int = 0) -> Callable[[], float]:
    """A function that runs Lava on the network and returns its seconds per step."""
    shape = program.inputs[0].shape
    arrays: dict[str, NDArray[np.generic]] = {"shape": np.array(shape[::-1])}
    kinds = ""
    for k, projection in enumerate(program.projections):
        operator, target = projection.operator, program.population(projection.target)
        kinds += "c" if isinstance(operator, Conv) else "d"
        weight = operator.weight
        if isinstance(operator, Conv):
            weight = weight.transpose(0, 3, 2, 1)
            arrays[f"stride{k}"] = np.array(operator.stride[::-1])
            arrays[f"padding{k}"] = np.array([before for before, _ in operator.padding[::-1]])
        arrays[f"w{k}"], arrays[f"vth{k}"] = weight, target.parameters["vth"]

    def measure() -> float:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.npz"
            np.savez(path, kinds=np.array(kinds), **arrays)
            said = subprocess.run(
                [python, SIDE, path, str(steps), str(reset)],
                capture_output=True,
                text=True,
                check=True,
            )
        return float(said.stdout.split()[-1])

    return measure
