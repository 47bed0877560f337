"""Runs a ``.net`` file in Lava with netx and records it; for Lava's own Python, without snn2chip.

    python run_net.py REQUEST.npz RECORDINGS.npz

REQUEST holds ``options``, a JSON string (``net``: path, ``reset_interval`` or null,
``reset_offset``, ``hardware``), and ``input`` [sample, step, *shape] with images as (C, H, W):
spikes as they are sent, or the values of an input layer that has neurons. Every sample is a run of
its own, so that it begins with fresh states.

RECORDINGS holds ``about``, a JSON string (versions, and what was not recorded), and
``layer<i>.<spikes or state>`` [sample, step, *shape] with images as (W, H, C), as Lava has them.

Lava's own fixed-point process models compute everything; each keeps what it has computed at the end
of every step, instead of Lava's monitors, which would be three more processes per population. On
hardware only what the last layer sends is recorded. Where torch is absent, the two things that netx
takes from it are left out: modules of torch's, and of ``slayer.neuron.rf`` all but one function.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import sys
import tempfile
import traceback
import types
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np

_ABSENT = (
    "lava.lib.dl.slayer",
    "lava.lib.dl.slayer.neuron",
    "lava.lib.dl.slayer.neuron.rf",
    "lava.lib.dl.netx.sequential_modules",
)
_RF = "lava.lib.dl.slayer.neuron.rf"
_RECORDED: dict[str, dict[str, tuple[str, ...]]] = {
    "lava.proc.lif.models": {
        "PyLifModelBitAcc": ("u", "v"),
        "PyLifResetModelBitAcc": ("u", "v"),
        "PyTernLifModelFixed": ("u", "v"),
    },
    "lava.proc.sdn.models": {
        "PySigmaModelFixed": ("sigma",),
        "PyDeltaModelFixed": ("act", "residue", "error"),
        "PySigmaDeltaModelFixed": ("sigma", "act", "residue", "error"),
    },
    "lava.proc.rf.models": {"PyRFModelFixed": ("real", "imag")},
    "lava.proc.rf_iz.models": {"PyRF_IZModelFixed": ("real", "imag")},
}


def netx() -> Any:
    """netx's module ``hdf5``, with or without torch."""
    if find_spec("torch") is not None:
        return import_module("lava.lib.dl.netx.hdf5")
    for name in _ABSENT:
        module = types.ModuleType(name)
        module.__path__ = []
        sys.modules[name] = module
    folder = next(iter(import_module("lava.lib.dl").__path__))
    path = Path(folder) / "slayer" / "neuron" / "rf.py"
    sys.modules[_RF].neuron_params = _function(path, "neuron_params")  # type: ignore[attr-defined]
    module = import_module("lava.lib.dl.netx.hdf5")
    for name in _ABSENT:  # Lava asks every module that it meets for its file
        sys.modules[name].__file__ = module.__file__
    return module


def _function(path: Path, name: str) -> Any:
    """A function of a module that needs torch for everything else."""
    tree = ast.parse(path.read_text())
    tree.body = [node for node in tree.body if getattr(node, "name", "") == name]
    scope: dict[str, Any] = {"np": np}
    exec(compile(tree, str(path), "exec"), scope)
    return scope[name]


class Tap:
    """Stands for a model's output port: sends, and keeps what is sent."""

    def __init__(self, port: Any) -> None:
        self.port = port
        self.sent = np.zeros(0)

    def send(self, data: Any) -> None:
        """Passes data on."""
        self.sent = np.array(data)
        self.port.send(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.port, name)


def record(model: Any, states: tuple[str, ...]) -> None:
    """Lets a process model write what it computed into a file after its last step."""
    run_spk = model.run_spk

    def recording(self: Any) -> None:
        given = self.proc_params.get("recording")
        if given is None:
            run_spk(self)
            return
        if not isinstance(self.s_out, Tap):
            self.s_out = Tap(self.s_out)
            self.kept = {key: [] for key in ("spikes", *states)}
        done = len(self.kept["spikes"])
        if given["bias"] is not None:
            self.bias_mant = given["bias"][done].astype(self.bias_mant.dtype)
        run_spk(self)
        self.kept["spikes"].append(self.s_out.sent)
        for key in states:
            self.kept[key].append(np.array(getattr(self, key)))
        if done + 1 == given["steps"]:
            arrays: dict[str, Any] = {key: np.stack(kept) for key, kept in self.kept.items()}
            np.savez(given["path"], **{key: a.astype(np.int32) for key, a in arrays.items()})

    model.run_spk = recording


def record_models() -> None:
    """Lets all of Lava's fixed-point models record."""
    for module, models in _RECORDED.items():
        for name, states in models.items():
            record(getattr(import_module(module), name), states)


def end_all_where_one_fails() -> None:
    """Processes of Lava wait for each other for ever when one of them fails; end the group."""
    from lava.magma.runtime import runtime

    whole = runtime.target_fn

    def target(*words: Any, **named: Any) -> None:
        try:
            whole(*words, **named)
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            os.killpg(0, signal.SIGKILL)

    runtime.target_fn = target


def in_a_child(work: Any, *words: Any) -> None:
    """Calls ``work`` in a fork of this process, and ends this one where that fails.

    A run leaves threads behind, and a fork of a process with threads may wait for ever for a lock
    that one of them held: every run of Lava begins with a process that has none.
    """
    pid = os.fork()
    if pid == 0:
        try:
            work(*words)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if status:
        sys.exit(os.waitstatus_to_exitcode(status) or 1)


def layers_of(path: str) -> tuple[list[str], int]:
    """(names of the layers that netx builds, how many layers of the file it may read)."""
    with h5py.File(path, "r") as file:
        root = file["layer"]
        groups = [root[name] for name in sorted(root, key=int)]
        kinds = [np.asarray(group["type"][()]).reshape(-1)[0].decode() for group in groups]
        built = [
            f"layer{k}"
            for k, (kind, group) in enumerate(zip(kinds, groups, strict=True))
            if kind not in ("flatten", "average") and (kind != "input" or "neuron" in group)
        ]
    # An average at the end is the readout, which netx cannot build and no spike depends on.
    return built, len(kinds) - (kinds[-1] == "average")


def in_order(given: Any, shape: tuple[int, ...]) -> Any:
    """[step, *shape] in Lava's order (W, H, C), or flat where the first layer is dense."""
    if len(shape) == given.ndim - 1:
        return given.transpose(0, *range(given.ndim - 1, 0, -1))
    return given.reshape(len(given), *shape)


def feed(network: Any, given: Any, adapter: Any) -> Any:
    """Connects a sample; returns the values [step, *shape] that are biases, or None."""
    from lava.proc.io.source import RingBuffer

    block = network.in_layer
    if type(block).__name__ != "Input":
        data = in_order(given, tuple(network.inp.shape))
        port = network.inp
    elif type(block.neuron).__name__ == "Delta":
        data = in_order(given, tuple(block.neuron.s_out.shape))
        port = block.neuron.a_in
    else:
        bias = in_order(given, tuple(block.neuron.s_out.shape))
        block.neuron.bias_mant.init = bias[0]
        return bias
    source = RingBuffer(data=np.moveaxis(data, 0, -1).astype(int))
    if adapter is None:
        source.s_out.connect(port)
    else:
        inward = adapter.PyToNxAdapter(shape=data.shape[1:])
        source.s_out.connect(inward.inp)
        inward.out.connect(port)
    return None


def run_sample(hdf5: Any, options: dict[str, Any], given: Any, adapter: Any, path: str) -> None:
    """Writes what the layers sent and held, by ``layer<i>.<state>``, [step, *shape]."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2HwCfg, Loihi2SimCfg

    built, count = layers_of(options["net"])
    named = {key: options[key] for key in ("reset_interval", "reset_offset")}
    network = hdf5.Network(net_config=options["net"], num_layers=count, **named)
    if len(network.layers) != len(built):
        raise RuntimeError(f"netx built {len(network.layers)} layers and not {len(built)}")
    bias = feed(network, given, adapter)
    found: dict[str, Any] = {}
    sink = None
    with tempfile.TemporaryDirectory() as folder:
        if adapter is not None:
            sink = _sink(network, len(given), adapter)
        else:
            for name, block in zip(built, network.layers, strict=True):
                block.neuron.proc_params["recording"] = {
                    "path": str(Path(folder) / f"{name}.npz"),
                    "steps": len(given),
                    "bias": bias if block is network.in_layer else None,
                }
        config = Loihi2SimCfg(select_tag="fixed_pt") if adapter is None else Loihi2HwCfg()
        try:
            network.run(condition=RunSteps(num_steps=len(given)), run_cfg=config)
            if sink is not None:
                found[f"{built[-1]}.spikes"] = np.moveaxis(sink.data.get(), -1, 0).astype(np.int32)
        finally:
            network.stop()
        for name in built if sink is None else ():
            with np.load(Path(folder) / f"{name}.npz", allow_pickle=False) as file:
                found.update((f"{name}.{state}", file[state]) for state in file.files)
    np.savez(path, **found)


def _sink(network: Any, steps: int, adapter: Any) -> Any:
    from lava.proc.io.sink import RingBuffer

    sink = RingBuffer(shape=tuple(network.out.shape), buffer=steps)
    outward = adapter.NxToPyAdapter(shape=tuple(network.out.shape))
    network.out.connect(outward.inp)
    outward.out.connect(sink.a_in)
    return sink


def main() -> None:
    """Reads the request, runs every sample, writes what was recorded."""
    with np.load(sys.argv[1], allow_pickle=False) as file:
        options, given = json.loads(str(file["options"])), file["input"]
    hdf5, adapter = netx(), None
    if options["hardware"]:
        adapter = import_module("lava.proc.embedded_io.spike")
    else:
        record_models()
    end_all_where_one_fails()
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "sample.npz")
        for sample in given:
            in_a_child(run_sample, hdf5, options, sample, adapter, path)
            with np.load(path, allow_pickle=False) as file:
                samples.append({name: file[name] for name in file.files})
    versions = {name: metadata.version(name) for name in ("lava-nc", "lava-dl", "numpy")}
    versions["python"] = ".".join(map(str, sys.version_info[:3]))
    about = {"versions": versions, "layers": layers_of(options["net"])[0]}
    arrays: dict[str, Any] = {
        key: np.stack([sample[key] for sample in samples]) for key in samples[0]
    }
    np.savez(sys.argv[2], about=np.array(json.dumps(about)), **arrays)


if __name__ == "__main__":
    main()
