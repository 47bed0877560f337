from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from snn2chip.graph import (
    Conv,
    Delay,
    Encoding,
    Graph,
    Projection,
    Readout,
    differences,
    equal,
    identity,
)
from snn2chip.neurons import from_preset

from .networks import DT, dense, graphs, population, tiny


@given(graphs())
@settings(max_examples=30, deadline=None)
def test_a_graph_equals_itself_in_any_order(graph: Graph) -> None:
    turned = replace(
        graph,
        name="another",
        populations=graph.populations[::-1],
        projections=graph.projections[::-1],
    )
    assert differences(graph, turned) == []
    assert equal(graph, turned)


def changed_projection(**changes: object) -> Graph:
    graph = tiny()
    first = replace(graph.projections[0], **changes)  # type: ignore[arg-type]
    return replace(graph, projections=(first, graph.projections[1]))


CHANGES = {
    "weights": changed_projection(operator=dense((3,), (4,), 9)),
    "bias": changed_projection(bias=None),
    "delay": changed_projection(delay=Delay(np.array(1))),
    "delay of one source": changed_projection(delay=Delay(np.array([0, 0, 1]), "source")),
    "one projection less": tiny(projections=tiny().projections[:1]),
    "two in parallel": tiny(projections=(*tiny().projections, tiny().projections[1])),
    "parameter": tiny(
        populations=(
            tiny().populations[0],
            population("hidden", "LIF", (4,), tau=2 * DT),
            tiny().populations[2],
        )
    ),
    "kind": tiny(populations=(*tiny().populations[:2], population("out", "CubaLI", (2,)))),
    "population": tiny(populations=tiny().populations[:2]),
    "outputs": tiny(outputs=("hidden",)),
    "dt": tiny(discretization=from_preset("norse", 2 * DT)),
    "readout": tiny(readout=Readout("v_last")),
    "encoding": tiny(encoding=Encoding("if", 3)),
    "classes": tiny(classes=("a", "b")),
    "data": tiny(data="digits"),
    "split": tiny(split_seed=1),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_seen_from_both_sides(what: str) -> None:
    assert differences(tiny(), CHANGES[what])
    assert differences(CHANGES[what], tiny())


def test_what_computes_the_same_is_equal() -> None:
    zeros = changed_projection(bias=np.zeros(4))
    assert equal(zeros, changed_projection(bias=None))
    ones = changed_projection(delay=Delay(np.array([2, 2, 2]), "source"))
    assert equal(ones, changed_projection(delay=Delay(np.array(2))))


def test_padding_that_no_kernel_reaches_is_equal() -> None:
    def graph(padding: tuple[int, int]) -> Graph:
        conv = Conv(np.ones((1, 1, 3)), (1, 8), (4,), (padding,), (1,))
        populations = (population("input", "Input", (1, 8)), population("out", "LI", (1, 2)))
        return tiny(populations=populations, projections=(Projection("input", "out", conv),))

    assert equal(graph((1, 1)), graph((1, 0)))
    assert not equal(graph((1, 1)), graph((0, 1)))


def test_a_delay_through_an_identity_belongs_to_both_ends() -> None:
    steps = np.array([1, 2])

    def graph(axis: str) -> Graph:
        delayed = Projection("a", "b", identity((2,)), None, Delay(steps, axis))  # type: ignore[arg-type]
        populations = (population("a", "Input", (2,)), population("b", "LI", (2,)))
        return tiny(populations=populations, projections=(delayed,), outputs=("b",))

    assert equal(graph("source"), graph("target"))


def test_parallel_projections_are_a_set() -> None:
    one = Projection("hidden", "out", dense((4,), (2,), 5))
    two = Projection("hidden", "out", dense((4,), (2,), 6))
    first = tiny().projections[0]
    assert equal(tiny(projections=(first, one, two)), tiny(projections=(first, two, one)))
    assert not equal(tiny(projections=(first, one, one)), tiny(projections=(first, two, one)))


def test_delays_per_synapse_that_one_end_decides_are_those_of_that_end() -> None:
    rows, columns = np.arange(4), np.array([2, 0, 1])
    per_source = Delay(np.tile(columns, (4, 1)), "synapse")
    per_target = Delay(np.tile(rows[:, None], (1, 3)), "synapse")
    graphs = [changed_projection(delay=d) for d in (per_source, per_target)]
    ends = [
        changed_projection(delay=Delay(columns, "source")),
        changed_projection(delay=Delay(rows, "target")),
    ]
    assert [[equal(a, b) for b in ends] for a in graphs] == [[True, False], [False, True]]
    assert not equal(*graphs)
