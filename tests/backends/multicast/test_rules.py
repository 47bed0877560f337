"""What routers, chips and cores do not hold, each with its four parts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.backends import find_backend
from snn2chip.backends.multicast import boards, routing
from snn2chip.backends.multicast.keys import Part
from snn2chip.backends.multicast.rules import key_bits
from snn2chip.backends.spinnaker.rules import (
    CORE_BYTES,
    NEURON_BYTES,
    dtcm_by_core,
    sdram_by_chip,
)
from snn2chip.cli import main
from snn2chip.core import Mapping, Program, Violation
from snn2chip.core.mapping import Slice
from snn2chip.mapping import Goal, Plan, Traffic, map_program
from snn2chip.mapping.place import place_all
from snn2chip.resources import targets_dir
from snn2chip.targets import Target, load_target
from tests.networks import chain, lif

SIZES = (40, 1500, 700, 10)
"""Rows of the table: the input, two layers, and three biases, two of which share a row."""


def program_on(target: Target) -> Program:
    net = chain(np.random.default_rng(0), lif, SIZES, bias=True)
    return find_backend(target.family).realise(net, target)


def narrow(target: Target, **limits: int) -> Target:
    """The target with other limits."""
    changed = {name: replace(target.resources[name], value=v) for name, v in limits.items()}
    return replace(target, resources={**target.resources, **changed})


def broken(target: Target) -> dict[str, Violation]:
    program = program_on(target)
    mapping, _ = map_program(program, target)
    found = find_backend(target.family).violations(program, target, None, mapping)
    assert len({v.rule for v in found}) == len(found)
    return {v.rule: v for v in found}


@pytest.mark.parametrize("name", ["spinnaker1", "spinnaker2"])
def test_a_small_network_breaks_nothing(name: str) -> None:
    assert broken(load_target(name)) == {}


def test_a_table_that_is_too_large() -> None:
    found = broken(narrow(load_target("spinnaker1"), routing_entries=2))
    (table,) = found.values()
    assert table.rule == "spinnaker1.routing-table"
    assert table.object == "chip 0, 0"
    assert (table.needs, table.has) == ("5 rows", "2 rows")
    assert "version_spin1.py" in table.source
    assert table.remedy.startswith("fewer populations")


def test_sources_of_biases_need_cores_too() -> None:
    """Eleven cores of the network, and three of its biases."""
    (violation,) = broken(narrow(load_target("spinnaker1"), cores=13)).values()
    assert violation.rule == "spinnaker1.cores-of-biases"
    assert (violation.needs, violation.has) == ("11 + 3 cores", "13 cores")
    assert broken(narrow(load_target("spinnaker1"), cores=14)) == {}
    assert broken(narrow(load_target("spinnaker1"), cores=10)) == {}  # the limit of all chips


def test_memory_of_a_chip_and_of_a_core() -> None:
    target = narrow(
        load_target("spinnaker1"), sdram_bytes_per_chip=1 << 20, dtcm_bytes_per_core=1024
    )
    program = program_on(target)
    mapping, _ = map_program(program, target)
    found = find_backend(target.family).violations(program, target, None, mapping)
    (chip,) = [v for v in found if v.rule == "spinnaker1.sdram-per-chip"]
    assert (chip.object, chip.has) == ("chip 0, 0", "1,048,576 bytes")
    cores = [v for v in found if v.rule == "spinnaker1.dtcm-per-core"]
    assert [v.object for v in cores] == [f"core {k} of chip 0, 0" for k in range(1, 10)]
    assert cores[0].needs == "2,048 bytes"


def test_memory_in_bytes() -> None:
    """A row of each source, core and receptor: three words and one for each synapse."""
    target = load_target("spinnaker1")
    program = program_on(target)
    mapping, _ = map_program(program, target)
    rows = 40 * (6 * 6 + 1500) + 1500 * (3 * 6 + 700) + 700 * (6 + 10)
    cores = 6 + 3 + 1  # of neurons
    rest = CORE_BYTES * cores + NEURON_BYTES * (1500 + 700 + 10)
    assert sdram_by_chip(program, target, mapping) == {(0, 0): 4 * rows + rest}
    sizes = set(dtcm_by_core(program, target, mapping).values())
    assert sizes == {2 * 256 * 2 * 2, 2 * 16 * 2 * 2}


def test_a_core_holds_one_population() -> None:
    target = load_target("spinnaker2")
    program = program_on(target)
    cores = {
        "input": [Slice(0, 39, 0)],
        "hidden0": [Slice(0, 1499, 0)],
        "hidden1": [Slice(0, 699, 1)],
        "out": [Slice(0, 9, 2)],
    }
    mapping = Mapping.from_slices("spinnaker2", cores, place_all(range(3), target.mesh))
    _, violations = map_program(program, target, mapping)
    (found,) = [v for v in violations if v.rule == "spinnaker2.populations-per-core"]
    assert found.object == "populations 'input', 'hidden0'"
    assert (found.needs, found.has) == ("2 populations on core 0", "1 per core")


@pytest.mark.parametrize("name", ["spinnaker1", "spinnaker2"])
@pytest.mark.parametrize("objective", ["cores", "packets", "energy"])
def test_no_objective_puts_populations_together(name: str, objective: Any) -> None:
    target = load_target(name)
    net = chain(np.random.default_rng(0), lif, (8, 12, 4), bias=True)
    program = find_backend(target.family).realise(net, target)
    mapping, found = map_program(
        program, target, None, Plan(objective), Goal(Traffic.of(program, None))
    )
    assert found == ()
    assert mapping.cores_used == 3
    assert find_backend(target.family).violations(program, target, None, mapping) == ()


def test_keys_beyond_32_bits() -> None:
    part = Part("a", 0, 0, 9, ((0, 0), 3), frozenset([((0, 0), 4)]), 1 << 33, 0xFFFFFF00)
    assert key_bits([part]) == 34


def test_the_command_names_what_is_too_large(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (targets_dir() / "spinnaker1.toml").read_text()
    small = text.replace("routing_entries = { value = 1023", "routing_entries = { value = 1")
    (tmp_path / "small.toml").write_text(small)
    assert main(["check", "digits-mlp", "--target", str(tmp_path / "small.toml")]) == 5
    assert "spinnaker1.routing-table" in capsys.readouterr().err


def test_routes_stay_on_the_boards_that_there_are() -> None:
    """Seventy cores lie on five chips of one board, and no way leads over another."""
    target = narrow(load_target("spinnaker1"), neurons_per_core=32)
    program = program_on(target)
    mapping, _ = map_program(program, target, None, Plan(chips=6))
    assert 60 < mapping.cores_used < 90
    document = json.loads(routing(program, target, mapping))
    chips = {tuple(map(int, name.split(","))) for name in document["tables"]}
    assert len(chips) >= 5
    assert chips <= set(boards(1).chips)
    assert {tuple(part["chip"]) for part in document["parts"]} <= set(boards(1).chips)
