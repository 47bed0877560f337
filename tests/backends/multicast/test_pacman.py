"""Our keys and tables beside those that sPyNNaker makes of the same network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snn2chip.backends.multicast import Part, boards, compressed, routing_tables
from snn2chip.backends.multicast.compress import agree
from snn2chip.backends.multicast.keys import with_keys
from snn2chip.backends.multicast.mesh import CHIPS_PER_BOARD
from snn2chip.backends.multicast.tables import Entry
from snn2chip.backends.spinnaker.rules import CORE_BYTES, NEURON_BYTES
from snn2chip.backends.spinnaker.witness import (
    FirmwareNetwork,
    FirmwarePopulation,
    FirmwareProjection,
    found_engine,
    map_network,
)

from .test_tables import arrived

SIZES = {"input": 300, "first": 2600, "second": 1900, "out": 10}
"""Two populations of many cores: three chips of SpiNNaker 1."""


def network() -> FirmwareNetwork:
    rng = np.random.default_rng(0)
    populations, projections = [], []
    names = list(SIZES)
    for name, size in SIZES.items():
        if name == "input":
            populations.append(FirmwarePopulation(name, size))
            continue
        one = np.ones(size)
        parameters = {
            "tau_m": 20 * one,
            "cm": one,
            "v_rest": -65 * one,
            "v_reset": -65 * one,
            "v_thresh": -50 * one,
            "tau_refrac": one,
            "i_offset": 0 * one,
        }
        populations.append(FirmwarePopulation(name, size, "IF_curr_delta", parameters, -65 * one))
        source = names[names.index(name) - 1]
        targets = np.repeat(np.arange(size), 3)
        sources = rng.integers(0, SIZES[source], len(targets))
        sources, targets = np.unique(np.stack([sources, targets]), axis=1)
        many = np.ones(len(targets), np.int64)
        projections.append(
            FirmwareProjection(source, name, "excitatory", sources, targets, 0.1 * many, many)
        )
    return FirmwareNetwork(tuple(populations), tuple(projections), 10)


@pytest.fixture(scope="module", params=[5, 248], ids=["spinnaker1", "spinnaker2"])
def theirs(request: pytest.FixtureRequest) -> dict[str, Any]:
    """On a board of either generation; SpiNNaker 2 has all of it on one chip."""
    engine = found_engine()
    if engine is None:
        pytest.skip("no sPyNNaker: make spinnaker")
    return map_network(engine, network(), version=request.param)


@pytest.fixture(scope="module")
def ours(theirs: dict[str, Any]) -> tuple[Part, ...]:
    """Our keys for their parts in their places, and who listens as the synapses say."""
    seats = {(p["population"], p["first"]): (tuple(p["place"]), p["core"]) for p in theirs["parts"]}
    ends = {(p["population"], p["first"]): p["first"] + p["size"] for p in theirs["parts"]}
    parts = []
    for name in SIZES:
        own = sorted(first for population, first in seats if population == name)
        for index, first in enumerate(own):
            targets = set()
            for projection in network().projections:
                if projection.source == name:
                    mine = (projection.sources >= first) & (projection.sources < ends[name, first])
                    for other in (f for population, f in seats if population == projection.target):
                        into = projection.targets[mine]
                        if ((into >= other) & (into < ends[projection.target, other])).any():
                            targets.add(seats[projection.target, other])
            size = ends[name, first] - first
            parts.append(Part(name, index, first, size, seats[name, first], frozenset(targets)))
    return with_keys(parts)


def test_the_board_is_theirs(theirs: dict[str, Any]) -> None:
    chips = {(x, y) for x, y, _ in theirs["chips"]}
    assert chips == set(boards(1).chips)
    assert len(chips) == CHIPS_PER_BOARD


def test_parts_keys_and_masks_are_theirs(theirs: dict[str, Any], ours: tuple[Part, ...]) -> None:
    keys = {(p["population"], p["first"]): (p["key"], p["mask"]) for p in theirs["parts"]}
    assert len(ours) == len(keys) == 21
    for part in ours:
        wanted = keys[part.population, part.first]
        assert wanted == ((part.key, part.mask) if part.mask else (None, None)), part
    sizes = {name: [p.size for p in ours if p.population == name] for name in SIZES}
    assert sizes["first"] == [256] * 10 + [40]


def test_tables_have_as_many_rows_and_fewer_once_compressed(
    theirs: dict[str, Any], ours: tuple[Part, ...]
) -> None:
    tables = routing_tables(boards(1), ours)
    chips = {part.seat[0] for part in ours}
    assert len(chips) == (1 if theirs["chips"][0][2] > 100 else 3)
    for chip, table in tables.items():
        name = f"{chip[0]},{chip[1]}"
        assert len(table) == len(theirs["tables"][name]), name
        fewer = compressed(table)
        assert agree(table, fewer)
        assert len(fewer) <= len(theirs["compressed"][name]), name
    assert {f"{x},{y}" for x, y in tables} == set(theirs["tables"])


def test_what_we_compress_of_their_tables_is_no_longer(theirs: dict[str, Any]) -> None:
    for name, rows in theirs["tables"].items():
        table = [Entry(key, mask, route, bool(default)) for key, mask, route, default in rows]
        fewer = compressed(table)
        assert agree(table, fewer)
        assert len(fewer) <= len(theirs["compressed"][name]), name


def test_every_key_reaches_its_cores_by_our_tables_and_by_theirs(
    theirs: dict[str, Any], ours: tuple[Part, ...]
) -> None:
    mine = {chip: compressed(table) for chip, table in routing_tables(boards(1), ours).items()}
    other = {
        tuple(map(int, name.split(","))): tuple(Entry(k, m, r) for k, m, r, _ in rows)
        for name, rows in theirs["tables"].items()
    }
    for part in ours:
        if part.mask:
            for key in (part.key, part.key + ((part.size - 1) << 4 | 15)):
                assert arrived(mine, part, key) == part.targets
                assert arrived(other, part, key) == part.targets


def test_rows_of_synapses_take_what_theirs_do_but_for_padding(theirs: dict[str, Any]) -> None:
    """Theirs are all as long as the longest into any core, and as many as full source cores have.

    Three words and one for each synapse, as `spinnaker.rules` counts them, and 16 bytes beside.
    """
    own = {name: [p for p in theirs["parts"] if p["population"] == name] for name in SIZES}
    for projection in network().projections:
        lengths = []
        for part in own[projection.target]:
            last = part["first"] + part["size"]
            mine = (projection.targets >= part["first"]) & (projection.targets < last)
            lengths.append(
                np.bincount(projection.sources[mine], minlength=SIZES[projection.source])
            )
        sources = own[projection.source]
        rows = len(sources) * max(part["size"] for part in sources)
        padded = 16 + 4 * rows * (3 + max(int(each.max()) for each in lengths))
        for part, each in zip(own[projection.target], lengths, strict=True):
            assert part["regions"]["SynBlocks"] == padded
            assert 4 * int((3 + each).sum()) < padded


def test_other_regions_take_as_much_as_is_counted_for_them(theirs: dict[str, Any]) -> None:
    for part in theirs["parts"]:
        if part["population"] != "input":
            others = sum(part["regions"].values()) - part["regions"]["SynBlocks"]
            counted = CORE_BYTES + NEURON_BYTES * part["size"]
            assert 0.9 * counted < others <= counted
