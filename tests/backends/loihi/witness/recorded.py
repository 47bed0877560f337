"""What Lava would record, made of our own run: for tests of what is done with recordings."""

from __future__ import annotations

import json

import numpy as np

from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.engine import RunOptions, simulate

VERSIONS = {"lava-nc": "0", "lava-dl": "0", "numpy": "0", "python": "3.10.0"}


def states(program, given):
    """{layer: {state: [sample, step, *shape]}} of a run in Lava's arithmetic."""
    options = RunOptions(trace=True, trace_state=True)
    source = program.inputs[0].name
    _, trace = simulate(program, {source: given}, LoihiArithmetic("lava"), options)
    found = {}
    for p in program.populations:
        if not p.is_input:
            found[p.name] = {"spikes": trace.arrays[p.name].astype(np.int64)}
            for key in (k for k in trace.arrays if k.startswith(f"{p.name}.")):
                state = key.removeprefix(f"{p.name}.")
                found[p.name][state] = trace.arrays[key].astype(np.int64)
    return found


def arrays(found, versions=VERSIONS):
    """The arrays of a recordings file, in Lava's order (W, H, C)."""
    about = np.array(json.dumps({"versions": versions, "layers": list(found)}))
    return {"about": about} | {
        f"{layer}.{state}": x.transpose(0, 1, *range(x.ndim - 1, 1, -1))
        for layer, values in found.items()
        for state, x in values.items()
    }
