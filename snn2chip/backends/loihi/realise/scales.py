"""Scales of Loihi's integers: chip units per threshold, of a population or of each of its neurons.

A spiking population's unit is its integer threshold itself, so that the threshold is exact and the
weights alone are rounded. Lava 0.10.0's fixed-point LIF takes one threshold for each neuron
(``make verify-lava`` compares it); how many distinct ones a core of a chip holds is a limit of the
mapping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.fold import Chip, Folded, fold, fold_weights
from snn2chip.backends.loihi.formats import LoihiFormats
from snn2chip.backends.loihi.integers import STATE_LIMIT
from snn2chip.core import Activity, PopulationActivity
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Conv, Graph, Population, Projection, Sparse
from snn2chip.graph.operators import Operator, weights_of, with_weights
from snn2chip.quantize import Multiplier, round_weights, sign_mode, weight_range

_HEADROOM = 0.5
"""Share of the state's range that calibration may fill, so that other samples do not wrap."""

FRACTION = 64
"""v and the shifted threshold have six bits below a synaptic sum's unit."""

CUBA = Chip("Loihi", "Lava's CUBA neuron")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scaled:
    """A population with its integer scales.

    Attributes:
        incoming: each projection into it with its weights in thresholds of the neurons they reach.
        units: chip synaptic units per threshold, [group]; where it spikes, the integer thresholds.
            A group is all neurons, a channel, or one neuron, in C order.
        filling: the units at which the largest weights would fill their range, [group].
    """

    population: Population
    folded: Folded
    incoming: tuple[tuple[Projection, Operator], ...]
    units: FloatArray
    filling: FloatArray

    @property
    def groups(self) -> int:
        return len(self.units)

    @property
    def unit(self) -> FloatArray:
        """``units``, broadcasting to the population's shape."""
        shape = self.population.shape
        if self.groups == 1:
            return self.units.reshape(())
        if self.groups == self.population.size:
            return self.units.reshape(shape)
        return self.units.reshape(-1, *(1,) * (len(shape) - 1))


@dataclass(frozen=True, eq=False)
class Stored:
    """Integer weights of one projection.

    Attributes:
        exponent: of the sum, shared by all its weights.
        clipped: weights that the range cut.
    """

    operator: Operator
    exponent: int
    clipped: int


def scaled(
    graph: Graph,
    population: Population,
    formats: LoihiFormats,
    multiplier: Multiplier = 1.0,
    reference: Activity | None = None,
    granularity: str = "layer",
) -> Scaled:
    """The population with scales at which the largest weights fill their range, times the
    multiplier, as far as no state leaves its bits.

    Raises:
        UnsupportedError: something that the chip has not, by name.
    """
    folded = fold(graph, population, CUBA)
    incoming = tuple((p, fold_weights(p, folded.factor)) for p in graph.incoming(population.name))
    groups = _groups(population, incoming, granularity)
    filling = _filling([operator for _, operator in incoming], groups, formats)
    units = np.minimum(multiplier * filling, _most(population, folded, groups, formats, reference))
    if population.neuron.spiking:
        units = np.clip(np.round(units), 1, formats.threshold_max)
    units = _with_start(population, _peaks(folded.v0, groups), units)
    return Scaled(population, folded, incoming, units, filling)


def store(operator: Operator, units: FloatArray, formats: LoihiFormats) -> Stored:
    """The nearest storable weights, the rows of each group in its own unit.

    The exponent lets the largest weight fill its range, but never above 0; convolutions keep 0,
    because Lava ignores theirs.
    """
    weights = weights_of(operator)
    target = (weights.reshape(len(units), -1) * units[:, None]).reshape(weights.shape)
    exponent = 0
    if not isinstance(operator, Conv):
        room = float(_room(target.reshape(1, -1), formats)[0])
        if np.isfinite(room):
            exponent = min(0, max(int(np.ceil(-np.log2(room))), formats.weight_exponent_min))
    rounded, _, clipped = round_weights(target / 2.0**exponent, formats.weight_bits)
    return Stored(with_weights(operator, rounded), exponent, clipped)


def restored(stored: Stored, units: FloatArray) -> FloatArray:
    """Stored weights back in thresholds."""
    weights: FloatArray = weights_of(stored.operator) * 2.0**stored.exponent
    return (weights.reshape(len(units), -1) / units[:, None]).reshape(weights.shape)


def _groups(
    population: Population, incoming: tuple[tuple[Projection, Operator], ...], granularity: str
) -> int:
    """How many scales it has. Membranes that are read out are compared, so they share one."""
    if granularity == "layer" or not population.neuron.spiking:
        return 1
    if any(isinstance(operator, Sparse) for _, operator in incoming):
        raise UnsupportedError(
            f"population {population.name!r}: --granularity neuron with sparse synapses",
            needs="weights in rows of a matrix or a kernel",
            remedy="--granularity layer",
        )
    shared = any(isinstance(operator, Conv) for _, operator in incoming)
    return population.shape[0] if shared else population.size


def _filling(operators: list[Operator], groups: int, formats: LoihiFormats) -> FloatArray:
    """Units [group] at which the largest weights fill their range.

    A group without weights has the largest unit of the others, so that it is no outlier.
    """
    units = np.full(groups, np.inf)
    for operator in operators:
        weights = np.asarray(weights_of(operator), np.float64)
        units = np.minimum(units, _room(weights.reshape(groups, -1), formats))
    known = units[np.isfinite(units)]
    rest = float(known.max()) if known.size else float(formats.threshold_max)
    return np.where(np.isfinite(units), units, rest)


def _room(rows: FloatArray, formats: LoihiFormats) -> FloatArray:
    """What each row may be multiplied by and still be stored; infinite where it has no weights.

    One bit of mixed signs stores no positive weight at all: then the negative ones decide.
    """
    low, high, _ = weight_range(sign_mode(rows), formats.weight_bits)
    if not high:
        low, high, _ = weight_range("inhibitory", formats.weight_bits)
    up, down = rows.max(axis=1, initial=0.0), -rows.min(axis=1, initial=0.0)
    with np.errstate(divide="ignore"):
        above = high / up if high else np.full(len(rows), np.inf)
        below = -low / down if low else np.full(len(rows), np.inf)
    return np.minimum(np.where(up > 0, above, np.inf), np.where(down > 0, below, np.inf))


def _most(
    population: Population,
    folded: Folded,
    groups: int,
    formats: LoihiFormats,
    reference: Activity | None,
) -> FloatArray:
    """Units [group] beyond which a state or a bias would leave its bits."""
    bias, most = _peaks(folded.bias, groups), np.full(groups, np.inf)
    top_bias = (2 ** (formats.bias_mantissa_bits - 1) - 1) << formats.bias_exponent_max
    np.divide(top_bias / FRACTION, bias, out=most, where=bias > 0)
    if reference is not None:
        peak = _peak(reference.populations[population.name], folded)
        if peak > 0:
            most = np.minimum(most, _HEADROOM * formats.input_max / peak)
    return most


def _peaks(values: FloatArray, groups: int) -> FloatArray:
    """Largest magnitude of each group, [group]."""
    peaks: FloatArray = np.abs(values).reshape(groups, -1).max(axis=1, initial=0.0)
    return peaks


def _peak(seen: PopulationActivity, folded: Folded) -> float:
    """Bound on u + v in units of the threshold, from what the reference showed."""
    v = seen.peak_v + float(np.abs(folded.offset).max())
    u = seen.peak_input * float(np.abs(folded.factor).max()) / float(folded.loss_u.min())
    return v / float(folded.theta.min()) + u


def _with_start(population: Population, start: FloatArray, units: FloatArray) -> FloatArray:
    """Units that the membrane's start stays below, in thresholds [group].

    Raises:
        UnsupportedError: not even the smallest threshold does.
    """
    with np.errstate(divide="ignore"):
        most = (STATE_LIMIT - 1) / FRACTION / start
    spiking = population.neuron.spiking
    units = np.where(units > most, np.maximum(np.floor(most), 1) if spiking else most, units)
    worst = int(np.argmax(start * units))
    if np.rint(start[worst] * units[worst] * FRACTION) >= STATE_LIMIT:
        raise UnsupportedError(
            f"population {population.name!r}: the membrane begins at {start[worst]:g} thresholds",
            needs=f"a state of {start[worst] * units[worst] * FRACTION:.3g} in the chip's units",
            has=f"membranes below {STATE_LIMIT} (24 bits)",
            remedy="a v_leak nearer to the threshold, or a larger threshold",
        )
    return units
