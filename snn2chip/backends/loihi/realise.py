"""A graph as a Loihi program: integers of weights, thresholds, decays and biases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.fold import Folded, fold
from snn2chip.backends.loihi.formats import LoihiFormats
from snn2chip.backends.loihi.integers import STATE_LIMIT
from snn2chip.backends.loihi.latency import chip_latencies
from snn2chip.backends.loihi.modes import CHIP
from snn2chip.backends.loihi.netx.neurons import BIAS_EXPONENT
from snn2chip.core import (
    Activity,
    PopulationActivity,
    Program,
    ProgramPopulation,
    ProgramProjection,
)
from snn2chip.errors import UnsupportedError, combine
from snn2chip.graph import Conv, Dense, Graph, Population, Projection
from snn2chip.graph.operators import Operator, weights_of, with_weights
from snn2chip.quantize import mantissa_exponent, round_weights, weight_range

_HEADROOM = 0.5
"""Share of the state's range that calibration may fill, so that other samples do not wrap."""

_FRACTION = 64
"""v and the shifted threshold have six bits below a synaptic sum's unit."""


@dataclass(frozen=True, eq=False)
class _Scaled:
    """A population with its integer scale.

    Attributes:
        unit: chip synaptic units per threshold (spiking: the integer threshold itself).
    """

    population: Population
    folded: Folded
    unit: float


def realise(
    graph: Graph,
    formats: LoihiFormats,
    multipliers: Mapping[str, float] | None = None,
    reference: Activity | None = None,
    arithmetic: str = CHIP,
) -> Program:
    """The graph in Loihi's integers.

    Each population's scale is set by the largest weight into it (times its multiplier, which makes
    the range finer and cuts outliers) and lowered where the membrane would leave its 24 bits:
    by the reference activity where there is one.

    Raises:
        UnsupportedError: something that the chip has not, by name.
    """
    latency = chip_latencies(graph)
    scaled = _collect(
        [p for p in graph.populations if not p.is_input],
        lambda p: _scaled(graph, p, formats, (multipliers or {}).get(p.name, 1.0), reference),
    )
    by_name = {s.population.name: s for s in scaled}
    projections = [_projection(p, by_name[p.target], formats) for p in graph.projections]
    populations = [
        _population(by_name[p.name], latency, formats) if not p.is_input else (_input(p), ())
        for p in graph.populations
    ]
    notes = [note for s in scaled for note in s.folded.notes]
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


def _scaled(
    graph: Graph,
    population: Population,
    formats: LoihiFormats,
    multiplier: float,
    reference: Activity | None,
) -> _Scaled:
    folded = fold(graph, population)
    unit = multiplier * _unit(graph, population, folded, formats, reference)
    start = float(np.abs(folded.v0).max(initial=0.0))
    most = (STATE_LIMIT - 1) / _FRACTION / start if start > 0 else np.inf
    if unit > most:
        unit = most if not population.neuron.spiking else float(np.floor(most))
    unit = _storable_unit(population, unit, formats)
    if np.rint(start * unit * _FRACTION) >= STATE_LIMIT:
        raise UnsupportedError(
            f"population {population.name!r}: the membrane begins at {start:g} thresholds",
            needs=f"a state of {start * unit * _FRACTION:.3g} in the chip's units",
            has=f"membranes below {STATE_LIMIT} (24 bits)",
            remedy="a v_leak nearer to the threshold, or a larger threshold",
        )
    return _Scaled(population, folded, unit)


def _input(population: Population) -> ProgramPopulation:
    return ProgramPopulation(population.name, "input", "input", population.shape)


def _unit(
    graph: Graph,
    population: Population,
    folded: Folded,
    formats: LoihiFormats,
    reference: Activity | None,
) -> float:
    """The scale at which the largest weight fills its range and no state leaves its bits."""
    largest = max(
        (
            float(np.abs(weights_of(_fold_weights(p, folded.factor))).max(initial=0.0))
            for p in graph.incoming(population.name)
        ),
        default=0.0,
    )
    _, top, _ = weight_range("mixed", formats.weight_bits)
    unit = top / largest if largest > 0 else float(formats.threshold_max)
    if reference is not None:
        peak = _peak(reference.populations[population.name], folded)
        if peak > 0:
            unit = min(unit, _HEADROOM * formats.input_max / peak)
    bias = float(np.abs(folded.bias).max(initial=0.0))
    if bias > 0:
        top_bias = (2 ** (formats.bias_mantissa_bits - 1) - 1) << formats.bias_exponent_max
        unit = min(unit, top_bias / _FRACTION / bias)
    return unit


def _peak(seen: PopulationActivity, folded: Folded) -> float:
    """Bound on u + v in units of the threshold, from what the reference showed."""
    v = seen.peak_v + float(np.abs(folded.offset).max())
    u = seen.peak_input * float(np.abs(folded.factor).max()) / float(folded.loss_u.min())
    return v / float(folded.theta.min()) + u


def _storable_unit(population: Population, unit: float, formats: LoihiFormats) -> float:
    """A spiking population's unit is its integer threshold, so that the threshold is exact."""
    if not population.neuron.spiking:
        return unit
    return float(min(max(1, round(unit)), formats.threshold_max))


def _fold_weights(projection: Projection, factor: NDArray[np.float64]) -> Operator:
    """The projection's operator with the factor of its target neurons in the weights."""
    operator = projection.operator
    match operator:
        case Dense():
            return with_weights(operator, operator.weight * factor.reshape(-1, 1))
        case Conv():
            per_channel = factor.reshape(factor.shape[0], -1)
            if (per_channel != per_channel[:, :1]).any():
                raise UnsupportedError(
                    f"projection {projection.name!r}: gain, threshold or r of "
                    f"{projection.target!r} varies within a channel",
                    needs="one value per channel, because the kernel is shared",
                    has="different values in one channel",
                    remedy="the same parameters for all neurons of a channel",
                )
            column = per_channel[:, 0].reshape(-1, *(1,) * (operator.weight.ndim - 1))
            return with_weights(operator, operator.weight * column)
        case _:
            scale = operator.scale * factor.reshape(operator.source_shape)
            return with_weights(operator, scale)


def _projection(
    projection: Projection, scaled: _Scaled, formats: LoihiFormats
) -> tuple[ProgramProjection, tuple[str, ...]]:
    """Integer weights of one projection, and how many were cut."""
    operator = _fold_weights(projection, scaled.folded.factor)
    target = weights_of(operator) * scaled.unit
    exponent = _exponent(operator, float(np.abs(target).max(initial=0.0)), formats)
    weights, _, clipped = round_weights(target / 2.0**exponent, formats.weight_bits)
    note = f"{projection.name}: {clipped} weights cut to {formats.weight_bits} bits"
    return (
        ProgramProjection(
            source=projection.source,
            target=projection.target,
            operator=with_weights(operator, weights),
            delay=projection.delay,
            parameters={"exponent": np.array(exponent)},
            weight_bits=formats.weight_bits,
        ),
        (note,) if clipped else (),
    )


def _exponent(operator: Operator, largest: float, formats: LoihiFormats) -> int:
    """The exponent that lets the largest weight fill its range, but never one above 0.

    Convolutions keep 0, because Lava ignores their exponent.
    """
    if isinstance(operator, Conv) or largest == 0.0:
        return 0
    _, top, _ = weight_range("mixed", formats.weight_bits)
    exponent = int(np.ceil(np.log2(largest / top)))
    return min(0, max(exponent, formats.weight_exponent_min))


def _population(
    scaled: _Scaled, latency: Mapping[str, int], formats: LoihiFormats
) -> tuple[ProgramPopulation, tuple[str, ...]]:
    """Integer parameters of one population, and what was cut."""
    population, folded, unit = scaled.population, scaled.folded, scaled.unit
    spiking = population.neuron.spiking
    full = 2**formats.decay_bits
    mantissa, exponent, clipped = mantissa_exponent(
        folded.bias * unit * _FRACTION,
        formats.bias_mantissa_bits,
        formats.bias_exponent_max,
        BIAS_EXPONENT,
    )
    threshold = int(unit) - (1 if folded.at_least else 0) if spiking else formats.threshold_max
    parameters = {
        "du": np.rint(folded.loss_u * full).astype(np.int64) - 1,
        "dv": np.clip(np.rint(folded.loss_v * full), 0, full).astype(np.int64),
        "vth": np.array(threshold),
        "bias_mant": mantissa,
        "bias_exp": np.array(exponent),
        "v0": np.rint(folded.v0 * unit * _FRACTION).astype(np.int64),
    }
    notes = [f"{population.name}: {clipped} biases cut to the range"] if clipped else []
    if folded.at_least:
        notes.append(f"{population.name}: v >= threshold realised as v > threshold - 1 LSB")
    return (
        ProgramPopulation(
            name=population.name,
            model="cuba",
            kind=population.neuron.kind,
            shape=population.shape,
            parameters=parameters,
            spiking=spiking,
            scale=unit * _FRACTION / folded.theta,
            offset=folded.offset,
            latency=latency[population.name],
        ),
        tuple(notes),
    )
