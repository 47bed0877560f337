"""CUBA layers on torch's tensors: the equations of ``neurons.cuba`` on a GPU, or on the processor.

All numbers are whole: sums as ``engine.devices.torch_products`` makes them, states in 64 bits that
keep what 32 hold. So the results are those of every other way, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from snn2chip.backends.loihi.integers import (
    DECAY_BITS,
    DECAY_ONE,
    INPUT_SHIFT,
    ONE_WRAP,
    STATE_LIMIT,
    WRAP,
    scaled_bias,
)
from snn2chip.backends.loihi.kernels.fast import SpikeProduct
from snn2chip.backends.loihi.modes import Mode
from snn2chip.backends.loihi.neurons.base import parameter
from snn2chip.core import ProgramPopulation
from snn2chip.engine.arithmetic import State
from snn2chip.engine.delays import DelayedPart
from snn2chip.engine.devices.device import Tensor, TorchDevice
from snn2chip.engine.devices.torch_products import TorchProduct
from snn2chip.engine.layers import LayerScan, Parts
from snn2chip.engine.spikes import Spikes
from snn2chip.graph import Sparse


@dataclass(frozen=True, eq=False)
class TorchPart:
    """The synapses of one delay on a device."""

    device: TorchDevice
    part: DelayedPart
    product: SpikeProduct

    def sums_and_arrivals(self, spikes: Spikes) -> tuple[Tensor, Tensor]:
        """int64 sums and flags of arrivals, [step, sample, *target_shape or 1s]."""
        flags = self.device.flags(spikes)
        lead = flags.shape[:2]
        flat = flags.flatten(0, 1)
        if self.part.sources is not None:
            flat = flat & self.device.tensor(self.part.sources)
        sums, hit = self._operator.sums(flat), self._arrived(flat)
        exponent = self.product.exponent
        sums = sums << exponent if exponent > 0 else sums >> -exponent
        if self.part.targets is not None:
            chosen = self.device.tensor(self.part.targets)
            sums, hit = sums * chosen, hit & chosen
        return sums.unflatten(0, lead), hit.unflatten(0, lead)

    @cached_property
    def _operator(self) -> TorchProduct:
        return TorchProduct(self.device, self.part.operator, self.product.sums.bound)

    def _arrived(self, flat: Tensor) -> Tensor:
        if self.part.synapses is None:
            return self._operator.arrived(flat)
        synapses = self.device.tensor(self.part.synapses).to(self.device.torch.float32)
        hits = flat.flatten(1).to(synapses.dtype) @ synapses.T > 0
        return hits.reshape(len(flat), *self.part.operator.target_shape)


@dataclass(frozen=True, eq=False)
class TorchLayer:
    """One CUBA population with all its incoming projections."""

    device: TorchDevice
    population: ProgramPopulation
    parts: tuple[TorchPart, ...]

    def pays(self, sources: Sequence[Spikes], record: bool) -> bool:
        """Always, once the user asks for the device."""
        return len(sources[0]) * sources[0].samples * prod(sources[0].shape) > 0

    def __call__(self, sources: Sequence[Spikes], state: State, record: bool) -> LayerScan:
        """As ``engine.layers.Layer`` says."""
        each = [p.sums_and_arrivals(s) for p, s in zip(self.parts, sources, strict=True)]
        sums, hit = each[0]
        for more, also in each[1:]:
            sums, hit = sums + more, hit | also
        run = _Recurrence(self, *(self._state(state[name]) for name in "uv"))
        for step in range(len(sums)):
            run.advance(sums[step], hit[step], record)
        return run.result(float(sums.abs().max()))

    def _state(self, values: Any) -> Tensor:
        if isinstance(values, np.ndarray):
            return self.device.tensor(values.astype(np.int64))
        return values

    @cached_property
    def numbers(self) -> tuple[Tensor, ...]:
        """keep_u, keep_v, threshold and bias, int64."""
        p = self.population
        bias = scaled_bias(parameter(p, "bias_mant"), parameter(p, "bias_exp"))
        threshold = parameter(p, "vth") << INPUT_SHIFT
        keeps = DECAY_ONE - (parameter(p, "du") + 1), DECAY_ONE - parameter(p, "dv")
        return tuple(self.device.tensor(x) for x in (*keeps, threshold, bias))


@dataclass(eq=False)
class _Recurrence:
    """The neurons of one layer while they run; see ``neurons.cuba`` for every line of it."""

    layer: TorchLayer
    u: Tensor
    v: Tensor
    sent: list[Tensor] = field(default_factory=list)
    updated: list[Tensor] = field(default_factory=list)
    membranes: list[Tensor] = field(default_factory=list)
    records: dict[str, list[Tensor]] = field(default_factory=lambda: {"u": [], "v": []})
    counts: list[Tensor] = field(default_factory=list)

    def advance(self, current: Tensor, arrived: Tensor, record: bool) -> None:
        """One step."""
        keep_u, keep_v, threshold, bias = self.layer.numbers
        torch, u, v = self.layer.device.torch, self.u, self.v
        busy = (v != 0) | (u != 0) if self._memory else v != 0
        raw = _int32(
            torch, _toward_zero(u * keep_u) + _int32(torch, current.to(torch.int64) << INPUT_SHIFT)
        )
        lowered = torch.where(raw > STATE_LIMIT, raw - WRAP, raw)
        u = torch.where(lowered <= -STATE_LIMIT, lowered + WRAP, lowered)
        free = _int32(torch, _toward_zero(v * keep_v) + u + bias)
        v = free.clamp(1 - STATE_LIMIT, STATE_LIMIT - 1)
        spikes = v > threshold
        counted = ((u != raw).sum(), (v != free).sum(), spikes.sum(), v.abs().max())
        self.counts.append(torch.stack(counted))
        self.u, self.v = u, v.masked_fill(spikes, 0)
        self.sent.append(spikes)
        self.updated.append(busy | arrived | (bias != 0) | spikes)
        if not self.layer.population.spiking:
            self.membranes.append(self.v)
        if record:
            self.records["u"].append(self.u)
            self.records["v"].append(self.v)

    def result(self, peak_input: float) -> LayerScan:
        """What was done, as arrays again; the spikes stay where they are, too."""
        device, population = self.layer.device, self.layer.population
        torch, shape = device.torch, population.shape
        counts = device.array(torch.stack(self.counts))
        wrapped, saturated, fired = (int(x) for x in counts[:, :3].sum(axis=0))
        sent = torch.stack(self.sent)
        if not population.spiking:
            sent, saturated = torch.zeros_like(sent), saturated + fired
        return LayerScan(
            device.spikes(sent, shape),
            device.array(device.packed(torch.stack(self.updated))),
            {"u": self.u, "v": self.v},
            self._array(self.membranes) if self.membranes else None,
            {name: self._array(steps) for name, steps in self.records.items() if steps},
            {"u_wrapped": wrapped, "v_saturated": saturated},
            peak_v=float(counts[:, 3].max()),
            peak_input=peak_input,
        )

    @cached_property
    def _memory(self) -> bool:
        return bool((self.layer.numbers[0] != 0).any())

    def _array(self, steps: list[Tensor]) -> np.ndarray[Any, Any]:
        device = self.layer.device
        return device.array(device.torch.stack(steps).to(device.torch.int32))


def _toward_zero(x: Tensor) -> Tensor:
    """rz(x, 12), as ``integers.toward_zero``."""
    return (x + ((x >> 63) & (DECAY_ONE - 1))) >> DECAY_BITS


def _int32(torch: Any, x: Tensor) -> Tensor:
    """x as 32-bit arithmetic leaves it, held in 64 bits."""
    return x.to(torch.int32).to(torch.int64)


def layer(
    device: TorchDevice, mode: Mode, population: ProgramPopulation, parts: Parts
) -> TorchLayer | None:
    """The layer, or None where its sums could wrap before or more than once, or are sparse."""
    found = []
    for part in parts:
        if not isinstance(part.product, SpikeProduct) or isinstance(part.operator, Sparse):
            return None
        found.append(TorchPart(device, part, part.product))
    most = sum(p.product.most for p in found)
    if not found or most >= 2**31 or (mode == "chip" and most > ONE_WRAP):
        return None
    return TorchLayer(device, population, tuple(found))
