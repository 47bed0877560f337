"""The engine: runs a program on batches of samples in blocks of time, layer by layer.

Populations outside cycles are computed for a whole block of steps at once: one product per
projection and one scan of the neurons. Populations in a cycle advance together step by step.
Time is graph time: a projection without delay acts within the step; a chip's latencies are an
alignment of the same computation (see ``core.program.chip_delay``), put back in traces only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Program, ProgramPopulation, Trace
from snn2chip.engine.arithmetic import Arithmetic
from snn2chip.engine.delays import DelayedPart, delayed_parts
from snn2chip.engine.readout import ReadoutScore
from snn2chip.engine.recording import BatchResult, Lane, join, trace
from snn2chip.graph.operators import Array
from snn2chip.graph.order import components, is_cyclic

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is cut and recorded; no choice changes an integer target's result.

    Attributes:
        batch: samples computed at once.
        block_steps: steps computed at once, or None for all.
        trace: record the whole run of every population's output.
        trace_state: also record the states.
    """

    batch: int = 256
    block_steps: int | None = None
    trace: bool = False
    trace_state: bool = False


@dataclass(frozen=True, eq=False)
class _Component:
    """Populations that advance together, with the parts of their incoming projections."""

    members: tuple[ProgramPopulation, ...]
    cyclic: bool
    outer: Mapping[str, tuple[DelayedPart, ...]]
    inner: Mapping[str, tuple[DelayedPart, ...]]


def simulate(
    program: Program,
    spikes: Mapping[str, Array],
    arithmetic: Arithmetic,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> tuple[Activity, Trace | None]:
    """Runs ``program`` on input spikes.

    Args:
        spikes: per input population, bool or integer payloads [step, sample, *shape].
        progress: called with samples done and all samples.

    Returns:
        The activity of the N graph steps given, and the trace if asked for: it holds all
        N + max latency chip steps.
    """
    options = options or RunOptions()
    plan = tuple(_plan(program, arithmetic))
    steps, samples = next(iter(spikes.values())).shape[:2]
    results = []
    for first in range(0, samples, options.batch):
        part = {name: x[:, first : first + options.batch] for name, x in spikes.items()}
        results.append(_run_batch(program, plan, part, arithmetic, options, steps))
        if progress is not None:
            progress(min(first + options.batch, samples), samples)
    activity = Activity(
        arithmetic=arithmetic.name,
        steps=steps,
        samples=samples,
        populations={
            p.name: join(p, [r.lanes[p.name] for r in results]) for p in program.populations
        },
        scores=np.concatenate([r.scores for r in results]),
    )
    return activity, trace(program, results) if options.trace else None


def _plan(program: Program, arithmetic: Arithmetic) -> Iterator[_Component]:
    """Components in order, with every projection split by delay."""
    edges = {(p.source, p.target) for p in program.projections}
    immediate = {(p.source, p.target) for p in program.projections if p.delay.smallest == 0}
    names = [p.name for p in program.populations]
    parts = {
        name: [part for p in program.incoming(name) for part in delayed_parts(p, arithmetic)]
        for name in names
    }
    for component in components(names, edges):
        inside = set(component)
        order = components(component, {e for e in immediate if inside.issuperset(e)})
        members = [name for group in order for name in group]
        yield _Component(
            members=tuple(program.population(name) for name in members),
            cyclic=is_cyclic(component, edges),
            outer={
                n: tuple(x for x in parts[n] if x.projection.source not in inside) for n in members
            },
            inner={n: tuple(x for x in parts[n] if x.projection.source in inside) for n in members},
        )


def _run_batch(
    program: Program,
    plan: tuple[_Component, ...],
    spikes: Mapping[str, Array],
    arithmetic: Arithmetic,
    options: RunOptions,
    steps: int,
) -> BatchResult:
    samples = next(iter(spikes.values())).shape[1]
    lanes = {p.name: _open_lane(program, p, arithmetic, samples) for p in program.populations}
    score = ReadoutScore(program)
    drain = program.max_latency if options.trace else 0
    for start, length in _blocks(steps, drain, options.block_steps):
        for component in plan:
            _advance(component, lanes, spikes, arithmetic, options, start, length)
        in_window = start < steps
        if in_window:
            score.add(lanes[program.outputs[0]].block)
        for lane in lanes.values():
            lane.close_block(in_window, options.trace)
    return BatchResult(lanes, score.result(samples))


def _blocks(steps: int, drain: int, size: int | None) -> Iterator[tuple[int, int]]:
    """(start, length) of blocks over the window, then over the steps in which a chip drains."""
    for begin, end in ((0, steps), (steps, steps + drain)):
        for start in range(begin, end, size or max(1, end - begin)):
            yield start, min(size or end - begin, end - start)


def _open_lane(
    program: Program, population: ProgramPopulation, arithmetic: Arithmetic, samples: int
) -> Lane:
    history = max((p.delay.largest for p in program.outgoing(population.name)), default=0)
    state = {} if population.is_input else arithmetic.initial(population, samples)
    kind = bool if population.is_input else arithmetic.spike_dtype(population)
    return Lane(population, history, state, np.zeros((history, samples, *population.shape), kind))


def _advance(
    component: _Component,
    lanes: Mapping[str, Lane],
    spikes: Mapping[str, Array],
    arithmetic: Arithmetic,
    options: RunOptions,
    start: int,
    length: int,
) -> None:
    """Computes one block of steps of one component."""
    if component.members[0].is_input:
        lane = lanes[component.members[0].name]
        _give_input(lane, spikes[lane.population.name], start, length)
        return
    chunk = 1 if component.cyclic else length
    outer = {m.name: _gather(component.outer[m.name], lanes, 0, length) for m in component.members}
    for member in component.members:
        lane = lanes[member.name]
        block = np.zeros((length, *lane.buffer.shape[1:]), lane.buffer.dtype)
        lane.buffer = np.concatenate([lane.buffer[len(lane.buffer) - lane.history :], block])
        output = block if member.spiking else np.zeros(block.shape)
        lane.open_block(output, np.zeros(block.shape, bool))
    for first in range(0, length, chunk):
        if component.cyclic:
            _send_known(component, lanes, arithmetic, first)
        for member in component.members:
            inner = _gather(component.inner[member.name], lanes, first, first + chunk)
            _step(
                member,
                lanes[member.name],
                outer[member.name],
                inner,
                first,
                chunk,
                arithmetic,
                options,
            )


def _send_known(
    component: _Component, lanes: Mapping[str, Lane], arithmetic: Arithmetic, step: int
) -> None:
    """Puts spikes of a block's step that are known before it where its own members see them."""
    for member in component.members:
        lane = lanes[member.name]
        spikes = arithmetic.known(member, lane.state)
        if spikes is not None:
            lane.buffer[lane.history + step] = spikes


def _give_input(lane: Lane, spikes: Array, start: int, length: int) -> None:
    """The input's block: given spikes, then silence after the data end."""
    given = spikes[start : start + length]
    silence = np.zeros((length - len(given), *given.shape[1:]), given.dtype)
    block = np.concatenate([given, silence])
    tail = lane.buffer[len(lane.buffer) - lane.history :].astype(block.dtype)
    lane.buffer = np.concatenate([tail, block])
    lane.open_block(block, np.zeros(block.shape, bool))


_Sums = tuple[Array, NDArray[np.bool_]] | None


def _gather(
    parts: tuple[DelayedPart, ...], lanes: Mapping[str, Lane], first: int, last: int
) -> _Sums:
    """Sums and arrivals [step, sample, *shape] of block steps first..last over all parts."""
    sums: _Sums = None
    for part in parts:
        lane = lanes[part.projection.source]
        begin = lane.history + first - part.steps
        spikes = lane.buffer[begin : begin + last - first]
        lead = spikes.shape[:2]
        flat = spikes.reshape(-1, *spikes.shape[2:])
        y = part.sums(flat).reshape(*lead, *part.operator.target_shape)
        hit = part.arrived(flat).reshape(y.shape)
        sums = (y, hit) if sums is None else (sums[0] + y, sums[1] | hit)
    return sums


def _step(
    member: ProgramPopulation,
    lane: Lane,
    outer: _Sums,
    inner: _Sums,
    first: int,
    chunk: int,
    arithmetic: Arithmetic,
    options: RunOptions,
) -> None:
    """Scans one population over ``chunk`` steps of the block and stores what it did."""
    shape = (chunk, *lane.buffer.shape[1:])
    parts = [(outer[0][first : first + chunk], outer[1][first : first + chunk])] if outer else []
    parts += [inner] if inner else []
    current = sum((y for y, _ in parts), np.zeros((), np.int64))
    arrived = np.zeros(shape, bool)
    for _, hit in parts:
        arrived = arrived | hit
    result = arithmetic.scan(
        member, lane.state, np.broadcast_to(current, shape), arrived, options.trace_state
    )
    lane.take(result, slice(first, first + chunk))
