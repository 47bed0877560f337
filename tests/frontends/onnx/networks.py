"""Networks to be written as ONNX: every option, delay, operator and kind of name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from snn2chip.errors import InputFileError
from snn2chip.graph import Conv, Delay, Dense, Graph, Projection, Readout, validate
from snn2chip.neurons import from_preset
from snn2chip.neurons.discretization import _NEURON_OPTIONS, _STEPS, _WORDS

from ...engine.graphs import graphs as branched
from ...graph.networks import DT, dense, population
from ...graph.networks import graphs as layered

onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")


@st.composite
def options(draw):
    """A discretization with every option drawn."""
    chosen = {name: draw(st.sampled_from(words)) for name, words in _WORDS.items()}
    chosen |= {"output_latency": draw(st.integers(0, 1)), "recurrent_delay": 1}
    if chosen["reset"] == "multi":
        chosen |= {"reset_time": "spike", "cuba_reset_time": "spike"}
    assert _STEPS.keys() - chosen.keys() == {"input_latency"}
    return from_preset("norse", DT, **chosen)


@st.composite
def graphs(draw):
    """Branched or layered, with random options, exceptions of single populations, and samples."""
    drawn = draw(st.one_of(branched(), layered()))
    graph = drawn[0] if isinstance(drawn, tuple) else drawn
    d = replace(draw(options()), dt=graph.discretization.dt)
    if graph.discretization.output_latency:  # its loops may rest on it
        d = replace(d, output_latency=1)
    owners = [p.name for p in graph.populations if not p.is_input]
    for owner in draw(st.lists(st.sampled_from(owners), max_size=2, unique=True)):
        name = draw(st.sampled_from(sorted(_NEURON_OPTIONS - {"reset", "reset_time"})))
        if name == "cuba_reset_time" and d.reset == "multi":
            continue
        d = d.override(**{f"{owner}.{name}": draw(st.sampled_from(_WORDS[name]))})
    graph = replace(graph, discretization=d)
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    validate(graph)
    return graph, spikes_for(rng, graph)


def spikes_for(rng, graph, steps=10, samples=3):
    shape = (steps, samples)
    return {p.name: (rng.random((*shape, *p.shape)) < 0.5) * 1.0 for p in graph.inputs}


def two_inputs(delay: Delay | None = None) -> Graph:
    """left [2], right [3] -> sum [4] -> out [2] (LI), with a loop and two parallel projections."""
    return Graph(
        name="two",
        populations=(
            population("left", "Input", (2,)),
            population("right", "Input", (3,)),
            population("sum", "CubaLIF", (4,), v_threshold=0.0625),
            population("out", "LI", (2,)),
        ),
        projections=(
            Projection("left", "sum", dense((2,), (4,), 1), np.arange(4) / 8, delay or Delay()),
            Projection("right", "sum", dense((3,), (4,), 2)),
            Projection("right", "sum", dense((3,), (4,), 3), None, Delay(np.array(2))),
            Projection("sum", "sum", dense((4,), (4,), 4), None, Delay(np.array(1))),
            Projection("sum", "out", dense((4,), (2,), 5)),
        ),
        outputs=("out", "sum"),
        discretization=from_preset("norse", DT),
        readout=Readout("v_max"),
    )


def convolved(axes: int, groups: int = 1) -> Graph:
    """A convolution over some axes with unequal strides, paddings and dilations."""
    source = (2, *(5 + k for k in range(axes)))
    rng = np.random.default_rng(axes)
    kernel = (3, 2, 2)[:axes]
    conv = Conv(
        rng.integers(-8, 16, (4, 2 // groups, *kernel)) / 8,
        source,
        (2, 1, 1)[:axes],
        ((1, 0), (0, 2), (0, 0))[:axes],
        (1, 2, 1)[:axes],
        groups,
    )
    return Graph(
        name="convolved",
        populations=(
            population("image", "Input", source),
            population("conv", "IF", conv.target_shape),
        ),
        projections=(Projection("image", "conv", conv, rng.integers(0, 3, conv.target_shape) / 8),),
        outputs=("conv",),
        discretization=from_preset("norse", DT),
    )


def refused(call, *arguments) -> str:
    """The message of an InputFileError that a call ends with."""
    with pytest.raises(InputFileError) as caught:
        call(*arguments)
    return str(caught.value)


__all__ = ["Dense", "convolved", "graphs", "onnx", "options", "refused", "spikes_for", "two_inputs"]
