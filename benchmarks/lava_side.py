"""Lava's time per step for a benchmark network; runs in Lava's own Python 3.10.

    python lava_side.py network.npz steps [reset interval]

The file has ``kinds`` (one letter per layer: d or c), ``shape`` (of the input, W, H, C), and per
layer ``w<k>``, ``vth<k>`` and, where it is a convolution, ``stride<k>`` and ``padding<k>`` (x, y).
Prints seconds per step of one run after a first step.
"""

import sys
import time

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF, LIFReset


def neurons(shape, vth, reset, offset):
    """LIF neurons, of the kind that is reset where an interval is given."""
    common = {"shape": shape, "du": 4095, "dv": 512, "vth": vth}
    if reset:
        return LIFReset(**common, reset_interval=reset, reset_offset=offset % reset)
    return LIF(**common)


def build(file, reset):
    """The network with its input; returns its last process."""
    shape = tuple(int(n) for n in file["shape"])
    rng = np.random.default_rng(1)
    data = (rng.random((*shape, 32)) < 0.1).astype(np.int32)
    port = RingBuffer(data=data).s_out
    last = None
    for k, kind in enumerate(str(file["kinds"])):
        weight, vth = file[f"w{k}"], int(file[f"vth{k}"])
        if kind == "c":
            geometry = {
                name: tuple(int(n) for n in file[f"{name}{k}"]) for name in ("stride", "padding")
            }
            synapse = Conv(weight=weight, input_shape=shape, **geometry)
            shape = synapse.output_shape
        else:
            synapse = Dense(weights=weight)
            if len(shape) > 1:
                port = port.reshape((weight.shape[1],))
            shape = (weight.shape[0],)
        last = neurons(shape, vth, reset, k + 1)
        port.connect(synapse.s_in)
        synapse.a_out.connect(last.a_in)
        port = last.s_out
    return last


def main():
    """Builds, runs one step, then times the rest as one run."""
    file = np.load(sys.argv[1])
    steps = int(sys.argv[2])
    reset = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    last = build(file, reset)
    config = Loihi2SimCfg(select_tag="fixed_pt")
    last.run(condition=RunSteps(num_steps=1), run_cfg=config)
    begun = time.perf_counter()
    last.run(condition=RunSteps(num_steps=steps), run_cfg=config)
    seconds = time.perf_counter() - begun
    last.stop()
    print(seconds / steps)


if __name__ == "__main__":
    main()
