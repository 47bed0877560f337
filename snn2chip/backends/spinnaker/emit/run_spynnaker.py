"""Runs a compiled network on a SpiNNaker board with sPyNNaker 1!7.4.1 (PyNN).

    python run_spynnaker.py [SPIKES.npz [STEPS]]

It reads spynnaker.npz beside it. SPIKES.npz holds ``x`` [sample, step, *shape], spikes of the input
(``x.<input>`` of several), or values [sample, *shape] of an input whose neurons get them as a
constant current (encoding direct); without it the network is mapped and runs on silence. Every
sample is a run of its own, with values of STEPS steps where the network does not say how many.
Counts of the answering population are printed for each, and written to
counts.npy.

On a virtual board (``virtual_board = True`` in spynnaker.cfg) sPyNNaker maps the network, which
says whether it fits, and no spike comes back.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pyNN import spiNNaker as sim  # noqa: N813

BIAS = "bias of "


def main() -> None:
    """See the module's docstring."""
    with np.load(Path(__file__).with_name("spynnaker.npz"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    network = json.loads(str(arrays.pop("network")))
    given = spikes(network, sys.argv[1:])
    network["window"] = network["window"] or (int(sys.argv[2]) if len(sys.argv) > 2 else None)
    spiking = [x for name, x in given.items() if name not in network["values"]]
    if spiking:
        network["window"] = spiking[0].shape[1]
    if network["window"] is None:
        sys.exit("run_spynnaker.py VALUES.npz STEPS: the network does not say how many steps")
    samples = len(next(iter(given.values())))
    counts = []
    for sample in range(samples):
        counts.append(run(network, arrays, {name: x[sample] for name, x in given.items()}))
        print(f"sample {sample}: {counts[-1].tolist()}, class {int(np.argmax(counts[-1]))}")
    np.save("counts.npy", np.array(counts))


def spikes(network: dict[str, Any], words: list[str]) -> dict[str, Any]:
    """Spikes of every input [sample, step, neuron], or values [sample, neuron]."""
    inputs = {p["name"]: p["size"] for p in network["populations"] if p["model"] is None}
    values = network["values"]
    inputs |= {name: about["size"] for name, about in values.items()}
    own = [name for name in inputs if not name.startswith(BIAS)]
    steps = network["window"] or 0
    if not words:
        silence = {name: np.zeros((1, steps, inputs[name]), bool) for name in own}
        return silence | {name: np.zeros((1, inputs[name])) for name in values}
    with np.load(words[0], allow_pickle=False) as file:
        names = {name: "x" if len(own) == 1 else f"x.{name}" for name in own}
        given = {name: file[key] for name, key in names.items()}
    for name, x in given.items():
        if name in values:
            given[name] = fixed(x, name, values[name])
        else:
            given[name] = (x != 0).reshape(*x.shape[:2], -1)
    return given


def fixed(x: Any, name: str, about: dict[str, Any]) -> Any:
    """Values [sample, neuron] of an input as the network gets them, the same at every step."""
    if x.dtype == np.uint8 and about["byte_scale"] != 1.0:
        x = x.astype(np.float32) / np.float32(about["byte_scale"])
    flat = x.reshape(len(x), -1).astype(np.float64)
    if flat.shape[1] != about["size"]:
        sys.exit(
            f"{name}: {flat.shape[1]} values to a sample, where it has {about['size']} neurons"
        )
    if not np.isfinite(flat).all():
        sys.exit(f"{name}: values that are no finite numbers")
    return flat * about["gain"]


def currents(network: dict[str, Any], arrays: dict[str, Any], given: dict[str, Any]) -> Any:
    """What values [neuron] of a sample add to i_offset, in nA, by population.

    Words are whole numbers, and so are values when the largest is scaled to 20 bits: their sums are
    exact.
    """
    found: dict[str, Any] = {}
    for index, p in enumerate(network["hosted"]):
        sources, targets, words = (
            arrays[f"hosted:{index}.{name}"] for name in ("sources", "targets", "words")
        )
        scale = 20 - int(np.frexp(np.abs(given[p["source"]]).max())[1])
        sent = np.rint(np.ldexp(given[p["source"]], scale))[sources] * words
        size = next(each["size"] for each in network["populations"] if each["name"] == p["target"])
        sums = np.ldexp(np.bincount(targets, sent, size), p["exponent"] + 15 - scale)
        found[p["target"]] = found.get(p["target"], 0.0) + np.rint(sums) / 2.0**15
    return found


def run(network: dict[str, Any], arrays: dict[str, Any], given: dict[str, Any]) -> Any:
    """Spikes of each answering neuron, for one sample of every input: [step, neuron] or values."""
    driven = currents(network, arrays, given)
    sim.setup(timestep=network["time_step_ms"])
    made = {
        p["name"]: population(network, p, arrays, given, driven) for p in network["populations"]
    }
    for p in network["projections"]:
        names = ("sources", "targets", "weights", "delays")
        columns = [arrays[f"{p['index']}.{name}"] for name in names]
        columns[3] = columns[3] * network["time_step_ms"]
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        connector = sim.FromListConnector(rows)
        sim.Projection(made[p["source"]], made[p["target"]], connector, receptor_type=p["receptor"])
    answer = made[network["output"]]
    answer.record("spikes")
    sim.run((network["window"] + network["lag"]) * network["time_step_ms"])
    trains = [s for segment in answer.get_data("spikes").segments for s in segment.spiketrains]
    first = network["latency"] * network["time_step_ms"]
    counts = np.zeros(answer.size, int)
    for index, train in enumerate(trains):
        times = np.asarray(train)
        last = first + network["window"] * network["time_step_ms"]
        counts[index] = int(((times >= first) & (times < last)).sum())
    sim.end()
    return counts


def population(
    network: dict[str, Any],
    wanted: dict[str, Any],
    arrays: dict[str, Any],
    given: dict[str, Any],
    driven: dict[str, Any],
) -> Any:
    """Neurons with their parameters and ring buffers, or a source with its spikes."""
    name, size, step = wanted["name"], wanted["size"], network["time_step_ms"]
    if wanted["model"] is None:
        if name.startswith(BIAS):
            begin = wanted["first"]
            times = [[(begin + k) * step for k in range(network["window"])]]
        else:
            times = [(np.flatnonzero(given[name][:, i]) * step).tolist() for i in range(size)]
            if not any(times):  # sPyNNaker takes no silent source: a spike behind the run's end
                times[0] = [2.0 * (network["window"] + network["lag"]) * step]
        return sim.Population(size, sim.SpikeSourceArray(spike_times=times), label=name)
    own = {k[len(name) + 1 :]: v for k, v in arrays.items() if k.startswith(name + ".")}
    first = own.pop("v")
    own["i_offset"] = own["i_offset"] + driven.get(name, 0.0)
    cell = getattr(sim, wanted["model"])(**{k: v.tolist() for k, v in own.items()})
    expected = {"max_expected_summed_weight": wanted["max_expected"]}
    made = sim.Population(size, cell, label=name, additional_parameters=expected)
    made.initialize(v=first.tolist())
    return made


if __name__ == "__main__":
    main()
