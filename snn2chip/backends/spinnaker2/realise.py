"""A graph as a program of SpiNNaker 2: weights of whole numbers, one scale to a population.

A neuron in thresholds (`fold`) becomes one of s units per threshold. Its largest weight is 127
units (15 where one of its synapses has a delay of its own, since such weights have a sign and 4
bits), as ``s2_nir.py`` of py-spinnaker2 scales with ``scale_weights``. It cuts weights toward zero
then; these are rounded to the nearest before it sees them. A bias does not pass the synapse: it is
a constant current, which acts from the chip's first step on. Membranes start so that it has brought
them to where the graph begins when the population's window does. Values (encoding ``direct``) are a
constant current as well, which the host computes from float weights (`backends.driven`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.driven import (
    DRIVEN,
    driven_by_values,
    hosted,
    note_on_filter,
    notes_on_host,
)
from snn2chip.backends.fold import Chip, Folded, fold, fold_weights
from snn2chip.backends.latency import chip_latencies
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.errors import UnsupportedError, combine
from snn2chip.graph import Graph, Population, Projection
from snn2chip.graph.operators import Operator, weights_of, with_weights
from snn2chip.quantize import Multiplier, StoredWeights

CELLS = Chip("SpiNNaker 2", "py-spinnaker2's lif and lif_curr_exp", subtracts=True)

OUT_OF_REACH = 1e30
"""Threshold of a readout that never fires, in units of its membrane."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Formats:
    """Bits of stored weights, the sign included.

    Attributes:
        weight: of synapses without a delay of their own; delayed: of others.
    """

    weight: int
    delayed: int

    def bits(self, delays: bool) -> int:
        """Of a population, some of whose synapses have delays or none."""
        return self.delayed if delays else self.weight


@dataclass(frozen=True, eq=False)
class Scaled:
    """A population in units of its weights.

    Attributes:
        weights: of each projection into it, in thresholds.
        unit: units per threshold.
        delayed: some synapse has a delay beyond its own step.
        driven: its input is a constant current that the host computes.
    """

    population: Population
    folded: Folded
    weights: tuple[tuple[Projection, Operator], ...]
    unit: float
    most: int
    delayed: bool
    driven: bool = False

    @property
    def filtered(self) -> bool:
        """Whether a synaptic current outlasts its step."""
        return bool((self.folded.loss_u < 1.0).any())


def realise(
    graph: Graph,
    formats: Formats,
    arithmetic: str,
    multipliers: Mapping[str, Multiplier] | None = None,
) -> Program:
    """The graph in whole weights.

    Args:
        arithmetic: name of the one that runs it.
        multipliers: population -> factor on the scale of its weights; the largest are cut then.

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
            one = scaled(graph, population, formats, latency, factor)
            made[population.name] = replace(one, driven=population.name in driven)
        except UnsupportedError as error:
            errors.append(error)
    if errors:
        raise combine(errors)
    host = tuple(_hosted(p, made[p.target]) for p in graph.projections if p.target in driven)
    return Program(
        name=graph.name,
        arithmetic=arithmetic,
        populations=tuple(
            ProgramPopulation(p.name, "input", "input", p.shape)
            if p.is_input
            else _population(graph, made[p.name], latency[p.name])
            for p in graph.populations
        ),
        projections=tuple(
            ProgramProjection(
                source=p.source,
                target=p.target,
                operator=_whole(p, made[p.target]),
                delay=p.delay,
                weight_bits=formats.bits(made[p.target].delayed),
            )
            for p in graph.projections
            if p.target not in driven
        ),
        outputs=graph.outputs,
        readout=graph.readout,
        encoding=graph.encoding,
        classes=graph.classes,
        notes=(
            *notes_on_host(host),
            *(
                note
                for name, s in made.items()
                for note in (*s.folded.notes, *_notes(s, latency[name]))
            ),
        ),
        hosted=host,
    )


def scaled(
    graph: Graph,
    population: Population,
    formats: Formats,
    latency: Mapping[str, int],
    multiplier: float,
) -> Scaled:
    """Units of one population.

    Raises:
        UnsupportedError: something that the chip has not, by name.
    """
    folded = fold(graph, population, CELLS)
    incoming = graph.incoming(population.name)
    weights = tuple((p, fold_weights(p, folded.factor)) for p in incoming)
    delayed = any(
        p.delay.largest + latency[population.name] - latency[p.source] > 1 for p in incoming
    )
    most = (1 << (formats.bits(delayed) - 1)) - 1
    largest = max((float(np.abs(weights_of(o)).max(initial=0.0)) for _, o in weights), default=0.0)
    unit = multiplier * most / largest if largest > 0.0 else 1.0
    return Scaled(population, folded, weights, unit, most, delayed)


def stored_weights(
    graph: Graph, name: str, formats: Formats, multiplier: Multiplier = 1.0
) -> tuple[StoredWeights, ...]:
    """What a core would hold of the weights into the population called ``name``, in thresholds.

    None of those that the host keeps.
    """
    if name in driven_by_values(graph):
        return ()
    latency = chip_latencies(graph)
    made = scaled(graph, graph.population(name), formats, latency, float(np.max(multiplier)))
    return tuple(
        StoredWeights(
            projection.source, operator, weights_of(_whole(projection, made)) / made.unit, 1
        )
        for projection, operator in made.weights
    )


def _hosted(projection: Projection, target: Scaled) -> ProgramProjection:
    """Weights of a constant current, in units: what a synaptic filter has in the end."""
    operator = next(o for p, o in target.weights if p is projection)
    factor = np.broadcast_to(target.unit / target.folded.loss_u, target.population.shape)
    return hosted(projection, fold_weights(replace(projection, operator=operator), factor), 1.0)


def _whole(projection: Projection, target: Scaled) -> Operator:
    operator = next(o for p, o in target.weights if p is projection)
    whole = np.rint(weights_of(operator) * target.unit)
    return with_weights(operator, np.clip(whole, -target.most, target.most).astype(np.int64))


def _population(graph: Graph, made: Scaled, latency: int) -> ProgramPopulation:
    population, folded = made.population, made.folded
    fires = made.unit if population.neuron.spiking else OUT_OF_REACH
    if folded.at_least:
        fires = float(np.nextafter(np.float32(fires), np.float32(0.0)))
    parameters: dict[str, NDArray[Any]] = {
        "alpha": (1.0 - folded.loss_v).astype(np.float32),
        "i_offset": folded.bias * made.unit,
        "v_init": _first(made, latency)[0],
        "threshold": np.full(population.shape, fires),
        "subtracts": np.array(int(_subtracts(graph, population))),
    }
    if made.driven:
        parameters[DRIVEN] = np.array(1)
    if made.filtered:
        parameters["decay"] = (1.0 - folded.loss_u).astype(np.float32)
    name = "lif_curr_exp" if made.filtered else "lif"
    return ProgramPopulation(
        name=population.name,
        model=name if made.delayed else f"{name}_no_delay",
        kind=population.neuron.kind,
        shape=population.shape,
        parameters=parameters,
        spiking=population.neuron.spiking,
        scale=made.unit / folded.theta,
        offset=folded.offset,
        latency=latency,
    )


def _first(made: Scaled, latency: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Membranes from which the bias leads to the graph's first ones, and where it cannot.

    It cannot where a neuron would fire on the way. Without a memory there is nothing to lead.
    """
    alpha, bias = 1.0 - made.folded.loss_v, made.folded.bias
    wanted = v = np.broadcast_to(made.folded.v0, made.population.shape)
    fires = np.zeros(made.population.shape, bool)
    for _ in range(latency):
        fires |= v > 1.0
        v = np.divide(v - bias, alpha, out=np.zeros_like(bias), where=alpha > 0.0)
    fires &= made.population.neuron.spiking
    return np.where(fires, wanted, v) * made.unit, fires


def _subtracts(graph: Graph, population: Population) -> bool:
    spiking = population.neuron.spiking
    return spiking and graph.discretization.of(population.name).reset == "subtract"


def _notes(made: Scaled, latency: int) -> list[str]:
    """How the population is held, and what starts otherwise than in the graph."""
    name, notes = made.population.name, []
    if made.driven and made.filtered:
        notes.append(note_on_filter(name))
    if made.weights and not made.driven:
        held = [(weights_of(o) * made.unit, weights_of(_whole(p, made))) for p, o in made.weights]
        noise = sum(float(((exact - whole) ** 2).sum()) for exact, whole in held)
        signal = sum(float((exact**2).sum()) for exact, _ in held)
        ratio = 10.0 * np.log10(signal / noise) if noise and signal else np.inf
        cut = sum(int((np.abs(exact) > made.most + 0.5).sum()) for exact, _ in held)
        wide = f"{made.most} units" + (" and a delay" if made.delayed else "")
        notes.append(
            f"{name}: weights of at most {wide}, {made.unit:.4g} units per threshold, at "
            f"{ratio:.1f} dB signal to noise, {cut} of them cut"
        )
    if _first(made, latency)[1].any():
        notes.append(
            f"{name}: some neurons would fire before the first spikes arrive if they began in step "
            "with their bias, which acts too early on them (modelled)"
        )
    return notes


def with_formats(formats: Formats, weight_bits: int | None) -> Formats:
    """Narrower weights, where the user wants them."""
    if weight_bits is None:
        return formats
    return replace(formats, weight=weight_bits, delayed=min(weight_bits, formats.delayed))
