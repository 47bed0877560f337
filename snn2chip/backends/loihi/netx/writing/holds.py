"""What keeps a program out of a ``.net`` file, all at once and by name.

netx fits the weights of dense layers once more when it loads them (``weights``): only those are
written that it leaves as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import whole
from snn2chip.backends.loihi.netx.delays import DELAY_MAX
from snn2chip.backends.loihi.netx.neurons import BIAS_EXPONENT, RANGES
from snn2chip.backends.loihi.netx.weights import fit
from snn2chip.backends.loihi.netx.writing.chain import Link
from snn2chip.backends.loihi.netx.writing.layers import (
    MOST_ONE_TO_ONE,
    as_layer,
    biases,
    effective,
    is_convolution,
)
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.errors import Snn2chipError, UnsupportedError
from snn2chip.graph import Conv, Dense
from snn2chip.graph.compose import DENSE_LIMIT
from snn2chip.graph.operators import Identity, Operator, Sparse

_MODEL = "cuba"
_BIAS_BITS = 16
_WEIGHT_BITS = 8


def misfits(chain: tuple[Link, ...]) -> Iterator[Snn2chipError]:
    """Everything of a path of layers that the file, netx or Lava cannot hold."""
    early, flat = "", False
    for link in chain:
        yield from _neurons(link.population)
        yield from _synapses(link, flat)
        flat = flat or not is_convolution(link.forward.operator)
        if early:
            yield from _early(link.forward, early)
        if (biases(link.population) > 0).any():
            early = early or link.population.name
        if link.recurrent is not None and early:
            yield from _early(link.recurrent, early)


def _refused(what: str, needs: str, has: str, remedy: str) -> Snn2chipError:
    return UnsupportedError(f".net: {what}", needs=needs, has=has, remedy=remedy)


def _neurons(population: ProgramPopulation) -> Iterator[Snn2chipError]:
    where, p = f"population {population.name!r}", population.parameters
    if population.model != _MODEL:
        yield _refused(
            f"{where} of the model {population.model!r}",
            "neurons that this tool writes into a .net",
            "CUBA neurons",
            "LIF, IF or CubaLIF neurons, or the run without a .net",
        )
        return
    if p["v0"].any():
        yield _refused(
            f"{where}: membranes that do not begin at 0",
            f"v0 from {int(p['v0'].min())} to {int(p['v0'].max())}",
            "membranes that netx starts and resets at 0",
            "v_leak = v_reset (Norse starts a membrane at v_leak)",
        )
    total = biases(population)
    half = 1 << (_BIAS_BITS - 1 + BIAS_EXPONENT)
    if (total & ((1 << BIAS_EXPONENT) - 1)).any():
        yield _refused(
            f"{where}: biases finer than the threshold's unit",
            "multiples of 1",
            f"netx's bias exponent {BIAS_EXPONENT}: multiples of {1 << BIAS_EXPONENT}",
            "compile without --fine-biases",
        )
    elif total.min() < -half or total.max() >= half:
        yield _refused(
            f"{where}: biases up to {int(np.abs(total).max()) >> BIAS_EXPONENT}",
            f"mantissas of {_BIAS_BITS} bits",
            "Lava's bias mantissa",
            "smaller biases",
        )
    for key, values in (("iDecay", whole(p["du"]) + 1), ("vDecay", p["dv"]), ("vThMant", p["vth"])):
        low, high = RANGES[key]
        if values.min() < low or values.max() > high:
            yield _refused(
                f"{where}: {key} from {int(values.min())} to {int(values.max())}",
                f"{low} to {high}",
                "Lava's fixed-point LIF",
                "other time constants or thresholds",
            )


def _synapses(link: Link, flat: bool) -> Iterator[Snn2chipError]:
    """Of one layer; ``flat``: a matrix came before, so that there is no image any more."""
    forward, again = link.forward, link.recurrent
    found = [*_delays(forward), *_shape(forward, flat)]
    if again is not None:
        found += _recurrence(link, again)
    yield from found
    if found:
        return
    parts: list[NDArray[np.int64]] = []
    for projection in (forward, again):
        if projection is None:
            continue
        rows = effective(as_layer(projection.operator).weight, projection)
        if rows is None:
            yield _refused(
                f"projection {projection.name!r}: a weight exponent of "
                f"{int(projection.parameters['exponent'])}",
                "whole weights in the threshold's unit",
                "no exponents in the file",
                "smaller states (a smaller threshold or fewer inputs), so that none is needed",
            )
            return
        parts.append(rows)
    if not is_convolution(forward.operator):
        yield from _fits(forward, tuple(parts))


def _fits(
    forward: ProgramProjection, parts: tuple[NDArray[np.int64], ...]
) -> Iterator[Snn2chipError]:
    """Whether netx's own fit keeps every weight, in eight bits."""
    name = forward.name
    if not any(part.any() for part in parts):
        yield _refused(
            f"projection {name!r}: all weights are 0",
            "a weight that is not 0, since netx divides by the largest",
            "zeros only",
            "leave the projection out, or scale its weights up",
        )
        return
    if max(int(part.max()) for part in parts) == 0:
        yield _refused(
            f"projection {name!r}: no weight above 0 beside weights of 0",
            "a weight above 0, or none that is 0",
            "netx, which divides by the largest weight and warns",
            "nothing, unless Lava must run it: `snn2chip simulate` and `compile` take it as it is",
        )
        return
    fitted = fit(parts)
    if fitted.changed or fitted.bits > _WEIGHT_BITS:
        every = np.concatenate([part.reshape(-1) for part in parts])
        nine = "odd weights beyond 127, which Lava's CPU keeps in nine bits and no chip has"
        yield _refused(
            f"projection {name!r}: weights from {int(every.min())} to {int(every.max())}",
            "even weights from -256 to 254, any from -127 to 127, or any of one sign up to 255",
            f"netx's fit, which changes {fitted.changed} of them" if fitted.changed else nine,
            "smaller or coarser weights",
        )


def _shape(projection: ProgramProjection, flat: bool) -> Iterator[Snn2chipError]:
    operator, name = projection.operator, projection.name
    if isinstance(operator, Conv) and len(operator.stride) > 2:
        yield _refused(
            f"projection {name!r}: a convolution over {len(operator.stride)} axes",
            "one or two axes",
            "netx's conv layers",
            "convolutions of images",
        )
    elif is_convolution(operator):
        yield from _convolution(projection, flat)
    elif isinstance(operator, Sparse) and _entries(operator) > DENSE_LIMIT:
        yield _refused(
            f"projection {name!r}: a list of single synapses",
            f"a matrix of {_entries(operator)} entries in netx's dense layers",
            f"room for {DENSE_LIMIT}",
            "compile without --drop-zeros",
        )
    elif isinstance(operator, Identity) and operator.scale.size > MOST_ONE_TO_ONE:
        yield _refused(
            f"projection {name!r}: one synapse each for {operator.scale.size} neurons",
            "a matrix of as many rows and columns",
            f"room for {MOST_ONE_TO_ONE} neurons",
            "weights that are equal within a channel, so that they are a convolution",
        )


def _entries(operator: Operator) -> int:
    """Of the operator's matrix."""
    return prod(operator.source_shape) * prod(operator.target_shape)


def _convolution(projection: ProgramProjection, flat: bool) -> Iterator[Snn2chipError]:
    operator, name = as_layer(projection.operator), projection.name
    if flat:
        yield _refused(
            f"projection {name!r}: a convolution behind a dense layer, or behind single synapses",
            "an image",
            "a row of neurons behind netx's dense layers",
            "convolutions before dense layers, or the compilation without --drop-zeros",
        )
    if isinstance(operator, Conv) and any(a != b for a, b in operator.padding):
        yield _refused(
            f"projection {name!r}: padding {operator.padding}",
            "as much before as after each axis",
            "netx's conv layers",
            "even padding",
        )
    if projection.delay.largest > 0:
        yield _refused(
            f"projection {name!r}: a convolution with {projection.delay.largest} steps of delay",
            "no delay",
            "netx, which ignores the delay of a convolution",
            "the delay in a dense layer",
        )


def _delays(projection: ProgramProjection) -> Iterator[Snn2chipError]:
    beyond = projection.delay.largest
    if beyond > DELAY_MAX and not is_convolution(projection.operator):
        yield _refused(
            f"projection {projection.name!r}: {beyond} steps of delay",
            f"at most {DELAY_MAX}",
            "netx, which clamps longer ones",
            "shorter delays, or a larger dt",
        )


def _recurrence(link: Link, again: ProgramProjection) -> Iterator[Snn2chipError]:
    name = again.name
    if isinstance(again.operator, Sparse):
        yield from _shape(again, flat=True)
    if not all(isinstance(p.operator, Dense | Sparse) for p in (link.forward, again)):
        yield _refused(
            f"projection {name!r}: recurrence with a convolution",
            "dense weights into the layer and within it",
            "netx's dense_rec",
            "dense projections",
        )
    if again.delay.largest != 1 or again.delay.smallest != 1 or link.forward.delay.largest:
        yield _refused(
            f"projection {name!r}: recurrence with delays",
            "one step within the layer, and none into it",
            "netx's dense_rec, which loses the weights' exponent with delays",
            "a recurrent layer without delays",
        )


def _early(projection: ProgramProjection, population: str) -> Iterator[Snn2chipError]:
    """Events that biases send before a layer's first step, and that arrive after it."""
    if projection.delay.largest > 0:
        yield _refused(
            f"projection {projection.name!r}: delays behind the biases of {population!r}",
            "spikes that only samples cause",
            "Lava, where biases act before a layer's first step; delays carry such spikes into it",
            "no positive biases before delays or recurrence",
        )
