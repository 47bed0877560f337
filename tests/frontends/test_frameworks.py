"""Files that other frameworks exported themselves, run with their preset: spike for spike.

``golden/make_frameworks.py`` built the networks, exported them and recorded what they gave.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.frontends.load import load_repaired
from snn2chip.graph.oracle import run_graph

GOLDEN = Path(__file__).parent / "golden" / "frameworks.npz"
# Spyx 1.0.0 writes R = beta and reads no R at all.
SPYX = {"input_gain": "one", "synapse_gain": "one"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sinabs-dense": ("sinabs", {}),
    "sinabs-conv": ("sinabs", {}),
    "rockpool-cuba": ("rockpool", {}),
    "rockpool-lif": ("rockpool", {}),
    "spyx-lif": ("spyx", SPYX),
    "spyx-cuba": ("spyx", SPYX),
    "spyx-recurrent": ("spyx", SPYX),
    "nengo-lif": ("nengo", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_framework_exports_is_what_it_runs(tmp_path: Path, case: str) -> None:
    preset, options = CASES[case]
    with np.load(GOLDEN) as golden:
        path = tmp_path / f"{case}.nir"
        path.write_bytes(golden[f"{case}.nir"].tobytes())
        x, expected, dt = golden[f"{case}.x"], golden[f"{case}.out"], float(golden[f"{case}.dt"])
    graph, repairs = load_repaired(path, preset, dt, options)
    # Rockpool's exporter states shapes with the batch and the time of its sample.
    assert bool(repairs) == case.startswith("rockpool")
    found = run_graph(graph, x.astype(np.float64))[graph.outputs[0]]
    assert expected.sum() > 50
    assert int((found != expected).sum()) == 0
