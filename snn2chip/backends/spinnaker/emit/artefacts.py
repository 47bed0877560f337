"""What runs a program on a board: a script for sPyNNaker, and its populations and synapses."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from typing import Any

import numpy as np

from snn2chip.backends.base import Artefacts
from snn2chip.backends.driven import hosted_arrays, hosted_document
from snn2chip.backends.spinnaker.emit.unrolled import BIAS, firmware_network
from snn2chip.backends.spinnaker.fixed import BITS
from snn2chip.backends.spinnaker.witness import network_arrays, network_json
from snn2chip.core import Program
from snn2chip.errors import UnsupportedError
from snn2chip.graph.linear import synapses

SCRIPT, NETWORK = "run_spynnaker.py", "spynnaker.npz"

MOST_SYNAPSES = 20_000_000
"""That are unrolled: about 600 MB of lists, and an hour of mapping."""


def artefacts(program: Program) -> Artefacts:
    """The script and its network, or why they are not there."""
    count = sum(synapses(p.operator) for p in (*program.projections, *program.hosted))
    if count > MOST_SYNAPSES:
        return Artefacts(
            refused=(
                UnsupportedError(
                    f"network {program.name!r}: {count:,} synapses in {SCRIPT}",
                    needs=f"at most {MOST_SYNAPSES:,}: sPyNNaker takes them as lists",
                    remedy="a smaller network; `snn2chip simulate` runs this one",
                ),
            )
        )
    steps = program.encoding.steps or 1
    network = firmware_network(program, steps)
    output = program.outputs[0]
    document: dict[str, Any] = network_json(network)
    document |= {
        "name": program.name,
        "output": output,
        "latency": program.population(output).latency,
        "lag": program.max_latency,
        "window": program.encoding.steps,
    }
    for population in document["populations"]:
        if population["name"].startswith(BIAS):
            whose = population["name"].removeprefix(BIAS)
            population["first"] = program.population(whose).latency - 1
    content = io.BytesIO()
    arrays: dict[str, Any] = network_arrays(network)
    document |= hosted_document(program, BITS)
    arrays |= hosted_arrays(program)
    np.savez(content, network=np.array(json.dumps(document)), **arrays)
    script = files("snn2chip.backends.spinnaker.emit").joinpath(SCRIPT).read_bytes()
    return Artefacts(
        files={SCRIPT: script, NETWORK: content.getvalue()},
        manifest={"spynnaker": {"script": SCRIPT, "network": NETWORK, "version": "1!7.4.1"}},
    )
