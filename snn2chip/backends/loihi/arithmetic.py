"""Loihi's fixed-point arithmetic, as Lava's fixed-point models define it.

What a population computes is in ``neurons``, by ``ProgramPopulation.model``; what a projection
sums is in ``synapses``, by ``ProgramProjection.model``; what differs between silicon and Lava's
simulation of it is in ``modes`` and here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi import torch_layers
from snn2chip.backends.loihi.integers import INPUT_SHIFT, ONE_WRAP, whole, wrap24
from snn2chip.backends.loihi.kernels import fast, fused
from snn2chip.backends.loihi.kernels.reset_layers import ResettingLayer
from snn2chip.backends.loihi.modes import Mode, arithmetic_name
from snn2chip.backends.loihi.neurons import NEURON_MODELS, cuba
from snn2chip.backends.loihi.neurons.cuba_driven import DRIVEN
from snn2chip.backends.loihi.neurons.resetting import CUBA_RESET, scan_between
from snn2chip.backends.loihi.synapses import SYNAPSE_MODELS
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine.arithmetic import Product, Scan, State
from snn2chip.engine.devices.device import TorchDevice
from snn2chip.engine.layers import Layer, Parts
from snn2chip.graph.operators import Array, Conv, Operator

BEYOND = "u_beyond_24_bits"
"""Warning: sums so large that Lava's one wrap leaves u outside its 24 bits; a chip wraps again."""


@dataclass(frozen=True, slots=True)
class LoihiArithmetic:
    """Bit-accurate neurons and synapses, of the chip or of Lava.

    Attributes:
        device: where CUBA populations outside cycles are computed; None for the processor.
    """

    mode: Mode = "chip"
    device: TorchDevice | None = None

    def on(self, device: TorchDevice) -> LoihiArithmetic:
        """The same numbers from another device."""
        return replace(self, device=device)

    @property
    def name(self) -> str:
        """``loihi-chip`` or ``loihi-lava``."""
        return arithmetic_name(self.mode)

    @property
    def exact(self) -> bool:
        """Integers: no result depends on how a run is cut."""
        return True

    def product(self, projection: ProgramProjection, operator: Operator) -> Product:
        """Exact integer sums of the projection's model; Lava's Conv ignores exponents."""
        if self.mode == "lava" and isinstance(operator, Conv):
            projection = replace(
                projection, parameters={**projection.parameters, "exponent": np.array(0)}
            )
        quick = fast.product(projection, operator)
        return quick or SYNAPSE_MODELS[projection.model].product(projection, operator)

    def initial(self, population: ProgramPopulation, samples: int) -> State:
        """The state that the population's model begins with."""
        if population.model == cuba.MODEL.name:
            return fast.initial(population, samples)
        return NEURON_MODELS[population.model].initial(population, samples)

    def spike_dtype(self, population: ProgramPopulation) -> np.dtype[Any]:
        """One spike or none, or whole numbers of a graded model."""
        return np.dtype(np.int32 if NEURON_MODELS[population.model].graded else bool)

    def layer(self, population: ProgramPopulation, parts: Parts) -> Layer | None:
        """CUBA neurons behind synapses of spikes, where kernels or a device hold them."""
        if population.model not in (cuba.MODEL.name, CUBA_RESET):
            return None
        if self.device is not None:
            found: Layer | None = torch_layers.layer(self.device, self.mode, population, parts)
        else:
            found = fused.layer(population, parts)
        if found is None or population.model == cuba.MODEL.name:
            return found
        return ResettingLayer(population, found)

    def known(self, population: ProgramPopulation, state: State) -> None:
        """What is sent in a step depends on what arrives in it."""

    def scan(
        self,
        population: ProgramPopulation,
        state: State,
        current: Array,
        arrived: NDArray[np.bool_],
        record: bool,
    ) -> Scan:
        """The recurrence of the population's model.

        On the chip u wraps as often as it must: that is u' modulo 2^24, so that what arrives may
        as well be taken modulo 2^24 before.
        """
        if self.mode == "lava" or not _wraps(population):
            return _scan(population, state, current, arrived, record)
        before = {name: _kept(values) for name, values in state.items()}
        result = _scan(population, state, current, arrived, record)
        if result.peak_input <= ONE_WRAP:
            return result
        beyond = np.abs(whole(current)) > ONE_WRAP
        held = np.where(beyond, wrap24(whole(current) << INPUT_SHIFT) >> INPUT_SHIFT, current)
        again = _scan(population, before, held, arrived, record)
        return replace(
            again,
            peak_input=result.peak_input,
            warnings={**again.warnings, BEYOND: int(np.count_nonzero(beyond))},
        )


def _kept(values: Array) -> Array:
    """A copy, since the kernels work in place; what all samples share is never written."""
    return values.copy() if any(values.strides) else values


def _wraps(population: ProgramPopulation) -> bool:
    """Whether sums go into a 24-bit current."""
    return population.model.startswith(("cuba", "ternary")) and DRIVEN not in population.model


def _scan(
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    """By the compiled kernels where they hold it."""
    if population.model == cuba.MODEL.name:
        return _cuba(population, state, current, arrived, record)
    if population.model == CUBA_RESET:
        return scan_between(_cuba, population, state, current, arrived, record)
    return NEURON_MODELS[population.model].scan(population, state, current, arrived, record)


def _cuba(
    population: ProgramPopulation,
    state: State,
    current: Array,
    arrived: NDArray[np.bool_],
    record: bool,
) -> Scan:
    quick = fast.scan(population, state, current, arrived, record)
    return quick or cuba.scan(population, state, current, arrived, record)
