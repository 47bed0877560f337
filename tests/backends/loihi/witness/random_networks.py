"""Random networks over the whole parameter space of Lava's fixed-point models."""

from __future__ import annotations

import numpy as np

RANGES = ((-20, 30), (-256, 255), (-600, 700), (0, 255), (1, 3), (-255, 0), (-900, -1), (0, 900))
KINDS = ("dense", "dense", "sparse", "delay_dense", "delay_sparse")
FAMILIES = ("cuba", "cuba", "cuba", "image", "ternary", "sigma_delta", "resonate")


class Draw:
    """One network that grows."""

    def __init__(self, name, seed, steps):
        self.rng = np.random.default_rng(seed)
        self.name, self.steps = name, steps
        self.populations, self.projections, self.arrays = {}, [], {}
        self.shapes = {}

    def whole(self, low, high, *shape):
        values = self.rng.integers(low, high + 1, size=shape)
        return int(values) if not shape else values

    def chance(self, probability=0.5):
        return bool(self.rng.random() < probability)

    def one_of(self, *values):
        return values[self.whole(0, len(values) - 1)]

    def per_neuron(self, shape, draw):
        """One value, or one for each neuron."""
        if len(shape) > 1 or self.chance():
            return draw()
        return [draw() for _ in range(shape[0])]

    def per_channel(self, shape, draw):
        """One value, or one for each neuron, or for each channel of an image."""
        return draw() if self.chance() else [draw() for _ in range(shape[-1])]

    def input(self, *shape, largest=1):
        """What is sent to it: spikes, or payloads of either sign."""
        self.shapes["in"] = shape
        low = -largest if largest > 1 and self.chance() else 1
        fires = self.rng.random((self.steps, *shape)) < self.one_of(0.1, 0.4, 0.9)
        values = self.rng.integers(low, largest + 1, size=fires.shape)
        self.arrays["in"] = np.where(fires, values, 0)

    def add(self, name, model, *shape, **parameters):
        self.shapes[name] = shape
        self.populations[name] = {"model": model, "shape": list(shape), **parameters}

    def lif(self, name, *shape, ternary=False):
        """CUBA neurons with or without resets, or with two thresholds."""
        top = self.one_of(5, 20, 60, 100, 300, 300, 1000, 5000, 131071, 262143)
        parameters = {
            "du": self.per_neuron(
                shape, lambda: self.one_of(-1, 0, 4095, 4095, self.whole(1, 4094))
            ),
            "dv": self.per_neuron(shape, lambda: self.one_of(0, 4096, self.whole(1, 4095))),
            "bias_mant": 0,
            "bias_exp": 0,
            "v": self.per_neuron(shape, lambda: self.whole(-9000, 9000)) if self.chance(0.3) else 0,
        }
        if self.chance(0.6):
            largest = self.one_of(5, 4095, 32767)
            parameters["bias_mant"] = self.per_neuron(shape, lambda: self.whole(-largest, largest))
            parameters["bias_exp"] = self.per_neuron(shape, lambda: self.whole(-3, 7))
        if ternary:
            parameters |= {"vth_hi": self.whole(1, top), "vth_lo": -self.whole(1, top)}
            return self.add(name, "TernaryLIF", *shape, **parameters)
        parameters["vth"] = self.per_channel(shape, lambda: self.whole(1, top))
        if self.chance(0.4):
            resets = {"reset_interval": self.whole(1, 12), "reset_offset": self.whole(0, 20)}
            return self.add(name, "LIFReset", *shape, **parameters, **resets)
        return self.add(name, "LIF", *shape, **parameters)

    def connect(self, source, target, kind=None, port=None, bits=0, largest=None):
        """Synapses of one kind with random weights and formats."""
        kind = kind or self.one_of(*KINDS)
        shape = tuple(int(np.prod(self.shapes[n])) for n in (target, source))
        low, high = self.one_of(*RANGES)
        weights = self.whole(low, high, *shape)
        if kind.endswith("sparse"):
            weights = np.where(self.rng.random(shape) < 0.6, weights, 0)
        options = {"num_message_bits": bits, "weight_exp": self.one_of(0, 0, self.whole(-6, 7))}
        if self.chance(0.1) and not bits:
            options["weight_exp"] = self.whole(8, 14)
        if self.chance():
            options["num_weight_bits"] = self.whole(1, 8)
        if self.chance(0.15) and kind in ("dense", "delay_dense"):
            options["sign_mode"] = self.one_of("MIXED", "EXCITATORY", "INHIBITORY")
        self.project(kind, source, target, port, options, weights)
        if kind.startswith("delay"):
            most = self.one_of(3, 9, 30)
            delays = self.whole(0, most, *shape)
            self.arrays[f"{len(self.projections) - 1}.delays"] = delays
            options["max_delay"] = most

    def project(self, kind, source, target, port, options, weights=None):
        given = {"kind": kind, "source": source, "target": target, "options": options}
        self.projections.append({**given, "port": port or "a_in"})
        if weights is not None:
            self.arrays[f"{len(self.projections) - 1}.weights"] = weights

    def convolve(self, source, target, bits=0):
        """A convolution to a population that is made for it, in Lava's order."""
        groups = self.one_of(1, self.shapes[source][2])
        inputs, outputs = self.shapes[source][2] // groups, groups * self.whole(1, 2)
        kernel, stride, padding, dilation = (
            [self.whole(low, high), self.whole(low, high)]
            for low, high in ((1, 2), (1, 2), (0, 2), (1, 2))
        )
        sizes = [
            (n + 2 * p - (d * (k - 1) + 1)) // s + 1
            for n, k, s, p, d in zip(
                self.shapes[source][:2], kernel, stride, padding, dilation, strict=True
            )
        ]
        self.lif(target, *sizes, outputs)
        low, high = self.one_of(*RANGES, (-(2**22), 2**22))
        options = {
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "groups": groups,
            "num_message_bits": bits,
            "weight_exp": self.whole(-3, 7),
            "num_weight_bits": self.whole(1, 8),
        }
        weights = self.whole(low, high, outputs, *kernel, inputs)
        self.project("conv", source, target, None, options, weights)

    def finished(self):
        """(network, its arrays by key)."""
        network = {
            "name": self.name,
            "steps": self.steps,
            "input": list(self.shapes["in"]),
            "populations": self.populations,
            "projections": self.projections,
        }
        return network, {f"{self.name}/{key}": value for key, value in self.arrays.items()}


def random_network(name, seed, steps=40, family=None):
    """(network, arrays) of one seed."""
    draw = Draw(name, seed, steps)
    BUILD[family or draw.one_of(*FAMILIES)](draw)
    return draw.finished()


def _cuba(draw):
    """Two populations, with branches, recurrence and loops."""
    draw.input(draw.whole(1, 9), largest=draw.one_of(1, 1, 200))
    bits = draw.one_of(0, 8)
    draw.lif("a", draw.whole(1, 6))
    draw.lif("b", draw.whole(1, 6))
    draw.connect("in", "a", bits=bits)
    draw.connect("a", "b")
    if draw.chance():
        draw.connect("in", "b", bits=bits)
    if draw.chance():
        draw.connect("a", "a")
    if draw.chance(0.3):
        draw.connect("b", "a")


def _image(draw):
    """A convolution of spikes or payloads, and a dense layer behind it."""
    largest = draw.one_of(1, 1, 30)
    draw.input(draw.whole(4, 6), draw.whole(4, 6), draw.whole(1, 3), largest=largest)
    draw.convolve("in", "a", bits=draw.one_of(0, 8))
    draw.lif("b", draw.whole(1, 4))
    draw.connect("a", "b")


def _ternary(draw):
    """Spikes of +1 and -1, which count as one, or by their sign."""
    draw.input(draw.whole(1, 8))
    draw.lif("a", draw.whole(1, 6), ternary=True)
    draw.lif("b", draw.whole(1, 4))
    draw.connect("in", "a")
    draw.connect("a", "b", bits=draw.one_of(0, 2, 8))
    if draw.chance(0.3):
        draw.connect("a", "a", bits=draw.one_of(0, 2))


def _sigma_delta(draw):
    """A delta encoder, a layer of sigma-delta neurons, and a decoder."""
    size = draw.whole(1, 6)
    draw.input(size, largest=draw.one_of(10, 2000, 60000))

    def options():
        exponents = {"spike_exp": draw.whole(0, 4), "state_exp": draw.whole(0, 7)}
        return {"vth": draw.whole(0, 50), "cum_error": draw.chance(), **exponents}

    draw.add("a", "Delta", size, **options())
    draw.project("direct", "in", "a", None, {})
    count = draw.whole(1, 5)
    bias = draw.per_neuron((count,), lambda: draw.whole(-300, 300))
    mode = draw.one_of("RELU", "UNIT")
    draw.add("b", "SigmaDelta", count, bias=bias, act_mode=mode, **options())
    draw.add("c", "Sigma", 3)
    draw.connect("a", "b", bits=16)
    # Activations may have 32 bits, whose products with delayed synapses are refused.
    draw.connect("b", "c", draw.one_of("dense", "sparse"), bits=16)
    if draw.chance(0.3):
        draw.connect("b", "b", draw.one_of("dense", "sparse"), bits=16)


def _resonate(draw):
    """Resonators with a real and an imaginary input, and a layer behind them."""
    draw.input(draw.whole(1, 8), largest=draw.one_of(1, 100))
    draw.add(
        "a",
        draw.one_of("RF", "RF_IZ"),
        draw.whole(1, 6),
        period=draw.rng.uniform(2.1, 30.0),
        alpha=draw.rng.uniform(0.0, 0.3),
        state_exp=draw.whole(1, 7),
        decay_bits=draw.whole(1, 12),
        vth=draw.whole(1, 400),
    )
    bits = draw.one_of(0, 8)
    for port in ("a_real_in", "a_imag_in"):
        if port == "a_real_in" or draw.chance(0.8):
            draw.connect("in", "a", port=port, bits=bits)
    draw.lif("b", draw.whole(1, 4))
    draw.connect("a", "b")


BUILD = {
    "cuba": _cuba,
    "image": _image,
    "ternary": _ternary,
    "sigma_delta": _sigma_delta,
    "resonate": _resonate,
}
