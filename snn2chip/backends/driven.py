"""Encoding ``direct`` on chips that take spikes: the host multiplies, and neurons get a current.

Values that do not change make sums W x + b that do not change either, so a host can compute them
before a run and load them as the constant current of each neuron. It holds weights as whole
numbers whose sums stay below 2^32, and the values of a sample as whole numbers of 20 bits and a
sign, scaled by a power of two so that the largest fills them. Products and sums are then exact in
float64, in whatever order they are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import frexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.unrolled import synapses as unrolled
from snn2chip.core import Program, ProgramProjection
from snn2chip.errors import ConfigError, UnsupportedError, combine
from snn2chip.graph import Graph, Projection
from snn2chip.graph.linear import apply, synapses
from snn2chip.graph.operators import Array, Operator, weights_of, with_weights

MODEL = "host"
"""Of such projections in a program."""

EXPONENT = "exponent"
"""Their parameter: a sum of words is worth so many powers of two."""

DRIVEN = "driven"
"""Parameter of populations whose input is a constant current beside their own offset."""

VALUE_BITS, _SUM_BITS = 20, 32

_MOST = 2.0**31
"""What s16.15 ends below: larger currents are cut, and what they drive counts as out of range."""


def driven_by_values(graph: Graph) -> frozenset[str]:
    """Populations whose input is a constant current; none unless the encoding is ``direct``.

    Raises:
        UnsupportedError: values that come late, or into populations that get spikes too; names
            each of them.
    """
    if graph.encoding.kind != "direct":
        return frozenset()
    inputs = {p.name for p in graph.inputs}
    found = {p.target for p in graph.projections if p.source in inputs}
    errors = [
        UnsupportedError(
            f"population {name!r}: values (encoding 'direct') and spikes",
            needs="either of them: values become the constant current of a population",
            has="projections from " + ", ".join(repr(p.source) for p in graph.incoming(name)),
            remedy='--encoding if, or encoding.kind = "if" in the recipe that trains it',
        )
        for name in sorted(found)
        if any(p.source not in inputs for p in graph.incoming(name))
    ]
    errors += [
        UnsupportedError(
            f"projection {p.name!r}: values (encoding 'direct') that are delayed",
            needs="no delay: a constant current acts from the first step on",
            has=f"{p.delay.largest} steps",
            remedy="no delay there, or --encoding if",
        )
        for p in graph.projections
        if p.source in inputs and p.delay.largest > 0
    ]
    if errors:
        raise combine(errors)
    return frozenset(found)


def hosted(projection: Projection, currents: Operator, unit: float) -> ProgramProjection:
    """A projection whose sums the host computes.

    Args:
        currents: the operator in currents per value.
        unit: of the sums that come out, in the same currents.
    """
    magnitudes = with_weights(currents, np.abs(weights_of(currents)))
    most = float(apply(magnitudes, np.ones((1, *currents.source_shape))).max(initial=0.0))
    power = _SUM_BITS - frexp(most or 1.0)[1]
    words = np.rint(weights_of(currents) * 2.0**power).astype(np.int64)
    mantissa, of_unit = frexp(unit)
    if mantissa != 0.5:
        raise ValueError(f"unit {unit} is no power of two")
    return ProgramProjection(
        source=projection.source,
        target=projection.target,
        operator=with_weights(currents, words),
        parameters={EXPONENT: np.array(-power - (of_unit - 1))},
        weight_bits=_SUM_BITS + 1,
        model=MODEL,
    )


@dataclass(frozen=True, eq=False)
class HostedSums:
    """Sums [n, *target_shape] of values [n, *source_shape], in the projection's unit.

    Attributes:
        whole: they are rounded to integers of 32 bits, else left as they are in float64.
    """

    projection: ProgramProjection
    whole: bool = True

    def __call__(self, values: Array) -> Array:
        x = np.asarray(values, np.float64)
        most = np.abs(x.reshape(len(x), -1)).max(axis=1, initial=0.0)
        scale = VALUE_BITS - np.frexp(most)[1]
        given = np.rint(np.ldexp(x, _column(scale, x.ndim)))
        sums = apply(self._operator, given)
        worth = int(self.projection.parameters[EXPONENT]) - scale
        sums = np.ldexp(sums, _column(worth, sums.ndim))
        cut: Array = np.rint(np.clip(sums, -_MOST, _MOST)).astype(np.int64) if self.whole else sums
        return cut

    @cached_property
    def _operator(self) -> Operator:
        operator = self.projection.operator
        return with_weights(operator, weights_of(operator).astype(np.float64))

    def sums_and_arrivals(self, values: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Sums, and no synaptic event: none happens on the chip."""
        sums = self(values)
        return sums, np.zeros(sums.shape, np.bool_)


def _column(each: NDArray[np.signedinteger[Any]], axes: int) -> NDArray[np.signedinteger[Any]]:
    """A number per sample, for arrays of so many axes."""
    return each.reshape(-1, *(1,) * (axes - 1))


def constant_currents(
    program: Program, values: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.int64]]:
    """Population -> what the host adds to its constant current, in its unit [sample, *shape].

    Args:
        values: of the inputs, [sample, *shape].
    """
    found: dict[str, NDArray[np.int64]] = {}
    for projection in program.hosted:
        sums = HostedSums(projection)(values[projection.source]).astype(np.int64)
        found[projection.target] = sums + found.get(projection.target, 0)
    return found


def hosted_document(program: Program, places: int = 0) -> dict[str, Any]:
    """What a script is told of the host's part, beside `hosted_arrays`.

    Args:
        places: binary places of the projections' unit in that of the script's currents.
    """
    return {
        "hosted": [
            {
                "source": p.source,
                "target": p.target,
                "exponent": int(p.parameters[EXPONENT]) - places,
            }
            for p in program.hosted
        ],
        "values": {
            p.name: {
                "size": p.size,
                "gain": program.encoding.gain,
                "byte_scale": program.encoding.byte_scale,
            }
            for p in program.inputs
            if program.on_host(p.name)
        },
    }


def hosted_arrays(program: Program) -> dict[str, NDArray[np.int64]]:
    """``hosted:<index>.sources``, ``.targets`` and ``.words`` [synapse] of every projection."""
    found: dict[str, NDArray[np.int64]] = {}
    for index, p in enumerate(program.hosted):
        names = (f"hosted:{index}.{name}" for name in ("sources", "targets", "words"))
        found |= zip(names, unrolled(p.operator), strict=True)
    return found


def require_static(program: Program, given: Mapping[str, Array]) -> None:
    """Refuse values that change over time: a constant current is loaded before the run.

    Args:
        given: of the inputs [step, sample, *shape].

    Raises:
        ConfigError: with the input that changes.
    """
    for name in sorted({p.source for p in program.hosted}):
        if np.any(given[name] != given[name][:1]):
            raise ConfigError(
                f"input {name!r}: values that change over time (encoding 'direct')",
                needs="one value for each input neuron: x [sample, *shape]",
                has="currents that are loaded before the run",
                remedy="static values, spikes, or --target reference",
            )


def notes_on_host(hosted: tuple[ProgramProjection, ...]) -> tuple[str, ...]:
    """What the host does for the chip, one sentence each."""
    return tuple(
        f"{p.target}: a constant current (i_offset) that the host computes from {p.source}, "
        f"{synapses(p.operator):,} multiplications a sample, which no energy here counts; the "
        "values that are not 0 are listed as spikes and sent nowhere (modelled)"
        for p in hosted
    )


def note_on_filter(population: str) -> str:
    """What a constant current behind a synaptic filter is unlike."""
    return (
        f"{population}: its current is there from the first step on; in the graph the synaptic "
        "filter lets it grow (modelled)"
    )
