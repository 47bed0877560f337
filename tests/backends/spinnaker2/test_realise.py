"""Graphs in SpiNNaker 2's numbers: scales, delays, biases in step, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends import find_backend
from snn2chip.backends.spinnaker2.arithmetic import Spinnaker2Arithmetic, arithmetic_name
from snn2chip.backends.spinnaker2.realise import Formats, realise, stored_weights
from snn2chip.cli import main
from snn2chip.engine import simulate
from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.graph import Delay, Graph
from snn2chip.graph.oracle import run_graph
from snn2chip.resources import targets_dir
from snn2chip.targets import load_target
from snn2chip.targets.families import format_faults
from tests.examples import examples
from tests.networks import NORSE, chain, cuba, dense, graph, integrate, lif

OWN = Formats(weight=8, delayed=5)
CHIP = arithmetic_name("chip")
SUBTRACT = replace(NORSE, reset="subtract")


def dyadic(net: Graph) -> Graph:
    """The same network with whole weights up to 127, so that nothing is rounded."""
    projections = []
    for p in net.projections:
        weight = np.rint(p.operator.weight * 30)
        weight.flat[0] = 127.0
        projections.append(replace(p, operator=replace(p.operator, weight=weight / 64)))
    return replace(net, projections=tuple(projections))


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.booleans())
def test_whole_weights_spike_as_in_the_graph(seed: int, subtracts: bool, bias: bool) -> None:
    """Neurons without a leak and dyadic numbers: every spike, behind biases too."""
    rng = np.random.default_rng(seed)
    net = dyadic(chain(rng, integrate, (6, 5, 4), bias, SUBTRACT if subtracts else NORSE))
    whole = tuple(
        replace(p, bias=None if p.bias is None else np.rint(p.bias * 8) / 8)
        for p in net.projections
    )
    net = replace(net, projections=whole)
    spikes = rng.random((10, 2, 6)) < 0.4
    wanted = run_graph(net, spikes.astype(float))
    program = realise(net, OWN, CHIP)
    activity, _ = simulate(program, {"input": spikes}, Spinnaker2Arithmetic())
    for name in ("hidden0", "out"):
        np.testing.assert_array_equal(
            activity.populations[name].spikes.unpack(), wanted[name] > 0, err_msg=name
        )


def test_a_bias_begins_in_step() -> None:
    """It acts on the chip from the first step on: membranes start so low that it is in step."""
    net = chain(np.random.default_rng(0), lif, (4, 3, 3), bias=True)
    program = realise(net, OWN, CHIP)
    out = program.population("out")
    assert out.latency == 2
    (state,) = [Spinnaker2Arithmetic().initial(out, 1)["v"]]
    assert np.abs(out.parameters["v_init"]).max() > 1.0
    np.testing.assert_allclose(state, 0.0, atol=1e-4)


def test_where_a_bias_cannot_begin_in_step() -> None:
    """A falling bias would begin so high that the neuron fires on the way."""
    net = chain(np.random.default_rng(0), integrate, (4, 3, 3))
    last = replace(net.projections[1], bias=np.array([-1.5, 0.1, 0.0]))
    program = realise(replace(net, projections=(net.projections[0], last)), OWN, CHIP)
    out = program.population("out")
    assert out.parameters["v_init"][0] == 0.0
    assert out.parameters["v_init"][1] < 0.0
    assert any("out: some neurons would fire" in note for note in program.notes)


def test_delays_narrow_the_weights() -> None:
    net = chain(np.random.default_rng(0), lif, (4, 3, 3))
    past = dense("input", "out", np.ones((3, 4)), (4,), (3,))
    program = realise(graph(net.populations, [*net.projections, past]), OWN, CHIP)
    assert [p.model for p in program.populations] == ["input", "lif_no_delay", "lif"]
    most = [int(abs(p.operator.weight).max()) for p in program.projections]
    assert max(most[1:]) == 15
    assert most[0] == 127
    assert [p.weight_bits for p in program.projections] == [8, 5, 5]


def test_a_delay_too_long_is_a_violation() -> None:
    net = chain(np.random.default_rng(0), cuba, (4, 3))
    late = replace(net.projections[0], delay=Delay(np.array(9)))
    target, backend = load_target("spinnaker2"), find_backend("spinnaker2")
    program = backend.realise(replace(net, projections=(late,)), target)
    (found,) = backend.violations(program, target)
    assert found.needs == "8 steps of synaptic delay"
    past = dense("input", "out", np.ones((3, 4)), (4,), (3,))
    program = backend.realise(replace(net, projections=(late, past)), target)
    (found,) = backend.violations(program, target)
    assert found.rule == "spinnaker2.synaptic-delay"
    assert found.needs == "9 steps of synaptic delay"
    assert found.has == "7 steps"


def test_what_the_neurons_have_not() -> None:
    several = replace(NORSE, reset="multi")
    net = chain(np.random.default_rng(0), lif, (4, 3), discretization=several)
    with pytest.raises(UnsupportedError, match="several spikes in a step"):
        realise(net, OWN, CHIP)


def test_narrower_weights_and_other_scales() -> None:
    target, backend = load_target("spinnaker2"), find_backend("spinnaker2")
    net = chain(np.random.default_rng(0), lif, (4, 3))
    narrow = backend.with_scales(target, weight_bits=4).realise(net, target)
    assert int(abs(narrow.projections[0].operator.weight).max()) == 7
    for wrong in ({"granularity": "channel"}, {"weight_bits": 9}, {"fine_biases": True}):
        with pytest.raises(ConfigError, match="weights of 2 to 8 bits"):
            backend.with_scales(target, **wrong)
    with pytest.raises(ConfigError, match="brian2"):
        backend.in_mode("lava")


def test_stored_weights_are_in_thresholds() -> None:
    net = chain(np.random.default_rng(0), lif, (4, 3))
    (held,) = stored_weights(net, "out", OWN)
    np.testing.assert_allclose(held.stored, held.operator.weight, atol=held.stored.max() / 200)
    assert not np.array_equal(held.stored, held.operator.weight)


def test_what_fires_before_its_window_is_said() -> None:
    """A membrane that rests above its threshold fires in the chip's idle step."""
    net = chain(np.random.default_rng(0), partial(lif, v_leak=2.0), (4, 3))
    program = realise(net, OWN, CHIP)
    assert any("out: some neurons would fire" in note for note in program.notes)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("spinnaker1", "weight_bits"),
        ("spinnaker1", "ring_buffer_bits"),
        ("spinnaker2", "weight_bits"),
        ("spinnaker2", "delayed_weight_bits"),
        ("spinnaker2", "delay_max"),
    ],
)
def test_a_target_without_its_formats_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, missing: str
) -> None:
    text = (targets_dir() / f"{name}.toml").read_text()
    kept = [line for line in text.splitlines() if not line.startswith(f"{missing} =")]
    path = tmp_path / "own.toml"
    path.write_text("\n".join(kept))
    assert main(["check", "digits-mlp", "--target", str(path)]) == 2
    assert f"no {missing} in [formats]" in capsys.readouterr().err


def test_delays_beyond_the_firmwares_slots_are_no_format() -> None:
    values = {key: int(c.value) for key, c in load_target("spinnaker1").formats.items()}
    assert not list(format_faults("spinnaker", values))
    (fault,) = format_faults("spinnaker", {**values, "delay_max": 200})
    assert fault[0] == "delay_max"
