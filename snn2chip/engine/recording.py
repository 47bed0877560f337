"""What a run keeps while it goes: one lane per population and batch, joined at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import PopulationActivity, Program, ProgramPopulation, Raster, Trace
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.engine.packing import packed
from snn2chip.errors import UnsupportedError
from snn2chip.graph.operators import Array


@dataclass(eq=False)
class Lane:
    """One population's running data for one batch of samples.

    Attributes:
        history: steps of output that outgoing delays still need.
        buffer: output that other populations see, [history + steps of the block, sample, *shape].
        counted: whether the current block lies in the window.
        pieces: output of the current block so far.
        block: output of the last whole block, [step, sample, *shape].
        outputs: kept output of every block where a trace is wanted.
        spikes, updated: packed flags of every piece of the window.
    """

    population: ProgramPopulation
    history: int
    state: State
    buffer: Array
    counted: bool = True
    pieces: list[Array] = field(default_factory=list)
    block: Array = field(default_factory=lambda: np.zeros(0))
    outputs: list[Array] = field(default_factory=list)
    spikes: list[NDArray[np.uint8]] = field(default_factory=list)
    updated: list[NDArray[np.uint8]] = field(default_factory=list)
    records: dict[str, list[Array]] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    peak_v: float = 0.0
    peak_input: float = 0.0

    def reserve(self, length: int) -> None:
        """Makes room in the buffer for a block that others read while it is written."""
        silence = np.zeros((length, *self.buffer.shape[1:]), self.buffer.dtype)
        self.buffer = np.concatenate([self._tail(), silence])

    def write(self, step: int, spikes: Array) -> None:
        """Puts spikes of the block's steps from ``step`` on into reserved room."""
        begin = self.history + step
        self.buffer[begin : begin + len(spikes)] = spikes

    def take(self, scan: Scan) -> None:
        """Stores what a scan of the block's next steps did."""
        self.state = scan.state
        self.pieces.append(scan.output)
        for name, values in scan.records.items():
            self.records.setdefault(name, []).append(values)
        if not self.counted:
            return
        self.updated.append(packed(scan.updated))
        silent = not self.population.spiking
        self.spikes.append(np.zeros_like(self.updated[-1]) if silent else packed(scan.output))
        for name, count in scan.warnings.items():
            self.warnings[name] = self.warnings.get(name, 0) + count
        self.peak_v = max(self.peak_v, scan.peak_v)
        self.peak_input = max(self.peak_input, scan.peak_input)

    def give(self, block: Array) -> None:
        """Takes a block of given spikes, of an input."""
        self.pieces.append(block)
        if self.counted:
            self.spikes.append(packed(block))
            self.updated.append(np.zeros_like(self.spikes[-1]))

    def finish(self, reserved: bool, keep_output: bool) -> None:
        """Ends a block: its output becomes what others see, if the buffer has it not yet."""
        pieces, self.pieces = self.pieces, []
        self.block = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        if keep_output:
            self.outputs.append(self.block if self.population.spiking else _wide(self.block))
        if reserved:
            return
        seen = self.block
        if not self.population.spiking:
            seen = np.broadcast_to(np.zeros((), self.buffer.dtype), seen.shape)
        tail = self._tail().astype(seen.dtype, copy=False)
        self.buffer = np.concatenate([tail, seen]) if self.history else seen

    def release(self) -> None:
        """Lets go of what only the next block would need."""
        self.state, self.buffer, self.block = {}, np.zeros(0), np.zeros(0)

    def _tail(self) -> Array:
        return self.buffer[len(self.buffer) - self.history :]


def _wide(membranes: Array) -> Array:
    """Membranes as traces have them."""
    return membranes.astype(np.float64)


@dataclass(frozen=True, eq=False)
class BatchResult:
    """What one batch of samples left behind."""

    lanes: Mapping[str, Lane]
    scores: NDArray[np.float64]


def join(population: ProgramPopulation, lanes: list[Lane]) -> PopulationActivity:
    """One activity of all batches."""

    def raster(blocks: list[list[Array]]) -> Raster:
        return Raster(np.concatenate([np.concatenate(b) for b in blocks], axis=1), population.shape)

    names = sorted({name for lane in lanes for name in lane.warnings})
    return PopulationActivity(
        spikes=raster([lane.spikes for lane in lanes]),
        updated=raster([lane.updated for lane in lanes]),
        warnings={name: sum(lane.warnings.get(name, 0) for lane in lanes) for name in names},
        peak_v=max(lane.peak_v for lane in lanes),
        peak_input=max(lane.peak_input for lane in lanes),
    )


def trace(program: Program, results: list[BatchResult]) -> Trace:
    """Recordings by chip step: each population starts at its latency.

    Raises:
        UnsupportedError: two recordings have one name, or a name that no file can have.
    """
    check_names(program, {name: list(lane.records) for name, lane in results[0].lanes.items()})
    arrays: dict[str, Array] = {}
    for population in program.populations:
        lanes = [result.lanes[population.name] for result in results]
        output = _by_chip_step(population, program, [lane.outputs for lane in lanes])
        if population.spiking:
            arrays[population.name] = _narrow(output)
        else:
            arrays[f"{population.name}.v"] = output
        for name in lanes[0].records:
            record = _by_chip_step(population, program, [lane.records[name] for lane in lanes])
            arrays[f"{population.name}.{name}"] = record
    return Trace(arrays)


def check_names(program: Program, records: Mapping[str, list[str]]) -> None:
    """Refuse names of populations under which recordings would hide each other.

    A reader of ``.npz`` files takes ``name`` and ``name.npy`` for the same.

    Args:
        records: population -> its further recordings, such as ``v``.

    Raises:
        UnsupportedError: with the names of both populations, or the name that is impossible.
    """
    owners: dict[str, str] = {}
    for population in program.populations:
        name = population.name
        if "\0" in name or not _is_text(name):
            raise UnsupportedError(
                f"population {name!r}: no array of a trace can have that name",
                needs="text without NUL",
                remedy="rename the population, or leave the trace out",
            )
        own = [name] if population.spiking else [f"{name}.v"]
        for key in dict.fromkeys((*own, *(f"{name}.{record}" for record in records[name]))):
            for twin in (key, key.removesuffix(".npy"), f"{key}.npy"):
                other = owners.get(twin, name)
                if other != name:
                    raise UnsupportedError(
                        f"populations {other!r} and {name!r}: both have a recording {key!r}",
                        needs="an array of its own for each recording of a trace",
                        remedy="rename one of them, or leave the trace out",
                    )
            owners[key] = name


def _is_text(name: str) -> bool:
    """Whether a name can be written as UTF-8; lone surrogates cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_chip_step(
    population: ProgramPopulation, program: Program, blocks: list[list[Array]]
) -> Array:
    """[sample, chip step, *shape] of the blocks [step, sample, *shape] of every batch."""
    graph_time = np.concatenate([np.concatenate(batch) for batch in blocks], axis=1)
    late = population.latency
    chip_time = np.zeros_like(graph_time)
    chip_time[late:] = graph_time[: len(graph_time) - late]
    return np.moveaxis(chip_time, 1, 0)


def _narrow(output: Array) -> Array:
    """uint8 for 0/1 spikes, int32 for payloads; values that are given directly stay floats."""
    if output.dtype.kind == "f":
        return output
    if output.dtype == np.bool_ or (output.size == 0 or (output.min() >= 0 and output.max() <= 1)):
        return output.astype(np.uint8)
    return output.astype(np.int32)
