"""SpikingJelly modules in motion: both step modes, copies, and what cannot be recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("spikingjelly", reason="the front end of SpikingJelly modules")

import torch
from spikingjelly.activation_based import functional, layer, neuron

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.spikingjelly import FRAMEWORK, record, twin
from snn2chip.frontends.spikingjelly.running import step_mode
from tests.frontends.spikingjelly.networks import NODES, dense, in_mode, lif, spikes

nn = torch.nn
WIDE = torch.float64


def recorded(net: Any, x: np.ndarray, cells: dict[str, str] | None = None) -> dict[str, np.ndarray]:
    names = cells or {
        k: k for k, part in net.named_modules() if hasattr(part, "surrogate_function")
    }
    return record(twin(net, WIDE), names, x, WIDE)


@pytest.mark.parametrize("kind", NODES)
def test_both_step_modes_record_the_same(kind: str) -> None:
    net, x = dense(NODES[kind](), NODES[kind]()), spikes(6, steps=30)
    one, many = (recorded(in_mode(net, mode), x) for mode in "sm")
    assert sorted(one) == sorted(many) == ["1", "1.v", "3", "3.v"]
    for name, values in one.items():
        assert values.shape == (30, 2, 6)
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, many[name])


def test_the_membrane_is_the_one_after_the_reset() -> None:
    net = nn.Sequential(neuron.IFNode(1.0), nn.Identity())
    found = recorded(net, np.full((4, 1, 1), 0.5))
    assert found["0"].reshape(-1).tolist() == [0.0, 1.0, 0.0, 1.0]
    assert found["0.v"].reshape(-1).tolist() == [0.5, 0.0, 0.5, 0.0]


def test_a_run_begins_at_the_initial_state() -> None:
    net, x = twin(nn.Sequential(lif(v_reset=0.1)), WIDE), spikes(3, steps=9)
    first = record(net, {"0": "a"}, x, WIDE)
    again = record(net, {"0": "a"}, x, WIDE)
    np.testing.assert_array_equal(first["a.v"], again["a.v"])


@pytest.mark.parametrize("mode", ["s", "m"])
def test_a_model_with_a_history_is_copied_and_left_alone(mode: str) -> None:
    """After a training step the membranes are results of autograd, which torch does not copy."""
    net = in_mode(nn.Sequential(layer.Linear(3, 3), layer.Delay(1), lif()), mode).train()
    x = torch.rand(2, 4, 3)
    for given in [x] if mode == "m" else x:
        net(given)
    before = net[2].v.clone()
    made = twin(net, WIDE)
    assert net[2].v.grad_fn is not None
    assert torch.equal(net[2].v, before)
    assert net.training
    assert net[0].weight.dtype == torch.float32
    assert not made.training
    assert (made[0].weight.dtype, made[2].v) == (WIDE, 0.0)
    assert made[1].queue == []
    assert (made[2].store_v_seq, net[2].store_v_seq) == (mode == "m", False)


def test_listening_ends_with_the_run() -> None:
    net = twin(nn.Sequential(neuron.SimpleIFNode(), neuron.IFNode()), WIDE)
    record(net, {"0": "a", "1": "b"}, spikes(2, steps=3), WIDE)
    assert "neuronal_reset" not in vars(net[0])
    assert not net[1]._forward_hooks


MODES: dict[str, tuple[Any, str]] = {
    "steps": (nn.Sequential(nn.Linear(2, 2), neuron.IFNode()), "s"),
    "sequence": (nn.Sequential(nn.Linear(2, 2), neuron.IFNode(step_mode="m")), "m"),
    "layers of any": (
        nn.Sequential(layer.Linear(2, 2), layer.Dropout(), neuron.IFNode(step_mode="m")),
        "m",
    ),
    "container": (layer.MultiStepContainer(nn.Flatten(), neuron.IFNode()), "m"),
    "recurrent": (layer.LinearRecurrentContainer(neuron.IFNode(), 2, 2, step_mode="m"), "m"),
    "readout": (nn.Sequential(nn.Linear(2, 2), neuron.NonSpikingLIFNode()), "m"),
    "switch": (nn.Sequential(layer.StepModeContainer(True, "s", neuron.IFNode())), "s"),
}


@pytest.mark.parametrize("case", MODES)
def test_the_mode_of_a_module(case: str) -> None:
    module, mode = MODES[case]
    assert step_mode(module) == mode


MIXED: dict[str, tuple[Any, str]] = {
    "neurons": (
        nn.Sequential(neuron.IFNode(), neuron.IFNode(step_mode="m")),
        r"'0' \(IFNode\) sees one step .* '1' \(IFNode\) a sequence",
    ),
    "layer": (
        nn.Sequential(nn.Sequential(layer.Conv2d(1, 1, 1)), neuron.IFNode(step_mode="m")),
        r"'0/0' \(Conv2d\)",
    ),
    "pool": (nn.Sequential(nn.AvgPool2d(2), neuron.IFNode(step_mode="m")), "AvgPool2d"),
    "norm": (nn.Sequential(nn.BatchNorm1d(2), neuron.IFNode(step_mode="m")), "BatchNorm1d"),
}


@pytest.mark.parametrize("case", MIXED)
def test_mixed_modes_are_refused(case: str) -> None:
    module, message = MIXED[case]
    with pytest.raises(UnsupportedError, match=message) as caught:
        twin(module, WIDE)
    assert "set_step_mode" in caught.value.remedy


def test_neurons_that_take_steps_for_samples_are_refused() -> None:
    net = nn.Sequential(layer.SeqToANNContainer(nn.Linear(2, 2), neuron.IFNode()))
    with pytest.raises(UnsupportedError, match="'0/1' saw 1 steps of 10 samples") as caught:
        recorded(net, spikes(2, steps=5), {"0/1": "a"})
    assert "5 steps of 2 samples" in caught.value.needs


def test_what_is_behind_a_decode_sees_no_steps() -> None:
    net = nn.Sequential(neuron.NonSpikingLIFNode(2.0, "last_mem"), neuron.IFNode(step_mode="m"))
    with pytest.raises(UnsupportedError, match="'1' saw 2 steps of 3 samples"):
        recorded(net, spikes(3, steps=5), {"1": "a"})


def test_the_framework_names_its_room_and_extra() -> None:
    assert (FRAMEWORK.name, FRAMEWORK.package, FRAMEWORK.dt) == ("spikingjelly", "spikingjelly", 1)
    assert FRAMEWORK.has(neuron.IFNode)
    assert not FRAMEWORK.has(nn.Linear)
    assert functional.reset_net is not None
