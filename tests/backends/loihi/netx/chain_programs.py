"""Random programs that are one path of layers, for ``.net`` files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.graph import Conv, Delay, Dense, Encoding, Identity, Readout
from snn2chip.graph.order import latencies

ONE_STEP = Delay(np.array(1))


def neurons(draw, rng, name, shape, biased):
    """CUBA neurons with values per neuron, per channel, or of the whole layer."""
    size = draw(st.sampled_from([(), shape, (shape[0], *(1,) * (len(shape) - 1))]))
    return ProgramPopulation(
        name=name,
        model="cuba",
        kind="CubaLIF",
        shape=shape,
        parameters={
            "du": rng.choice([-1, 0, 900, 2047, 4095], size=size),
            "dv": rng.choice([0, 1, 128, 2048, 4096], size=size),
            "vth": rng.integers(1, 300, size=size),
            "bias_mant": rng.integers(-60, 60, size=size) * biased,
            "bias_exp": np.array(draw(st.sampled_from([6, 7]))),
            "v0": np.array(0),
        },
        scale=rng.random(size) + 1,
    )


def weights(draw, rng, shape):
    """What a synapse of eight bits stores; never all 0."""
    low, high, step = draw(
        st.sampled_from([(-128, 127, 2), (-127, 127, 1), (0, 255, 1), (-64, 63, 4), (-3, 3, 1)])
    )
    made = rng.integers(low, high + 1, size=shape) * (step if step > 1 else 1)
    made.reshape(-1)[0] = 2  # above 0, and even: what netx's fit wants of every matrix
    return made


def image_layer(draw, rng, source):
    groups = draw(st.sampled_from([1, source[0]]))
    axes = len(source) - 1
    pads = [draw(st.integers(0, 1)) for _ in range(axes)]
    kernel = [
        draw(st.integers(1, min(3, n + 2 * pad))) for n, pad in zip(source[1:], pads, strict=True)
    ]
    return Conv(
        weights(draw, rng, (groups * draw(st.integers(1, 2)), source[0] // groups, *kernel)),
        source,
        tuple(draw(st.integers(1, 2)) for _ in range(axes)),
        tuple((n, n) for n in pads),
        (1,) * axes,
        groups,
    )


def one_to_one(draw, rng, source):
    scale = weights(draw, rng, source)
    if draw(st.booleans()):
        scale = np.broadcast_to(scale.reshape(source[0], -1)[:, :1], (source[0], scale.size))
        scale = scale[:, : int(np.prod(source[1:]))].reshape(source)
    return Identity(np.array(scale), source, source)


def matrix(draw, rng, source, size, even=False):
    """``even``: netx fits the matrices of a recurrent layer together, and eight bits hold that."""
    made = weights(draw, rng, (size, int(np.prod(source))))
    made = np.where(made // 2 == 0, 2, made // 2 * 2) if even else made
    return Dense(made, source, (size,))


def delay(draw, rng, operator):
    axis = draw(st.sampled_from(["all", "source", "target", "synapse"]))
    shape = {
        "all": (),
        "source": operator.source_shape,
        "target": operator.target_shape,
        "synapse": operator.weight.shape,
    }[axis]
    return Delay(np.asarray(rng.integers(0, draw(st.sampled_from([1, 4])), size=shape)), axis)


@st.composite
def chains(draw):
    """input (image, line or row) -> convolutions -> matrices, with delays or recurrence."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    biased = draw(st.booleans())
    shape = draw(st.sampled_from([(2, 4, 3), (2, 5), (6,)]))
    populations = [ProgramPopulation("in", "input", "input", shape)]
    projections = []

    def add(operator, late=None):
        name = f"p{len(populations)}"
        populations.append(neurons(draw, rng, name, operator.target_shape, biased))
        exponent = {"exponent": np.array(0)}
        late = late or Delay(np.array(0))
        source = populations[-2].name
        projections.append(ProgramProjection(source, name, operator, late, exponent, 8))

    if len(shape) > 1:
        for _ in range(draw(st.integers(0, 2))):
            add(image_layer(draw, rng, populations[-1].shape))
    if len(populations[-1].shape) == 3 and draw(st.booleans()):
        add(one_to_one(draw, rng, populations[-1].shape))
    for _ in range(draw(st.integers(1, 2))):
        recurrent = draw(st.booleans()) and not biased
        operator = matrix(draw, rng, populations[-1].shape, draw(st.integers(2, 5)), recurrent)
        first = len(populations) == 1
        late = None if recurrent or (biased and not first) else delay(draw, rng, operator)
        add(operator, late)
        if recurrent:
            last = populations[-1]
            again = matrix(draw, rng, last.shape, last.shape[0], True)
            exponent = {"exponent": np.array(0)}
            loop = ProgramProjection(last.name, last.name, again, ONE_STEP, exponent, 8)
            projections.append(loop)
    return chain_program(populations, projections)


def chain_program(populations, projections):
    """The program with the latencies that a chip gives it."""
    edges = {(p.source, p.target): p.delay.smallest for p in projections}
    late = latencies([p.name for p in populations], ["in"], edges)
    return Program(
        name="chain",
        arithmetic="loihi-chip",
        populations=tuple(replace(p, latency=late[p.name]) for p in populations),
        projections=tuple(projections),
        outputs=(populations[-1].name,),
        readout=Readout("spike_count"),
        encoding=Encoding(),
    )
