"""Reports of real runs: every number again from the run's files, and the forms of one report."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from snn2chip.cli import main
from snn2chip.report.csvfile import COLUMNS
from snn2chip.report.jsonfile import schema
from snn2chip.report.numbers import shown
from snn2chip.resources import targets_dir
from tests.report.recount import Recount, recount
from tests.whole_networks import BUILDERS, SAMPLES, STEPS, write_network, write_spikes

# Two neurons per core and a tile per core, so that packets travel in both directions.
SCATTERED = {
    'name = "loihi1"': 'name = "scattered"',
    "neurons_per_core = { value = 1024": "neurons_per_core = { value = 2",
    "cores_per_tile = { value = 4": "cores_per_tile = { value = 1",
    "cores = { value = 128": "cores = { value = 32",
}

CASES = (
    ("branching", "loihi2", "loihi2_from_loihi1"),
    ("branching", "scattered", "davies2018"),
    ("images", "scattered", "sanafe_nahuku"),
    ("images", "loihi1", "davies2018"),
    ("recurrent", "scattered", "sanafe_nahuku"),
    ("branching", "shared", "davies2018"),
    ("delayed", "loihi2", "loihi2_from_loihi1"),
    ("two_inputs", "scattered", "davies2018"),
    ("current_based", "loihi1", "sanafe_nahuku"),
    ("current_readout", "scattered", "davies2018"),
)
COUNTS = ("spikes", "synaptic_events", "neuron_steps", "neuron_updates", "packets")
TERMS = ("synapse", "neuron", "packet", "hop")


@dataclass(frozen=True)
class Reported:
    """The three forms of one report, and the same run counted again."""

    json: dict[str, Any]
    rows: list[dict[str, str]]
    page: str
    again: Recount
    mapping: dict[str, Any]
    folder: Path


def pinned(folder: Path, network: str, target: str) -> list[str]:
    """For ``shared`` a mapping that puts all populations on two distant cores, split or whole."""
    if target != "shared":
        return []
    cores: dict[str, list[list[int]]] = {}
    for k, population in enumerate(BUILDERS[network](np.random.default_rng(0)).populations):
        last = population.size - 1
        cores[population.name] = [[0, last, 7]] if k % 2 else [[0, 1, 7], [2, last, 90]]
    document = {"schema": "snn2chip/mapping/1", "target": "loihi1", "cores": cores}
    (folder / "shared.json").write_text(json.dumps(document))
    return ["--mapping", str(folder / "shared.json")]


def target_file(folder: Path, name: str) -> Path:
    name = "loihi1" if name == "shared" else name
    if name != "scattered":
        return targets_dir() / f"{name}.toml"
    text = (targets_dir() / "loihi1.toml").read_text()
    for old, new in SCATTERED.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "scattered.toml").write_text(text)
    return folder / "scattered.toml"


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    network, target, table = request.param
    folder = tmp_path_factory.mktemp("run")
    path, toml = write_network(folder, network), target_file(folder, target)
    data = write_spikes(folder, BUILDERS[network](np.random.default_rng(0)))
    given = ("--target", str(toml), "--data", str(data))
    place = pinned(folder, network, target)
    assert main(["-q", "compile", str(path), "-o", str(folder / "out"), *given, *place]) == 0
    files = [folder / name for name in ("t.npz", "r.json", "r.csv", "r.html")]
    flags = ("--trace", "--json", "--csv", "--html")
    outputs = [word for pair in zip(flags, map(str, files), strict=True) for word in pair]
    arguments = ["--costs", table, "--trace-state", *outputs]
    assert main(["-q", "simulate", str(folder / "out"), *given, *arguments]) == 0
    return Reported(
        json.loads(files[1].read_text()),
        list(csv.DictReader(files[2].open())),
        files[3].read_text(),
        recount(folder / "out", files[0], toml, table, STEPS),
        json.loads((folder / "out" / "mapping.json").read_text()),
        folder,
    )


def layers(run: Reported) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in run.json["layers"]}


def total(energies: dict[str, float | None]) -> float:
    """Sum of what is priced."""
    return sum(value for value in energies.values() if value is not None)


def test_the_json_meets_the_schema(run: Reported) -> None:
    jsonschema.validate(run.json, schema())
    assert (run.json["run"]["samples"], run.json["run"]["steps"]) == (SAMPLES, STEPS)


def test_counts_are_those_of_the_trace(run: Reported) -> None:
    for name, row in layers(run).items():
        counts = run.again.layers[name]
        assert {key: row[key] for key in COUNTS} == {key: counts[key] for key in COUNTS}, name
        assert row["hops"] == counts["hops_x"] + counts["hops_y"], name
        assert row["packets_sent"] == row["packets"]
        assert row["spike_rate"] == row["spikes"] / (row["neurons"] * STEPS * SAMPLES)
    assert sum(row["spikes"] for row in run.json["layers"]) > 0


def test_packets_travel_both_ways_or_stay(run: Reported) -> None:
    """Keeps the counts above from being empty."""
    counts = run.again.layers.values()
    if run.json["target"]["name"] == "scattered":
        assert sum(c["hops_x"] for c in counts) > 0
        assert sum(c["hops_y"] for c in counts) > 0
    else:
        assert sum(c["within"] for c in counts) > 0


def test_energies_are_counts_times_the_tables_constants(run: Reported) -> None:
    for name, row in layers(run).items():
        expected = run.again.energy[name]
        for term in TERMS:
            value = None if expected[term] is None else pytest.approx(expected[term], rel=1e-12)
            assert row["energy_pj"][term] == value, (name, term)
        assert row["energy_pj"]["total"] == pytest.approx(total(expected))


def test_totals_are_sums_and_static_is_power_times_time(run: Reported) -> None:
    totals, again = run.json["totals"], run.again
    for key in (*COUNTS, "hops", "packets_sent", "neurons", "synapses"):
        assert totals[key] == sum(row[key] for row in run.json["layers"])
    for term in TERMS:
        whole = sum(energy[term] or 0.0 for energy in again.energy.values())
        assert totals["energy_pj"][term] == pytest.approx(whole)
    dynamic = sum(total(energy) for energy in again.energy.values())
    assert totals["energy_pj"]["total"] == pytest.approx(dynamic)
    static = again.static_pj
    assert totals["static_pj"] == (None if static is None else pytest.approx(static))
    assert totals["total_pj"] == pytest.approx(dynamic + (static or 0.0))
    per_inference = (dynamic + (static or 0.0)) / SAMPLES / 1000.0
    assert totals["energy_per_inference_nj"] == pytest.approx(per_inference)
    assert ("p_static_chip" in " ".join(run.json["unpriced"])) == (static is None)


def test_times_are_those_of_the_busiest_cores(run: Reported) -> None:
    assert run.again.step_ns is not None
    latency = run.again.step_ns.sum() / SAMPLES / 1000.0
    assert run.json["totals"]["latency_us"] == pytest.approx(latency)
    for name, row in layers(run).items():
        assert row["time_ns"] == pytest.approx(run.again.time_ns[name]), name


def test_cores_are_those_of_the_mapping(run: Reported) -> None:
    cores = run.mapping["cores"]
    for name, row in layers(run).items():
        assert row["cores"] == len({core for *_, core in cores[name]})
        assert sum(last - first + 1 for first, last, _ in cores[name]) == row["neurons"]
    distinct = {core for slices in cores.values() for *_, core in slices}
    assert run.json["totals"]["cores_used"] == len(distinct) == len(run.mapping["places"])
    assert run.json["bottleneck"]["core"] in distinct


def test_latencies_align_the_trace_with_the_graph(run: Reported) -> None:
    (drift,) = run.json["drift"]
    seen = {p["name"]: p["latency"] for p in drift["populations"]}
    assert seen == run.again.latency
    assert run.json["run"]["chip_steps"] == STEPS + max(seen.values())
    for p in drift["populations"]:
        row = layers(run)[p["name"]]
        assert p["rate_after"] == row["spike_rate"]


def test_the_csv_says_what_the_json_says(run: Reported) -> None:
    assert [row["layer"] for row in run.rows] == [row["name"] for row in run.json["layers"]]
    for cells, row in zip(run.rows, run.json["layers"], strict=True):
        energy = {f"energy_{term}_pj": row["energy_pj"][term] for term in (*TERMS, "total")}
        numbers = {
            **{key: row[key] for key in (*COUNTS, "neurons", "synapses", "cores", "packets_sent")},
            **{"hops": row["hops"], "spike_rate_per_step": row["spike_rate"]},
            **{"time_ns": row["time_ns"], "samples": SAMPLES, "steps": STEPS},
            **energy,
        }
        written = {key: float(cells[key]) if cells[key] else None for key in numbers}
        assert written == numbers
        words = {"network", "target", "cost_table", "layer", "kind", "shape"}
        assert set(numbers) | words == set(COLUMNS)
        assert cells["network"] == run.json["network"]["name"]
        assert cells["target"] == run.json["target"]["name"]
        assert cells["cost_table"] == run.json["target"]["cost_table"]
        assert cells["shape"].split("x") == [str(n) for n in row["shape"]]


def test_the_page_has_every_layer_and_figure_and_asks_for_nothing(run: Reported) -> None:
    page = run.page
    spiking = [row for row in run.json["layers"] if row["kind"] not in ("LI", "CubaLI")]
    for row in run.json["layers"]:
        assert f"</i>{shown(row['name'])}</span>" in page
    for row in spiking:
        for words in ("spikes of", "spike rates of"):
            assert f'aria-label="{words} {row["name"]}"' in page
    for part in ("layers", "floorplan", "raster", "rates", "trust"):
        assert f'id="{part}"' in page
    for line in (*run.json["unpriced"], *run.json["fidelity"]["bit_accurate"]):
        assert line in unescape(page)
    outside = r"(?:src|href|srcset|action|data|poster)\s*=|@import|url\(|<script|<link|<iframe"
    assert re.findall(outside, page) == []
    for address in re.findall(r"[a-z]+://[^\s\"'<>)]+", page):
        assert f'"{address}"' not in page, address


def test_the_report_of_the_folder_is_the_one_of_its_run(run: Reported) -> None:
    """``compile`` wrote a report of the same run; only the cost table may differ."""
    saved = json.loads((run.folder / "out" / "report.json").read_text())
    for row, other in zip(saved["layers"], run.json["layers"], strict=True):
        assert {k: row[k] for k in COUNTS} == {k: other[k] for k in COUNTS}
    assert saved["drift"] == run.json["drift"]
    assert saved["violations"] == run.json["violations"] == []


def simulated(folder: Path, hash_seed: str, *extra: str) -> dict[str, bytes]:
    """Bytes of the files that a process of its own writes."""
    out = folder / f"{hash_seed}{''.join(extra)}"
    out.mkdir()
    names = {"--json": "r.json", "--csv": "r.csv", "--html": "r.html", "--trace": "t.npz"}
    flags = [word for flag, name in names.items() for word in (flag, str(out / name))]
    root = Path(__file__).resolve().parents[2]
    subprocess.run(
        [
            *(sys.executable, "-m", "snn2chip", "-q", "simulate", "branching.nir"),
            *("--data", "net.npz", *flags, *extra),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
    )
    return {name: (out / name).read_bytes() for name in names.values()}


def test_bytes_do_not_depend_on_hashes_batches_or_blocks(tmp_path: Path) -> None:
    write_network(tmp_path, "branching")
    write_spikes(tmp_path, BUILDERS["branching"](np.random.default_rng(0)))
    first = simulated(tmp_path, "0")
    assert simulated(tmp_path, "1") == first
    assert simulated(tmp_path, "2", "--batch", "3", "--block-steps", "2") == first
