"""What the report's numbers mean."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snn2chip.pipeline import Result
from snn2chip.report.build import build
from snn2chip.report.types import TERMS, Report, plain
from tests.report.synthetic_results import PRICES, VIOLATION, result


def walk(value: Any) -> Any:
    """Every leaf of a JSON document."""
    if isinstance(value, dict):
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)
    else:
        yield value


def test_top_level_keys_are_those_of_the_format(report: Report) -> None:
    assert list(report.to_dict()) == [
        "schema",
        "tool",
        "network",
        "discretization",
        "target",
        "fidelity",
        "run",
        "drift",
        "layers",
        "totals",
        "bottleneck",
        "baseline",
        "neurobench",
        "curve",
        "ensemble",
        "thresholds",
        "unpriced",
        "assumptions",
        "violations",
        "mesh",
        "utilization",
        "cores",
        "links",
        "latency",
        "prices",
    ]


def test_leaves_are_plain_json_types(report: Report) -> None:
    kinds = {type(leaf) for leaf in walk(report.to_dict())}
    assert kinds <= {str, int, float, bool, type(None)}


def test_layers_repeat_the_counts_of_the_energy_report(run: Result, report: Report) -> None:
    for layer, row in zip(run.energy.layers, report.to_dict()["layers"], strict=True):
        assert row["name"] == layer.counts.name
        assert row["shape"] == list(layer.counts.shape)
        assert row["synaptic_events"] == layer.counts.synaptic_events
        assert row["hops"] == layer.counts.hops_x + layer.counts.hops_y
        assert row["energy_pj"]["total"] == layer.energy_pj.total


def test_totals_are_the_sums_of_the_layers(report: Report) -> None:
    document = report.to_dict()
    totals, layers = document["totals"], document["layers"]
    for key in ("neurons", "spikes", "synaptic_events", "neuron_updates", "packets", "hops"):
        assert totals[key] == sum(row[key] for row in layers)
        assert isinstance(totals[key], int)
    for term in (*TERMS, "total"):
        assert totals["energy_pj"][term] == pytest.approx(
            sum(row["energy_pj"][term] for row in layers)
        )


def test_energy_per_inference_is_total_over_samples_in_nj(report: Report) -> None:
    totals = report.to_dict()["totals"]
    assert totals["energy_per_inference_nj"] == totals["total_pj"] / 5 / 1000
    assert totals["total_pj"] == pytest.approx(totals["static_pj"] + totals["energy_pj"]["total"])


def test_chip_steps_add_the_longest_latency(report: Report) -> None:
    assert report.run.steps == 12
    assert report.run.chip_steps == 12 + 3


def test_cores_used_counts_distinct_cores(run: Result, report: Report) -> None:
    assert report.totals.cores_used == 9
    shared = {"input": np.zeros_like(run.mapping.assignment["input"])}
    crowded = {**run.mapping.assignment, **shared}
    crowded = replace(run, mapping=replace(run.mapping, assignment=crowded))
    assert build(crowded).totals.cores_used == 7


@pytest.mark.parametrize("term", TERMS)
def test_an_unpriced_term_is_none_and_never_zero(term: str) -> None:
    document = build(result(prices={**PRICES, term: None})).to_dict()
    assert document["totals"]["energy_pj"][term] is None
    assert all(row["energy_pj"][term] is None for row in document["layers"])
    assert document["totals"]["energy_pj"]["total"] > 0
    assert f"{term}: no price" in document["unpriced"]


def test_nothing_priced_leaves_no_energy_at_all() -> None:
    totals = build(result(prices=dict.fromkeys(TERMS), static_mw=None)).to_dict()["totals"]
    assert totals["total_pj"] is None
    assert totals["energy_per_inference_nj"] is None
    assert totals["energy_pj"]["total"] is None


def test_without_times_there_is_no_latency_and_no_bottleneck() -> None:
    document = build(result(latency=False, static_mw=None)).to_dict()
    assert document["totals"]["latency_us"] is None
    assert document["bottleneck"] is None


def test_changed_predictions_are_listed_in_drift(report: Report) -> None:
    drift = report.to_dict()["drift"][0]
    assert drift["predictions_differing"] == len(drift["changed"])
    assert drift["changed"][1] == {"sample": 4, "before": 9, "after": 4, "label": 4}
    assert drift["first"] == {"sample": 1, "step": 3, "population": "conv", "neuron": 17}


def test_violations_are_reported_whole() -> None:
    found = build(result(violations=(VIOLATION,))).to_dict()["violations"]
    assert found == [
        {
            "rule": "loihi2.neurons-per-core",
            "object": "hidden",
            "needs": "9,000 neurons on one core",
            "has": "8,192 neurons per core",
            "source": "Intel technology brief 2021",
            "remedy": "let the mapper split the population",
        }
    ]


def test_the_clock_leaves_no_trace(run: Result) -> None:
    slower = replace(run, wall_times={"simulate": 99.0})
    assert build(slower).to_dict() == build(run).to_dict()
    assert "1.25" not in json.dumps(build(run).to_dict())


def test_no_folder_of_the_machine_is_named(run: Result) -> None:
    assert build(replace(run, data="/home/me/secret/events.npz")).run.data == "events.npz"


def test_not_a_number_becomes_null(run: Result) -> None:
    drift = replace(run.drift[0], accuracy_before=float("nan"))
    document = build(replace(run, accuracy=float("nan"), drift=(drift,))).to_dict()
    assert document["run"]["accuracy"] is None
    assert document["drift"][0]["accuracy_before"] is None


def test_numpy_counts_become_python_numbers(run: Result) -> None:
    first = run.energy.layers[0]
    counts = replace(first.counts, spikes=np.int64(7), packets=np.float64(3.0))
    energy = replace(run.energy, layers=(replace(first, counts=counts), *run.energy.layers[1:]))
    row = build(replace(run, energy=energy)).to_dict()["layers"][0]
    assert (row["spikes"], type(row["spikes"])) == (7, int)
    assert (row["packets"], type(row["packets"])) == (3, int)


def test_plain_keeps_the_order_of_mappings_and_turns_tuples_into_lists() -> None:
    value = {"b": (1, np.float32(0.5)), "a": {"x": np.bool_(True).item(), "y": float("inf")}}
    assert list(plain(value)) == ["b", "a"]
    assert plain(value) == {"b": [1, 0.5], "a": {"x": True, "y": None}}


def test_only_warnings_that_happened_are_reported(report: Report) -> None:
    assert report.to_dict()["run"]["warnings"] == {"hidden": {"v_saturated": 3}}


def test_prices_are_those_of_the_table_that_priced_the_run(run: Result, report: Report) -> None:
    constants = run.target.costs["loihi2_from_loihi1"].constants
    assert [price.name for price in report.prices] == list(constants)
    first = report.prices[0]
    assert (first.value, first.grade, first.source) == (23.6, "presilicon", "Davies 2018 Table 2")
    assert (first.unit, first.meaning) == ("pJ", "synaptic event of any operator")
    foreign = replace(run, energy=replace(run.energy, table="elsewhere"))
    assert build(foreign).prices == ()
