"""What a run keeps while it goes: one lane per population and batch, joined at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import PopulationActivity, Program, ProgramPopulation, Raster, Trace
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.errors import UnsupportedError
from snn2chip.graph.operators import Array


@dataclass(eq=False)
class Lane:
    """One population's running data for one batch of samples.

    Attributes:
        history: steps of output that outgoing delays still need.
        buffer: output that other populations see, [history + block, sample, *shape].
        block, block_updated: output and update flags of the current block, [step, sample, *shape].
        outputs: kept output of every block where a trace is wanted.
        spikes, updated: packed flags of every block of the window.
    """

    population: ProgramPopulation
    history: int
    state: State
    buffer: Array
    block: Array = field(default_factory=lambda: np.zeros(0))
    block_updated: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    block_scans: list[Scan] = field(default_factory=list)
    outputs: list[Array] = field(default_factory=list)
    spikes: list[NDArray[np.uint8]] = field(default_factory=list)
    updated: list[NDArray[np.uint8]] = field(default_factory=list)
    records: dict[str, list[Array]] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    peak_v: float = 0.0
    peak_input: float = 0.0

    def open_block(self, output: Array, updated: NDArray[np.bool_]) -> None:
        """Starts a block with arrays that ``take`` fills."""
        self.block, self.block_updated, self.block_scans = output, updated, []

    def take(self, scan: Scan, rows: slice) -> None:
        """Stores what a scan did in the block's steps ``rows``."""
        self.state = scan.state
        if self.population.spiking:
            self.buffer[self.history + rows.start : self.history + rows.stop] = scan.output
        self.block[rows] = scan.output
        self.block_updated[rows] = scan.updated
        self.block_scans.append(scan)

    def close_block(self, in_window: bool, keep_output: bool) -> None:
        """Packs the block's flags and counts its warnings, if it lies in the window."""
        shape = self.population.shape
        for scan in self.block_scans:
            for name, values in scan.records.items():
                self.records.setdefault(name, []).append(values)
        if keep_output:
            self.outputs.append(self.block)
        if not in_window:
            return
        fired = self.block != 0 if self.population.spiking else np.zeros(self.block.shape, bool)
        self.spikes.append(Raster.pack(fired, shape).bits)
        self.updated.append(Raster.pack(self.block_updated, shape).bits)
        for scan in self.block_scans:
            for name, count in scan.warnings.items():
                self.warnings[name] = self.warnings.get(name, 0) + count
            self.peak_v = max(self.peak_v, scan.peak_v)
            self.peak_input = max(self.peak_input, scan.peak_input)


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
    """uint8 for 0/1 spikes, int32 for payloads."""
    if output.dtype == np.bool_ or (output.size == 0 or (output.min() >= 0 and output.max() <= 1)):
        return output.astype(np.uint8)
    return output.astype(np.int32)
