"""The quick way through ``spikes`` synapses and ``cuba`` neurons; the same numbers, bit for bit.

Their equations stand in ``synapses.spikes`` and ``neurons.cuba``. What the compiled kernels do not
hold (numba absent, sums beyond 2^24, decays outside 0..4096, numbers beyond int32) goes there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.integers import DECAY_ONE, INPUT_SHIFT, STATE_LIMIT, scaled_bias
from snn2chip.backends.loihi.neurons.base import parameter
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine.arithmetic import Flags, Scan, State
from snn2chip.engine.kernels.accelerate import kernels
from snn2chip.engine.layout import as_shape, channels_last, in_memory
from snn2chip.engine.products import IntegerProduct, exact_integer_product
from snn2chip.graph.operators import Array, Conv, Operator

_INT32 = 2**31


@dataclass(frozen=True, eq=False)
class SpikeProduct:
    """``spikes`` synapses whose sums stay inside 24 bits, so that nothing wraps."""

    sums: IntegerProduct
    exponent: int

    def __call__(self, spikes: NDArray[Any]) -> Array:
        return self.sums_and_arrivals(spikes)[0]

    def sums_and_arrivals(self, spikes: NDArray[Any]) -> tuple[Array, Flags]:
        """Shifted sums, and where at least one event arrives."""
        fired = spikes if spikes.dtype == np.bool_ else spikes != 0
        sums, arrived = self.sums.sums_and_arrivals(fired)
        if self.exponent > 0:
            np.left_shift(sums, self.exponent, out=sums)
        elif self.exponent < 0:
            np.right_shift(sums, -self.exponent, out=sums)
        return sums, arrived

    @property
    def most(self) -> int:
        """The largest magnitude of a shifted sum."""
        return self.sums.bound << max(self.exponent, 0)


def product(projection: ProgramProjection, operator: Operator) -> SpikeProduct | None:
    """The product of ``spikes`` synapses, or None where it might wrap."""
    if projection.model != "spikes" or "imaginary" in projection.parameters:
        return None
    exponent = int(projection.parameters["exponent"])
    found = SpikeProduct(exact_integer_product(projection.name, operator), exponent)
    limit = STATE_LIMIT if isinstance(operator, Conv) else 2 * STATE_LIMIT
    return found if found.most < limit else None


def scan(
    population: ProgramPopulation, state: State, current: Array, arrived: Flags, record: bool
) -> Scan | None:
    """As ``neurons.cuba.scan``, or None where the kernel does not hold it."""
    module = kernels("snn2chip.backends.loihi.kernels.cuba_kernel")
    if module is None or current.dtype != np.int32 or current.size == 0:
        return None
    numbers = kernel_numbers(population)
    if numbers is None:
        return None
    return _run(module, population, numbers, state, current, arrived, record)


def kernel_numbers(population: ProgramPopulation) -> tuple[Array, ...] | None:
    """keep_u, keep_v, threshold and bias, or None where one leaves the kernel's range."""
    keep_u = DECAY_ONE - (parameter(population, "du") + 1)
    keep_v = DECAY_ONE - parameter(population, "dv")
    threshold = parameter(population, "vth") << INPUT_SHIFT
    bias = scaled_bias(parameter(population, "bias_mant"), parameter(population, "bias_exp"))
    for keep in (keep_u, keep_v):
        if keep.min() < 0 or keep.max() > DECAY_ONE:
            return None
    for numbers in (threshold, bias, parameter(population, "v0")):
        if numbers.min() < -_INT32 or numbers.max() >= _INT32:
            return None
    return keep_u, keep_v, threshold, bias


def _run(
    module: ModuleType,
    population: ProgramPopulation,
    numbers: tuple[Array, ...],
    state: State,
    current: Array,
    arrived: Flags,
    record: bool,
) -> Scan:
    shape, last = population.shape, channels_last(current, 2)
    drive = in_memory(current, 2, last)
    here = _arrivals(arrived, last)
    u, v = kernel_state(state["u"], last), kernel_state(state["v"], last)
    output, updated = np.empty(drive.shape, np.uint8), np.empty(drive.shape, np.uint8)
    none = np.empty((0, *drive.shape[1:]), np.int32)
    membrane = none if population.spiking else np.empty(drive.shape, np.int32)
    us, vs = (np.empty(drive.shape, np.int32) for _ in range(2)) if record else (none, none)
    counts = np.zeros(5, np.int64)
    module.scan(
        drive, here, u, v, kernel_parameters(numbers, shape, last), bool((numbers[0] != 0).any()),
        output, membrane, updated, us, vs, counts,
    )  # fmt: skip
    wrapped, saturated, fired, peak_v, peak_input = (int(x) for x in counts)
    sent = output.view(np.bool_) if population.spiking else membrane
    return Scan(
        as_shape(sent, shape, last),
        as_shape(updated.view(np.bool_), shape, last),
        {"u": as_shape(u, shape, last), "v": as_shape(v, shape, last)},
        {"u": as_shape(us, shape, last), "v": as_shape(vs, shape, last)} if record else {},
        {
            "u_wrapped": wrapped,
            "v_saturated": saturated if population.spiking else saturated + fired,
        },
        peak_v=float(peak_v),
        peak_input=float(peak_input),
    )


def kernel_parameters(
    numbers: tuple[Array, ...], shape: tuple[int, ...], last: bool
) -> tuple[Any, ...]:
    """Parameters as the kernel takes them: whole numbers if all neurons share all of them."""
    if all(x.size == 1 for x in numbers):
        return tuple(int(x.reshape(-1)[0]) for x in numbers)
    spread = (np.broadcast_to(x, shape).astype(np.int32) for x in numbers)
    return tuple(in_memory(x, 0, last) for x in spread)


def initial(population: ProgramPopulation, samples: int) -> State:
    """As ``neurons.cuba.initial``, as views of what all samples share."""
    shape = (samples, *population.shape)
    v0 = parameter(population, "v0")
    return {"u": np.broadcast_to(np.zeros((), np.int64), shape), "v": np.broadcast_to(v0, shape)}


def kernel_state(values: Array, last: bool) -> NDArray[np.int32]:
    """[sample, neuron] in the order of memory, to be written: the state itself where it can be."""
    if not any(values.strides):
        size = prod(values.shape[1:])
        return np.full((len(values), size), values.reshape(-1)[0], np.int32)
    flat = in_memory(values, 1, last)
    return flat.astype(np.int32, copy=not flat.flags.writeable)


def _arrivals(arrived: Flags, last: bool) -> NDArray[np.uint8]:
    """uint8 [step, sample, flag]: one for all neurons, one per position, or one per neuron."""
    if not any(arrived.strides[2:]):
        alike = arrived.reshape(*arrived.shape[:2], -1)[..., :1]
        return np.ascontiguousarray(alike).view(np.uint8)
    if last and arrived.strides[2] == 0:
        flat = np.ascontiguousarray(arrived[:, :, 0])
        return flat.view(np.uint8).reshape(*arrived.shape[:2], -1)
    return in_memory(arrived, 2, last).view(np.uint8)
