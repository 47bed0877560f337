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
        (note,) = found.mapping.notes
        assert note.startswith(f"mapped for {objective}: ")
        assert note in found.energy.assumptions
        assert "spikes of this run" in note
        assert found.activity.scores.tolist() == plain.activity.scores.tolist()


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
