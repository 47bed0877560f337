"""Random Loihi programs for Hypothesis: dense, conv, identity, branches, recurrence, delays."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.graph import Conv, Delay, Dense, Encoding, Readout, Sparse, identity
from snn2chip.graph.operators import with_weights
from snn2chip.graph.order import latencies


def population(draw, rng, name, shape, spiking=True):
    per_neuron = draw(st.booleans())
    size = shape if per_neuron else ()
    return ProgramPopulation(
        name=name,
        model="cuba",
        kind="CubaLIF",
        shape=shape,
        spiking=spiking,
        parameters={
            "du": rng.choice([-1, 0, 100, 2047, 4000, 4095], size=size),
            "dv": rng.choice([0, 1, 128, 2048, 4096], size=size),
            "vth": np.array(rng.integers(1, draw(st.sampled_from([10, 300, 131071])))),
            "bias_mant": rng.integers(-4095, 4096, size=size) * draw(st.booleans()),
            "bias_exp": np.array(draw(st.integers(-3, 7))),
            "v0": rng.integers(-5000, 5000, size=size) * draw(st.booleans()),
        },
    )


def delay(draw, rng, operator, least=0):
    axes = ["all", "source", "target"] + (["synapse"] if isinstance(operator, Dense) else [])
    axis = draw(st.sampled_from(axes))
    shape = {
        "all": (),
        "source": operator.source_shape,
        "target": operator.target_shape,
        "synapse": getattr(operator, "weight", np.zeros(())).shape,
    }[axis]
    return Delay(np.asarray(rng.integers(least, least + draw(st.integers(1, 4)), size=shape)), axis)


def projection(draw, rng, source, target, operator, least=0):
    large = draw(st.sampled_from([2, 60, 256]))
    weights = rng.integers(-large, large, size=weights_shape(operator))
    return ProgramProjection(
        source=source,
        target=target,
        operator=with_weights(operator, weights),
        delay=delay(draw, rng, operator, least),
        parameters={"exponent": np.array(draw(st.integers(-3, 7)))},
        weight_bits=8,
    )


def weights_shape(operator):
    return operator.scale.shape if hasattr(operator, "scale") else operator.weight.shape


def conv(draw, source_shape):
    groups = draw(st.sampled_from([1, source_shape[0]]))
    out = groups * draw(st.integers(1, 2))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 2)))
    return Conv(
        np.zeros((out, source_shape[0] // groups, *kernel)),
        source_shape,
        (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        ((draw(st.integers(0, 1)), 1), (1, draw(st.integers(0, 2)))),
        (draw(st.integers(1, 2)), 1),
        groups,
    )


def dense(source_shape, target_shape):
    shape = (int(np.prod(target_shape)), int(np.prod(source_shape)))
    return Dense(np.zeros(shape), source_shape, target_shape)


def listed(draw, rng, source_shape, target_shape):
    """A matrix, or some of its synapses one by one."""
    matrix = dense(source_shape, target_shape)
    if draw(st.booleans()):
        return matrix
    sources, targets = np.nonzero(rng.random(matrix.weight.T.shape) < 0.6)
    first = np.searchsorted(sources, np.arange(matrix.weight.shape[1] + 1))
    weights = np.zeros(targets.size)
    return Sparse(weights, targets.astype(np.int32), first, source_shape, target_shape)


@st.composite
def programs(draw):
    """in -> conv -> hidden (recurrent) -> out, with a skip in -> out and a loop hidden <-> loop."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    input_shape = (draw(st.integers(1, 2)), draw(st.integers(4, 5)), draw(st.integers(3, 4)))
    convolution = conv(draw, input_shape)
    populations = [
        ProgramPopulation("in", "input", "input", input_shape),
        population(draw, rng, "conv", convolution.target_shape),
        population(draw, rng, "hidden", (4,)),
        population(draw, rng, "loop", (4,)),
        population(draw, rng, "out", (3,), spiking=draw(st.booleans())),
    ]
    projections = [
        projection(draw, rng, "in", "conv", convolution),
        projection(draw, rng, "conv", "hidden", listed(draw, rng, convolution.target_shape, (4,))),
        projection(draw, rng, "hidden", "loop", identity((4,))),
        projection(draw, rng, "loop", "hidden", dense((4,), (4,)), least=2),
        projection(draw, rng, "hidden", "out", dense((4,), (3,))),
        projection(draw, rng, "in", "out", dense(input_shape, (3,))),
    ]
    if draw(st.booleans()):
        projections.append(projection(draw, rng, "hidden", "hidden", dense((4,), (4,)), least=1))
    return with_latencies(populations, projections), rng


def with_latencies(populations, projections):
    from dataclasses import replace

    edges = {}
    for p in projections:
        key = (p.source, p.target)
        edges[key] = min(edges.get(key, p.delay.smallest), p.delay.smallest)
    late = latencies([p.name for p in populations], ["in"], edges)
    return Program(
        name="random",
        arithmetic="loihi-chip",
        populations=tuple(replace(p, latency=late[p.name]) for p in populations),
        projections=tuple(projections),
        outputs=("out",),
        readout=Readout("spike_count" if populations[-1].spiking else "v_last"),
        encoding=Encoding(),
    )
