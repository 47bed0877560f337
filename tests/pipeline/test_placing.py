"""Mapping options through the chain: what is chosen, said, and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from snn2chip.errors import ConfigError
from snn2chip.mapping import OBJECTIVES, write_mapping
from snn2chip.pipeline import Options, check, open_network, run

PLAIN = Options(target="loihi1", costs="sanafe_nahuku", data="digits", samples=3)


@pytest.fixture(scope="module")
def results():
    return {
        objective: run(open_network("digits-mlp", PLAIN), replace(PLAIN, objective=objective))
        for objective in (None, *OBJECTIVES)
    }


def test_each_objective_is_no_worse_than_the_fill_in_order(results) -> None:
    plain = results[None]
    assert plain.mapping.notes == ()
    packets = {
        name: sum(layer.counts.packets for layer in found.energy.layers)
        for name, found in results.items()
    }
    assert packets["packets"] <= packets[None]
    assert results["latency"].energy.latency_us <= plain.energy.latency_us
    assert results["energy"].energy.total_pj <= plain.energy.total_pj
    assert results["cores"].mapping.cores_used < plain.mapping.cores_used
    for objective in OBJECTIVES:
        found = results[objective]
        assert found.violations == ()
        note, won, *budget = found.mapping.notes
        assert note.startswith(f"mapped for {objective}: ")
        assert won.startswith("mapping kept of ")
        assert "the fill in order" in won
        assert len(budget) == (objective == "latency")
        assert note in found.energy.assumptions
        assert "spikes of this run" in note
        assert found.activity.scores.tolist() == plain.activity.scores.tolist()


CONV = replace(PLAIN, samples=20)


def test_equal_work_shares_the_cores_of_the_fill_in_order() -> None:
    """The busiest layer is split over cores that small layers leave free."""
    plain, found = (
        run(open_network("digits-conv", CONV), replace(CONV, objective=objective))
        for objective in (None, "latency")
    )
    assert found.mapping.cores_used <= plain.mapping.cores_used == 4
    assert found.energy.latency_us < 0.6 * plain.energy.latency_us
    won = found.mapping.notes[1]
    assert f"{found.energy.latency_us:.4g} us per inference on 4 cores" in won
    assert f"{plain.energy.latency_us:.4g} us per inference on 4 cores of the fill in" in won
    assert "budget 4 cores; --cores 8 may go lower" in found.mapping.notes


def test_energy_takes_more_cores_where_static_energy_falls_with_time() -> None:
    priced = replace(CONV, costs="davies2018", samples=2)
    few, many = (
        run(open_network("digits-conv", priced), replace(priced, objective="energy", cores=cores))
        for cores in (4, 12)
    )
    assert few.mapping.cores_used <= 4 < many.mapping.cores_used <= 12
    assert many.energy.total_pj < 0.8 * few.energy.total_pj
    assert many.violations == ()


def test_layers_share_cores_where_a_chip_has_too_few_to_fill_in_order() -> None:
    found = check(open_network("digits-mlp", Options()), Options(target="odin"))
    assert found.violations == ()
    assert found.mapping.cores_used == 1
    assert found.mapping.notes == (
        "layers share cores: the fill in order would take 3 cores, and there is 1",
    )
    wished = replace(Options(target="odin"), objective="packets")
    assert check(open_network("digits-mlp", Options()), wished).violations == ()


def test_what_is_modelled_follows_what_was_done(results) -> None:
    from snn2chip.pipeline.results.reprice import reprice

    plain, fast = results[None], results["latency"]
    assert "neurons on cores: filled in order, XY routing" in plain.fidelity.modelled
    assert any("mapped for latency" in line for line in fast.fidelity.modelled)
    assert not any("in order" in line and "mapped" not in line for line in fast.fidelity.modelled)
    assert any("congestion" in line for line in plain.fidelity.omitted)
    detailed = reprice(plain, "sanafe_nahuku", timing="detailed")
    assert sum(line.startswith("time: ") for line in detailed.fidelity.modelled) == 1
    assert any("every message" in line for line in detailed.fidelity.modelled)
    assert not any("congestion" in line for line in detailed.fidelity.omitted)


def test_without_a_run_it_says_what_it_assumes() -> None:
    found = check(open_network("digits-mlp", PLAIN), replace(PLAIN, objective="packets"))
    assert "one spike of every neuron" in found.mapping.notes[0]


def test_what_cannot_be_is_refused(tmp_path: Path, results) -> None:
    with pytest.raises(ConfigError, match="--objective latency on 'reference'"):
        check(
            open_network("digits-mlp", Options()), Options(target="reference", objective="latency")
        )
    with pytest.raises(ConfigError, match="packets"):
        Options(objective="pakets")
    with pytest.raises(ConfigError, match="tiles"):
        Options(partition="tile")
    with pytest.raises(ConfigError, match="chips"):
        Options(chips=0)
    with pytest.raises(ConfigError, match="--cores without"):
        Options(cores=4)
    path = tmp_path / "mapping.json"
    write_mapping(results["cores"].mapping, path)
    with pytest.raises(ConfigError, match="pinned"):
        Options(mapping=path, objective="cores")
    pinned = run(open_network("digits-mlp", PLAIN), replace(PLAIN, mapping=path))
    assert pinned.mapping.cores == results["cores"].mapping.cores
