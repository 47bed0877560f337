from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings

from snn2chip.graph import Conv, Delay, Graph, Projection, to_text
from snn2chip.graph.text import parameter_count

from .networks import graphs, population, tiny

GOLDEN = """\
network tiny
discretization norse dt=0.0009765625 integrator=euler input_gain=matched synapse_gain=matched \
if_gain=one reset=zero reset_time=spike cuba_reset_time=spike fires=> initial_v=v_leak \
v_floor=none if_floor=none early_bias=dropped bias_path=synapse weights=float recurrent_delay=1 \
input_latency=0 output_latency=0
encoding none steps=None threshold=1 gain=1
readout v_max of out
population input Input [3]
population hidden LIF [4] tau=0.0078125 r=1 v_leak=0 v_threshold=1 v_reset=0
population out LI [2] tau=0.0078125 r=1 v_leak=0
projection input->hidden Dense [3]->[4] weights=[4x3]:-0.75..1.5:e40e03cac8bf \
bias=0..0.5:c810049748c8 synapses=12
projection hidden->out Dense [4]->[2] weights=[2x4]:-1..0.625:2366e9e480b0 synapses=8
total neurons=6 synapses=20 parameters=24
"""


def test_the_text_of_a_small_network() -> None:
    assert to_text(tiny()) == GOLDEN


def test_convolutions_delays_and_metadata_are_told() -> None:
    image, padding = (1, 4, 4), ((1, 1), (0, 2))
    conv = Conv(np.full((2, 1, 2, 2), 0.5), image, (1, 2), padding, (1, 1))
    bias = np.broadcast_to(np.array([1.0, 2.0]).reshape(2, 1, 1), conv.target_shape).copy()
    graph = Graph(
        name="two words",
        populations=(population("input", "Input", image), population("c", "IF", (2, 5, 3))),
        projections=(Projection("input", "c", conv, bias, Delay(np.array(3))),),
        outputs=("c",),
        discretization=tiny().discretization,
        classes=("a\nb",),
        data="digits",
        split_seed=4,
    )
    lines = to_text(graph).splitlines()
    assert lines[0] == 'network "two words"'
    assert lines[4:6] == ['classes "a\\nb"', "data digits split_seed=4"]
    assert lines[-2].startswith(
        "projection input->c Conv [1x4x4]->[2x5x3] stride=1,2 padding=1,0:2 dilation=1,1 groups=1 "
        "weights=[2x1x2x2]:0.5:"
    )
    assert " delay=all:3 synapses=" in lines[-2]
    assert lines[-1].endswith("parameters=10")
    assert parameter_count(graph) == 8 + 2


@given(graphs())
@settings(max_examples=40, deadline=None)
def test_one_line_each_and_nothing_lost(graph: Graph) -> None:
    text = to_text(graph)
    words = [line.split()[0] for line in text.splitlines()]
    assert words.count("population") == len(graph.populations)
    assert words.count("projection") == len(graph.projections)
    assert to_text(replace(graph)) == text


def test_a_single_weight_shows() -> None:
    graph = tiny()
    weight = graph.projections[1].operator.weight.copy()  # type: ignore[union-attr]
    weight[1, 2] += 2.0**-40
    other = replace(graph.projections[1].operator, weight=weight)
    changed = replace(graph.projections[1], operator=other)
    assert to_text(replace(graph, projections=(graph.projections[0], changed))) != to_text(graph)


def test_the_text_does_not_depend_on_the_process(repository: Path) -> None:
    code = "from tests.graph.networks import tiny; from snn2chip.graph import to_text;"
    command = [sys.executable, "-c", code + "print(to_text(tiny()), end='')"]
    said = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert said.stdout == GOLDEN
