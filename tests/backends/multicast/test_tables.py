"""Random parts on random chips: every packet reaches whoever listens to it, and nobody else."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends.multicast import Part, boards, compressed, routing_tables
from snn2chip.backends.multicast.compress import agree
from snn2chip.backends.multicast.keys import with_keys
from snn2chip.backends.multicast.mesh import CHIPS_PER_BOARD, LINKS, Chip
from snn2chip.backends.multicast.tables import Entry
from tests.examples import examples

CORES, MOST_CORES = 16, 152


def arrived(tables: dict[Chip, Any], part: Part, key: int) -> frozenset[Any]:
    """Seats that a packet comes to; a router without a row for it sends it straight on."""
    found: set[Any] = set()
    packets: list[tuple[Chip, int | None]] = [(part.seat[0], None)]
    for chip, link in packets:
        rows = [entry for entry in tables.get(chip, ()) if entry.holds(key)]
        assert rows or link is not None, f"a packet of {part.population} ends at its source"
        route = rows[0].route if rows else 1 << (link or 0)
        found |= {(chip, core) for core in range(MOST_CORES) if route >> (len(LINKS) + core) & 1}
        for way, (x, y) in enumerate(LINKS):
            if route >> way & 1:
                packets.append(((chip[0] + x, chip[1] + y), way))
        assert len(packets) < 1000, "packets go in circles"
    return frozenset(found)


def random_parts(seed: int, chips: int) -> tuple[Part, ...]:
    """Populations of several parts, which listen to each other in part."""
    rng = np.random.default_rng(seed)
    mesh = boards(chips)
    seats = [(chip, core) for chip in mesh.chips for core in range(CORES)]
    chosen = rng.permutation(len(seats))[: int(rng.integers(3, 40))]
    cuts = sorted(rng.integers(0, len(chosen), int(rng.integers(1, 6))))
    parts = []
    for number, own in enumerate(np.split(chosen, cuts)):
        for index, seat in enumerate(own):
            heard = rng.random(len(chosen)) < rng.choice([0.0, 0.1, 0.5])
            targets = frozenset(seats[k] for k in chosen[heard])
            size = int(rng.integers(1, 257))
            parts.append(Part(f"p{number}", index, 256 * index, size, seats[seat], targets))
    return with_keys(parts)


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([4, 48, 100, 200]))
def test_packets_reach_their_listeners(seed: int, chips: int) -> None:
    parts = random_parts(seed, chips)
    plain = routing_tables(boards(chips), parts)
    fewer = {chip: compressed(table) for chip, table in plain.items()}
    for chip, table in plain.items():
        assert agree(table, fewer[chip])
        assert len(fewer[chip]) <= len(table)
    for part in parts:
        if part.mask:
            keys = part.key + (np.array([0, part.size // 2, part.size - 1]) << 4)
            for key in keys.tolist():
                assert arrived(plain, part, key) == part.targets
                assert arrived(fewer, part, key) == part.targets


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 63), st.integers(0, 2), st.booleans()), min_size=1))
def test_compression_keeps_every_key(rows: list[tuple[int, int, bool]]) -> None:
    """Single keys of six bits with three routes, some of which routers do without."""
    table = {key: Entry(key, 0xFFFF_FFFF, 1 << route, default) for key, route, default in rows}
    fewer = compressed(list(table.values()))
    assert agree(list(table.values()), fewer)
    for key, entry in table.items():
        found = [row.route for row in fewer if row.holds(key)]
        if entry.default:
            assert not found
        else:
            assert found[0] == entry.route


def test_a_wrong_table_does_not_agree() -> None:
    table = [Entry(0, 0xFFFF_FFFF, 1), Entry(1, 0xFFFF_FFFF, 2)]
    assert agree(table, table)
    assert not agree(table, [Entry(0, 0xFFFF_FFFE, 1)])
    assert not agree(table, [Entry(0, 0xFFFF_FFFF, 1)])
    assert not agree([table[0]._replace(default=True)], [Entry(0, 0, 2)])


def test_boards_tile_the_plane() -> None:
    for count in range(1, 8):
        mesh = boards(count * CHIPS_PER_BOARD)
        assert len(set(mesh.chips)) == count * CHIPS_PER_BOARD
        reached = {mesh.chips[0]}
        frontier = [mesh.chips[0]]
        for chip in frontier:
            for _, other in mesh.neighbours(chip):
                if other not in reached:
                    reached.add(other)
                    frontier.append(other)
        assert reached == set(mesh.chips)


def test_keys_are_as_near_as_the_widest_population_allows() -> None:
    seat = ((0, 0), 3)
    listens = frozenset([seat])
    parts = with_keys(
        [
            Part("a", 0, 0, 300, seat, listens),
            *(Part("b", k, 256 * k, 256, seat, listens) for k in range(3)),
            Part("silent", 0, 0, 10, seat, frozenset()),
        ]
    )
    assert [hex(p.key) for p in parts] == ["0x0", "0x4000", "0x5000", "0x6000", "0x0"]
    assert [p.mask for p in parts] == [0xFFFFE000, *[0xFFFFF000] * 3, 0]
