"""The bundled students in their text form, compared with files: any change of them shows here."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

from snn2chip.frontends import load
from snn2chip.frontends.nir import read_graph
from snn2chip.graph import to_text
from snn2chip.graph.oracle import run_graph
from tests.graph.networks import DT, population, tiny

STUDENTS = ("digits-mlp", "digits-conv")


@pytest.mark.parametrize("student", STUDENTS)
def test_a_student_is_the_network_of_its_golden_text(repository: Path, student: str) -> None:
    golden = (Path(__file__).parent / "golden" / f"{student}.txt").read_text()
    assert to_text(read_graph(repository / "models" / student / "student.nir")) == golden


@pytest.mark.parametrize("student", STUDENTS)
def test_its_file_turned_over_by_nir_gives_the_same_text(
    tmp_path: Path, repository: Path, student: str
) -> None:
    """nir.read and nir.write with all dicts and edges in reverse order."""
    theirs = nir.read(repository / "models" / student / "student.nir", type_check=False)
    turned = nir.NIRGraph(
        dict(reversed(theirs.nodes.items())), theirs.edges[::-1], type_check=False
    )
    turned.metadata = dict(reversed(theirs.metadata.items()))
    nir.write(tmp_path / "student.nir", turned)
    golden = (Path(__file__).parent / "golden" / f"{student}.txt").read_text()
    assert to_text(load(tmp_path / "student.nir")) == golden


def test_inputs_of_different_length_are_refused() -> None:
    """Numpy would spread one sample over all, and steps would be cut or missing."""
    one = tiny().projections[0]
    two = tuple(population(name, "Input", (3,)) for name in ("a", "b"))
    projections = tuple(type(one)(p.name, "hidden", one.operator) for p in two)
    hidden = population("hidden", "LI", (4,), tau=DT)
    graph = tiny(populations=(*two, hidden), projections=projections, outputs=("hidden",))
    for shape in ((3, 2, 3), (5, 2, 3), (4, 1, 3), (4, 3, 3)):
        with pytest.raises(ValueError, match=r"differ in \(steps, samples\)"):
            run_graph(graph, {"a": np.ones((4, 2, 3)), "b": np.ones(shape)})
