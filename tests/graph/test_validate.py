from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from snn2chip.errors import InputFileError
from snn2chip.graph import Delay, Graph, Projection, Readout, identity, validate
from tests.networks import NORSE, chain

from .networks import dense, graphs, population, tiny


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_random_networks_are_valid(graph: Graph) -> None:
    validate(graph)


def problems(graph: Graph) -> str:
    with pytest.raises(InputFileError) as caught:
        validate(graph)
    return str(caught.value)


def with_projection(**changes: object) -> Graph:
    graph = tiny()
    first = replace(graph.projections[0], **changes)  # type: ignore[arg-type]
    return replace(graph, projections=(first, *graph.projections[1:]))


def with_hidden(**values: float) -> Graph:
    graph = tiny()
    hidden = population("hidden", "LIF", (4,), **values)
    return replace(graph, populations=(graph.populations[0], hidden, graph.populations[2]))


SELF = Projection("hidden", "hidden", identity((4,)))
CASES = {
    "2 populations are called 'input'": tiny(
        populations=(tiny().populations[0], *tiny().populations)
    ),
    "a population has no name": tiny(populations=(*tiny().populations, population("", "IF", (1,)))),
    "there is no input population": tiny(
        populations=tiny().populations[1:], projections=tiny().projections[1:]
    ),
    "shape (0,)": tiny(populations=(*tiny().populations, population("e", "IF", (0,)))),
    "tau holds values that are not finite": with_hidden(tau=np.nan),
    "v_threshold holds values that are not finite": with_hidden(v_threshold=np.inf),
    "tau is -1.0": with_hidden(tau=-1.0),
    "no population 'nowhere'": with_projection(source="nowhere"),
    "nothing can feed an input": with_projection(target="input", operator=identity((3,))),
    "takes (4,), 'input' has (3,)": with_projection(operator=identity((4,))),
    "gives (3,), 'hidden' has (4,)": with_projection(operator=identity((3,))),
    "bias of shape (3,)": with_projection(bias=np.ones(3)),
    "a bias that is not finite": with_projection(bias=np.full(4, np.inf)),
    "weights that are not finite": with_projection(
        operator=replace(dense((3,), (4,)), weight=np.full((4, 3), np.nan))
    ),
    "delay per source of shape (4,)": with_projection(delay=Delay(np.ones(4, int), "source")),
    "delays per synapse need a dense": tiny(
        projections=(
            *tiny().projections,
            replace(SELF, delay=Delay(np.ones((4, 4), int), "synapse")),
        )
    ),
    "not whole numbers": with_projection(delay=Delay(np.ones(()))),  # type: ignore[arg-type]
    "a delay of -1 steps": with_projection(delay=Delay(np.array(-1))),
    "hidden form a cycle without delay": tiny(projections=(*tiny().projections, SELF)),
    "'hidden' comes after 'out'": tiny(
        populations=(tiny().populations[0], tiny().populations[2], tiny().populations[1])
    ),
    "inputs do not come first": tiny(
        populations=(*tiny().populations, population("late", "Input", (1,)))
    ),
    "there is no output": tiny(outputs=()),
    "output 'x' is no population": tiny(outputs=("x",)),
    "output 'input' is an input": tiny(outputs=("input",)),
    "an output is named twice": tiny(outputs=("out", "out")),
    "a LI that never spikes": tiny(readout=Readout("spike_count")),
    "3 classes for 2 neurons": tiny(classes=("a", "b", "c")),
}


@pytest.mark.parametrize("message", CASES, ids=str)
def test_each_problem_is_named(message: str) -> None:
    assert message in problems(CASES[message])


def test_all_problems_are_listed_at_once() -> None:
    graph = replace(with_hidden(tau=-1.0), outputs=("x",), classes=("a",))
    text = problems(graph)
    assert "2 problems" in text
    assert "tau is -1.0" in text
    assert "output 'x'" in text


def test_a_cycle_with_a_step_of_delay_is_fine() -> None:
    delayed = replace(SELF, delay=Delay(np.array(1)))
    validate(tiny(projections=(*tiny().projections, delayed)))


@pytest.mark.parametrize(
    ("dt", "integrator", "refused"),
    [(1.0, "euler", True), (1.0, "exact", False), (0.0101, "euler", True), (0.01, "euler", False)],
)
def test_euler_steps_that_diverge_are_refused(dt, integrator, refused) -> None:
    """The time constant is 5 ms: v' = (1 - dt/tau) v grows where dt/tau is above 2."""
    graph = chain(
        np.random.default_rng(0), discretization=NORSE.override(dt=dt, integrator=integrator)
    )
    if refused:
        with pytest.raises(InputFileError, match="diverge"):
            validate(graph)
    else:
        validate(graph)


@pytest.mark.parametrize("tau", [1e300, 1.7e308])
def test_euler_steps_of_the_longest_time_constants(tau: float) -> None:
    """Twice a time constant may be no number at all, and says nothing about the step."""
    graph = chain(np.random.default_rng(0))
    chosen = replace(graph.discretization, integrator="euler")
    hidden = replace(graph.populations[1].neuron, tau=np.full((5,), tau))
    changed = replace(graph.populations[1], neuron=hidden)
    populations = (graph.populations[0], changed, *graph.populations[2:])
    with np.errstate(all="raise"):
        validate(replace(graph, discretization=chosen, populations=populations))
