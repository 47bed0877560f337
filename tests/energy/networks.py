"""Random programs, activities and mappings."""

from __future__ import annotations

import itertools
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from snn2chip.core import (
    Activity,
    Mapping,
    Place,
    PopulationActivity,
    Program,
    ProgramPopulation,
    ProgramProjection,
    Raster,
    Slice,
)
from snn2chip.graph import Conv, Delay, Dense, Encoding, Identity, Operator, Readout, Sparse

Draw = Any


def population(name: str, shape: tuple[int, ...], latency: int = 0) -> ProgramPopulation:
    kind = "input" if name.startswith("input") else "LIF"
    return ProgramPopulation(
        name, "input" if kind == "input" else "cuba", kind, shape, latency=latency
    )


def program(
    populations: list[ProgramPopulation], projections: list[ProgramProjection], name: str = "net"
) -> Program:
    return Program(
        name,
        "test",
        tuple(populations),
        tuple(projections),
        (populations[-1].name,),
        Readout(),
        Encoding(),
    )


def dense(source: tuple[int, ...], target: tuple[int, ...]) -> Dense:
    return Dense(np.zeros((prod(target), prod(source))), source, target)


def project(
    source: str, target: str, operator: Operator, bits: int = 8, delay: int = 0
) -> ProgramProjection:
    return ProgramProjection(source, target, operator, Delay(np.array(delay)), {}, bits)


def two_layers(inputs: int = 6, hidden: int = 5, outputs: int = 3) -> Program:
    """input -> hidden -> out, dense, latencies 0, 1, 2."""
    sizes = {"input": (inputs,), "hidden": (hidden,), "out": (outputs,)}
    names = list(sizes)
    return program(
        [population(name, sizes[name], k) for k, name in enumerate(names)],
        [project(a, b, dense(sizes[a], sizes[b])) for a, b in itertools.pairwise(names)],
    )


def random_activity(
    network: Program, steps: int, samples: int, seed: int, rate: float = 0.3
) -> Activity:
    """Random spikes and updates; who fires is updated."""
    rng = np.random.default_rng(seed)
    populations = {}
    for p in network.populations:
        spikes = rng.random((steps, samples, *p.shape)) < rate
        updated = spikes | (rng.random(spikes.shape) < rate)
        populations[p.name] = PopulationActivity(
            Raster.pack(spikes, p.shape), Raster.pack(updated, p.shape)
        )
    return Activity("test", steps, samples, populations, np.zeros((samples, 1)))


@st.composite
def convolutions(draw: Draw) -> Conv:
    axes = draw(st.integers(1, 2))
    groups = draw(st.sampled_from([1, 1, 2]))
    per_group, out = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(axes))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(axes))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    space = tuple(
        max(draw(st.integers(1, 5)), span - before - after)
        for span, (before, after) in zip(spans, padding, strict=True)
    )
    stride = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    weight = np.zeros((out, per_group, *kernel))
    return Conv(weight, (per_group * groups, *space), stride, padding, dilation, groups)


@st.composite
def sparse(draw: Draw, source: tuple[int, ...], target: tuple[int, ...]) -> Sparse:
    size = prod(target)
    ends = [
        sorted(draw(st.sets(st.integers(0, size - 1), max_size=size))) for _ in range(prod(source))
    ]
    targets = np.array([t for each in ends for t in each], np.int32)
    first = np.cumsum([0, *map(len, ends)])
    return Sparse(np.zeros(targets.size), targets, first, source, target)


@st.composite
def programs(draw: Draw) -> Program:
    """input -conv-> a -identity-> b -dense-> c, with optional recurrent and parallel synapses."""
    conv = draw(convolutions())
    shape = conv.target_shape
    flat = (prod(shape),)
    last = (draw(st.integers(1, 4)),)
    populations = [
        population("input", conv.source_shape),
        population("a", shape, draw(st.integers(0, 2))),
        population("b", flat, draw(st.integers(0, 2))),
        population("c", last, draw(st.integers(0, 3))),
    ]
    projections = [
        project("input", "a", conv),
        project("a", "b", Identity(np.ones(shape), shape, flat)),
        project("b", "c", dense(flat, last)),
    ]
    if draw(st.booleans()):
        projections.append(project("c", "c", dense(last, last), delay=1))
    if draw(st.booleans()):
        projections.append(project("input", "c", dense(conv.source_shape, last)))
    if draw(st.booleans()):
        projections.append(project("a", "c", dense(shape, last), delay=2))
    if draw(st.booleans()):
        projections.append(project("a", "b", draw(sparse(shape, flat)), delay=1))
    return program(populations, projections)


@st.composite
def mappings(draw: Draw, network: Program, cores: int = 4) -> Mapping:
    """Neurons on any of a few cores that populations may share; loihi1's mesh."""
    slices = {}
    for p in network.populations:
        cuts = sorted(draw(st.sets(st.integers(1, max(1, p.size - 1)), max_size=4)))
        edges = [0, *(cut for cut in cuts if cut < p.size), p.size]
        slices[p.name] = tuple(
            Slice(first, last - 1, draw(st.integers(0, cores - 1)))
            for first, last in itertools.pairwise(edges)
        )
    chosen = draw(st.lists(st.integers(0, 31), min_size=3, max_size=3, unique=True))
    tiles = [Place(tile, tile // 4, tile % 4) for tile in chosen]
    used = sorted({part.core for parts in slices.values() for part in parts})
    places = {core: tiles[draw(st.integers(0, 2))] for core in used}
    return Mapping.from_slices("loihi1", slices, places)
