"""Runs a compiled network on a SpiNNaker 2 chip with py-spinnaker2.

    python run_spinnaker2.py SPIKES.npz [--ip ADDRESS | --brian2] [--steps STEPS]

It reads spinnaker2.npz beside it. SPIKES.npz holds ``x`` [sample, step, *shape], spikes of the
input (``x.<input>`` of several), or values [sample, *shape] of an input whose neurons get them as a
constant current (encoding direct). Every sample is a run of its own. What the answering population
gives (counts of spikes, or its membrane where the network is read so) is printed for each sample,
and written to answers.npy. ``--brian2`` runs py-spinnaker2's simulation instead of a chip.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from spinnaker2 import snn


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("spikes", type=Path)
    parser.add_argument("--ip", default=None, help="address of the chip")
    parser.add_argument("--brian2", action="store_true")
    parser.add_argument("--steps", type=int, default=None, help="of values, if not known")
    options = parser.parse_args()
    with np.load(Path(__file__).with_name("spinnaker2.npz"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    network = json.loads(str(arrays.pop("network")))
    given = spikes_of(network, options.spikes)
    spiking = {name: x for name, x in given.items() if name not in network["values"]}
    windows = [x.shape[1] for x in spiking.values()] or [network["window"] or options.steps]
    if windows[0] is None:
        sys.exit("run_spinnaker2.py: --steps: the network does not say how many")
    window, answers = windows[0], []
    for sample in range(len(next(iter(given.values())))):
        net, made = build(network, arrays)
        for name, current in currents(network, arrays, given, sample).items():
            made[name].params["i_offset"] = made[name].params["i_offset"] + current
        for name, x in spiking.items():
            made[name].params = {
                i: np.flatnonzero(x[sample, :, i]).tolist() for i in range(x.shape[2])
            }
        hardware_of(options).run(net, window + network["lag"])
        answers.append(answer(network, made[network["output"]], window))
        print(f"sample {sample}: {answers[-1].tolist()}, class {int(np.argmax(answers[-1]))}")
    np.save("answers.npy", np.array(answers))


def spikes_of(network: dict[str, Any], path: Path) -> dict[str, Any]:
    """Spikes of every input [sample, step, neuron], or values [sample, neuron]."""
    values = network["values"]
    inputs = [p["name"] for p in network["populations"] if p["model"] is None]
    inputs += values
    with np.load(path, allow_pickle=False) as file:
        names = {name: "x" if len(inputs) == 1 else f"x.{name}" for name in inputs}
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


def currents(
    network: dict[str, Any], arrays: dict[str, Any], given: dict[str, Any], sample: int
) -> dict[str, Any]:
    """What a sample's values add to i_offset, by population.

    Words are whole numbers, and so are values when the largest is scaled to 20 bits: their sums are
    exact.
    """
    found: dict[str, Any] = {}
    for index, p in enumerate(network["hosted"]):
        sources, targets, words = (
            arrays[f"hosted:{index}.{name}"] for name in ("sources", "targets", "words")
        )
        scale = 20 - int(np.frexp(np.abs(given[p["source"]][sample]).max())[1])
        sent = np.rint(np.ldexp(given[p["source"]][sample], scale))[sources] * words
        size = next(each["size"] for each in network["populations"] if each["name"] == p["target"])
        sums = np.ldexp(np.bincount(targets, sent, size), p["exponent"] - scale)
        found[p["target"]] = found.get(p["target"], 0.0) + sums
    return found


def build(network: dict[str, Any], arrays: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The network and its populations by name; inputs are still silent."""
    net = snn.Network(network["name"])
    made = {p["name"]: population(network, p, arrays) for p in network["populations"]}
    net.add(*made.values())
    for p in network["projections"]:
        ends = made[p["source"]], made[p["target"]]
        if "conv" in p:
            net.add(snn.Conv2DProjection(*ends, arrays[f"{p['index']}.kernel"], p["conv"]))
        else:
            rows = arrays[f"{p['index']}.rows"].tolist()
            net.add(snn.Projection(pre=ends[0], post=ends[1], connections=rows))
    return net, made


def population(network: dict[str, Any], wanted: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """Neurons with their parameters, or a source without spikes."""
    name, size, key = wanted["name"], wanted["size"], f"p{wanted['index']}."
    if wanted["model"] is None:
        return snn.Population(size=size, neuron_model="spike_list", params={}, name=name)
    params: dict[str, Any] = {
        full.removeprefix(key): values for full, values in arrays.items() if full.startswith(key)
    }
    params |= {"reset": wanted["reset"], "v_reset": 0.0}
    if "exc_decay" in params:
        params["t_refrac"] = 0
    answers = ["spikes", "v"] if name == network["output"] else []
    return snn.Population(
        size=size, neuron_model=wanted["model"], params=params, name=name, record=answers
    )


def hardware_of(options: argparse.Namespace) -> Any:
    """A chip, or what simulates it. A new one for every run."""
    if options.brian2:
        from spinnaker2 import brian2_sim

        return brian2_sim.Brian2Backend()
    from spinnaker2 import hardware

    return hardware.SpiNNaker2Chip(**({"eth_ip": options.ip} if options.ip else {}))


def answer(network: dict[str, Any], output: Any, window: int) -> Any:
    """Scores of the classes, out of the steps in which the population answers."""
    first = network["latency"]
    values = np.zeros(output.size)
    if network["readout"] == "spike_count":
        for index, times in output.get_spikes().items():
            values[int(index)] = sum(first <= int(t) < first + window for t in times)
        return values
    for index, trace in output.get_voltages().items():
        seen = np.asarray(trace)[first : first + window]
        values[int(index)] = {"v_last": seen[-1], "v_max": seen.max(), "v_mean": seen.mean()}[
            network["readout"]
        ]
    return values


if __name__ == "__main__":
    main()
