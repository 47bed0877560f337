"""Runs networks in SANA-FE, in its own environment: ``run_networks.py networks.npz found.npz``.

The input is what ``networks_file.write`` writes; the output has, for each network and timing model,
what SANA-FE says of each step, and the spikes of each population. Imports nothing of snn2chip.
"""

import json
import resource
import sys
import time

import numpy as np
import sanafe

TRACED = (
    "spikes", "fired", "updated", "hops", "total_energy", "synapse_energy", "soma_energy",
    "dendrite_energy", "network_energy", "sim_time",
)  # fmt: skip
TOGETHER = 1 << 20
"""Synapses that are listed at once: as Python's objects they take much memory."""

SYNAPSES = {kind: f"loihi_{kind}_synapse" for kind in ("dense", "conv", "sparse")}


def groups(network, arrays, net, cores):
    """Neuron groups by population, each neuron on its core, in order of their numbers."""
    made, units = {}, {}
    for population in network["populations"]:
        name = population["name"]
        where = arrays[f"{network['name']}/{name}.cores"].tolist()
        if population["kind"] == "input":
            group = net.create_neuron_group(name, len(where))
            trains = arrays[f"{network['name']}/{name}.spikes"].T.tolist()
            for neuron, train, core in zip(group, trains, where, strict=True):
                # A unit of this kind holds one train: every input of a core has its own.
                unit = units[core] = units.get(core, -1) + 1
                neuron.set_attributes(
                    soma_hw_name=f"loihi_inputs[{unit}]", model_attributes={"spikes": train}
                )
        else:
            group = net.create_neuron_group(
                name,
                len(where),
                soma_hw_name="loihi_lif",
                default_dendrite_hw_name="loihi_dendrites",
                default_synapse_hw_name=SYNAPSES[population["synapse"]],
                model_attributes={
                    "threshold": population["threshold"],
                    "leak_decay": population["leak"],
                    "reset_mode": "hard",
                },
                log_spikes=network["raster"],
            )
        for neuron, core in zip(group, where, strict=True):
            neuron.map_to_core(cores[core])
        made[name] = group
    return made


def synapses(projection, weight, arrays, prefix):
    """(sources, targets, weights) of every synapse of a projection."""
    if projection["kind"] == "dense":
        targets, sources = np.indices(weight.shape).reshape(2, -1)
        return sources, targets, weight.reshape(-1)
    if projection["kind"] == "sparse":
        return arrays[f"{prefix}.sources"], arrays[f"{prefix}.targets"], weight
    return convolved(projection, weight)


def convolved(projection, weight):
    """Synapses of a 2-D convolution, one kernel tap at a time."""
    (_, height, width), (_, rows, columns) = projection["source"], projection["target"]
    groups_, stride, padding = projection["groups"], projection["stride"], projection["padding"]
    dilation = projection["dilation"]
    outs, ins, taps_y, taps_x = weight.shape
    found = []
    for out, k, ky, kx in np.ndindex(outs, ins, taps_y, taps_x):
        channel = out // (outs // groups_) * ins + k
        y = np.arange(rows) * stride[0] - padding[0][0] + ky * dilation[0]
        x = np.arange(columns) * stride[1] - padding[1][0] + kx * dilation[1]
        inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None]
        sources = (channel * height + y[:, None]) * width + x[None]
        targets = (out * rows + np.arange(rows)[:, None]) * columns + np.arange(columns)[None]
        count = int(inside.sum())
        tap = np.full(count, weight[out, k, ky, kx])
        found.append((sources[inside], targets[inside], tap))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def connect(network, arrays, made):
    """Every projection as a list of synapses."""
    for number, projection in enumerate(network["projections"]):
        prefix = f"{network['name']}/{number}"
        weight = arrays[f"{prefix}.weight"]
        sources, targets, weights = synapses(projection, weight, arrays, prefix)
        for first in range(0, len(weights), TOGETHER):
            part = slice(first, first + TOGETHER)
            made[projection["from"]].connect_neurons_sparse(
                made[projection["to"]],
                {"weight": weights[part].tolist()},
                list(zip(sources[part].tolist(), targets[part].tolist(), strict=True)),
            )


def raster(network, trace):
    """Spikes [step, neuron] of each population that has a threshold, from SANA-FE's trace."""
    sizes = {p["name"]: p["size"] for p in network["populations"] if p["kind"] != "input"}
    found = {name: np.zeros((network["steps"], size), bool) for name, size in sizes.items()}
    for step, fired in enumerate(trace[: network["steps"]]):
        for neuron in fired:
            if neuron.group_name in found:
                found[neuron.group_name][step, neuron.neuron_offset] = True
    return found


def loaded(network, arrays):
    """A chip with the network on it."""
    own = network["architecture"]
    architecture = sanafe.load_arch(own) if own else sanafe.load_loihi()
    net = sanafe.Network()
    made = groups(network, arrays, net, architecture.cores())
    connect(network, arrays, made)
    chip = sanafe.SpikingChip(architecture)
    chip.load(net)
    return chip


def run(network, arrays, found):
    """One network under each timing model."""
    costs = {}
    for model in network["timings"]:
        begun = time.process_time()
        # A chip that is reset goes on with the inputs where they ended: every run has its own.
        chip = loaded(network, arrays)
        costs["setup_s"] = time.process_time() - begun
        begun = time.process_time()
        result = chip.sim(
            network["steps"],
            timing_model=model,
            processing_threads=1,
            perf_trace=network["raster"] or None,
            spike_trace=network["raster"] or None,
        )
        costs[f"{model}_s"] = time.process_time() - begun
        totals = {k: v for k, v in result.items() if not k.endswith("_trace")}
        found[f"{network['name']}/{model}.totals"] = np.array(json.dumps(totals))
        if network["raster"]:
            for name in TRACED:
                found[f"{network['name']}/{model}.{name}"] = np.array(result["perf_trace"][name])
            for name, spikes in raster(network, result["spike_trace"]).items():
                found[f"{network['name']}/{name}.fired"] = spikes
    costs["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found[f"{network['name']}/costs"] = np.array(json.dumps(costs))


def main():
    """Reads the networks, runs them one after the other, writes what was found."""
    given, target = sys.argv[1:]
    with np.load(given, allow_pickle=False) as file:
        arrays = dict(file)
    found = {}
    for network in json.loads(str(arrays["networks"])):
        run(network, arrays, found)
    np.savez(target, **found)


if __name__ == "__main__":
    main()
