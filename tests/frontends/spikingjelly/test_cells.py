"""What SpikingJelly's modules become, and what is refused by path and type."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("spikingjelly", reason="the front end of SpikingJelly modules")

import torch
from spikingjelly.activation_based import layer, neuron, rnn, surrogate

from snn2chip.errors import InputFileError, UnsupportedError
from snn2chip.frontends.nir import graph_of
from snn2chip.frontends.spikingjelly import FRAMEWORK
from snn2chip.frontends.torch import walk
from snn2chip.frontends.torch.layers import emitter
from snn2chip.graph import Graph
from tests.frontends.spikingjelly.networks import lif

nn = torch.nn


def graph(module: Any, *shape: int, dt: float = 1.0) -> Graph:
    walked = walk(module, shape, dt)
    return graph_of(walked.nodes, "model", walked.preset, dt, dict(walked.overrides))


def described(module: Any, dt: float = 1.0) -> tuple[str, dict[str, float], dict[str, Any]]:
    """Kind, parameters and options of the population that one neuron becomes."""
    made = graph(nn.Sequential(module), 1, dt=dt)
    neuron_, options = made.populations[1].neuron, made.discretization.of("0").options()
    return neuron_.kind, {k: v.item() for k, v in neuron_.parameters().items()}, options


def test_an_if_adds_its_input() -> None:
    kind, values, options = described(neuron.IFNode(0.7, v_reset=-0.3))
    assert kind == "IF"
    assert values == {"r": 1.0, "v_threshold": 0.7, "v_reset": -0.3}
    assert (options["fires"], options["reset"], options["if_gain"]) == (">=", "zero", "dt")
    assert described(neuron.IFNode(), dt=1e-4)[1]["r"] == 1e4


def test_a_lif_leaks_to_its_reset() -> None:
    kind, values, options = described(neuron.LIFNode(3.0, v_reset=0.2), dt=0.5)
    assert kind == "LIF"
    assert values == {"tau": 1.5, "r": 1.0, "v_leak": 0.2, "v_threshold": 1.0, "v_reset": 0.2}
    assert (options["input_gain"], options["initial_v"]) == ("matched", "v_reset")


def test_an_input_that_does_not_decay_counts_one() -> None:
    _, values, options = described(neuron.LIFNode(3.0, decay_input=False), dt=0.5)
    assert (values["tau"], values["r"], options["input_gain"]) == (1.5, 3.0, "one")


def test_a_soft_reset_is_an_option() -> None:
    _, values, options = described(neuron.LIFNode(3.0, v_reset=None))
    assert (values["v_reset"], values["v_leak"], options["reset"]) == (0.0, 0.0, "subtract")


def test_the_leak_of_a_plif_is_learned() -> None:
    node = neuron.ParametricLIFNode(3.0)
    with torch.no_grad():
        node.w.fill_(0.5)
    _, values, _ = described(node)
    assert values["tau"] == pytest.approx(1.0 + np.exp(-0.5), rel=1e-15)


def test_a_current_and_its_membrane_add_their_inputs() -> None:
    kind, values, options = described(neuron.CUBALIFNode(0.5, 0.75, 0.5), dt=2.0)
    assert kind == "CubaLIF"
    assert values == {
        "tau_syn": 4.0, "tau_mem": 8.0, "r": 4.0, "w_in": 2.0,
        "v_leak": 0.0, "v_threshold": 0.5, "v_reset": 0.0,
    }  # fmt: skip
    assert (options["input_gain"], options["synapse_gain"]) == ("one", "one")


def test_values_keep_their_double_precision() -> None:
    assert described(neuron.IFNode(0.1))[1]["v_threshold"] == 0.1
    assert described(neuron.LIFNode(2.7))[1]["tau"] == 2.7


def test_mixed_resets_become_exceptions() -> None:
    net = nn.Sequential(
        neuron.IFNode(v_reset=None), neuron.IFNode(), neuron.IFNode(), lif(decay_input=False)
    )
    walked = walk(net, (2,), 1.0)
    assert walked.overrides == {"0.reset": "subtract", "3.input_gain": "one"}
    options = graph(net, 2).discretization
    assert [options.of(str(k)).reset for k in range(4)] == ["subtract", *["zero"] * 3]


def test_a_membrane_may_start_at_zero_away_from_its_rest() -> None:
    assert described(neuron.SimpleLIFNode(2.0, True, v_reset=0.3))[2]["initial_v"] == "zero"
    node = neuron.IFNode(v_reset=0.3)
    assert described(node)[2]["initial_v"] == "v_reset"
    assert described(neuron.CUBALIFNode(v_reset=0.3))[2]["initial_v"] == "v_reset"
    node.set_reset_value("v", 0.0)
    assert described(node)[2]["initial_v"] == "zero"


def test_names_are_paths() -> None:
    net = nn.Sequential(
        nn.Sequential(layer.Linear(2, 3), neuron.IFNode()),
        layer.LinearRecurrentContainer(nn.Sequential(nn.Linear(3, 3), lif()), 3, 3),
    )
    walked = walk(net, (2,), 1.0)
    assert list(walked.nodes.nodes) == [
        "input", "0/0", "0/1", "1/rc", "1/rc/recurrent", "1/sub_module/0", "1/sub_module/1",
        "output",
    ]  # fmt: skip
    assert dict(walked.cells) == {"0/1": "0/1", "1/sub_module/1": "1/sub_module/1"}


@pytest.mark.parametrize("whole", [True, False], ids=["alone", "in a Sequential"])
def test_a_container_may_be_the_model(whole: bool) -> None:
    inner = layer.LinearRecurrentContainer(neuron.IFNode(), 2, 2)
    made = graph(inner if whole else nn.Sequential(inner), 2)
    assert [p.name for p in made.populations] == ["input", f"{'' if whole else '0/'}sub_module"]


def known(kind: type) -> bool:
    named = {
        **FRAMEWORK.cells,
        **FRAMEWORK.layers,
        **dict.fromkeys(FRAMEWORK.containers),
        **(FRAMEWORK.refused or {}),
    }
    return kind.__name__ in named


def test_every_module_of_the_library_is_taken_or_refused_by_name() -> None:
    """Those that derive from torch's own layers are torch's in both step modes."""
    torch_like = {
        "Linear", "Conv1d", "Conv2d", "AvgPool1d", "AvgPool2d", "AdaptiveAvgPool2d", "BatchNorm1d",
        "BatchNorm2d",
    }  # fmt: skip
    found = {
        name: kind
        for room in (neuron, layer, rnn)
        for name, kind in vars(room).items()
        if isinstance(kind, type)
        and issubclass(kind, nn.Module)
        and kind.__module__.startswith("spikingjelly.activation_based.")
    }
    assert len(found) > 90
    assert {name for name, kind in found.items() if not known(kind)} == torch_like
    taken = {name for name in found if name not in (FRAMEWORK.refused or {})}
    assert taken >= {"IFNode", "Dropout", "SeqToANNContainer", "LinearRecurrentContainer"}
    assert all(emitter(kind(2, 2, 2)) for kind in (layer.Conv1d, layer.Conv2d))


SHARED = neuron.IFNode()
LATE = neuron.IFNode()
LATE.set_reset_value("v", 0.5)


def quiet(node: Any) -> Any:
    node.surrogate_function.set_spiking_mode(False)
    return node


REFUSED: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "quadratic": (neuron.QIFNode(), (1,), "use LIFNode"),
    "exponential": (neuron.EIFNode(), (1,), "use LIFNode"),
    "izhikevich": (neuron.IzhikevichNode(), (1,), "use LIFNode"),
    "values": (neuron.LIAFNode(torch.relu, False), (1,), "sends values"),
    "klif": (neuron.KLIFNode(), (1,), "rectified"),
    "parallel": (neuron.PSN(4), (1,), "whole sequence"),
    "half": (neuron.HalfThresholdIFNode(), (1,), "half the threshold"),
    "online": (neuron.SLTTLIFNode(), (1,), "copy its parameters into a LIFNode"),
    "no leak": (neuron.NonSpikingIFNode(), (1,), "NonSpikingLIFNode"),
    "max pool": (layer.MaxPool2d(2), (1, 2, 2), "use AvgPool2d"),
    "group norm": (layer.GroupNorm(1, 1), (1,), "depend on the input"),
    "vote": (layer.VotingLayer(2), (4,), "vote over their spike counts"),
    "filter": (layer.SynapseFilter(), (1,), "use CUBALIFNode"),
    "random weights": (layer.DropConnectLinear(1, 1), (1,), "random weights"),
    "time last": (
        layer.TLastSeqToANNContainer(nn.Linear(1, 1)),
        (1,),
        "here time is the last axis",
    ),
    "time last steps": (layer.TLastMultiStepContainer(lif()), (1,), "here time is the last axis"),
    "traces": (layer.OTTTSequential(nn.Linear(1, 1)), (1,), "hands traces on"),
    "lstm": (rnn.SpikingLSTM(1, 1, 1), (1,), "gates"),
    "relu": (nn.ReLU(), (1,), "ReLU"),
    "not spiking": (
        quiet(neuron.IFNode(surrogate_function=surrogate.ATan())),
        (1,),
        "spiking=True",
    ),
    "spikes of many": (
        neuron.IFNode(surrogate_function=surrogate.MultiLevelSpikeCount(4)),
        (1,),
        "spikes of 0 and 1",
    ),
    "late start": (LATE, (1,), "starts at v = 0.5"),
    "no decay": (neuron.CUBALIFNode(c_decay=1.0), (1,), "c_decay is 1.0"),
    "growing": (neuron.CUBALIFNode(v_decay=-0.5), (1,), "v_decay is -0.5"),
    "shared": (nn.Sequential(SHARED, nn.Linear(1, 1), SHARED), (1,), "twice in one step"),
    "other input": (layer.LinearRecurrentContainer(lif(), 3, 3), (2,), "in_features"),
    "other output": (layer.LinearRecurrentContainer(lif(), 2, 3), (2,), "out_features"),
    "other sum": (
        layer.ElementWiseRecurrentContainer(nn.Sequential(nn.Linear(2, 3), lif()), torch.add),
        (2,),
        "an output of the input's shape",
    ),
    "function": (
        layer.ElementWiseRecurrentContainer(lif(), lambda y, x: y + x),
        (2,),
        "element_wise_function=torch.add",
    ),
    "product": (layer.ElementWiseRecurrentContainer(lif(), operator.mul), (2,), "torch.add"),
    "inside a container": (
        layer.LinearRecurrentContainer(neuron.QIFNode(), 1, 1),
        (1,),
        "'1/sub_module' is a spikingjelly",
    ),
    "unknown inside": (
        layer.LinearRecurrentContainer(nn.Sequential(nn.Linear(1, 1), nn.Tanh(), lif()), 1, 1),
        (1,),
        "'1/sub_module/1' is a torch.nn.modules.activation.Tanh",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_by_path_and_type(case: str) -> None:
    module, shape, message = REFUSED[case]
    with pytest.raises(UnsupportedError) as caught:
        walk(nn.Sequential(nn.Identity(), module, neuron.IFNode()), shape, 1.0)
    assert message in str(caught.value)
    assert "'1" in str(caught.value)
    assert caught.value.exit_code == 4


class Own(neuron.LIFNode):
    """A neuron of the user's, whose dynamics may be any."""


def test_a_neuron_that_was_derived_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="Own"):
        walk(nn.Sequential(neuron.IFNode(), Own()), (1,), 1.0)


def test_a_leak_that_vanished_is_refused() -> None:
    node = neuron.ParametricLIFNode()
    with torch.no_grad():
        node.w.fill_(-1000.0)
    with pytest.raises(InputFileError, match="tau holds"), np.errstate(divide="ignore"):
        graph(nn.Sequential(node), 1)
