"""IF_curr_delta and IF_curr_exp for the engine: all samples at once, a block of steps at a time.

The equations are those of `oracle`, where each step begins with what has arrived::

    I_r'   = I_r + (ring_r << shift_r) init_r            (IF_curr_delta: ring << shift alone)
    alpha  = (I_e - I_i + offset) R + rest
    v'     = alpha - TC (alpha - v)                       while not refractory
    fires where v' >= threshold: v' = reset, and then ``hold`` steps without updates
    I_r    = I_r' decay_r

All values are s16.15 in whole numbers, fractions u0.32, and every product is cut down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.driven import DRIVEN
from snn2chip.backends.spinnaker.fixed import BITS, Integers
from snn2chip.backends.spinnaker.loaded import Loaded
from snn2chip.backends.spinnaker.oracle import MOST
from snn2chip.backends.spinnaker.products import KERNEL, receptors
from snn2chip.backends.stepping import step_through
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import Scan, State
from snn2chip.engine.kernels.accelerate import kernels
from snn2chip.graph.operators import Array

FULL = "ring_buffer_full"
"""Warning: slots of ring buffers that would have held more than they can."""

BEYOND = "alpha_beyond_32_bits"
"""Warning: currents times R beyond s16.15; a core computes something else then."""

_RECEPTORS = ("e", "i")
_LIMIT = 1 << 31
"""What s16.15 ends below."""
_HIGH = 16
"""Bits that fractions are split by, so that products fit 64 bits."""


def parameters_of(
    loaded: Loaded,
    v0: Integers,
    shifts: tuple[int, int],
    always: Integers | None = None,
    told: Mapping[str, Integers] | None = None,
    driven: bool = False,
) -> Mapping[str, Array]:
    """What a population of a program holds.

    Args:
        v0: first membranes, s16.15; shifts: of both ring buffers.
        always: words that arrive at every step, as of a source that always fires; negative ones
            are inhibitory.
        driven: what arrives is a constant current in 2^-15 nA, and nothing for ring buffers.
        told: what PyNN is told of time constants and capacities, s16.15, for those who emit it.
    """
    bias = np.zeros((), np.int64) if always is None else always
    found: dict[str, Array] = {
        **(told or {}),
        "always_e": np.maximum(bias, 0),
        "always_i": np.maximum(-bias, 0),
        "resistance": loaded.resistance,
        "membrane_decay": loaded.membrane_decay,
        "rest": loaded.rest,
        "reset": loaded.reset,
        "threshold": loaded.threshold,
        "offset": loaded.offset,
        "hold": loaded.hold,
        "per_step": np.array(loaded.per_step),
        "v0": v0,
    }
    if driven:
        found[DRIVEN] = np.array(1)
    for name, shift in zip(_RECEPTORS, shifts, strict=True):
        found[f"shift_{name}"] = np.array(shift)
    for name, shape in zip(_RECEPTORS, loaded.synapses, strict=False):
        found[f"init_{name}"], found[f"decay_{name}"] = shape.init, shape.decay
    return found


def initial(population: ProgramPopulation, samples: int) -> State:
    """Membranes as the host sets them, and nothing in flight.

    A constant current acts from the chip's first step on, so that what it does until the window of
    the population begins is done here; spikes that it causes there reach nobody.
    """
    shape = (samples, *population.shape)
    zeros = np.zeros(shape, np.int64)
    v = np.broadcast_to(population.parameters["v0"], shape).astype(np.int64)
    state = {"v": v, "refractory": zeros}
    if _filtered(population):
        state |= dict.fromkeys(_RECEPTORS, zeros)
    if not np.any(population.parameters["offset"]):
        return state
    run = _Run(population, state)
    for _ in range(population.latency):
        run.step(zeros, zeros)
    return run.state


def scan(
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    """Neurons over the steps of ``current`` [step, sample, *shape], which `products` packs.

    Compiled where numba is installed, with the same integers.
    """
    quick = kernels(KERNEL)
    if quick is not None:
        return _compiled(quick, population, state, current, arrived, record)
    return scan_plain(population, state, current, arrived, record)


def _compiled(
    quick: ModuleType,
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    """`scan_plain` by the kernel."""
    p, steps, shape = population.parameters, len(current), current.shape
    filtered = _filtered(population)

    def each(*names: str) -> Integers:
        rows = [np.broadcast_to(p[name], population.shape).reshape(-1) for name in names]
        found: Integers = np.ascontiguousarray(np.stack(rows).astype(np.int64))
        return found

    held = np.zeros((2 + len(_RECEPTORS), current[0].size), np.int64)
    for row, name in enumerate(("v", "refractory", *(_RECEPTORS if filtered else ()))):
        held[row] = np.broadcast_to(state[name], shape[1:]).reshape(-1)
    none = np.zeros((2 * len(_RECEPTORS), 0), np.int64)
    output = np.empty(shape, bool if population.spiking else np.int64)
    updated = np.empty(shape, bool)
    kept = shape if record else (0, *shape[1:])
    membranes = np.empty(kept, np.int64)
    currents = np.empty((len(_RECEPTORS), *(kept if filtered else (0, *shape[1:]))), np.int64)
    count = held.shape[1]
    flat = steps, count
    full, beyond, changes, peak, largest = quick.scan(
        np.ascontiguousarray(current, np.int64).reshape(flat),
        np.ascontiguousarray(arrived).reshape(flat),
        each(*_Cell._fields),
        each(*(f"{part}_{r}" for r in _RECEPTORS for part in ("init", "decay")))
        if filtered
        else none,
        each("always_e", "always_i"),
        np.array([int(p["shift_e"]), int(p["shift_i"])]),
        held,
        output.reshape(flat),
        updated.reshape(flat),
        membranes.reshape(-1, count),
        currents.reshape(len(_RECEPTORS), currents.shape[1], count),
        filtered,
        DRIVEN in p,
        population.spiking,
        record,
    )
    after = {"refractory": held[1].reshape(shape[1:]), "v": held[0].reshape(shape[1:])}
    records: dict[str, Array] = {"v": membranes} if record else {}
    for row, name in enumerate(_RECEPTORS if filtered else ()):
        after[name] = held[2 + row].reshape(shape[1:])
        if record:
            records[name] = currents[row]
    counted = ((FULL, int(full)), (BEYOND, int(beyond)))
    return Scan(
        output,
        updated,
        after,
        records,
        warnings={name: count for name, count in counted if count},
        peak_v=float(peak),
        peak_input=float(largest),
        membrane_changes=int(changes),
    )


def scan_plain(
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    """The same in plain numpy."""
    p = population.parameters
    driven = None
    if DRIVEN in p:
        driven, current = current[0].astype(np.int64), np.zeros(current.shape, np.int64)
    run = _Run(population, state, driven)
    given = [
        sums + p[f"always_{r}"] for sums, r in zip(receptors(current), _RECEPTORS, strict=True)
    ]
    held = [
        np.minimum(sums, MOST) << p[f"shift_{r}"] for sums, r in zip(given, _RECEPTORS, strict=True)
    ]
    full = sum(int(np.count_nonzero(sums > MOST)) for sums in given)
    biased = (run.offset != 0) | (p["always_e"] != p["always_i"])
    found = step_through(run, held, population.spiking, arrived, biased, record)
    return replace(
        found,
        warnings={name: count for name, count in ((FULL, full), (BEYOND, run.beyond)) if count},
        peak_input=float(max(int(sums.max(initial=0)) for sums in held)),
    )


class _Cell(NamedTuple):
    resistance: Integers
    membrane_decay: Integers
    rest: Integers
    reset: Integers
    threshold: Integers
    offset: Integers
    hold: Integers
    per_step: Integers


class _Run:
    """Neurons on their way through the steps."""

    def __init__(
        self, population: ProgramPopulation, state: State, driven: Array | None = None
    ) -> None:
        p = population.parameters
        cell = _Cell(*(p[name] for name in _Cell._fields))
        self._cell = cell if driven is None else cell._replace(offset=cell.offset + driven)
        self._filters = (
            [(p[f"init_{r}"], p[f"decay_{r}"]) for r in _RECEPTORS] if _filtered(population) else []
        )
        self._spiking = population.spiking
        self.v, self._refractory = state["v"], state["refractory"]
        self._currents = [state[r] for r in _RECEPTORS] if self._filters else []
        self.beyond = 0

    @property
    def offset(self) -> Integers:
        """Constant currents, s16.15."""
        return self._cell.offset

    def step(self, *given: Array) -> NDArray[np.bool_]:
        """One step with what both ring buffers hold, s16.15; who fires."""
        excitatory, inhibitory = given
        cell = self._cell
        if self._filters:
            self._currents = [
                old + scaled(new, init)
                for old, new, (init, _) in zip(
                    self._currents, (excitatory, inhibitory), self._filters, strict=True
                )
            ]
            total = self._currents[0] - self._currents[1]
        else:
            total = (excitatory * cell.per_step >> BITS) - (inhibitory * cell.per_step >> BITS)
        alpha = ((total + cell.offset) * cell.resistance >> BITS) + cell.rest
        self.beyond += int(np.count_nonzero((alpha >= _LIMIT) | (alpha < -_LIMIT)))
        moved = alpha - (cell.membrane_decay * (alpha - self.v) >> BITS)
        free = self._refractory <= 0
        fired: NDArray[np.bool_] = free & (moved >= cell.threshold)
        if not self._spiking:
            fired = np.zeros_like(fired)
        self.v = np.where(fired, cell.reset, np.where(free, moved, self.v))
        waiting = np.where(free, self._refractory, self._refractory - 1)
        self._refractory = np.where(fired, cell.hold, waiting)
        self._currents = [
            scaled(c, decay) for c, (_, decay) in zip(self._currents, self._filters, strict=True)
        ]
        return fired

    @property
    def busy(self) -> NDArray[np.bool_]:
        """Whose state is not zero."""
        found: NDArray[np.bool_] = self.v != 0
        for current in self._currents:
            found = found | (current != 0)
        return found

    @property
    def shown(self) -> Mapping[str, Array]:
        """States by name."""
        return {"v": self.v, **dict(zip(_RECEPTORS, self._currents, strict=False))}

    @property
    def state(self) -> State:
        return {"refractory": self._refractory, **self.shown}


def scaled(values: Integers, fraction: Integers) -> Integers:
    """floor(values x fraction / 2^32) of values of 32 bits, in 64 bits."""
    high, low = fraction >> _HIGH, fraction & ((1 << _HIGH) - 1)
    found: Integers = (values * high + (values * low >> _HIGH)) >> (32 - _HIGH)
    return found


def _filtered(population: ProgramPopulation) -> bool:
    return population.model == "IF_curr_exp"
