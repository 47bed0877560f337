"""Import of NIR files with ten million weights: seconds and peak memory, medians of processes.

The time is ``read_graph`` alone, after Python and the package have started, by the clock on the
wall: run it on an idle machine. The memory is the
process's peak above its peak before, in bytes and as a multiple of the file's arrays. It is read
in /proc, so this runs on Linux: getrusage starts from the parent's peak.

    python benchmarks/import_nir.py [--runs 5]

Ends with 1 if an import takes 2 s or longer, or 3 times the arrays or more.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from snn2chip.frontends.nir import NirGraph, NirNode
from snn2chip.frontends.nir.storage import write_nodes

SECONDS, TIMES_THE_ARRAYS = 2.0, 3.0

IMPORT = """
import sys, time
from snn2chip.frontends.nir import read_graph

def peak():
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

before, start = peak(), time.perf_counter()
graph = read_graph(sys.argv[1], preset="norse", dt=1e-3)
print(time.perf_counter() - start, peak() - before)
"""


def lif(shape: tuple[int, ...], dtype: str) -> NirNode:
    """Neurons with equal parameters."""
    values = {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return NirNode("LIF", {name: np.full(shape, value, dtype) for name, value in values.items()})


def affine(rows: int, columns: int, dtype: str) -> NirNode:
    """A matrix of random weights with a bias."""
    weight = np.random.default_rng(0).standard_normal((rows, columns)) / columns**0.5
    return NirNode("Affine", {"weight": weight.astype(dtype), "bias": np.ones(rows, dtype)})


def chain(source: tuple[int, ...], nodes: list[NirNode], target: tuple[int, ...]) -> NirGraph:
    """Nodes that follow one another, between an Input and an Output of these shapes."""
    ends = (
        NirNode("Input", {"shape": np.array(source)}),
        NirNode("Output", {"shape": np.array(target)}),
    )
    named = {f"{k:02d}": node for k, node in enumerate((ends[0], *nodes, ends[1]))}
    return NirGraph(named, tuple(pairwise(named)))


def dense(dtype: str) -> NirGraph:
    """One matrix."""
    return chain((3125,), [affine(3200, 3125, dtype), lif((3200,), dtype)], (3200,))


def layers(dtype: str) -> NirGraph:
    """Ten matrices with neurons between."""
    nodes = [make for _ in range(10) for make in (affine(1000, 1000, dtype), lif((1000,), dtype))]
    return chain((1000,), nodes, (1000,))


def images(dtype: str) -> NirGraph:
    """Convolutions and pools, whose composition repeats kernels."""
    rng, nodes, channels, side = np.random.default_rng(0), [], 3, 32
    for count, pooled in ((64, 0), (128, 1), (256, 0), (256, 1), (512, 0), (512, 1), (512, 0)):
        weight = rng.standard_normal((count, channels, 3, 3)).astype(dtype) / 32
        options = {
            "input_shape": np.array([side, side]),
            "groups": 1,
            "bias": np.ones(count, dtype),
        }
        ones = {name: np.array([1, 1]) for name in ("stride", "padding", "dilation")}
        nodes.append(NirNode("Conv2d", {"weight": weight, **options, **ones}))
        nodes.append(lif((count, side, side), dtype))
        channels = count
        if pooled:
            two, none = np.array([2, 2]), np.array([0, 0])
            pool = {"kernel_size": two, "stride": two, "padding": none}
            nodes.append(NirNode("SumPool2d", pool))
            side //= 2
    shape = np.array([channels, side, side])
    nodes.append(NirNode("Flatten", {"input_type": shape, "start_dim": 0, "end_dim": -1}))
    nodes += [affine(600, channels * side * side, dtype), lif((600,), dtype)]
    return chain((3, 32, 32), nodes, (600,))


def cases() -> Iterator[tuple[str, NirGraph]]:
    """The networks by name."""
    for dtype in ("float32", "float64"):
        for make in (dense, layers, images):
            yield f"{make.__name__} {dtype}", make(dtype)


def array_bytes(graph: NirGraph) -> int:
    """Bytes of the file's arrays, uncompressed."""
    nodes = (node for node in graph.nodes.values() if isinstance(node, NirNode))
    return sum(v.nbytes for n in nodes for v in n.params.values() if isinstance(v, np.ndarray))


def measure(path: Path, runs: int) -> tuple[float, float]:
    """Median seconds and bytes of an import."""
    found = []
    for _ in range(runs):
        command = [sys.executable, "-c", IMPORT, str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found.append([float(word) for word in said.split()])
    seconds, peak = (median(column) for column in zip(*found, strict=True))
    return seconds, peak


def main() -> int:
    """Prints the table; 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description="Import of NIR files with 10^7 weights.")
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    slow = False
    print(
        f"{'network':<16} {'arrays':>9} {'file':>9} {'import':>9} {'peak':>9} {'peak/arrays':>12}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, graph in cases():
            path = Path(folder) / "network.nir"
            write_nodes(graph, path)
            arrays = array_bytes(graph)
            seconds, peak = measure(path, runs)
            slow |= seconds >= SECONDS or peak >= TIMES_THE_ARRAYS * arrays
            print(
                f"{name:<16} {arrays / 1e6:>6.1f} MB {path.stat().st_size / 1e6:>6.1f} MB "
                f"{seconds:>7.3f} s {peak / 1e6:>6.1f} MB {peak / arrays:>12.2f}"
            )
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
