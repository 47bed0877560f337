"""A graph as a program of SpiNNaker 1: LIF, IF and LI as IF_curr_delta, CubaLIF as IF_curr_exp.

A neuron in thresholds (`fold`) becomes one in mV: its threshold is U mV, its rest and reset 0. A
current of 1 nA for a step moves the membrane by g mV (`decays.Membrane.gain`), so a weight of w
thresholds is w U / g nA, and of IF_curr_exp w U / (g init). U is as large as membranes and ring
buffers allow: the largest sum that calibration sees fills the ring buffers, up to a headroom.

A bias of IF_curr_delta is a source that fires at every step, from the first one on in which it acts
at the start of the population's window. That of IF_curr_exp is a constant current, which acts from
the chip's first step on, before the window too. Values (encoding ``direct``) are a constant current
of whole 2^-15 nA (`backends.driven`), and with them the biases of the populations that they drive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snn2chip.backends.driven import driven_by_values, hosted, note_on_filter, notes_on_host
from snn2chip.backends.fold import Chip, Folded, fold, fold_weights
from snn2chip.backends.latency import chip_latencies
from snn2chip.backends.spinnaker.arithmetic import NAME
from snn2chip.backends.spinnaker.decays import MOST as MOST_ACCUM
from snn2chip.backends.spinnaker.decays import Floats, Membrane, membrane, synapse
from snn2chip.backends.spinnaker.fixed import BITS, ONE, Integers, accum
from snn2chip.backends.spinnaker.loaded import Loaded, Model, SynapseShape, synapse_shape
from snn2chip.backends.spinnaker.neurons import parameters_of
from snn2chip.backends.spinnaker.oracle import MOST
from snn2chip.core import Activity, Program, ProgramPopulation, ProgramProjection
from snn2chip.errors import UnsupportedError, combine
from snn2chip.graph import Graph, Population, Projection
from snn2chip.graph.linear import apply
from snn2chip.graph.operators import Operator, weights_of, with_weights
from snn2chip.quantize import Multiplier, StoredWeights

CELLS = Chip("SpiNNaker 1", "sPyNNaker's IF_curr_delta and IF_curr_exp")

MOST_SHIFT = 6
"""Of a ring buffer that calibration may ask for: coarser ones bring nothing."""

_HEADROOM = 0.5
"""Share of a membrane's range that calibration may fill."""
_FILLED = 0.7
"""Share of a ring buffer that calibration fills; what other samples spill is counted."""
_LIMIT = 65_536.0
"""mV that s16.15 holds, and so alpha = (I_e - I_i) R."""
_PART = 64
"""Samples whose sums are looked at together."""


@dataclass(frozen=True, eq=False)
class Scaled:
    """A population in mV and nA.

    Attributes:
        weights: of each projection into it, in thresholds.
        unit: U, mV per threshold.
        per_threshold: nA per threshold of a weight [*shape].
        tau_syn: of its synapses in ms, s16.15, where they filter.
        bias: nA at every step [*shape].
        shifts: of its ring buffers, excitatory and inhibitory.
        driven: its input is a constant current that the host computes.
    """

    population: Population
    folded: Folded
    membrane: Membrane
    synapse: SynapseShape | None
    tau_syn: Integers | None
    weights: tuple[tuple[Projection, Operator], ...]
    unit: float
    per_threshold: Floats
    bias: Floats
    shifts: tuple[int, int]
    driven: bool = False


def realise(
    graph: Graph,
    multipliers: Mapping[str, Multiplier] | None = None,
    reference: Activity | None = None,
) -> Program:
    """The graph in the firmware's numbers.

    Args:
        multipliers: population -> factor on U, above 1 of what calibration would not dare.
        reference: the float graph's run on calibration data; without it the sums of all weights of
            a sign count, which hardly ever arrive together.

    Raises:
        UnsupportedError: something that the chip has not, by name.
    """
    latency, given, errors = chip_latencies(graph), multipliers or {}, []
    driven = driven_by_values(graph)
    made: dict[str, Scaled] = {}
    for population in graph.populations:
        if population.is_input:
            continue
        try:
            factor = float(np.max(given.get(population.name, 1.0)))
            made[population.name] = scaled(
                graph, population, factor, reference, population.name in driven
            )
        except UnsupportedError as error:
            errors.append(error)
    if errors:
        raise combine(errors)
    host = tuple(_hosted(p, made[p.target]) for p in graph.projections if p.target in driven)
    return Program(
        name=graph.name,
        arithmetic=NAME,
        populations=tuple(
            ProgramPopulation(p.name, "input", "input", p.shape)
            if p.is_input
            else _population(made[p.name], latency[p.name])
            for p in graph.populations
        ),
        projections=tuple(
            _projection(p, made[p.target]) for p in graph.projections if p.target not in driven
        ),
        outputs=graph.outputs,
        readout=graph.readout,
        encoding=graph.encoding,
        classes=graph.classes,
        notes=(
            *notes_on_host(host),
            *(note for s in made.values() for note in (*s.folded.notes, *_notes(s))),
        ),
        hosted=host,
    )


def scaled(
    graph: Graph,
    population: Population,
    multiplier: float,
    reference: Activity | None,
    driven: bool = False,
) -> Scaled:
    """Units of one population.

    Args:
        driven: by values: weights are those of a constant current, which no filter delays.

    Raises:
        UnsupportedError: something that the chip has not, by name.
    """
    folded = fold(graph, population, CELLS)
    cell = membrane(1.0 - folded.loss_v)
    filtered, tau_syn, per_millivolt = None, None, 1.0 / cell.gain
    if (folded.loss_u < 1.0).any():
        tau_syn = synapse(1.0 - folded.loss_u)
        filtered = synapse_shape(tau_syn, ONE)
        # Of a spike, or of one at every step: what a filter has in the end.
        reached = 1.0 - filtered.decay / 2.0**32 if driven else filtered.init / 2.0**32
        per_millivolt = per_millivolt / reached
    weights = tuple((p, fold_weights(p, folded.factor)) for p in graph.incoming(population.name))
    if driven and reference is not None:
        seen = reference.populations[population.name].peak_input
        peaks = (seen * float(np.abs(folded.factor).max(initial=0.0)),) * 2
    else:
        peaks = _peaks(weights, reference)
    if filtered is None and not driven:  # biases go through the ring buffers
        extra = (float(np.max(sign * folded.bias, initial=0.0)) for sign in (1.0, -1.0))
        peaks = peaks[0] + next(extra), peaks[1] + next(extra)
    summed = None if driven else filtered
    unit = multiplier * _unit(cell, per_millivolt, summed, folded, peaks, driven)
    largest = unit * float(per_millivolt.max(initial=0.0))
    needed = [
        largest * max(peak / _FILLED, single)
        for peak, single in zip(peaks, _largest(weights), strict=True)
    ]
    return Scaled(
        population=population,
        folded=folded,
        membrane=cell,
        synapse=filtered,
        tau_syn=tau_syn,
        weights=weights,
        unit=unit,
        per_threshold=unit * per_millivolt,
        bias=folded.bias * unit / cell.gain,
        shifts=(0, 0) if driven else (_shift(needed[0]), _shift(needed[1])),
        driven=driven,
    )


def stored_weights(
    graph: Graph, name: str, multiplier: Multiplier = 1.0, reference: Activity | None = None
) -> tuple[StoredWeights, ...]:
    """What a core would hold of the weights into the population called ``name``, in thresholds.

    None of those that the host keeps.
    """
    driven = name in driven_by_values(graph)
    made = scaled(graph, graph.population(name), float(np.max(multiplier)), reference, driven)
    if driven:
        return ()
    found = []
    for projection, operator in made.weights:
        held = _words(operator, projection, made)
        weights = weights_of(held)
        back = replace(projection, operator=with_weights(held, currents(weights, made.shifts)))
        stored = weights_of(fold_weights(back, 1.0 / made.per_threshold))
        found.append(StoredWeights(projection.source, operator, stored, 1))
    return tuple(found)


def _unit(
    cell: Membrane,
    per_millivolt: Floats,
    filtered: SynapseShape | None,
    folded: Folded,
    peaks: tuple[float, float],
    driven: bool,
) -> float:
    """mV per threshold: neither ring buffers nor alpha, nor the membrane, leave their bits."""
    most = max(*peaks, 1e-9)
    buffers = capacity(MOST_SHIFT) / (most * float(per_millivolt.max(initial=1e-9)))
    # What arrives in a step; a filter adds up several of them, by at most 1 / (1 - decay).
    several = 1.0
    if filtered is not None:
        lost = 1.0 - filtered.decay / 2.0**32
        several = float((filtered.init / 2.0**32 / lost).max(initial=1.0))
    current = most * several + float(np.abs(folded.bias).max(initial=0.0))
    drive = current * float((per_millivolt * cell.resistance / ONE).max(initial=1e-9))
    start = max(1.0, float(np.abs(folded.v0).max(initial=0.0)), most)
    unit = min(_HEADROOM * _LIMIT / drive, _HEADROOM * _LIMIT / start)
    return unit if driven else min(_FILLED * buffers, unit)


def capacity(shift: int) -> float:
    """nA that a slot of a ring buffer holds."""
    return MOST * 2.0 ** (shift - BITS)


def _shift(most: float) -> int:
    """The least shift of a ring buffer that holds so many nA."""
    shift = 0
    while shift < BITS and capacity(shift) < most:
        shift += 1
    return shift


def _peaks(
    weights: tuple[tuple[Projection, Operator], ...],
    reference: Activity | None,
) -> tuple[float, float]:
    """Largest excitatory and inhibitory sums in a step, in thresholds.

    Delays are left out: what arrives together was sent together, as far as calibration goes.
    """
    found = []
    for sign in (1.0, -1.0):
        parts = [
            (p.source, with_weights(o, np.maximum(sign * weights_of(o), 0.0))) for p, o in weights
        ]
        if reference is None:
            found.append(_all_together([operator for _, operator in parts]))
        else:
            found.append(_seen(parts, reference))
    return found[0], found[1]


def _all_together(parts: list[Operator]) -> float:
    """The largest sum of weights into a neuron."""
    sums = [apply(o, np.ones((1, *o.source_shape))) for o in parts]
    return float(np.sum(sums, axis=0).max(initial=0.0)) if sums else 0.0


def _seen(parts: list[tuple[str, Operator]], reference: Activity) -> float:
    most = 0.0
    seen = {source: reference.populations[source].spikes.unpack() for source, _ in parts}
    for first in range(0, reference.samples, _PART):
        total: Floats | None = None
        for source, operator in parts:
            fired = seen[source][:, first : first + _PART]
            flat = fired.reshape(-1, *operator.source_shape).astype(np.float64)
            sums = apply(operator, flat)
            total = sums if total is None else total + sums
        if total is not None:
            most = max(most, float(total.max(initial=0.0)))
    return most


def _largest(weights: tuple[tuple[Projection, Operator], ...]) -> tuple[float, float]:
    """Largest weight of each sign, in thresholds."""
    values = [weights_of(operator) for _, operator in weights]
    return (
        max((float(v.max(initial=0.0)) for v in values), default=0.0),
        max((float((-v).max(initial=0.0)) for v in values), default=0.0),
    )


def _population(made: Scaled, latency: int) -> ProgramPopulation:
    population, folded, cell = made.population, made.folded, made.membrane
    model: Model = "IF_curr_delta" if made.synapse is None else "IF_curr_exp"
    sources = made.synapse is None and not made.driven
    zero = np.zeros(population.shape, np.int64)
    threshold = accum(np.full(population.shape, made.unit)) + (0 if folded.at_least else 1)
    loaded = Loaded(
        model=model,
        resistance=cell.resistance,
        membrane_decay=cell.decay,
        rest=zero,
        reset=zero,
        threshold=threshold if population.neuron.spiking else zero + MOST_ACCUM,
        offset=zero if sources else accum(made.bias),
        hold=zero,
        synapses=() if made.synapse is None else (made.synapse, made.synapse),
        per_step=ONE,
    )
    told = {"tau_m": cell.tau, "cm": cell.capacity}
    if made.tau_syn is not None:
        told["tau_syn"] = made.tau_syn
    always = words(made.bias, made.shifts) if sources else zero
    return ProgramPopulation(
        name=population.name,
        model=model,
        kind=population.neuron.kind,
        shape=population.shape,
        parameters=parameters_of(
            loaded, accum(folded.v0 * made.unit), made.shifts, always, told, made.driven
        ),
        spiking=population.neuron.spiking,
        scale=made.unit * ONE / folded.theta,
        offset=folded.offset,
        latency=latency,
    )


def _projection(projection: Projection, target: Scaled) -> ProgramProjection:
    operator = next(o for p, o in target.weights if p is projection)
    return ProgramProjection(
        source=projection.source,
        target=projection.target,
        operator=_words(operator, projection, target),
        delay=projection.delay,
        weight_bits=16,
    )


def _hosted(projection: Projection, target: Scaled) -> ProgramProjection:
    operator = next(o for p, o in target.weights if p is projection)
    currents = fold_weights(replace(projection, operator=operator), target.per_threshold)
    return hosted(projection, currents, 1.0 / ONE)


def _words(operator: Operator, projection: Projection, target: Scaled) -> Operator:
    """Weights as whole numbers of their receptor's units; the sign says which receptor."""
    in_nanoamperes = fold_weights(replace(projection, operator=operator), target.per_threshold)
    return with_weights(in_nanoamperes, words(weights_of(in_nanoamperes), target.shifts))


def words(given: Floats, shifts: tuple[int, int]) -> Integers:
    """Currents in nA as whole numbers of their receptor's units; the sign says which receptor."""
    units = np.where(given < 0, 2.0 ** (BITS - shifts[1]), 2.0 ** (BITS - shifts[0]))
    found: Integers = np.clip(np.rint(given * units), -MOST, MOST).astype(np.int64)
    return found


def currents(held: Integers, shifts: tuple[int, int]) -> Floats:
    """What words stand for, in nA."""
    units = np.where(held < 0, 2.0 ** (shifts[1] - BITS), 2.0 ** (shifts[0] - BITS))
    found: Floats = held.astype(np.float64) * units
    return found


def _notes(made: Scaled) -> list[str]:
    """How the population is held, and what rounding lost."""
    name, wanted = made.population.name, 1.0 - made.folded.loss_v
    away = float(np.abs(made.membrane.decay / ONE - wanted).max(initial=0.0))
    kind = "IF_curr_delta" if made.synapse is None else "IF_curr_exp"
    held = f"ring buffers shifted by {made.shifts[0]} and {made.shifts[1]} bits"
    if made.driven:
        held = "a constant current"
    notes = [f"{name}: {kind}, {made.unit:.4g} mV per threshold, {held}, decays within {away:.1g}"]
    if made.driven and made.synapse is not None:
        notes.append(note_on_filter(name))
    if made.weights and not made.driven:
        ours, theirs = (signal_to_noise(made, s) for s in (made.shifts, usual_shifts(made)))
        notes.append(
            f"{name}: weights at {ours:.1f} dB signal to noise, {theirs:.1f} dB with the shifts "
            "that sPyNNaker picks by itself"
        )
    return notes


def signal_to_noise(made: Scaled, shifts: tuple[int, int]) -> float:
    """Of the weights into a population as words, in dB: squares over squared errors."""
    signal = noise = 0.0
    for operator in _in_nanoamperes(made):
        exact = weights_of(operator)
        signal += float((exact**2).sum())
        noise += float(((currents(words(exact, shifts), shifts) - exact) ** 2).sum())
    return 10.0 * float(np.log10(signal / noise)) if noise and signal else float("inf")


def usual_shifts(made: Scaled) -> tuple[int, int]:
    """Those that sPyNNaker 1!7.4.1 picks for lists of synapses whose delays are all equal.

    It takes the largest weight of each projection for all synapses of the neuron that has most of
    them, adds projections up, and leaves room for the sum: floor(log2(sum)) + 1, at least 0.
    """
    found = []
    for sign in (1.0, -1.0):
        most = 0.0
        for operator in _in_nanoamperes(made):
            weights = np.maximum(sign * weights_of(operator), 0.0)
            there = with_weights(operator, (weights > 0).astype(np.float64))
            most += _all_together([there]) * float(weights.max(initial=0.0))
        found.append(max(0, int(np.floor(np.log2(most))) + 1) if most > 0.0 else 0)
    return found[0], found[1]


def _in_nanoamperes(made: Scaled) -> list[Operator]:
    return [
        fold_weights(replace(projection, operator=operator), made.per_threshold)
        for projection, operator in made.weights
    ]
