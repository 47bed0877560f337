"""What runs a program on a board: a script for py-spinnaker2 with its network, and NIR."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from typing import Any

import numpy as np

from snn2chip.backends.base import Artefacts
from snn2chip.backends.driven import hosted_arrays, hosted_document
from snn2chip.backends.spinnaker2.nir import CONVERSION, is_plain, nir_file
from snn2chip.backends.unrolled import delays_of, synapses
from snn2chip.core import Program, ProgramPopulation, ProgramProjection, chip_delay
from snn2chip.errors import Snn2chipError, UnsupportedError
from snn2chip.graph import Conv
from snn2chip.graph.linear import synapses as count_synapses

SCRIPT, NETWORK, NIR = "run_spinnaker2.py", "spinnaker2.npz", "spinnaker2.nir"

MOST_SYNAPSES = 20_000_000
"""That are unrolled into lists; one chip holds a third of them."""


def artefacts(program: Program) -> Artefacts:
    """The script, its network and the NIR, or why they are not there."""
    refused: list[Snn2chipError] = []
    contents: dict[str, bytes] = {}
    try:
        contents[NIR] = nir_file(program)
    except UnsupportedError as error:
        refused.append(error)
    listed = [*(p for p in program.projections if not _shared(program, p)), *program.hosted]
    count = sum(count_synapses(p.operator) for p in listed)
    if count > MOST_SYNAPSES:
        refused.append(
            UnsupportedError(
                f"network {program.name!r}: {count:,} synapses in {SCRIPT}",
                needs=f"at most {MOST_SYNAPSES:,}: py-spinnaker2 takes them as lists",
                remedy="a smaller network; `snn2chip simulate` runs this one",
            )
        )
    else:
        script = files("snn2chip.backends.spinnaker2").joinpath(SCRIPT).read_bytes()
        contents |= {SCRIPT: script, NETWORK: _network(program)}
    return Artefacts(contents, {"spinnaker2": _manifest(contents)}, tuple(refused))


def _manifest(contents: dict[str, bytes]) -> dict[str, Any]:
    """How to use what is there."""
    found: dict[str, Any] = {}
    if SCRIPT in contents:
        found |= {"script": SCRIPT, "network": NETWORK}
    if NIR in contents:
        found |= {"nir": NIR, "conversion": CONVERSION}
    return found


def _network(program: Program) -> bytes:
    """Parameters and synapses as arrays, and a JSON document that says what is what."""
    arrays: dict[str, Any] = {}
    populations, projections = [], []
    for number, p in enumerate(program.populations):
        if program.on_host(p.name):
            continue
        shared = any(_shared(program, q) for q in program.incoming(p.name))
        populations.append(
            {
                "index": number,
                "name": p.name,
                "size": p.size,
                "model": None if p.is_input else "lif_conv2d" if shared else p.model,
                "reset": _reset(p),
            }
        )
        for name, values in _parameters(p).items():
            arrays[f"p{number}.{name}"] = values
    for index, q in enumerate(program.projections):
        told: dict[str, Any] = {"index": index, "source": q.source, "target": q.target}
        operator = q.operator
        if _shared(program, q) and isinstance(operator, Conv):
            told["conv"] = _window(operator)
            arrays[f"{index}.kernel"] = operator.weight.swapaxes(0, 1).astype(np.int8)
        else:
            sources, targets, weights = synapses(operator)
            delays = delays_of(program, q, sources, targets) - 1
            arrays[f"{index}.rows"] = np.stack([sources, targets, weights, delays], axis=1)
        projections.append(told)
    arrays |= hosted_arrays(program)
    output = program.population(program.outputs[0])
    document = {
        "name": program.name,
        "populations": populations,
        "projections": projections,
        "output": output.name,
        "latency": output.latency,
        "lag": program.max_latency,
        "window": program.encoding.steps,
        "readout": program.readout.kind,
        **hosted_document(program),
    }
    content = io.BytesIO()
    np.savez(content, network=np.array(json.dumps(document)), **arrays)
    return content.getvalue()


def _parameters(p: ProgramPopulation) -> dict[str, Any]:
    """Of every neuron, under py-spinnaker2's names."""
    if p.is_input:
        return {}
    held = p.parameters
    found = {
        "threshold": held["threshold"],
        "alpha_decay": held["alpha"].astype(np.float64),
        "i_offset": held["i_offset"],
        "v_init": held["v_init"],
    }
    if "decay" in held:
        found["exc_decay"] = found["inh_decay"] = held["decay"].astype(np.float64)
    return {name: np.broadcast_to(v, p.shape).reshape(-1) for name, v in found.items()}


def _reset(p: ProgramPopulation) -> str | None:
    if p.is_input:
        return None
    return "reset_by_subtraction" if p.parameters["subtracts"] else "reset_to_v_reset"


def _shared(program: Program, projection: ProgramProjection) -> bool:
    """Whether it stays a convolution: all into its target are, as ``lif_conv2d`` needs them."""
    target = program.population(projection.target)
    return "decay" not in target.parameters and all(
        is_plain(p.operator) and int(chip_delay(program, p).max()) == 1
        for p in program.incoming(target.name)
    )


def _window(operator: Conv) -> dict[str, int]:
    """Parameters of ``Conv2DProjection``."""
    (top, bottom), (left, right) = operator.padding
    return {
        "in_height": operator.source_shape[1],
        "in_width": operator.source_shape[2],
        "stride_x": operator.stride[0],
        "stride_y": operator.stride[1],
        "pool_x": 1,
        "pool_y": 1,
        "pad_top": top,
        "pad_bottom": bottom,
        "pad_left": left,
        "pad_right": right,
    }
