"""A run counted and priced again from its files alone: trace, mapping, program and target's TOML.

Plain loops over spikes and synapses, with the definitions of the report's documentation. It shares
with the chain only the unrolled list of a program's synapses.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from snn2chip.backends.loihi.oracle import synapse_list
from snn2chip.compiled import read_folder

SAMPLE_AXES = 2
"""Leading axes of a trace: sample and chip step."""


@dataclass
class Recount:
    """Totals by layer, events by core as [sample, chip step], and their prices.

    Attributes:
        energy: layer -> term -> pJ.
        step_ns: [sample, chip step].
        arrivals: layer -> [sample, chip step, neuron], whether any synaptic event arrives.
    """

    steps: int
    latency: dict[str, int]
    layers: dict[str, dict[str, float]] = field(default_factory=dict)
    energy: dict[str, dict[str, float | None]] = field(default_factory=dict)
    time_ns: dict[str, float] = field(default_factory=dict)
    step_ns: np.ndarray | None = None
    static_pj: float | None = None
    arrivals: dict[str, np.ndarray] = field(default_factory=dict)
    series: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)


def recount(folder: Path, trace_file: Path, toml: Path, table: str, steps: int) -> Recount:
    """Every number of a report's layers and totals.

    Args:
        folder: compiled; ``mapping.json`` and the program are read.
        trace_file: with states.
        steps: graph steps per sample.
    """
    program = read_folder(folder).program
    mapping = json.loads((folder / "mapping.json").read_text())
    target = tomllib.loads(toml.read_text())
    with np.load(trace_file) as file:
        trace = {
            name: file[name].reshape(*file[name].shape[:SAMPLE_AXES], -1) for name in file.files
        }
    found = Recount(steps, longest_paths(program))
    shape = next(iter(trace.values())).shape[:SAMPLE_AXES]
    found.series = defaultdict(lambda: defaultdict(lambda: np.zeros(shape, np.int64)))
    found.arrivals = {p.name: np.zeros((*shape, p.size), bool) for p in program.populations}
    for population in program.populations:
        found.layers[population.name] = defaultdict(int)
    for population in program.populations:
        _send(found, program, mapping, population, _window(found, trace, population.name))
    for population in program.populations:
        _update(found, mapping, population, trace)
    _price(found, program, mapping, target, table)
    return found


def longest_paths(program) -> dict[str, int]:
    """Latency of each population of a network without cycles, other than self-loops."""
    latency = {p.name: 0 for p in program.populations}
    for p in program.populations:
        for projection in program.incoming(p.name):
            if projection.source != projection.target:
                first = int(projection.delay.steps.min())
                wanted = latency[projection.source] + 1 - first
                latency[p.name] = max(latency[p.name], wanted)
    return latency


def core_of(mapping: dict, name: str, neuron: int) -> int:
    """The core that holds a neuron."""
    (core,) = [core for first, last, core in mapping["cores"][name] if first <= neuron <= last]
    return core


def _window(found: Recount, trace: dict, name: str) -> np.ndarray:
    """Spikes [sample, chip step, neuron] with everything outside of the window left out."""
    spikes = trace.get(name)
    if spikes is None:
        return np.zeros_like(trace[f"{name}.v"])
    late = found.latency[name]
    assert not spikes[:, :late].any(), f"{name} fires before its window"
    kept = spikes.copy()
    kept[:, late + found.steps :] = 0
    return kept


def _send(found: Recount, program, mapping: dict, population, spikes: np.ndarray) -> None:
    """Spikes, packets, hops and synaptic events that one population causes."""
    name, own = population.name, found.layers[population.name]
    own["spikes"] = int(spikes.sum())
    synapses = {id(p): synapse_list(program, p) for p in program.outgoing(name)}
    kinds = {
        id(p): type(p.operator).__name__.lower().replace("identity", "sparse")
        for p in program.outgoing(name)
    }
    for neuron in range(population.size):
        fired = spikes[:, :, neuron].astype(np.int64)
        here = core_of(mapping, name, neuron)
        reached = set()
        for projection in program.outgoing(name):
            kind = kinds[id(projection)]
            for synapse in synapses[id(projection)]:
                if synapse.source != neuron:
                    continue
                there = core_of(mapping, projection.target, synapse.target)
                reached.add(there)
                receiver = found.layers[projection.target]
                receiver["synaptic_events"] += int(fired.sum())
                receiver[f"events_{kind}"] += int(fired.sum())
                found.series[there][f"events_{kind}"] += fired
                late = fired[:, : fired.shape[1] - synapse.delay].astype(bool)
                found.arrivals[projection.target][:, synapse.delay :, synapse.target] |= late
        for there in reached:
            _packet(own, mapping, here, there, int(fired.sum()))
            found.series[here]["packets_out"] += fired
            found.series[there]["packets_in"] += fired
        if not population.is_input:
            found.series[here]["spikes"] += fired


def _packet(own: dict, mapping: dict, here: int, there: int, count: int) -> None:
    a, b = mapping["places"][str(here)], mapping["places"][str(there)]
    own["packets"] += count
    own["within"] += count if a["tile"] == b["tile"] else 0
    own["hops_x"] += count * abs(a["x"] - b["x"])
    own["hops_y"] += count * abs(a["y"] - b["y"])


def _update(found: Recount, mapping: dict, population, trace: dict) -> None:
    """Whose state was not zero, or who had input or a bias, or fired, in the window."""
    if population.is_input:
        return
    name, own = population.name, found.layers[population.name]
    late, steps = found.latency[name], found.steps
    parameters = {
        key: np.broadcast_to(value, population.shape).reshape(-1)
        for key, value in population.parameters.items()
    }
    bias = parameters["bias_mant"].astype(np.float64) * 2.0 ** parameters["bias_exp"] != 0
    v, u = trace[f"{name}.v"], trace[f"{name}.u"]
    memory = (parameters["du"] != 4095).any()
    own["neuron_steps"] = population.size * steps * len(v)
    for t in range(late, late + steps):
        before_v = v[:, t - 1] if t > late else np.broadcast_to(parameters["v0"], v[:, t].shape)
        before_u = u[:, t - 1] if t > late and memory else np.zeros_like(v[:, t])
        fired = trace[name][:, t] if name in trace else np.zeros_like(v[:, t])
        updated = (
            (before_v != 0) | (before_u != 0) | found.arrivals[name][:, t] | bias | (fired > 0)
        )
        own["neuron_updates"] += int(updated.sum())
        for neuron in range(population.size):
            found.series[core_of(mapping, name, neuron)]["updates"][:, t] += updated[:, neuron]


def _price(found: Recount, program, mapping: dict, target: dict, table: str) -> None:
    """Energy by layer and term, and times, with the constants of one table of the TOML."""
    cost = {k: v["value"] for k, v in target["costs"][table].items() if isinstance(v, dict)}
    for name, counts in found.layers.items():
        n = defaultdict(int, counts)
        inactive = n["neuron_steps"] - n["neuron_updates"]
        neuron = (
            cost.get("e_neuron_active", 0.0) * n["neuron_updates"]
            + cost.get("e_neuron_inactive", 0.0) * inactive
            + cost.get("e_neuron_access", 0.0) * n["neuron_steps"]
            + cost.get("e_neuron_update_extra", 0.0) * n["neuron_updates"]
        )
        if not program.population(name).is_input:
            neuron += cost.get("e_spike_out_extra", 0.0) * n["spikes"]
        found.energy[name] = {
            "synapse": sum(_synop(cost, "e", k) * n[f"events_{k}"] for k in KINDS),
            "neuron": neuron,
            "packet": _packets(cost, target["costs"][table].get("unknown", ()), n),
            "hop": cost["e_hop_ew"] * n["hops_x"] + cost["e_hop_ns"] * n["hops_y"],
        }
    _time(found, program, mapping, cost)
    chips = max(map(int, mapping["places"])) // target["resources"]["cores"]["value"] + 1
    if "p_static_chip" in cost:
        found.static_pj = cost["p_static_chip"] * chips * float(found.step_ns.sum())


def _packets(cost: dict, unknown: list[str], n: dict) -> float | None:
    """None where packets were sent and nothing that prices them is known."""
    sent = (cost.get("e_packet_out", 0.0) + cost.get("e_packet_in", 0.0)) * n["packets"]
    if "e_packet_out" in unknown and n["packets"] and not n["within"]:
        return None
    return sent + cost.get("e_spike_tile", 0.0) * n["within"]


KINDS = ("dense", "conv", "sparse")


def _synop(cost: dict, prefix: str, kind: str) -> float:
    return cost.get(f"{prefix}_synop_{kind}", cost.get(f"{prefix}_synop", 0.0))


def _time(found: Recount, program, mapping: dict, cost: dict) -> None:
    """Busy time of each core in each step; the slowest sender or receiver, and the barrier."""
    busy: dict[int, np.ndarray] = {}
    layers_on = defaultdict(list)
    for core in map(int, mapping["places"]):
        neurons = 0
        for population in program.populations:
            parts = [p for p in mapping["cores"][population.name] if p[2] == core]
            if parts:
                layers_on[population.name].append(core)
            if not population.is_input:
                neurons += sum(last - first + 1 for first, last, _ in parts)
        s = found.series[core]
        sending = (
            cost.get("t_neuron_active", 0.0) * s["updates"]
            + cost.get("t_neuron_inactive", 0.0) * (neurons - s["updates"])
            + cost.get("t_neuron_access", 0.0) * neurons
            + cost.get("t_neuron_update_extra", 0.0) * s["updates"]
            + cost.get("t_spike_out_extra", 0.0) * s["spikes"]
            + cost.get("t_packet_out", 0.0) * s["packets_out"]
        )
        receiving = cost.get("t_packet_in", 0.0) * s["packets_in"]
        receiving = receiving + sum(_synop(cost, "t", k) * s[f"events_{k}"] for k in KINDS)
        busy[core] = np.maximum(sending, receiving)
    tiles = len({place["tile"] for place in mapping["places"].values()})
    if "t_barrier_by_tiles" in cost:
        steps = {int(k): v for k, v in cost["t_barrier_by_tiles"].items()}
        barrier = steps[max(k for k in steps if k <= tiles)]
    else:
        (low, a), (high, b) = ((int(k), v) for k, v in cost["t_barrier"].items())
        barrier = a + (b - a) * (tiles - low) / (high - low)
    found.step_ns = np.max(list(busy.values()), axis=0) + barrier
    for name, cores in layers_on.items():
        found.time_ns[name] = float(np.max([busy[core] for core in cores], axis=0).sum())
