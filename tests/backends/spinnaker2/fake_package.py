"""A package ``spinnaker2`` with the names that scripts use, which runs networks in plain numpy.

What it takes is what py-spinnaker2 documents: parameters of every neuron or one for all, weights in
their ranges, delays from 0, lists of [source, target, weight, delay], kernels [source channel,
target channel, height, width] of int8. Whatever else it is given fails.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = """
import numpy as np

F = np.float32
WIDTHS = {"lif": (15, 7), "lif_curr_exp": (15, 7), "lif_no_delay": (127, 0),
          "lif_curr_exp_no_delay": (127, 0), "lif_conv2d": (127, 0)}
NEURON = {"threshold", "alpha_decay", "i_offset", "v_init", "v_reset", "reset"}
CURRENT = {"exc_decay", "inh_decay", "t_refrac"}


class Population:
    def __init__(self, size, neuron_model, params, name="", record=()):
        assert neuron_model == "spike_list" or neuron_model in WIDTHS
        if neuron_model != "spike_list":
            wanted = NEURON | (CURRENT if "curr_exp" in neuron_model else set())
            assert set(params) == wanted, set(params) ^ wanted
            assert params["reset"] in ("reset_by_subtraction", "reset_to_v_reset")
        self.size, self.model, self.params, self.name, self.record = (
            size, neuron_model, params, name, list(record))
        self.spikes, self.voltages = {}, {}

    def get_spikes(self):
        assert "spikes" in self.record
        return self.spikes

    def get_voltages(self):
        assert "v" in self.record
        return self.voltages


class Projection:
    def __init__(self, pre, post, connections):
        most, latest = WIDTHS[post.model]
        assert post.model != "lif_conv2d"
        self.pre, self.post = pre, post
        self.rows = [tuple(row) for row in connections]
        for source, target, weight, delay in self.rows:
            assert 0 <= source < pre.size and 0 <= target < post.size
            assert weight == int(weight) and abs(weight) <= most and 0 <= delay <= latest


class Conv2DProjection(Projection):
    def __init__(self, pre, post, weights, params):
        assert post.model == "lif_conv2d" and weights.dtype == np.int8
        self.pre, self.post, self.rows = pre, post, []
        channels, outputs, height, width = weights.shape
        rows, columns = params["in_height"], params["in_width"]
        assert pre.size == channels * rows * columns
        assert params["pool_x"] == params["pool_y"] == 1
        tall = rows + params["pad_top"] + params["pad_bottom"]
        wide = columns + params["pad_left"] + params["pad_right"]
        down = (tall - height) // params["stride_x"] + 1
        right = (wide - width) // params["stride_y"] + 1
        assert post.size == outputs * down * right
        for c in range(channels):
            for o in range(outputs):
                for y in range(down):
                    for x in range(right):
                        for a in range(height):
                            for b in range(width):
                                row = y * params["stride_x"] + a - params["pad_top"]
                                column = x * params["stride_y"] + b - params["pad_left"]
                                if 0 <= row < rows and 0 <= column < columns:
                                    self.rows.append(((c * rows + row) * columns + column,
                                                      (o * down + y) * right + x,
                                                      int(weights[c, o, a, b]), 0))


class Network:
    def __init__(self, name):
        self.parts = []

    def add(self, *parts):
        self.parts += parts


def simulate(network, steps):
    populations = [p for p in network.parts if isinstance(p, Population)]
    projections = [p for p in network.parts if isinstance(p, Projection)]
    arriving = {id(p): np.zeros((steps + 9, p.size)) for p in populations}
    state = {}
    for p in populations:
        if p.model != "spike_list":
            value = {k: np.broadcast_to(np.asarray(v), (p.size,)).astype(F)
                     for k, v in p.params.items() if k not in ("reset", "t_refrac")}
            state[id(p)] = [value, value["v_init"].copy(), np.zeros(p.size, F)]
            p.spikes = {i: [] for i in range(p.size)}
            p.voltages = {i: [] for i in range(p.size)}
    for t in range(steps):
        for p in populations:
            if p.model == "spike_list":
                fired = np.array([t in p.params.get(i, []) for i in range(p.size)])
            else:
                value, v, current = state[id(p)]
                given = arriving[id(p)][t].astype(F)
                if "exc_decay" in value:
                    current = given = value["exc_decay"] * current + given
                v = value["alpha_decay"] * v + value["i_offset"] + given
                fired = v > value["threshold"]
                after = v - value["threshold"] if p.params["reset"] == "reset_by_subtraction" \\
                    else value["v_reset"]
                v = np.where(fired, after, v)
                state[id(p)] = [value, v, current]
                for i in range(p.size):
                    p.voltages[i].append(float(v[i]))
                    if fired[i]:
                        p.spikes[i].append(t)
            for q in projections:
                if q.pre is p:
                    for source, target, weight, delay in q.rows:
                        if fired[source]:
                            arriving[id(q.post)][t + 1 + delay, target] += weight
"""

HARDWARE = """
from spinnaker2 import snn


class SpiNNaker2Chip:
    def __init__(self, eth_ip="192.168.1.25"):
        pass

    def run(self, network, steps):
        snn.simulate(network, steps)
"""


def write_package(folder: Path) -> Path:
    """The package in a folder of its own, to be put first on the path."""
    package = folder / "spinnaker2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "snn.py").write_text(PACKAGE)
    (package / "hardware.py").write_text(HARDWARE)
    return folder
