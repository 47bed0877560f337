"""netx and Lava in plain Python: layers of a ``.net`` file run step by step, one neuron at a time.

Slow and obvious on purpose, and written from the files' layout alone: it shares nothing with the
package. Images are (C, H, W).
"""

from __future__ import annotations

from itertools import product
from math import floor, inf, log2, prod

import numpy as np

LIMIT = 2**23


def run(layers, given, steps):
    """{layer name: {spikes, u, v}}, each int64 [step, *shape].

    Args:
        given: [step, *shape] spikes, or [*shape] biases where the first layer is an input with
            neurons.
    """
    blocks, shape, sent = [], None, [given[t].reshape(-1) for t in range(len(given))]
    for index, layer in enumerate(layers):
        if layer["type"] == "input":
            shape = tuple(layer["shape"])
            if "neuron" in layer:
                blocks.append(Block(index, layer, shape, []))
        elif layer["type"] == "conv":
            synapses = conv_synapses(layer, shape)
            shape = tuple(int(n) for n in layer["shape"])
            blocks.append(Block(index, layer, shape, [(synapses, 0, True, -1)]))
        elif layer["type"].startswith("dense"):
            shape = (len(layer["weight"]),)
            blocks.append(Block(index, layer, shape, dense_synapses(layer)))
    driven = "neuron" in layers[0] and layers[0]["type"] == "input"
    for t in range(steps):
        for k, block in enumerate(blocks):
            if driven and k == 0:
                block.step([0] * block.size, [int(b) for b in np.asarray(given).reshape(-1)])
            else:
                past = sent if k == 0 else blocks[k - 1].spikes
                block.step(block.gather(past, t), block.bias)
    return {
        block.name: {
            key: np.array(getattr(block, key)).reshape(steps, *block.shape)
            for key in ("spikes", "u", "v")
        }
        for block in blocks
    }


class Block:
    """Neurons of one layer; synapses are (list of (source, target, weight, delay), exponent,
    whether sums wrap, -1 for the layer before or 0 for itself)."""

    def __init__(self, index, layer, shape, synapses):
        self.name, self.shape, self.size = f"layer{index}", shape, prod(shape)
        self.synapses = synapses
        self.spikes, self.u, self.v = [], [], []
        default = {"iDecay": 0, "vDecay": 4096, "vThMant": 2**17}
        neuron = layer.get("neuron", default)
        self.decay_u, self.decay_v, self.threshold = (
            [int(x) for x in spread(neuron[key], shape)] for key in default
        )
        bias = layer.get("bias", 0) if layer["type"] != "input" else 0
        self.bias = [int16(int(x)) for x in spread(bias, shape)]

    def gather(self, past, t):
        total = [0] * self.size
        for synapses, exponent, wraps, where in self.synapses:
            source = past if where == -1 else self.spikes
            bins = {}
            for start, end, weight, delay in synapses:
                when = t - 1 - delay
                if 0 <= when < len(source) and source[when][start]:
                    bins[end, delay] = bins.get((end, delay), 0) + weight
            for (end, _), value in bins.items():
                shifted = value << exponent if exponent > 0 else value >> -exponent
                total[end] += (shifted + LIMIT) % 2**24 - LIMIT if wraps else shifted
        return total

    def step(self, arriving, bias):
        u = self.u[-1] if self.u else [0] * self.size
        v = self.v[-1] if self.v else [0] * self.size
        new_u, new_v, spikes = [], [], []
        for n in range(self.size):
            current = cut(u[n] * (4096 - self.decay_u[n])) + 64 * arriving[n]
            if current > LIMIT:
                current -= 2**24
            if current <= -LIMIT:
                current += 2**24
            voltage = cut(v[n] * (4096 - self.decay_v[n])) + current + 64 * bias[n]
            voltage = max(1 - LIMIT, min(LIMIT - 1, voltage))
            fires = voltage > 64 * self.threshold[n]
            new_u.append(current)
            new_v.append(0 if fires else voltage)
            spikes.append(int(fires))
        self.u.append(new_u)
        self.v.append(new_v)
        self.spikes.append(spikes)


def cut(x):
    """x / 4096 toward zero."""
    return x // 4096 if x >= 0 else -(-x // 4096)


def int16(x):
    return (x + 2**15) % 2**16 - 2**15


def spread(values, shape):
    """One value per neuron in C order: of one value, one per channel or one per neuron."""
    values = np.asarray(values).astype(int)
    if values.size == 1:
        return [values.reshape(-1)[0]] * prod(shape)
    per_channel = prod(shape) // values.size
    return [x for x in values.reshape(-1) for _ in range(per_channel)]


def conv_synapses(layer, shape):
    weight = np.asarray(layer["weight"]).astype(int)
    (sy, sx), (py, px), (dy, dx) = (layer[k] for k in ("stride", "padding", "dilation"))
    _, height, width = shape
    out, per_group = tuple(int(n) for n in layer["shape"]), weight.shape[1]
    synapses = []
    for c, y, x in product(*(range(n) for n in out)):
        first = c // (out[0] // int(layer["groups"])) * per_group
        for i, ky, kx in product(*(range(n) for n in weight.shape[1:4])):
            row, column = y * sy + ky * dy - py, x * sx + kx * dx - px
            if 0 <= row < height and 0 <= column < width:
                start = ((first + i) * height + row) * width + column
                end = (c * out[1] + y) * out[2] + x
                synapses.append((start, end, int(weight[c, i, ky, kx].item()), 0))
    return synapses


def dense_synapses(layer):
    names = ["weight"] + (["weight_rec"] if "weight_rec" in layer else [])
    rows = [[[int(w) for w in row] for row in np.asarray(layer[n]).astype(int)] for n in names]
    fitted, exponent = fit(rows)
    delay = np.minimum(np.asarray(layer.get("delay", 0)).astype(int), 62)
    found = []
    if len(names) > 1 and "delay" in layer:
        exponent = 0  # which netx loses
    for part, where in zip(fitted, (-1, 0), strict=False):
        late = full_delay(delay, len(part), len(part[0])) if where == -1 or delay.any() else None
        synapses = [
            (s, t, w, 0 if late is None else int(late[t, s]))
            for t, row in enumerate(part)
            for s, w in enumerate(row)
        ]
        found.append((synapses, exponent, False, where))
    return found


def full_delay(delay, targets, sources):
    if delay.ndim == 1 and delay.size == targets:
        delay = delay.reshape(-1, 1)
    return np.broadcast_to(delay, (targets, sources))


def fit(parts):
    """Weights as Lava's synapses hold them, and their exponent; all rows of Python numbers."""
    every = [w for part in parts for row in part for w in row]
    if not any(every):
        return parts, 0
    if (max(every) > 254 and min(every) < 0) or (min(every) < -256 and max(every) > 0):
        parts = [[[max(-256, min(254, w)) for w in row] for row in part] for part in parts]
        every = [w for part in parts for row in part for w in row]
    high, low = max(every), min(every)
    mixed = low < 0 <= high
    if mixed:
        scale = min(127 / high if high else inf, -128 / low)
    else:
        scale = -256 / low if high < 0 else 255 / high
    shift = floor(log2(scale)) + (1 if mixed else 0)
    factor = 8
    while any(w % 2**factor for w in every):
        factor -= 1
    bits = 8 - shift - (factor - 1 if mixed else factor)
    held = []
    for part in parts:
        shifted = [[w * 2**shift if shift >= 0 else 0 for w in row] for row in part]
        held.append(store(shifted, bits))
    return held, -shift


def store(part, bits):
    """Lava's clipping and truncation of one matrix."""
    values = [w for row in part for w in row]
    if min(values) >= 0:
        low, high, spare, sign = 0, 255, 8 - bits, 1
    elif max(values) <= 0:
        low, high, spare, sign = -255, 0, 8 - bits, -1
    else:
        low, high, spare, sign = -256, 255, 9 - bits, 1
    step = 2**spare if 0 <= spare < 32 else 2**40

    def held(w):
        clipped = max(low, min(high, w))
        return 0 if step == 2**40 else sign * (sign * clipped // step * step)

    return [[held(w) for w in row] for row in part]
