"""Runs a network on sPyNNaker's firmware in emulated cores; for its own Python, without snn2chip.

    python run_firmware.py REQUEST.npz RECORDINGS.npz

REQUEST holds ``network``, a JSON string, and arrays, both as `image.mapped` takes them, and for
each input ``<input>.fired`` [sample, step, neuron]. Every sample is a run of its own, on cores that
are loaded anew. ``counted`` of the network says whether instructions are counted; then nothing
is recorded, which would take instructions too.

RECORDINGS holds ``about``, a JSON string (versions, shifts of the ring buffers by population,
seconds that the steps of each sample took), and of each population ``<population>.v``, s16.15
before each step's update, and ``<population>.fired``, both [sample, step, neuron], or
``<population>.instructions`` [sample, step, core] instead.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # isolated Pythons leave it out

from board import Board
from core import ENDED, PAUSED, SDRAM, VCPU, VCPU_SIZE, Core
from image import CHANNELS, Image, Part, enter, mapped

_APP, _SYSTEM_APP = 30, 17
_HEADER = 8 + 12 * 32
_MAGIC, _VERSION = 0xAD13_0AD6, 0x1_0000
_BUILDER = "neuron_builder"
_FIRST = SDRAM + 0x1000
_PACKAGES = ("sPyNNaker", "unicorn")


def main() -> None:
    """See the module's docstring."""
    request, recordings = (Path(word).absolute() for word in sys.argv[1:3])
    with np.load(request, allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    network = json.loads(str(given.pop("network")))
    inputs = {p["name"] for p in network["populations"] if p["model"] is None}
    fired = {name: given.pop(f"{name}.fired") for name in inputs}
    enter(recordings.parent / "spynnaker")
    counted = bool(network.get("counted"))
    image = mapped({**network, "recorded": not counted}, given)
    samples = len(next(iter(fired.values()))) if fired else 1
    runs = [_Run(image, network["steps"], counted) for _ in range(samples)]
    found: dict[str, list[Any]] = {}
    for sample, run in enumerate(runs):
        for name, values in run.recorded({k: v[sample] for k, v in fired.items()}):
            found.setdefault(name, []).append(values)
    about = {
        "versions": {name: metadata.version(name) for name in _PACKAGES},
        "shifts": {p.population: p.shifts for p in image.parts if p.binary is not None},
        "seconds": [run.seconds for run in runs],
    }
    arrays: dict[str, Any] = {name: np.stack(values) for name, values in found.items()}
    np.savez(recordings, about=np.array(json.dumps(about)), **arrays)


class _Run:
    """One run of a network on a board of its own."""

    def __init__(self, image: Image, steps: int, counted: bool) -> None:
        self._image, self._steps, self._counted = image, steps, counted
        self.seconds = 0.0

    def recorded(self, fired: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """``<population>.v`` and ``.fired`` [step, neuron], for inputs [step, neuron]."""
        loaded = [part for part in self._image.parts if part.binary is not None]
        self._board = Board.of(self._image.tables, (part.place for part in self._image.parts))
        self._at: dict[tuple[Any, int], int] = {}
        for place, chip in self._board.chips.items():
            end = _FIRST
            for part in (part for part in loaded if part.place == place):
                end = self._write(part, end)
            chip.start_heap((end + 15) & ~15)
        for part in loaded:
            self._boot(part)
        self._board.start(self._steps, {(p.place, p.core): p.port for p in loaded})
        instructions, started = [self._instructions(loaded)], time.perf_counter()
        for step in range(self._steps):
            self._board.advance(self._injected(fired, step))
            instructions.append(self._instructions(loaded))
        self._board.finish()
        self.seconds = time.perf_counter() - started
        if self._counted:
            yield from self._by_population(loaded, np.diff(instructions, axis=0))
        else:
            yield from self._recordings(loaded)

    def _instructions(self, loaded: list[Part]) -> list[int]:
        return [self._board.chips[p.place].cores[p.core].instructions for p in loaded]

    def _by_population(self, loaded: list[Part], counts: Any) -> Iterator[tuple[str, Any]]:
        for name in dict.fromkeys(part.population for part in loaded):
            columns = [k for k, part in enumerate(loaded) if part.population == name]
            yield f"{name}.instructions", counts[:, columns]

    def _write(self, part: Part, at: int) -> int:
        """The part's regions, from an address on; where they end."""
        sdram = self._board.chips[part.place].sdram
        base, at = at, at + _HEADER
        sdram.put(base, _MAGIC)
        sdram.put(base + 4, _VERSION)
        for number, (label, size, content) in part.regions.items():
            if label == "Recording" and not self._counted:
                content = _shrunk(content, part.size, self._steps)
                self._at[part.place, part.core] = at
            sdram.put(base + 8 + 12 * number, at)
            sdram.write(at, content)
            at += (size + 3) & ~3
        block = VCPU + VCPU_SIZE * part.core
        sysram = self._board.chips[part.place].sysram
        sysram.put(block + 112, base)
        for number, (label, _, _) in part.regions.items():
            if label == _BUILDER:
                sysram.put(block + 116, number)
        return at

    def _boot(self, part: Part) -> None:
        chip = self._board.chips[part.place]
        core = chip.cores[part.core] = Core(chip, part.core, self._counted)
        if any(label == _BUILDER for label, _, _ in part.regions.values()):
            core.load(self._image.expander.read_bytes(), _SYSTEM_APP)
            core.expect(ENDED)
        assert part.binary is not None
        core.load(part.binary.read_bytes(), _APP)
        core.expect(PAUSED)

    def _injected(self, fired: Mapping[str, Any], step: int) -> Iterator[tuple[Any, int]]:
        """Packets of the inputs in a step: a key has the step in its lowest four bits."""
        for part in self._image.parts:
            if part.binary is None and part.key is not None:
                mine = fired[part.population][step, part.first : part.first + part.size]
                for neuron in np.flatnonzero(mine):
                    yield part.place, part.key + (int(neuron) << 4 | step & 15)

    def _recordings(self, loaded: list[Part]) -> Iterator[tuple[str, Any]]:
        names = dict.fromkeys(part.population for part in loaded)
        for name in names:
            parts = sorted((p for p in loaded if p.population == name), key=lambda p: p.first)
            yield f"{name}.v", np.concatenate([self._membranes(p) for p in parts], axis=1)
            yield f"{name}.fired", np.concatenate([self._spikes(p) for p in parts], axis=1)

    def _membranes(self, part: Part) -> Any:
        """Rows of a step and the values of all neurons."""
        rows = self._channel(part, "v").view(np.int32).reshape(-1, part.size + 1)
        _check_all_there(part, rows[:, 0], self._steps)
        return rows[:, 1:]

    def _spikes(self, part: Part) -> Any:
        """Rows of a step and bits of all neurons, of steps with spikes only."""
        words = -(-part.size // 32)
        rows = self._channel(part, "spikes").reshape(-1, 1 + words)
        fired = np.zeros((self._steps, part.size), np.bool_)
        bits = np.unpackbits(rows[:, 1:].copy().view(np.uint8), axis=1, bitorder="little")
        fired[rows[:, 0]] = bits[:, : part.size]
        return fired

    def _channel(self, part: Part, name: str) -> Any:
        sdram = self._board.chips[part.place].sdram
        at = self._at[part.place, part.core] + 4 + 12 * CHANNELS[name]
        size, data = sdram.word(at + 4), sdram.word(at + 8)
        if size >> 31:
            raise RuntimeError(f"{part.population}: not all of its {name} was recorded")
        return np.frombuffer(sdram.read(data, size), np.uint32)


def _check_all_there(part: Part, steps: Any, wanted: int) -> None:
    if not np.array_equal(steps, np.arange(wanted)):
        raise RuntimeError(f"{part.population}: {len(steps)} of {wanted} steps were recorded")


def _shrunk(content: bytes, neurons: int, steps: int) -> bytes:
    """The table of recordings with the room that so many steps need.

    sPyNNaker gives them all the memory that a virtual board has.
    """
    table = bytearray(content)
    (channels,) = struct.unpack_from("<I", table)
    for channel in range(channels):
        at = 4 + 12 * channel
        (space,) = struct.unpack_from("<I", table, at)
        struct.pack_into("<I", table, at, min(space, 4 * (neurons + 1) * (steps + 1)))
    return bytes(table)


if __name__ == "__main__":
    main()
