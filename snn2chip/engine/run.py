"""The engine: runs a program on batches of samples in blocks of time, layer by layer.

Populations outside cycles are computed for a whole block of steps at once: one product per
projection and one scan of the neurons. Populations in a cycle advance together step by step.
Time is graph time: a projection without delay acts within the step; a chip's latencies are an
alignment of the same computation (see ``core.program.chip_delay``), put back in traces only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from snn2chip.core import Activity, Program, ProgramPopulation, Trace
from snn2chip.engine.arithmetic import Arithmetic, Flags, Scan
from snn2chip.engine.delays import DelayedPart, delayed_parts
from snn2chip.engine.layers import Layer, Layered
from snn2chip.engine.readout import ReadoutScore
from snn2chip.engine.recording import BatchResult, Lane, join, open_lane, trace
from snn2chip.engine.spikes import Spikes
from snn2chip.engine.workers import Workers, default_threads
from snn2chip.graph.operators import Array
from snn2chip.graph.order import components, is_cyclic

Progress = Callable[[int, int], None]

_VALUES_PER_THREAD = 1 << 12
"""Neurons times samples below which a thread costs more than it brings."""

CACHED_VALUES = 1 << 21
"""Synaptic sums computed before the neurons take them: more leave the processor's cache."""

_MOST_NARROW_PARTS = 64
"""Sums of 24 bits that 32 bits hold, with room to spare."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is cut and recorded; no choice changes an integer target's result.

    Attributes:
        batch: samples computed at once.
        block_steps: steps computed at once, or None for all.
        threads: of an exact arithmetic, each takes a share of the batch; None for one per processor
            that this process may use (or OMP_NUM_THREADS).
        trace: record the whole run of every population's output.
        trace_state: also record the states.
        running_scores: keep the readout after every step.
    """

    batch: int = 256
    block_steps: int | None = None
    threads: int | None = None
    trace: bool = False
    trace_state: bool = False
    running_scores: bool = False


@dataclass(frozen=True, eq=False)
class _Component:
    """Populations that advance together, with the parts of their incoming projections.

    Attributes:
        layer: all of it in one go, where the arithmetic has that.
        held: an input of values that a host loads, which stay when the data end.
    """

    members: tuple[ProgramPopulation, ...]
    cyclic: bool
    outer: Mapping[str, tuple[DelayedPart, ...]]
    inner: Mapping[str, tuple[DelayedPart, ...]]
    layer: Layer | None = None
    held: bool = False


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
    plan, chosen = tuple(_plan(program, arithmetic)), options or RunOptions()
    samples = next(iter(spikes.values())).shape[1]
    with Workers(_threads(program, arithmetic, chosen, samples)) as workers:
        return _run(program, plan, spikes, arithmetic, chosen, workers, progress)


def stream(
    program: Program,
    batches: Iterable[Mapping[str, Array]],
    arithmetic: Arithmetic,
    options: RunOptions | None = None,
) -> Iterator[tuple[Activity, Trace | None]]:
    """``simulate`` of each batch, prepared once; nothing of a batch is kept when the next begins.

    Args:
        batches: input spikes as for ``simulate``, as many samples each as they hold.
    """
    plan, chosen = tuple(_plan(program, arithmetic)), options or RunOptions()
    with Workers(_threads(program, arithmetic, chosen, chosen.batch)) as workers:
        for spikes in batches:
            yield _run(program, plan, spikes, arithmetic, chosen, workers, None)


def without_layer(program: Program, arithmetic: Arithmetic) -> tuple[str, ...]:
    """Names of the populations that no layer of the arithmetic computes, inputs left out."""
    return tuple(
        member.name
        for component in _plan(program, arithmetic)
        for member in component.members
        if component.layer is None and not member.is_input
    )


def _run(
    program: Program,
    plan: tuple[_Component, ...],
    spikes: Mapping[str, Array],
    arithmetic: Arithmetic,
    options: RunOptions,
    workers: Workers,
    progress: Progress | None,
) -> tuple[Activity, Trace | None]:
    """``simulate`` of a prepared program."""
    steps, samples = next(iter(spikes.values())).shape[:2]
    results: list[BatchResult] = []

    def run(share: slice) -> BatchResult:
        part = {name: x[:, share] for name, x in spikes.items()}
        return _run_batch(program, plan, part, arithmetic, options, steps)

    most = _threads(program, arithmetic, options, samples)
    for first in range(0, samples, options.batch):
        last = min(first + options.batch, samples)
        results += workers.map(run, workers.shares(first, last, most))
        if progress is not None:
            progress(last, samples)
    return _whole(program, arithmetic, results, steps, samples), (
        trace(program, results) if options.trace else None
    )


def _threads(program: Program, arithmetic: Arithmetic, options: RunOptions, samples: int) -> int:
    """Threads that a run is worth: Python's own share of it grows with them."""
    if not arithmetic.exact:
        return 1
    if options.threads is not None:
        return options.threads
    values = min(samples, options.batch) * sum(p.size for p in program.populations)
    return min(default_threads(), max(1, values // _VALUES_PER_THREAD))


def _whole(
    program: Program,
    arithmetic: Arithmetic,
    results: list[BatchResult],
    steps: int,
    samples: int,
) -> Activity:
    """One activity of all shares."""
    return Activity(
        arithmetic=arithmetic.name,
        steps=steps,
        samples=samples,
        populations={
            p.name: join(p, [r.lanes[p.name] for r in results]) for p in program.populations
        },
        scores=np.concatenate([r.scores for r in results]),
        running_scores=_running([r.kept for r in results]),
    )


def _running(shares: list[list[Array]]) -> Array | None:
    """[step, sample, score] of every share's scores after each step, where they were kept."""
    if not shares[0]:
        return None
    return np.stack([np.concatenate(parts) for parts in zip(*shares, strict=True)])


def _plan(program: Program, arithmetic: Arithmetic) -> Iterator[_Component]:
    """Components in order, with every projection split by delay."""
    whole = (*program.projections, *program.hosted)
    edges = {(p.source, p.target) for p in whole}
    immediate = {(p.source, p.target) for p in whole if p.delay.smallest == 0}
    names = [p.name for p in program.populations]
    parts = {
        name: [part for p in whole if p.target == name for part in delayed_parts(p, arithmetic)]
        for name in names
    }
    for component in components(names, edges):
        inside = set(component)
        order = components(component, {e for e in immediate if inside.issuperset(e)})
        members = [name for group in order for name in group]
        found = _Component(
            members=tuple(program.population(name) for name in members),
            cyclic=is_cyclic(component, edges),
            outer={
                n: tuple(x for x in parts[n] if x.projection.source not in inside) for n in members
            },
            inner={n: tuple(x for x in parts[n] if x.projection.source in inside) for n in members},
            held=program.on_host(members[0]),
        )
        yield replace(found, layer=_layer(found, arithmetic))


def _layer(component: _Component, arithmetic: Arithmetic) -> Layer | None:
    """The component's only population as one layer, where the arithmetic has it."""
    member = component.members[0]
    if component.cyclic or member.is_input or not isinstance(arithmetic, Layered):
        return None
    return arithmetic.layer(member, component.outer[member.name])


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
    score = ReadoutScore(program, keep=options.running_scores)
    drain = program.max_latency if options.trace else 0
    for start, length in _blocks(steps, drain, options.block_steps):
        for lane in lanes.values():
            lane.counted = start < steps
        for component in plan:
            _advance(component, lanes, spikes, arithmetic, options, start, length)
        if start < steps:
            score.add(lanes[program.outputs[0]].block)
    for lane in lanes.values():
        lane.release()
    return BatchResult(lanes, score.result(samples), score.kept)


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
    kind = np.dtype(bool) if population.is_input else arithmetic.spike_dtype(population)
    return open_lane(population, history, state, samples, kind)


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
    for member in component.members:
        lanes[member.name].begin()
    if component.members[0].is_input:
        lane = lanes[component.members[0].name]
        lane.give(_given(spikes[lane.population.name], start, length, component.held))
    elif component.cyclic:
        _advance_cycle(component, lanes, arithmetic, options, length)
    elif not _advance_layer(component, lanes, options, length):
        (member,) = component.members
        parts, lane = component.outer[member.name], lanes[member.name]
        piece = _piece_steps(member, lane, length) if arithmetic.exact else length
        for first in range(0, length, piece):
            sums = _gather(parts, lanes, first, min(first + piece, length))
            shape = (min(piece, length - first), lane.samples, *member.shape)
            lane.take(_scan(member, lane, [sums], shape, arithmetic, options))
    for member in component.members:
        lanes[member.name].finish(component.cyclic, options.trace)


def _advance_layer(
    component: _Component, lanes: Mapping[str, Lane], options: RunOptions, length: int
) -> bool:
    """Computes a block of one population as one layer, or says that it is to be done otherwise."""
    if component.layer is None:
        return False
    lane = lanes[component.members[0].name]
    sources = [
        _arriving(part, lanes, 0, length) for part in component.outer[component.members[0].name]
    ]
    if not component.layer.pays(sources, options.trace_state):
        return False
    lane.take_layer(component.layer(sources, lane.state, options.trace_state))
    return True


def _arriving(part: DelayedPart, lanes: Mapping[str, Lane], first: int, last: int) -> Spikes:
    """What the synapses of a part deliver in the block's steps first..last."""
    lane = lanes[part.projection.source]
    begin = lane.history + first - part.steps
    return lane.seen.steps(begin, begin + last - first)


def _piece_steps(member: ProgramPopulation, lane: Lane, length: int) -> int:
    """Steps of a population outside cycles whose sums stay in the processor's cache."""
    values = lane.samples * member.size
    return max(1, min(length, CACHED_VALUES // max(1, values)))


def _advance_cycle(
    component: _Component,
    lanes: Mapping[str, Lane],
    arithmetic: Arithmetic,
    options: RunOptions,
    length: int,
) -> None:
    """Computes a block of populations that wait for each other, step by step."""
    outer = {m.name: _gather(component.outer[m.name], lanes, 0, length) for m in component.members}
    for member in component.members:
        lanes[member.name].reserve(length)
    for step in range(length):
        for member in component.members:
            known = arithmetic.known(member, lanes[member.name].state)
            if known is not None:
                lanes[member.name].write(step, known[np.newaxis])
        for member in component.members:
            lane, given = lanes[member.name], outer[member.name]
            inner = _gather(component.inner[member.name], lanes, step, step + 1)
            here = None if given is None else (given[0][step : step + 1], given[1][step : step + 1])
            shape = (1, lane.samples, *member.shape)
            scan = _scan(member, lane, [here, inner], shape, arithmetic, options)
            lane.take(scan)
            if member.spiking:
                lane.write(step, scan.output)


def _given(spikes: Array, start: int, length: int, held: bool) -> Array:
    """An input's block: given spikes, then silence after the data end, or the last values on."""
    given = spikes[start : start + length]
    if len(given) == length:
        return given
    if held:
        return spikes[np.minimum(np.arange(start, start + length), len(spikes) - 1)]
    silence = np.zeros((length - len(given), *given.shape[1:]), given.dtype)
    return np.concatenate([given, silence])


_Sums = tuple[Array, Flags] | None


def _gather(
    parts: tuple[DelayedPart, ...], lanes: Mapping[str, Lane], first: int, last: int
) -> _Sums:
    """Sums and arrivals [step, sample, *shape] of block steps first..last over all parts."""
    sums: _Sums = None
    for part in parts:
        spikes = _arriving(part, lanes, first, last).flags
        flat = spikes.reshape(-1, *spikes.shape[2:])
        y, hit = part.sums_and_arrivals(flat)
        lead = spikes.shape[:2]
        y, hit = y.reshape(*lead, *y.shape[1:]), hit.reshape(*lead, *hit.shape[1:])
        if y.dtype == np.int32 and len(parts) > _MOST_NARROW_PARTS:
            y = y.astype(np.int64)
        sums = (y, hit) if sums is None else (sums[0] + y, sums[1] | hit)
    return sums


def _scan(
    member: ProgramPopulation,
    lane: Lane,
    sums: list[_Sums],
    shape: tuple[int, ...],
    arithmetic: Arithmetic,
    options: RunOptions,
) -> Scan:
    """Scans one population over the steps of ``shape`` [step, sample, *population shape]."""
    found = [x for x in sums if x is not None]
    if not found:
        found = [(np.zeros((), np.int64), np.zeros((), np.bool_))]
    current, arrived = found[0]
    for y, hit in found[1:]:
        current, arrived = current + y, arrived | hit
    return arithmetic.scan(
        member,
        lane.state,
        np.broadcast_to(current, shape),
        np.broadcast_to(arrived, shape),
        options.trace_state,
    )
