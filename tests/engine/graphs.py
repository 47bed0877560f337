"""Random float graphs: branches, sums, recurrence, delays of every kind, every neuron model."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from snn2chip.errors import ConfigError
from snn2chip.graph import Conv, Delay, Dense, Population, Projection, identity
from snn2chip.neurons import OPTIONS, PRESETS, Input, from_preset
from tests.networks import cuba, cuba_li, graph, integrate, li, lif

WORDS = (
    "integrator", "input_gain", "synapse_gain", "if_gain", "reset", "reset_time", "cuba_reset_time",
    "fires", "initial_v", "v_floor", "if_floor", "early_bias", "bias_path",
)  # fmt: skip
"""Options whose values are words and that a run sees."""

SPIKING = (lif, integrate, cuba)


def delay(draw, rng, operator, least=0):
    axes = ["all", "source", "target"] + (["synapse"] if isinstance(operator, Dense) else [])
    axis = draw(st.sampled_from(axes))
    shape = {
        "all": (),
        "source": operator.source_shape,
        "target": operator.target_shape,
        "synapse": operator.weight.shape if isinstance(operator, Dense) else (),
    }[axis]
    return Delay(np.asarray(rng.integers(least, least + draw(st.integers(1, 3)), size=shape)), axis)


def dyadic(rng, shape):
    """Multiples of 1/64: sums of them are exact in float64 in any order."""
    return rng.integers(-64, 128, size=shape) / 64


def project(draw, rng, source, target, operator, least=0):
    bias = dyadic(rng, operator.target_shape) if draw(st.booleans()) else None
    return Projection(source, target, operator, bias, delay(draw, rng, operator, least))


def dense(rng, source_shape, target_shape):
    weight = dyadic(rng, (int(np.prod(target_shape)), int(np.prod(source_shape))))
    return Dense(weight, source_shape, target_shape)


@st.composite
def discretizations(draw):
    """Any preset with any options, and some of one population's own."""
    words = {name: [w.strip("`") for w in OPTIONS[name].split(", ")] for name in WORDS}
    chosen = draw(st.dictionaries(st.sampled_from(WORDS), st.integers(0, 9), max_size=5))
    options = {name: words[name][k % len(words[name])] for name, k in chosen.items()}
    options |= draw(
        st.sampled_from([{}, {"b.reset": "none"}, {"a.fires": ">=", "b.v_floor": "zero"}])
    )
    if draw(st.booleans()):
        options |= {"output_latency": 1, "recurrent_delay": draw(st.integers(0, 1))}
    made = from_preset(draw(st.sampled_from(list(PRESETS))), 1e-3)
    if options.get("reset", made.reset) == "multi" or "multi" in options.values():
        options |= {"reset_time": "spike", "cuba_reset_time": "spike"}
    try:
        return made.override(**options)
    except ConfigError:
        assume(False)


def plain_discretizations():
    """Norse's, with options under which a neuron's unit and place do not matter."""
    options = {
        "early_bias": ["kept", "dropped"],
        "integrator": ["euler", "exact"],
        "fires": [">", ">="],
        "reset": ["zero", "subtract"],
    }
    drawn = st.fixed_dictionaries({name: st.sampled_from(words) for name, words in options.items()})
    return drawn.map(lambda chosen: from_preset("norse", 1e-3, **chosen))


@st.composite
def graphs(draw, of=None):
    """in -> conv -> a; in -> b; a, b -> out; a <-> b in a loop; out may spike or not."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    image = (draw(st.integers(1, 2)), 4, draw(st.integers(3, 5)))
    conv = Conv(
        dyadic(rng, (2, image[0], 2, 2)),
        image,
        (draw(st.integers(1, 2)), 1),
        ((draw(st.integers(0, 1)), 0), (0, 1)),
        (1, draw(st.integers(1, 2))),
    )
    neuron = [draw(st.sampled_from(SPIKING)) for _ in range(3)]
    readout = draw(st.sampled_from([lif, li, cuba_li]))
    discretization = draw(discretizations() if of is None else of)
    populations = [
        Population("in", Input(), image),
        Population("conv", neuron[0](conv.target_shape), conv.target_shape),
        Population("a", neuron[1]((4,)), (4,)),
        Population("b", neuron[2]((4,)), (4,)),
        Population("out", readout((3,)), (3,)),
    ]
    projections = [
        project(draw, rng, "in", "conv", conv),
        project(draw, rng, "conv", "a", dense(rng, conv.target_shape, (4,))),
        project(draw, rng, "in", "b", dense(rng, image, (4,))),
        project(draw, rng, "a", "b", identity((4,))),
        project(
            draw, rng, "b", "a", dense(rng, (4,), (4,)), least=1 - discretization.output_latency
        ),
        project(draw, rng, "a", "out", dense(rng, (4,), (3,))),
        project(draw, rng, "b", "out", dense(rng, (4,), (3,))),
    ]
    kinds = ["spike_count"] if readout is lif else ["v_last", "v_max", "v_mean"]
    kind = draw(st.sampled_from(kinds))
    return graph(populations, projections, discretization, readout=kind), rng
