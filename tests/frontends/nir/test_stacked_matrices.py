"""Affine and Linear with a matrix per channel: weight [..., out, in] on an input [..., in]."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

from snn2chip.errors import InputFileError
from snn2chip.frontends.nir import read_graph, write_graph
from snn2chip.graph.equality import differences
from snn2chip.graph.linear import synapses
from snn2chip.graph.oracle import run_graph
from tests.frontends.files import DT, chain, lif, probe, sink, source

RNG = np.random.default_rng


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("lead", [(1,), (3,), (2, 3)], ids=str)
def test_each_element_has_its_own_matrix(lead: tuple[int, ...], bias: bool, tmp_path: Path) -> None:
    weight = RNG(0).integers(-4, 5, (*lead, 2, 4)) / 4
    offset = RNG(1).integers(-4, 5, (*lead, 2)) / 4
    node = nir.Affine(weight, offset) if bias else nir.Linear(weight)
    path = chain(tmp_path / "n.nir", source(*lead, 4), node, probe((*lead, 2)), sink(*lead, 2))
    graph = read_graph(path, "norse", DT)
    x = RNG(2).integers(0, 2, (5, 3, *lead, 4))
    expected = np.einsum("...oi,ts...i->ts...o", weight, x) + (offset if bias else 0.0)
    found = run_graph(graph, x)[graph.outputs[0]]
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_only_the_synapses_of_the_blocks_count(tmp_path: Path) -> None:
    node = nir.Linear(np.ones((3, 2, 4)))
    path = chain(tmp_path / "n.nir", source(3, 4), node, lif((3, 2)), sink(3, 2))
    graph = read_graph(path, "norse", DT)
    assert synapses(graph.projections[0].operator) == 3 * 2 * 4
    assert graph.projections[0].operator.weight.size == 3 * 2 * 4
    write_graph(graph, tmp_path / "again.nir")
    again = read_graph(tmp_path / "again.nir")
    assert differences(again, graph) == []


def test_what_follows_sees_the_elements_in_order(tmp_path: Path) -> None:
    first, second = RNG(0).integers(-4, 5, (3, 2, 4)) / 4, RNG(1).integers(-4, 5, (5, 6)) / 4
    flat = nir.Flatten({"input": np.array([3, 2])}, 0, -1)
    path = chain(
        tmp_path / "n.nir", source(3, 4), nir.Linear(first), flat, nir.Linear(second), probe(5),
        sink(5),
    )  # fmt: skip
    graph = read_graph(path, "norse", DT)
    x = RNG(2).integers(0, 2, (5, 3, 3, 4))
    between = np.einsum("coi,tsci->tsco", first, x).reshape(5, 3, 6)
    np.testing.assert_array_equal(run_graph(graph, x)[graph.outputs[0]], between @ second.T)


@pytest.mark.parametrize(
    ("shape", "weight", "bias"),
    [((3, 4), (2, 2, 4), (2, 2)), ((4,), (3, 2, 4), (3, 2)), ((3, 4), (3, 2, 4), (2,))],
    ids=str,
)
def test_shapes_that_do_not_fit_are_refused(
    shape: tuple[int, ...], weight: tuple[int, ...], bias: tuple[int, ...], tmp_path: Path
) -> None:
    node = nir.Affine(np.ones(weight), np.ones(bias))
    path = chain(tmp_path / "n.nir", source(*shape), node, lif((3, 2)), sink(3, 2))
    with pytest.raises(InputFileError, match=r"does not fit|bias has shape"):
        read_graph(path, "norse", DT)
