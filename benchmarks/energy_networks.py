"""The networks on which counting and pricing are measured beside SANA-FE."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Mapping, Program
from snn2chip.graph import Conv, Dense, Sparse
from snn2chip.graph.operators import Operator, Shape
from snn2chip.mapping import map_program
from snn2chip.targets import Constant, Target, load_target
from tests.energy.sanafe.networks import (
    FRACTION,
    TARGET,
    Case,
    inputs_of,
    neurons,
    program_of,
)

DENSE_SIZES = (784, 256, 10)
GESTURE_IMAGE = (1, 32, 32)
GESTURE_LAYERS = ((16, 2, 0.65), (32, 1, 2.2), (64, 1, 4.5), (11, 1, 6.0))
"""Channels, stride and threshold of kernels of 3x3: with 11 outputs, the 18,678 neurons and 3.56
million synapses of the DVS gesture network of SANA-FE's paper."""

MILLION, FAN_OUT, MILLION_CORES = 1 << 20, 8, 1024
INPUT_RATE = 0.05


def dense_case(steps: int = 1000) -> Case:
    """784-256-10."""
    rng = np.random.default_rng(0)
    populations = [inputs_of("input", DENSE_SIZES[:1])]
    projections: list[tuple[str, str, Operator]] = []
    for k, (size, threshold) in enumerate(zip(DENSE_SIZES[1:], (7.0, 4.0), strict=True), 1):
        source, shape = populations[-1], (size,)
        weight = _weights(rng, (size, source.size))
        populations.append(neurons(f"layer{k}", shape, threshold, 0.9))
        projections.append((source.name, f"layer{k}", Dense(weight, source.shape, shape)))
    program = program_of("784-256-10", populations, projections)
    return _case("dense", program, steps, rng)


def gesture_case(steps: int = 1000) -> Case:
    """Four convolutions and a dense layer on images of 32x32."""
    rng = np.random.default_rng(0)
    populations = [inputs_of("input", GESTURE_IMAGE)]
    projections: list[tuple[str, str, Operator]] = []
    shape: Shape = GESTURE_IMAGE
    for k, (channels, stride, threshold) in enumerate(GESTURE_LAYERS, 1):
        weight = _weights(rng, (channels, shape[0], 3, 3))
        conv = Conv(weight, shape, (stride, stride), ((0, 0), (0, 0)), (1, 1))
        populations.append(neurons(f"conv{k}", conv.target_shape, threshold, 0.9))
        projections.append((populations[-2].name, f"conv{k}", conv))
        shape = conv.target_shape
    weight = _weights(rng, (11, prod(shape)))
    populations.append(neurons("output", (11,), 6.0, 0.9))
    projections.append((populations[-2].name, "output", Dense(weight, shape, (11,))))
    return _case("conv", program_of("gesture", populations, projections), steps, rng)


def million_case(steps: int = 100) -> Case:
    """2^20 neurons, of which 1,024 are inputs, with 8 random synapses each, on 1,024 cores."""
    rng = np.random.default_rng(0)
    inputs = MILLION_CORES
    size = MILLION - inputs
    populations = [inputs_of("input", (inputs,)), neurons("layer", (size,), 0.9, 0.9)]
    projections: list[tuple[str, str, Operator]] = [
        ("input", "layer", _synapses(rng, inputs, size, 64 * FAN_OUT, 16)),
        ("layer", "layer", _synapses(rng, size, size, FAN_OUT, -48)),
    ]
    program = program_of("a million neurons", populations, projections)
    return _case("sparse", program, steps, rng, large_chip())


def large_chip() -> Target:
    """SANA-FE's Loihi with 1,024 cores, and no limits but the neurons of a core."""
    loihi = load_target(TARGET)
    columns = MILLION_CORES // (loihi.mesh.rows * loihi.mesh.cores_per_tile)
    limits = {
        "cores": Constant(MILLION_CORES, "derived", "of the benchmark"),
        "neurons_per_core": loihi.resources["neurons_per_core"],
    }
    return replace(loihi, mesh=replace(loihi.mesh, columns=columns), resources=limits)


def shuffled(case: Case) -> Mapping:
    """Another mapping: every population's cores change places."""
    rng = np.random.default_rng(1)
    assignment = {}
    for name, cores in case.mapping.assignment.items():
        used = np.unique(cores)
        assignment[name] = rng.permutation(used)[np.searchsorted(used, cores)].astype(np.int32)
    return replace(case.mapping, assignment=assignment)


def _case(
    kind: str, program: Program, steps: int, rng: np.random.Generator, target: Target | None = None
) -> Case:
    target = load_target(TARGET) if target is None else target
    inputs = {
        p.name: rng.random((steps, 1, *p.shape)) < INPUT_RATE
        for p in program.populations
        if p.is_input
    }
    mapping, _ = map_program(program, target)
    return Case(program.name, kind, program, inputs, mapping, target)


def _weights(rng: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
    return rng.integers(-24, 29, shape) / FRACTION


def _synapses(
    rng: np.random.Generator, sources: int, targets: int, fan_out: int, lowest: int
) -> Sparse:
    """So many synapses of each source, to any targets; one that is drawn twice counts once.

    Args:
        lowest: weight, in 1/64; the highest is 59/64.
    """
    target = rng.integers(0, targets, sources * fan_out)
    pairs = np.unique(np.arange(sources).repeat(fan_out) * targets + target)
    first = np.searchsorted(pairs, np.arange(sources + 1) * targets)
    weight = rng.integers(lowest, 60, pairs.size) / FRACTION
    return Sparse(weight, (pairs % targets).astype(np.int32), first, (sources,), (targets,))
