"""An import keeps what a file holds and little more: neither copies nor wider numbers."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import nir
import numpy as np
import pytest

from snn2chip.errors import InputFileError
from snn2chip.frontends.nir import nodes_of, read_graph, write_graph
from snn2chip.graph.equality import equal
from snn2chip.graph.operators import weights_of
from tests.frontends.files import DT, chain, lif, sink, source

SIDE = 600


def matrix(dtype: str, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((SIDE, SIDE)).astype(dtype)


def network(path: Path, weight: np.ndarray) -> Path:
    affine = nir.Affine(weight, np.zeros(len(weight)))
    return chain(path, source(SIDE), affine, lif(SIDE), sink(SIDE))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_keep_their_width_and_values(dtype: str, tmp_path: Path) -> None:
    weight = matrix(dtype)
    graph = read_graph(network(tmp_path / "n.nir", weight), "norse", DT)
    found = weights_of(graph.projections[0].operator)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, weight)


@pytest.mark.parametrize("dtype", ["float16", "int8", "int64", "uint16"])
def test_other_numbers_become_float64(dtype: str, tmp_path: Path) -> None:
    weight = (np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 100).astype(dtype)
    graph = read_graph(network(tmp_path / "n.nir", weight), "norse", DT)
    found = weights_of(graph.projections[0].operator)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, weight)


def test_float32_weights_come_back_as_they_were_written(tmp_path: Path) -> None:
    graph = read_graph(network(tmp_path / "n.nir", matrix("float32")), "norse", DT)
    write_graph(graph, tmp_path / "again.nir")
    again = read_graph(tmp_path / "again.nir")
    assert weights_of(again.projections[0].operator).dtype == np.float32
    assert equal(again, graph)
    assert any(getattr(n, "kind", "") == "Linear" for n in nodes_of(again).nodes.values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_import_allocates_less_than_three_times_the_arrays(dtype: str, tmp_path: Path) -> None:
    path = network(tmp_path / "n.nir", matrix(dtype))
    read_graph(path, "norse", DT)  # what is imported once does not count
    tracemalloc.start()
    try:
        read_graph(path, "norse", DT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.8 * matrix(dtype).nbytes


@pytest.mark.parametrize("place", [0, SIDE * SIDE // 2, SIDE * SIDE - 1])
@pytest.mark.parametrize(
    ("dtype", "value", "cause"),
    [
        ("float64", np.nan, "not finite"),
        ("float32", np.inf, "not finite"),
        ("float64", 1e-70, "magnitude"),
        ("float64", -1e70, "magnitude"),
    ],
)
def test_one_bad_weight_is_found_wherever_it_lies(
    place: int, dtype: str, value: float, cause: str, tmp_path: Path
) -> None:
    weight = matrix(dtype)
    weight.reshape(-1)[place] = value
    index = str([int(k) for k in np.unravel_index(place, weight.shape)])
    with pytest.raises(InputFileError) as caught:
        read_graph(network(tmp_path / "n.nir", weight), "norse", DT)
    assert cause in str(caught.value)
    assert index in str(caught.value)


def test_the_benchmark_runs(tmp_path: Path) -> None:
    script = Path(__file__).parents[3] / "benchmarks" / "import_nir.py"
    if not Path("/proc/self/status").is_file():
        pytest.skip("the benchmark reads /proc")
    code = f"import runpy; m = runpy.run_path({str(script)!r}); print(m['IMPORT'])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path = network(tmp_path / "n.nir", matrix("float32"))
    probe = [sys.executable, "-c", said.stdout, str(path)]
    seconds, peak = map(
        float, subprocess.run(probe, capture_output=True, check=True).stdout.split()
    )
    assert 0 < seconds < 60
    assert 0 <= peak < 2**30
