"""What a run keeps while it goes: one lane per population and batch, joined at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import PopulationActivity, Program, ProgramPopulation, Raster, Trace
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.engine.layers import LayerScan
from snn2chip.engine.packing import packed
from snn2chip.engine.spikes import BITS, FLAGS, Spikes
from snn2chip.errors import UnsupportedError
from snn2chip.graph.operators import Array


@dataclass(eq=False)
class Lane:
    """One population's running data for one batch of samples.

    Attributes:
        history: steps of output that outgoing delays still need.
        seen: output that other populations see, of the history and then of the block.
        counted: whether the current block lies in the window.
        pieces, membranes: output of the current block so far; membranes where nothing spikes.
        sent: output of the last whole block where it is spikes.
        outputs: kept output of every block where a trace is wanted.
        spikes, updated: packed flags of every piece of the window.
    """

    population: ProgramPopulation
    history: int
    state: State
    seen: Spikes
    samples: int
    counted: bool = True
    pieces: list[Spikes] = field(default_factory=list)
    membranes: list[Array] = field(default_factory=list)
    sent: Spikes | None = None
    outputs: list[Array] = field(default_factory=list)
    spikes: list[NDArray[np.uint8]] = field(default_factory=list)
    updated: list[NDArray[np.uint8]] = field(default_factory=list)
    records: dict[str, list[Array]] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    peak_v: float = 0.0
    peak_input: float = 0.0
    membrane_changes: int | None = None

    @property
    def block(self) -> Array:
        """Output of the last whole block: flags or payloads, or membranes where nothing spikes."""
        if self.sent is not None:
            return self.sent.flags
        (membranes,) = self.membranes
        return membranes

    def reserve(self, length: int) -> None:
        """Makes room for a block that others see while it is written."""
        tail = self._tail().flags
        silence = np.zeros((length, *tail.shape[1:]), tail.dtype)
        self.seen = Spikes.of_flags(np.concatenate([tail, silence]))

    def write(self, step: int, spikes: Array) -> None:
        """Puts spikes of the block's steps from ``step`` on into reserved room."""
        begin = self.history + step
        self.seen.flags[begin : begin + len(spikes)] = spikes

    def begin(self) -> None:
        """Begins a block."""
        self.sent, self.pieces, self.membranes = None, [], []

    def take(self, scan: Scan) -> None:
        """Stores what a scan of the block's next steps did."""
        if self.population.spiking:
            sent, membrane = Spikes.of_flags(scan.output), None
        else:
            sent, membrane = _silence(scan.output), scan.output
        updated = packed(scan.updated) if self.counted else np.zeros(0, np.uint8)
        if self.counted and scan.membrane_changes is not None:
            self.membrane_changes = (self.membrane_changes or 0) + scan.membrane_changes
        self.take_layer(
            LayerScan(
                sent, updated, scan.state, membrane, scan.records, scan.warnings, scan.peak_v,
                scan.peak_input,
            )
        )  # fmt: skip

    def take_layer(self, done: LayerScan) -> None:
        """Stores what a layer did in the block's next steps."""
        self.state = done.state
        self.pieces.append(done.sent)
        if done.membrane is not None:
            self.membranes.append(done.membrane)
        for name, values in done.records.items():
            self.records.setdefault(name, []).append(values)
        if not self.counted:
            return
        self.updated.append(done.updated)
        self.spikes.append(done.sent.bits)
        for name, count in done.warnings.items():
            self.warnings[name] = self.warnings.get(name, 0) + count
        self.peak_v = max(self.peak_v, done.peak_v)
        self.peak_input = max(self.peak_input, done.peak_input)

    def give(self, block: Array) -> None:
        """Takes a block of given spikes, of an input."""
        self.pieces.append(Spikes.of_flags(block))
        if self.counted:
            self.spikes.append(self.pieces[-1].bits)

    def finish(self, reserved: bool, keep_output: bool) -> None:
        """Ends a block: its output becomes what others see, unless it was written there."""
        seen, self.pieces = Spikes.join(self.pieces), []
        if self.population.spiking:
            self.sent = seen
        elif len(self.membranes) > 1:
            self.membranes = [np.concatenate(self.membranes)]
        if keep_output:
            self.outputs.append(self.block if self.population.spiking else _wide(self.block))
        if not reserved:
            self.seen = Spikes.join([self._tail(), seen]) if self.history else seen

    def release(self) -> None:
        """Lets go of what only the next block would need."""
        self.state, self.seen, self.sent, self.membranes = {}, Spikes((), {}), None, []

    def _tail(self) -> Spikes:
        return self.seen.steps(len(self.seen) - self.history, len(self.seen))


def _silence(like: Array) -> Spikes:
    """No spikes [step, sample, *shape], in little memory."""
    size = -(-prod(like.shape[2:]) // 8)
    forms = {
        FLAGS: np.broadcast_to(np.zeros((), np.bool_), like.shape),
        BITS: np.zeros((*like.shape[:2], size), np.uint8),
    }
    return Spikes(like.shape[2:], forms)


def open_lane(
    population: ProgramPopulation, history: int, state: State, samples: int, kind: np.dtype[Any]
) -> Lane:
    """A lane before its first step: nothing was sent.

    Args:
        kind: of spikes, bool or whole payloads.
    """
    shape = (history, samples, *population.shape)
    bits = np.zeros((history, samples, -(-population.size // 8)), np.uint8)
    seen = Spikes(population.shape, {FLAGS: np.zeros(shape, kind), BITS: bits})
    return Lane(population, history, state, seen, samples)


def _wide(membranes: Array) -> Array:
    """Membranes as traces have them."""
    return membranes.astype(np.float64)


@dataclass(frozen=True, eq=False)
class BatchResult:
    """What one batch of samples left behind.

    Attributes:
        kept: scores after every step, where they were asked for.
    """

    lanes: Mapping[str, Lane]
    scores: NDArray[np.float64]
    kept: list[NDArray[np.float64]] = field(default_factory=list)


def join(population: ProgramPopulation, lanes: list[Lane]) -> PopulationActivity:
    """One activity of all batches."""

    spikes = _whole([lane.spikes for lane in lanes])
    if population.is_input:
        updated = np.broadcast_to(np.uint8(0), spikes.shape)
    else:
        updated = _whole([lane.updated for lane in lanes])
    names = sorted({name for lane in lanes for name in lane.warnings})
    changes = [n for lane in lanes if (n := lane.membrane_changes) is not None]
    return PopulationActivity(
        spikes=Raster(spikes, population.shape),
        updated=Raster(updated, population.shape),
        warnings={name: sum(lane.warnings.get(name, 0) for lane in lanes) for name in names},
        peak_v=max(lane.peak_v for lane in lanes),
        peak_input=max(lane.peak_input for lane in lanes),
        membrane_changes=sum(changes) if changes else None,
    )


def _whole(batches: list[list[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """[step, sample, ...] of the blocks of every batch; one of each is taken as it is."""
    blocks = [b[0] if len(b) == 1 else np.concatenate(b) for b in batches]
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)


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
