"""Every preset against what its framework gave: published traces and rasters, spike for spike.

The rasters are those of the NIR paper (repository neuromorphs/NIR, folder ``paper/03_rnn``): hidden
spikes on the first Braille sample, here as digests. ``NIR_PAPER=<copy of that folder>`` adds those
of the network that was trained with subtractive resets.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from snn2chip.errors import ConfigError
from snn2chip.frontends import load
from snn2chip.frontends.nir import read_graph, write_graph
from snn2chip.graph import Graph, differences
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import PRESETS

ZERO, SUBTRACT = "braille_noDelay_bias_zero.nir", "braille_noDelay_noBias_subtract.nir"

TRACES = {
    # framework: (preset, overrides, factor of its membrane, tolerance in thresholds); a trace whose
    # first step the authors cut off (spinnaker2) has no latency left, and its factor is rounded
    "norse": ("norse", {}, 1.0, 1e-6),
    "snntorch": ("snntorch", {}, 25.0, 1e-6),
    "nengo": ("nengo", {}, 10.0, 1e-6),
    "sinabs": ("sinabs", {}, 1.0, 1e-6),
    "spinnaker2": ("spinnaker2", {"input_latency": 0}, 24.995, 4e-6),
}


@pytest.mark.parametrize("framework", TRACES)
def test_one_neuron_spike_for_spike(shared_fixtures: Path, framework: str) -> None:
    preset, overrides, scale, tolerance = TRACES[framework]
    folder = shared_fixtures / "nir"
    graph = read_graph(folder / "lif_norse.nir", preset, 1e-4, overrides)
    given, v, spikes = np.loadtxt(folder / f"lif_{framework}.csv", delimiter=",").T
    found = run_graph(graph, given.reshape(-1, 1, 1))
    assert len(spikes) == 1000
    assert (spikes > 0).sum() == 4
    np.testing.assert_array_equal(found["1"].reshape(-1), spikes > 0)
    bound = tolerance * 0.1 * scale  # the threshold is 0.1
    np.testing.assert_allclose(scale * found["1.v"].reshape(-1), v, rtol=0, atol=bound)


def test_lavas_neuron_spikes_a_step_later(shared_fixtures: Path) -> None:
    """Lava's floating-point LIF on the same input (``paper/01_lif/lif_lava_cpu_float.csv``)."""
    folder = shared_fixtures / "nir"
    given = np.loadtxt(folder / "lif_norse.csv", delimiter=",")[:, 0]
    graph = read_graph(folder / "lif_norse.nir", "lava", 1e-4)
    found = run_graph(graph, given.reshape(-1, 1, 1))["1"].reshape(-1)
    assert np.flatnonzero(found).tolist() == [461, 511, 711, 761]


RASTERS = [
    # (preset, file, overrides, spikes, digest); Norse's NIR import always resets to zero
    pytest.param("norse", ZERO, {}, 118, "3d485c1d17a68cd2", id="norse-zero"),
    pytest.param("norse", SUBTRACT, {}, 103, "00187ce5f48a92c5", id="norse-of-subtract"),
    pytest.param("snntorch", ZERO, {}, 119, "a7be0a178928cf63", id="snntorch-zero"),
    pytest.param(
        "snntorch", SUBTRACT, {"reset": "subtract"}, 118, "550b4cdf2a393dae", id="snntorch-subtract"
    ),
    pytest.param("spyx", ZERO, {}, 151, "7f43be06c2fed7a3", id="spyx-of-zero"),
    pytest.param("spyx", SUBTRACT, {}, 120, "c3e1ee7a8c63ed22", id="spyx-subtract"),
    pytest.param("spinnaker2", ZERO, {}, 119, "ae007b1eb029eecb", id="spinnaker2-zero"),
    pytest.param(
        "spinnaker2",
        SUBTRACT,
        {"reset": "subtract"},
        119,
        "8f9cdf7280fc7fdc",
        id="spinnaker2-subtract",
    ),
]


def braille(fixtures: Path, network: str, preset: str, overrides: dict[str, object]) -> Graph:
    folder = fixtures / "nir"
    if network == SUBTRACT:
        if "NIR_PAPER" not in os.environ:
            pytest.skip("NIR_PAPER names no copy of the NIR paper's networks")
        folder = Path(os.environ["NIR_PAPER"])
    return load(folder / network, preset, 1e-4, overrides)


def hidden(fixtures: Path, graph: Graph) -> np.ndarray:
    """Spikes of the recurrent population on the sample, [step, neuron]."""
    sample = np.load(fixtures / "nir" / "braille_sample0.npy")[:, None]
    return run_graph(graph, sample)["lif1.lif"][:, 0]


def digest(raster: np.ndarray) -> str:
    return sha256(np.packbits(raster > 0).tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("preset", "network", "overrides", "count", "expected"), RASTERS)
def test_a_recurrent_network_spike_for_spike(
    shared_fixtures: Path,
    preset: str,
    network: str,
    overrides: dict[str, object],
    count: int,
    expected: str,
) -> None:
    found = hidden(shared_fixtures, braille(shared_fixtures, network, preset, overrides))
    assert found.sum() == count
    assert digest(found) == expected


SENSITIVE = [
    ("norse", ZERO, {}, "early_bias", "kept"),
    ("snntorch", SUBTRACT, {"reset": "subtract"}, "cuba_reset_time", "spike"),
    ("snntorch", SUBTRACT, {"reset": "subtract"}, "cuba_reset_time", "fire"),
    ("snntorch", ZERO, {}, "early_bias", "dropped"),
    ("spinnaker2", ZERO, {}, "bias_path", "synapse"),
    ("spinnaker2", ZERO, {}, "weights", "float"),
    ("spinnaker2", ZERO, {}, "input_latency", 0),
    ("spyx", ZERO, {}, "cuba_reset_time", "fire"),
    ("spyx", ZERO, {"recurrent_delay": 1}, "output_latency", 0),
]


@pytest.mark.parametrize(("preset", "network", "overrides", "option", "value"), SENSITIVE)
def test_every_option_of_a_preset_is_needed(
    shared_fixtures: Path,
    preset: str,
    network: str,
    overrides: dict[str, object],
    option: str,
    value: object,
) -> None:
    """With one option changed, the published raster is no longer met."""
    changed = braille(shared_fixtures, network, preset, {**overrides, option: value})
    published = [p.values[4] for p in RASTERS if p.values[:2] == (preset, network)]
    assert digest(hidden(shared_fixtures, changed)) not in published


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_travels_in_a_file(tmp_path: Path, shared_fixtures: Path, preset: str) -> None:
    graph = braille(shared_fixtures, ZERO, preset, {"lif2.reset": "none"})
    write_graph(graph, tmp_path / "again.nir")
    again = load(tmp_path / "again.nir")
    assert differences(graph, again) == []
    assert again.discretization == graph.discretization
    assert again.discretization.of("lif2").reset == "none"


def test_an_exception_for_no_population_is_refused(shared_fixtures: Path) -> None:
    with pytest.raises(ConfigError, match="no population 'lif9'") as refused:
        braille(shared_fixtures, ZERO, "norse", {"lif9.reset": "none"})
    assert "'lif2'" in refused.value.remedy
    with pytest.raises(ConfigError, match="'early_bias' cannot differ"):
        braille(shared_fixtures, ZERO, "norse", {"lif2.early_bias": "kept"})


def test_an_option_for_the_network_goes_before_the_files_exceptions(
    tmp_path: Path, shared_fixtures: Path
) -> None:
    options: dict[str, object] = {"lif2.reset": "subtract", "lif2.fires": ">="}
    write_graph(braille(shared_fixtures, ZERO, "norse", options), tmp_path / "n.nir")
    again = load(tmp_path / "n.nir", overrides={"reset": "zero"}).discretization
    assert (again.of("lif2").reset, again.of("lif2").fires) == ("zero", ">=")
    one = load(tmp_path / "n.nir", overrides={"reset": "zero", "lif2.reset": "subtract"})
    assert one.discretization.of("lif2").reset == "subtract"
