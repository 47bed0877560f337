"""The two networks that the engine's benchmarks run: random integer weights, sparse spikes."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.graph import Conv, Dense, Encoding, Readout
from snn2chip.graph.operators import Shape

DENSE_SIZES = (784, 128, 64, 10)
CONV_IMAGE = (3, 66, 200)
CONV_LAYERS = (
    (24, (2, 2), (0, 0)),
    (36, (2, 2), (0, 0)),
    (48, (2, 2), (0, 0)),
    (64, (2, 1), (1, 0)),
    (64, (1, 1), (0, 0)),
)
"""Channels, strides and padding of kernels of 3x3, after PilotNet: 158,509 neurons in all."""
CONV_HEAD = (100, 50, 10, 1)


def dense_network(sizes: tuple[int, ...] = DENSE_SIZES, seed: int = 0) -> Program:
    """Fully connected layers of CUBA neurons."""
    rng = np.random.default_rng(seed)
    operators: list[Dense | Conv] = [
        Dense(_weights(rng, (n, m)), (m,), (n,)) for m, n in pairwise(sizes)
    ]
    return _chain(f"{'-'.join(map(str, sizes))}", (sizes[0],), operators)


def conv_network(seed: int = 0) -> Program:
    """Five convolutions and four dense layers on images of 3x66x200."""
    rng = np.random.default_rng(seed)
    operators: list[Dense | Conv] = []
    shape: Shape = CONV_IMAGE
    for channels, stride, padding in CONV_LAYERS:
        weight = _weights(rng, (channels, shape[0], 3, 3))
        conv = Conv(weight, shape, stride, tuple((n, n) for n in padding), (1, 1))
        operators.append(conv)
        shape = conv.target_shape
    for size in CONV_HEAD:
        operators.append(Dense(_weights(rng, (size, prod(shape))), shape, (size,)))
        shape = (size,)
    return _chain("conv 24-36-48-64-64, dense 100-50-10-1", CONV_IMAGE, operators)


def random_spikes(
    program: Program, steps: int, samples: int, rate: float = 0.1, seed: int = 1
) -> dict[str, NDArray[np.bool_]]:
    """Input spikes [step, sample, *shape], each neuron firing with probability ``rate``."""
    rng = np.random.default_rng(seed)
    shape = program.inputs[0].shape
    drawn = rng.integers(0, 256, size=(steps, samples, *shape), dtype=np.uint8)
    return {program.inputs[0].name: drawn < round(256 * rate)}


def _weights(rng: np.random.Generator, shape: Shape) -> NDArray[np.int64]:
    """Even eight-bit weights, as a Loihi chip stores them."""
    return 2 * rng.integers(-64, 64, size=shape)


def _chain(name: str, shape: Shape, operators: list[Dense | Conv]) -> Program:
    names = ["input", *(f"layer{k}" for k in range(1, len(operators) + 1))]
    populations = [ProgramPopulation("input", "input", "input", shape)]
    projections = []
    for source, target, operator in zip(names, names[1:], operators, strict=False):
        fan_in = prod(operator.weight.shape[1:])
        populations.append(
            ProgramPopulation(
                target,
                "cuba",
                "CubaLIF",
                operator.target_shape,
                {
                    "du": np.array(4095),
                    "dv": np.array(512),
                    "vth": np.array(int(20 * fan_in**0.5)),
                    "bias_mant": np.array(0),
                    "bias_exp": np.array(0),
                    "v0": np.array(0),
                },
                latency=len(populations),
            )
        )
        projections.append(
            ProgramProjection(
                source, target, operator, parameters={"exponent": np.array(0)}, weight_bits=8
            )
        )
    return Program(
        name=name,
        arithmetic="loihi-chip",
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=(names[-1],),
        readout=Readout("spike_count"),
        encoding=Encoding(),
    )
