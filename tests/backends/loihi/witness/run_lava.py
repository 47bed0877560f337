"""Runs networks in Lava 0.10.0 and records them; for Lava's own Python 3.10, without snn2chip.

    lava-env/bin/python run_lava.py NETWORKS.npz RECORDINGS.npz RUN_NET.py

NETWORKS holds ``networks``, one JSON string per network, and arrays under ``<network>/...``, as
``specs.py`` writes them. ``SIDE_BY_SIDE`` networks run in one go of Lava: a synapse of weight 0
joins each to a neuron that none of them hears, because Lava runs what is connected. RUN_NET is the
package's own runner, which lets Lava's process models record what they compute.
RECORDINGS holds ``<network>/<population>.<spikes or state>``, int64 [step, *shape].
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.conv.process import Conv
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF, LIFReset, TernaryLIF
from lava.proc.rf.process import RF
from lava.proc.rf_iz.process import RF_IZ
from lava.proc.sdn.process import ActivationMode, Delta, Sigma, SigmaDelta
from lava.proc.sparse.process import DelaySparse, Sparse
from lava.utils.weightutils import SignMode
from scipy.sparse import csr_matrix

NEURONS = {c.__name__: c for c in (LIF, LIFReset, TernaryLIF, Sigma, Delta, SigmaDelta, RF, RF_IZ)}
SIDE_BY_SIDE = 10
"""Processes of Lava wait for each other at every step, so that many networks take longer each."""


def neurons(given: dict[str, Any]) -> Any:
    """Lava's process of one population."""
    options = {
        key: np.array(value) if isinstance(value, list) and key != "shape" else value
        for key, value in given.items()
        if key != "model"
    }
    options["shape"] = tuple(given["shape"])
    if "act_mode" in options:
        options["act_mode"] = ActivationMode[options["act_mode"]]
    return NEURONS[given["model"]](**options)


def synapses(given: dict[str, Any], weights: np.ndarray, delays: Any, shape: tuple) -> Any:
    """Lava's process of one projection; ``shape`` is the source's."""
    options = dict(given["options"])
    if "sign_mode" in options:
        options["sign_mode"] = SignMode[options["sign_mode"]]
    match given["kind"]:
        case "dense":
            return Dense(weights=weights, **options)
        case "sparse":
            return Sparse(weights=csr_matrix(weights), **options)
        case "delay_dense":
            return DelayDense(weights=weights, delays=delays, **options)
        case "delay_sparse":
            late = np.where(weights == 0, 0, delays)
            return DelaySparse(weights=csr_matrix(weights), delays=csr_matrix(late), **options)
        case _:
            return Conv(weight=weights, input_shape=shape, **options)


def build(network: dict[str, Any], arrays: dict[str, np.ndarray], folder: Path) -> Any:
    """The processes of a network; returns its source and its last population."""
    name = network["name"]
    given = arrays[f"{name}/in"]
    source = RingBuffer(data=np.moveaxis(given, 0, -1).astype(int))
    processes: dict[str, Any] = {"in": source}
    shapes = {"in": tuple(network["input"])}
    for key, parameters in network["populations"].items():
        processes[key] = neurons(parameters)
        shapes[key] = tuple(parameters["shape"])
        processes[key].proc_params["recording"] = {
            "path": str(folder / f"{name}.{key}.npz"),
            "steps": network["steps"],
            "bias": None,
        }
    for k, projection in enumerate(network["projections"]):
        output, target = processes[projection["source"]].s_out, processes[projection["target"]]
        port = getattr(target, projection.get("port", "a_in"))
        if projection["kind"] == "direct":
            output.connect(port)
            continue
        shape = shapes[projection["source"]]
        weights = arrays[f"{name}/{k}.weights"].astype(int)
        delays = arrays.get(f"{name}/{k}.delays", np.zeros(())).astype(int)
        process = synapses(projection, weights, delays, shape)
        flat = projection["kind"] != "conv" and len(shape) > 1
        (output.flatten() if flat else output).connect(process.s_in)
        process.a_out.connect(port)
    return source, processes[key], int(np.prod(shapes[key]))


def run(networks: list[dict[str, Any]], arrays: dict[str, np.ndarray], path: str) -> None:
    """Writes everything that the populations of all networks sent and held."""
    steps = {network["steps"] for network in networks}
    assert len(steps) == 1, "networks of one run have the same number of steps"
    hub = LIF(shape=(1,))
    recordings = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for network in networks:
            source, last, size = build(network, arrays, folder)
            joint = Dense(weights=np.zeros((1, size)))
            (last.s_out.flatten() if len(last.s_out.shape) > 1 else last.s_out).connect(joint.s_in)
            joint.a_out.connect(hub.a_in)
        condition = RunSteps(num_steps=steps.pop())
        try:
            source.run(condition=condition, run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        finally:
            source.stop()
        for network in networks:
            for key in network["populations"]:
                with np.load(folder / f"{network['name']}.{key}.npz") as file:
                    for state in file.files:
                        recordings[f"{network['name']}/{key}.{state}"] = file[state]
    np.savez(path, **recordings)


def load(path: str) -> Any:
    """A module by its path."""
    spec = spec_from_file_location("run_net", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Reads networks, runs them, writes recordings."""
    runner = load(sys.argv[3])
    runner.record_models()
    runner.end_all_where_one_fails()
    with np.load(sys.argv[1], allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    networks = [json.loads(str(text)) for text in arrays.pop("networks")]
    recordings = {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "batch.npz")
        for first in range(0, len(networks), SIDE_BY_SIDE):
            runner.in_a_child(run, networks[first : first + SIDE_BY_SIDE], arrays, path)
            with np.load(path) as file:
                recordings.update({name: file[name] for name in file.files})
    np.savez(sys.argv[2], **recordings)


if __name__ == "__main__":
    main()
