"""Chips of SpiNNaker 1 with emulated cores, and packets that travel between them.

Time goes in steps: every core takes its timer's interrupt, then the packets of the step are
delivered, one after another, until none is left. So no packet is late, early or lost, which real
boards do not promise.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from core import (
    DONE,
    RUNNING,
    SDRAM,
    SDRAM_SIZE,
    SYSRAM,
    SYSRAM_SIZE,
    VCPU,
    VCPU_SIZE,
    WAITING,
    Core,
)

Place = tuple[int, int]

_SV = SYSRAM + 0x7F00
"""System variables, ``sv_t`` of ``sark.h``."""
_MESSAGES, _MESSAGE_SIZE = SYSRAM + 0x2000, 292
_APPLICATIONS = SYSRAM + 0x100
_CORES = 18
_CLOCK_MHZ = 200
_VERSION = 0x0004_FF00
"""Of the monitor's software: at least that of any binary of the same major version."""
_LOG_BYTES = 16_384
_TOP = SDRAM + 0x07A0_0000

_CMD_RUNTIME = 7
_LINKS = ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1))


class Entry(NamedTuple):
    """A row of a routing table: links are bits 0 to 5 of the route, cores follow."""

    key: int
    mask: int
    route: int


class Memory:
    """Bytes that several cores share."""

    def __init__(self, base: int, size: int) -> None:
        self.base, self.size = base, size
        self._map = mmap.mmap(-1, size)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))

    def read(self, address: int, count: int) -> bytes:
        """``count`` bytes from an address of the chip."""
        at = address - self.base
        return self._map[at : at + count]

    def write(self, address: int, content: bytes) -> None:
        """Write bytes to an address of the chip."""
        at = address - self.base
        if not 0 <= at <= self.size - len(content):
            raise ValueError(f"{len(content)} bytes at {address:#x} are not in this memory")
        self._map[at : at + len(content)] = content

    def word(self, address: int) -> int:
        """A word of 32 bits."""
        return int.from_bytes(self.read(address, 4), "little")

    def put(self, address: int, value: int, size: int = 4) -> None:
        """Write a number of so many bytes."""
        self.write(address, value.to_bytes(size, "little"))


class Chip:
    """Memories, cores and the routing table of one chip."""

    def __init__(self, place: Place, table: Iterable[Entry], board: Board) -> None:
        self.place, self._board = place, board
        self._table = tuple(table)
        self.sdram, self.sysram = Memory(SDRAM, SDRAM_SIZE), Memory(SYSRAM, SYSRAM_SIZE)
        self.cores: dict[int, Core] = {}
        self._write_system_variables()

    def start_heap(self, base: int) -> None:
        """Free memory from an address on, as ``sark_heap_init`` leaves it."""
        first, last = base + 16, _TOP - 8
        for address, value in (
            (base, first),
            (base + 4, first),
            (base + 8, last),
            (base + 12, last - first),
            (first, last),
        ):
            self.sdram.put(address, value)
        for offset in (0x4C, 0xD0):  # the users' heap, and the system's
            self.sysram.put(_SV + offset, base)

    def send(self, core: int, key: int, payload: int | None) -> None:
        """A packet that a core sends."""
        self._board.sent(self.place, core, key, payload)

    def answer(self, core: int) -> None:
        """The monitor takes a core's message, and throws it away."""
        block = VCPU + VCPU_SIZE * core
        self.sysram.put(block + 57, 0, 1)
        self.sysram.put(_SV + 0xEC, 0)
        self._give_back(self.sysram.word(block + 52))

    def hang_up(self, cores: int) -> None:
        """Cores, by their bits, have taken the monitor's call."""
        for number, core in self.cores.items():
            if cores >> number & 1:
                core.called = False

    def message(self, core: int, port: int, command: int, arguments: tuple[int, ...]) -> None:
        """A message of the host's to a core: a command with three arguments and a word."""
        at = self.sysram.word(_SV + 0x68)
        self.sysram.put(_SV + 0x68, self.sysram.word(at))
        length = 8 + 16 + 4
        head = struct.pack("<IHHBBBBHH", 0, length, 0, 7, 255, port << 5 | core, 255, 0, 0)
        self.sysram.write(at, head + struct.pack("<HHIIII", command, 0, *arguments))
        block = VCPU + VCPU_SIZE * core
        self.sysram.put(block + 48, at)
        self.sysram.put(block + 56, 1, 1)
        self.cores[core].call()

    def route(self, key: int, entered: int | None) -> int:
        """Where a packet goes on; by default straight on.

        Args:
            entered: link that it came in by, None from a core.
        """
        for entry in self._table:
            if key & entry.mask == entry.key:
                return entry.route
        return 0 if entered is None else 1 << (entered + 3) % len(_LINKS)

    def _give_back(self, message: int) -> None:
        self.sysram.put(message, self.sysram.word(_SV + 0x68))
        self.sysram.put(_SV + 0x68, message)

    def _write_system_variables(self) -> None:
        put = self.sysram.put
        put(_SV + 0x24, _CLOCK_MHZ, 2)
        put(_SV + 0x50, _LOG_BYTES)
        put(_SV + 0x54, _TOP)
        put(_SV + 0x58, 64)
        for core in range(_CORES):
            put(_SV + 0x94 + core, core, 1)
            put(_SV + 0xA8 + core, core, 1)
        put(_SV + 0xBC, _CORES, 1)
        put(_SV + 0xC0, SDRAM)
        put(_SV + 0xC4, SYSRAM)
        put(_SV + 0xCC, VCPU)
        put(_SV + 0xE4, _APPLICATIONS)
        put(_SV + 0xFC, _VERSION)
        for k in range(3):
            at = _MESSAGES + _MESSAGE_SIZE * k
            put(at, at + _MESSAGE_SIZE if k < 2 else 0)
        put(_SV + 0x68, _MESSAGES)
        put(_SV + 0xE8, _MESSAGES)


@dataclass
class Board:
    """All chips of a run.

    Attributes:
        step: the current one.
        log: (step, chip, core, key) of every packet that a core sent.
    """

    chips: dict[Place, Chip] = field(default_factory=dict)
    step: int = 0
    log: list[tuple[int, Place, int, int]] = field(default_factory=list)
    _moving: deque[tuple[Place, int | None, int, int | None]] = field(default_factory=deque)

    @classmethod
    def of(cls, tables: Mapping[Place, Iterable[Entry]], used: Iterable[Place]) -> Board:
        """Chips with these tables, and those that are used without one."""
        board = cls()
        for place in {**dict.fromkeys(used), **dict.fromkeys(tables)}:
            board.chips[place] = Chip(place, tables.get(place, ()), board)
        return board

    @property
    def cores(self) -> list[Core]:
        """All cores, chip by chip."""
        return [core for chip in self.chips.values() for core in chip.cores.values()]

    def start(self, steps: int, ports: Mapping[tuple[Place, int], int]) -> None:
        """Let all cores run from step 0 on, as the host does.

        Args:
            ports: of each core, that it takes the host's commands at.
        """
        for (place, core), port in ports.items():
            self.chips[place].message(core, port, _CMD_RUNTIME, (steps, 0, 0, 0))
        for core in self.cores:
            core.expect(WAITING)
            core.call()  # the signal on which they begin
            core.expect(RUNNING)

    def advance(self, injected: Iterable[tuple[Place, int]]) -> None:
        """One step, with packets (chip, key) from outside behind the timer."""
        for core in self.cores:
            core.tick()
        self._moving += ((place, None, key, None) for place, key in injected)
        while self._moving:
            self._deliver(*self._moving.popleft())
        self.step += 1

    def finish(self) -> None:
        """The tick at which the cores find that the run is over."""
        for core in self.cores:
            core.tick()
            core.expect(DONE)

    def sent(self, place: Place, core: int, key: int, payload: int | None) -> None:
        """A packet enters the network."""
        self.log.append((self.step, place, core, key))
        self._moving.append((place, None, key, payload))

    def _deliver(self, place: Place, entered: int | None, key: int, payload: int | None) -> None:
        chip = self.chips[place]
        route = chip.route(key, entered)
        for link, (dx, dy) in enumerate(_LINKS):
            if route >> link & 1:
                target = place[0] + dx, place[1] + dy
                if target not in self.chips:  # nothing but straight on can happen there
                    self.chips[target] = Chip(target, (), self)
                self._moving.append((target, (link + 3) % len(_LINKS), key, payload))
        for number, core in chip.cores.items():
            if route >> (len(_LINKS) + number) & 1:
                core.receive(key, payload)
