"""Steps of a network in onnxruntime, fed with their own states."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.frontends.onnx.libraries import library
from snn2chip.frontends.onnx.structure import STATES
from snn2chip.graph.operators import Array

_FATAL_ONLY = 4


def session(content: bytes, threads: int = 1) -> Any:
    """An onnxruntime session on the CPU that prints nothing by itself.

    Raises:
        ConfigError: onnxruntime is not installed.
        Exception: whatever onnxruntime raises of a model that it cannot run.
    """
    runtime = library("onnxruntime", "running ONNX")
    options = runtime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = threads
    # without its fallback, which prints on standard output and tries the same again
    return runtime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )


def steps(content: bytes, spikes: Mapping[str, Array]) -> Iterator[dict[str, NDArray[np.float64]]]:
    """All outputs of each step, by the names of the file.

    Args:
        content: a file of ``write_onnx``.
        spikes: values [step, sample, *shape] by the name of the input.
    """
    run = session(content)
    names = [port.name for port in run.get_outputs()]
    kept = json.loads(run.get_modelmeta().custom_metadata_map[STATES])
    length, samples = next(iter(spikes.values())).shape[:2]
    states = {
        name: np.broadcast_to(np.array(s["start"], np.float64), (samples, *s["shape"]))
        for name, s in kept.items()
    }
    for t in range(length):
        given = {name: np.asarray(x[t], np.float64) for name, x in spikes.items()}
        given |= {name: np.ascontiguousarray(x) for name, x in states.items()}
        found = dict(zip(names, run.run(names, given), strict=True))
        states = {name: found[s["next"]] for name, s in kept.items()}
        yield found
