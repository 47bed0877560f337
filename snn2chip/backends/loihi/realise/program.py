"""A graph as a Loihi program: integers of weights, thresholds, decays and biases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import numpy as np

from snn2chip.backends.latency import chip_latencies
from snn2chip.backends.loihi.formats import LoihiFormats
from snn2chip.backends.loihi.modes import CHIP
from snn2chip.backends.loihi.realise.rounded import neuron_notes, scale_note, weight_notes
from snn2chip.backends.loihi.realise.scales import FRACTION, Scaled, restored, scaled, store
from snn2chip.core import Activity, Program, ProgramPopulation, ProgramProjection
from snn2chip.errors import UnsupportedError, combine
from snn2chip.graph import Graph, Population, Projection
from snn2chip.quantize import Multiplier, StoredWeights, mantissa_exponent


def realise(
    graph: Graph,
    formats: LoihiFormats,
    multipliers: Mapping[str, Multiplier] | None = None,
    reference: Activity | None = None,
    arithmetic: str = CHIP,
    granularity: str = "layer",
    bias_exponent: int = 0,
) -> Program:
    """The graph in Loihi's integers.

    Each scale is set by the largest weight that it concerns (times its multiplier, which makes the
    range finer and cuts outliers) and lowered where the membrane would leave its 24 bits: by the
    reference activity where there is one.

    Args:
        granularity: ``layer``, or ``neuron``: a scale, and so a threshold, for each neuron, or for
            each channel of a convolution.
        bias_exponent: the least one, which says how fine biases may be.

    Raises:
        UnsupportedError: something that the chip has not, by name.
    """
    latency = chip_latencies(graph)
    given = multipliers or {}
    made = _collect(
        [p for p in graph.populations if not p.is_input],
        lambda p: scaled(graph, p, formats, given.get(p.name, 1.0), reference, granularity),
    )
    by_name = {s.population.name: s for s in made}
    projections = [_projection(p, by_name[p.target], formats) for p in graph.projections]
    populations = [
        _population(by_name[p.name], latency, formats, bias_exponent)
        if not p.is_input
        else (_input(p), ())
        for p in graph.populations
    ]
    notes = [note for s in made for note in s.folded.notes]
    notes += [note for _, found in (*projections, *populations) for note in found]
    return Program(
        name=graph.name,
        arithmetic=arithmetic,
        populations=tuple(p for p, _ in populations),
        projections=tuple(p for p, _ in projections),
        outputs=graph.outputs,
        readout=graph.readout,
        encoding=graph.encoding,
        classes=graph.classes,
        notes=tuple(notes),
    )


_T = TypeVar("_T")
_R = TypeVar("_R")


def _collect(items: Iterable[_T], action: Callable[[_T], _R]) -> list[_R]:
    """Applies ``action`` to all items; what it refuses is raised at the end, all at once."""
    results, errors = [], []
    for item in items:
        try:
            results.append(action(item))
        except UnsupportedError as error:
            errors.append(error)
    if errors:
        raise combine(errors)
    return results


def _input(population: Population) -> ProgramPopulation:
    return ProgramPopulation(population.name, "input", "input", population.shape)


def stored_weights(
    graph: Graph,
    name: str,
    formats: LoihiFormats,
    multiplier: Multiplier = 1.0,
    reference: Activity | None = None,
    granularity: str = "layer",
) -> tuple[StoredWeights, ...]:
    """What the chip would hold of the weights into the population called ``name``."""
    made = scaled(graph, graph.population(name), formats, multiplier, reference, granularity)
    return tuple(
        StoredWeights(
            projection.source,
            operator,
            restored(store(operator, made.units, formats), made.units),
            made.groups,
        )
        for projection, operator in made.incoming
    )


def _projection(
    projection: Projection, target: Scaled, formats: LoihiFormats
) -> tuple[ProgramProjection, tuple[str, ...]]:
    """Integer weights of one projection, and what was lost."""
    exact = next(operator for p, operator in target.incoming if p is projection)
    stored = store(exact, target.units, formats)
    return (
        ProgramProjection(
            source=projection.source,
            target=projection.target,
            operator=stored.operator,
            delay=projection.delay,
            parameters={"exponent": np.array(stored.exponent)},
            weight_bits=formats.weight_bits,
        ),
        tuple(weight_notes(projection, exact, stored, formats)),
    )


def _population(
    scaled: Scaled, latency: Mapping[str, int], formats: LoihiFormats, bias_exponent: int
) -> tuple[ProgramPopulation, tuple[str, ...]]:
    """Integer parameters of one population, and what was lost."""
    population, folded, unit = scaled.population, scaled.folded, scaled.unit
    spiking = population.neuron.spiking
    full = 2**formats.decay_bits
    mantissa, exponent, clipped = mantissa_exponent(
        folded.bias * unit * FRACTION,
        formats.bias_mantissa_bits,
        formats.bias_exponent_max,
        bias_exponent,
    )
    strict = unit.astype(np.int64) - (1 if folded.at_least else 0)
    parameters = {
        "du": np.rint(folded.loss_u * full).astype(np.int64) - 1,
        "dv": np.clip(np.rint(folded.loss_v * full), 0, full).astype(np.int64),
        "vth": strict if spiking else np.array(formats.threshold_max),
        "bias_mant": mantissa,
        "bias_exp": np.array(exponent),
        "v0": np.rint(folded.v0 * unit * FRACTION).astype(np.int64),
    }
    notes = [scale_note(scaled)]
    if clipped:
        notes.append(f"{population.name}: {clipped} biases cut to the range")
    if folded.at_least:
        notes.append(f"{population.name}: v >= threshold realised as v > threshold - 1 LSB")
    notes += neuron_notes(scaled, parameters["du"], parameters["dv"], mantissa)
    return (
        ProgramPopulation(
            name=population.name,
            model="cuba",
            kind=population.neuron.kind,
            shape=population.shape,
            parameters=parameters,
            spiking=spiking,
            scale=unit * FRACTION / folded.theta,
            offset=folded.offset,
            latency=latency[population.name],
        ),
        tuple(notes),
    )
