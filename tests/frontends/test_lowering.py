"""The parts of lowering on their own: parameters, delays, shapes, recurrence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.errors import InputFileError, UnsupportedError
from snn2chip.frontends.nir import NirNode
from snn2chip.frontends.nir.lowering.cells import cell
from snn2chip.frontends.nir.lowering.delays import PathDelay, in_steps
from snn2chip.frontends.nir.lowering.layers import layer
from snn2chip.frontends.nir.lowering.params import Params
from snn2chip.frontends.nir.lowering.paths import natural
from snn2chip.frontends.nir.lowering.recurrence import ordered, with_delays
from snn2chip.frontends.nir.lowering.shapes import unify_shapes
from snn2chip.graph import Conv, Delay, Dense, Projection, identity
from snn2chip.graph.compose import to_dense
from snn2chip.graph.linear import apply
from snn2chip.graph.order import components, is_cyclic
from snn2chip.neurons import from_preset

from ..graph.networks import dense, population


def params(**values: Any) -> Params:
    return Params(NirNode("Conv2d", values, "conv"), "net.nir")


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (lambda p: p.array("x"), "word", "x is the word 'word'"),
        (lambda p: p.array("y"), 1.0, "y is missing"),
        (lambda p: p.array("x"), np.array([1.0, np.inf]), "1 values that are not finite"),
        (lambda p: p.integers("x", 0), np.array([[1.0]]), "whole numbers from 0 up"),
        (lambda p: p.integers("x", 0), np.array([0.5]), "whole numbers from 0 up"),
        (lambda p: p.integers("x", 1), np.array([0.0]), "whole numbers from 1 up"),
        (lambda p: p.integers("x", 1), np.array([1e18]), "at most"),
        (lambda p: p.axes("x", 2, 0), np.array([1, 2, 3]), "one per axis (2)"),
        (lambda p: p.integer("x", 0), np.array([1, 2]), "one whole number"),
        (lambda p: p.integer("x", 0), 1e18, "one whole number"),
        (lambda p: p.shape("x"), np.zeros(0), "at least one axis"),
        (lambda p: p.shape("x"), np.array([2**14, 2**14]), "at most 134217728 elements"),
    ],
)
def test_parameters_of_the_wrong_kind(read: Any, value: Any, message: str) -> None:
    with pytest.raises(InputFileError) as caught:
        read(params(x=value))
    assert message in str(caught.value)
    assert caught.value.what.startswith("net.nir: node 'conv' (Conv2d): ")


def test_parameters_of_every_good_kind() -> None:
    made = params(x=np.array(3), y=[1, 2], z=-1)
    assert made.axes("x", 2, 0) == (3, 3)
    assert made.integer("z", 0) == -1
    assert made.integer("absent", 7) == 7
    assert made.has("x")
    assert not made.has("absent")


@pytest.mark.parametrize(
    ("delay", "dt", "steps"),
    [(3e-3, 1e-3, 3), (0.0, 1e-3, 0), (float(np.float32(0.7)), 0.1, 7), (2.0, 0.5, 4)],
)
def test_delays_in_steps(delay: float, dt: float, steps: int) -> None:
    assert in_steps(np.array([delay]), dt, "w").tolist() == [steps]


@pytest.mark.parametrize("delay", [1.4e-3, 0.999e-3, 1e-8, 5e6])
def test_delays_that_are_no_steps(delay: float) -> None:
    with pytest.raises(InputFileError, match=r"^w"):
        in_steps(np.array([0.0, delay]), 1e-3, "w")


def test_path_delays_add_up() -> None:
    path, matrix = PathDelay(), dense((2,), (3,))
    path.add(np.array([1, 1]), identity((2,)), "w")
    path.add(np.array([0, 2]), identity((2,)), "w")
    path.add(np.array([0, 1]), identity((2,)), "w")
    path.pass_layer(matrix, "w")
    path.add(np.array([4, 4, 4]), matrix, "w")
    delay = path.delay(matrix, "w")
    assert (delay.axis, delay.steps.tolist()) == ("source", [5, 8])
    path.add(np.array([0, 0, 1]), matrix, "w")
    both = path.delay(matrix, "w")
    assert (both.axis, both.steps.tolist()) == ("synapse", [[5, 8], [5, 8], [6, 9]])
    conv = Conv(np.ones((3, 1, 2)), (1, 2), (1,), ((0, 0),), (1,))
    with pytest.raises(UnsupportedError, match="per source and per target of a convolution"):
        path.delay(conv, "w")


def test_names_sort_as_people_count() -> None:
    names = ["b10", "b9", "10", "9", "a", "b", "9/2", "9/10"]
    assert sorted(names, key=natural) == ["9", "9/2", "9/10", "10", "a", "b", "b9", "b10"]
    assert sorted(["٣", "a"], key=natural)  # digits of other scripts


def test_layers_of_one_node() -> None:
    node = NirNode("Scale", {"scale": np.array([2.0, 3.0])}, "s")
    found = layer(node, (2,), "f")
    np.testing.assert_array_equal(apply(found.operator, np.array([1.0, 1.0])), [2.0, 3.0])
    zero = NirNode("Affine", {"weight": np.ones((1, 2)), "bias": np.zeros(1)}, "a")
    assert layer(zero, (2,), "f").bias is None
    flatten = NirNode("Flatten", {"start_dim": 0, "end_dim": 1}, "x")
    assert layer(flatten, (2, 3, 4), "f").target_shape == (6, 4)


def test_a_pool_without_stride_takes_its_kernel() -> None:
    node = NirNode("SumPool2d", {"kernel_size": np.array([2, 3])}, "p")
    assert layer(node, (1, 4, 6), "f").target_shape == (1, 2, 2)
    with pytest.raises(InputFileError, match="needs:  an image"):
        layer(node, (4, 6), "f")


def test_w_in_may_be_missing_or_single() -> None:
    values = dict.fromkeys(("tau_syn", "tau_mem", "r", "v_leak"), np.ones(2))
    for more, expected in (({}, 1.0), ({"w_in": np.array(3.0)}, 3.0)):
        neuron, shape = cell(NirNode("CubaLI", {**values, **more}, "n"), "f")
        assert shape == (2,)
        np.testing.assert_array_equal(neuron.parameters()["w_in"], [expected] * 2)


@st.composite
def wirings(draw: st.DrawFn) -> tuple[list[str], list[Projection]]:
    names = [f"p{k}" for k in range(draw(st.integers(1, 6)))]
    pairs = draw(
        st.lists(
            st.tuples(st.sampled_from(names), st.sampled_from(names[1:] or names)), max_size=12
        )
    )
    delays = [draw(st.integers(0, 2)) for _ in pairs]
    return names, [
        Projection(a, b, identity((1,)), None, Delay(np.array(d)))
        for (a, b), d in zip(pairs, delays, strict=True)
    ]


NORSE = from_preset("norse", 1.0)


def break_cycles(
    names: list[str], projections: list[Projection], outputs: tuple[str, ...] = ()
) -> list[Projection]:
    populations = {n: population(n, "Input" if n == "p0" else "LI", (1,)) for n in names}
    return with_delays(populations, projections, NORSE, outputs)


def instant_cycle(names: list[str], projections: list[Projection]) -> bool:
    edges = [(p.source, p.target) for p in projections if p.delay.smallest == 0]
    return any(is_cyclic(part, edges) for part in components(names, edges))


@given(wirings())
@settings(max_examples=300)
def test_cycles_get_a_step_and_nothing_else_does(
    wiring: tuple[list[str], list[Projection]],
) -> None:
    names, before = wiring
    after = break_cycles(names, before)
    assert not instant_cycle(names, after)
    edges = [(p.source, p.target) for p in before if p.delay.smallest == 0]
    home = {name: k for k, part in enumerate(components(names, edges)) for name in part}
    for old, new in zip(before, after, strict=True):
        assert new.delay.largest in (old.delay.largest, max(old.delay.largest, 1))
        if new.delay.largest != old.delay.largest:
            assert home[old.source] == home[old.target]
    if not instant_cycle(names, before):
        assert [p.delay.largest for p in after] == [p.delay.largest for p in before]
    again = break_cycles(names, after)
    assert [p.delay.largest for p in again] == [p.delay.largest for p in after]


@given(wirings())
@settings(max_examples=200)
def test_the_order_of_a_step_follows_what_has_no_delay(
    wiring: tuple[list[str], list[Projection]],
) -> None:
    names, before = wiring
    populations = {n: population(n, "Input" if n == "p0" else "LI", (1,)) for n in names}
    order, projections = ordered(populations, break_cycles(names, before), NORSE)
    place = {p.name: k for k, p in enumerate(order)}
    assert sorted(place) == sorted(names)
    for projection in projections:
        if projection.delay.smallest == 0 and not populations[projection.target].is_input:
            assert place[projection.source] < place[projection.target]


def test_the_population_nearest_to_the_input_opens_a_cycle() -> None:
    """far and near feed each other; the input reaches near first."""
    edges = [("in", "near"), ("near", "a"), ("a", "far"), ("far", "near"), ("near", "far")]
    projections = [Projection(a, b, identity((1,))) for a, b in edges]
    after = break_cycles(["a", "far", "in", "near"], projections)
    assert {p.name for p in after if p.delay.largest} == {"far->near"}


@pytest.mark.parametrize(("first", "last"), [("a", "b"), ("b", "a"), ("10", "2"), ("z/n", "n")])
def test_of_two_equally_near_populations_that_of_the_output_closes_a_cycle(
    first: str, last: str
) -> None:
    """The input reaches both, only ``last`` is read: whatever they are called, it comes later."""
    edges = [("in", first), ("in", last), (first, last), (last, first)]
    projections = [Projection(a, b, identity((1,))) for a, b in edges]
    after = break_cycles(sorted(["in", first, last]), projections, (last,))
    assert {p.name for p in after if p.delay.largest} == {f"{last}->{first}"}


@given(wirings(), st.integers(1, 3), st.integers(0, 2))
@settings(max_examples=200)
def test_what_closes_no_cycle_is_late_by_the_input_latency(
    wiring: tuple[list[str], list[Projection]], recurrent: int, late: int
) -> None:
    names, before = wiring
    options = NORSE.override(recurrent_delay=recurrent, input_latency=late)
    populations = {n: population(n, "LI", (1,)) for n in names}
    broken = break_cycles(names, before)
    for old, one, new in zip(
        before, broken, with_delays(populations, before, options, ()), strict=True
    ):
        closes = old.delay.smallest == 0 and one.delay.smallest == 1
        assert new.delay.smallest == (recurrent if closes else old.delay.smallest + late)


def test_spikes_that_are_sent_late_need_no_delay_in_cycles() -> None:
    """spyx: a cycle of spiking neurons has no delay, one of membranes has a step."""
    options = from_preset("spyx", 1.0)
    edges = [("in", "a"), ("a", "a"), ("b", "b")]
    projections = [Projection(s, t, identity((1,))) for s, t in edges]
    populations = {
        "in": population("in", "Input", (1,)),
        "a": population("a", "LIF", (1,)),
        "b": population("b", "LI", (1,)),
    }
    found = with_delays(populations, projections, options, ("a",))
    assert [p.delay.largest for p in found] == [0, 0, 1]


def conv(source: tuple[int, ...], channels: int) -> Conv:
    return Conv(np.ones((channels, source[0], 1)), source, (1,), ((0, 0),), (1,))


def test_populations_take_the_image_of_their_convolution() -> None:
    populations = {
        "in": population("in", "Input", (1, 4)),
        "mid": population("mid", "LIF", (8,)),
        "out": population("out", "LI", (2,)),
    }
    projections = [
        Projection("in", "mid", conv((1, 4), 2), np.arange(8.0), Delay(np.arange(8), "target")),
        Projection("mid", "mid", dense((8,), (8,)), None, Delay(np.arange(8) + 1, "source")),
        Projection("mid", "out", dense((8,), (2,))),
    ]
    moved, wired = unify_shapes(populations, projections)
    assert {name: p.shape for name, p in moved.items()} == {
        "in": (1, 4),
        "mid": (2, 4),
        "out": (2,),
    }
    assert moved["mid"].neuron.parameters()["tau"].shape == (2, 4)
    assert [p.operator.source_shape for p in wired] == [(1, 4), (2, 4), (2, 4)]
    assert wired[0].bias is not None
    assert wired[0].bias.shape == wired[0].delay.steps.shape == (2, 4)
    assert wired[1].delay.steps.shape == (2, 4)


def test_of_two_images_the_second_becomes_a_matrix() -> None:
    populations = {
        "a": population("a", "Input", (1, 4)),
        "b": population("b", "Input", (1, 2)),
        "mid": population("mid", "LIF", (8,)),
    }
    projections = [
        Projection("a", "mid", conv((1, 4), 2)),
        Projection("b", "mid", conv((1, 2), 4)),
    ]
    moved, wired = unify_shapes(populations, projections)
    assert moved["mid"].shape == (2, 4)
    assert isinstance(wired[0].operator, Conv)
    assert isinstance(wired[1].operator, Dense)
    np.testing.assert_array_equal(
        wired[1].operator.weight, to_dense(projections[1].operator).weight
    )
