"""CUBA layers in one go: what ``fast`` does in two passes, for populations with one projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import INPUT_SHIFT, ONE_WRAP, STATE_LIMIT
from snn2chip.backends.loihi.kernels.fast import (
    SpikeProduct,
    kernel_numbers,
    kernel_parameters,
    kernel_state,
)
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import State
from snn2chip.engine.kernels.accelerate import kernels
from snn2chip.engine.kernels.events import EventProduct
from snn2chip.engine.layers import LayerScan, Parts
from snn2chip.engine.layout import as_shape
from snn2chip.engine.rates import EVENTS
from snn2chip.engine.spikes import BITS, LAST, Spikes
from snn2chip.graph.operators import Array, Dense

_NO_WRAP = (STATE_LIMIT - 1) >> INPUT_SHIFT
"""Largest magnitude of a sum that wraps nowhere where neurons keep no current."""


@dataclass(frozen=True, eq=False)
class FusedLayer:
    """One population behind one dense operator or convolution of one group.

    Attributes:
        numbers: as ``fast.kernel_numbers`` gives them.
        plain: no neuron keeps its current, and no sum can wrap.
    """

    population: ProgramPopulation
    module: ModuleType
    product: SpikeProduct
    events: EventProduct
    numbers: tuple[Array, ...]
    plain: bool

    def pays(self, sources: Sequence[Spikes], record: bool) -> bool:
        """As ``engine.layers.Layer`` says: states are not recorded here."""
        return not record and sources[0].bits.size > 0

    def __call__(self, sources: Sequence[Spikes], state: State, record: bool) -> LayerScan:
        """As ``engine.layers.Layer`` says."""
        (source,) = sources
        bits = source.bits
        conv, shape = not isinstance(self.events.operator, Dense), self.population.shape
        v = kernel_state(state["v"], conv)
        u = np.empty_like(v, shape=(len(v), 0)) if self.plain else kernel_state(state["u"], conv)
        neurons = (u, v, *self._shared)
        made = np.empty((2 + conv, *bits.shape[:2], -(-self.population.size // 8)), np.uint8)
        counts = np.zeros(5, np.int64)
        forms = {BITS: made[0]}
        if conv:
            self._conv(source, neurons, made, counts)
            forms[LAST] = made[2]
        else:
            self._dense(source, neurons, made, counts)
        wrapped, saturated, _, peak_v, peak_input = (int(x) for x in counts)
        return LayerScan(
            Spikes(shape, forms),
            made[1],
            {
                "u": state["u"] if self.plain else as_shape(u, shape, conv),
                "v": as_shape(v, shape, conv),
            },
            warnings={"u_wrapped": wrapped, "v_saturated": saturated},
            peak_v=float(peak_v),
            peak_input=float(peak_input),
        )

    def _dense(
        self,
        source: Spikes,
        neurons: tuple[Any, ...],
        made: NDArray[np.uint8],
        counts: NDArray[np.int64],
    ) -> None:
        """By events, or where many neurons fire by a matrix product."""
        route = self.product.sums.route(source)
        if route == EVENTS:
            self.module.dense_layer(
                source.bits, self.events.weights, self._shift, self.events.totals(), *neurons,
                made[0], made[1], counts,
            )  # fmt: skip
            return
        fired = source.flags if source.flags.dtype == np.bool_ else source.flags != 0
        sums = self.product.sums.matrix(fired.reshape(-1, *source.shape), route)
        self.module.summed_layer(
            sums.reshape(*source.bits.shape[:2], -1), source.bits.any(axis=-1).view(np.uint8),
            self.product.exponent, *neurons, made[0], made[1], counts,
        )  # fmt: skip

    def _conv(
        self,
        source: Spikes,
        neurons: tuple[Any, ...],
        made: NDArray[np.uint8],
        counts: NDArray[np.int64],
    ) -> None:
        last = source.form(LAST)
        bits = source.bits if last is None else last
        self.module.conv_layer(
            bits, last is not None, self.events.merged, self.events.weights, *self.events.geometry,
            self._shift, self.events.totals(), *neurons, made[0], made[2], made[1], counts,
        )  # fmt: skip

    @cached_property
    def _shared(self) -> tuple[tuple[Any, ...], bool]:
        """Parameters as the kernels take them, and whether currents count as updates."""
        conv = not isinstance(self.events.operator, Dense)
        parameters = kernel_parameters(self.numbers, self.population.shape, conv)
        memory = bool((self.numbers[0] != 0).any())
        return (None, *parameters[1:]) if self.plain else parameters, memory

    @property
    def _shift(self) -> int:
        """Of sums without the weights' common power of two."""
        return self.events.up + self.product.exponent


def layer(population: ProgramPopulation, parts: Parts) -> FusedLayer | None:
    """The layer, or None where population or projections are not so simple, or too large."""
    module = kernels("snn2chip.backends.loihi.kernels.fused_kernel")
    if module is None or len(parts) != 1 or not population.spiking or not population.size:
        return None
    (part,) = parts
    product = part.product
    if not isinstance(product, SpikeProduct) or part.partial:
        return None
    events, numbers = product.sums.events, kernel_numbers(population)
    most = product.most
    if events is None or events.groups > 1 or numbers is None or most > ONE_WRAP:
        return None
    plain = most <= _NO_WRAP and not numbers[0].any()
    return FusedLayer(population, module, product, events, numbers, plain)
