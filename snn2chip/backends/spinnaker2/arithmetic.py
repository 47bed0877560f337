"""The neurons of py-spinnaker2: whole weights, membranes in floats, step by step::

    v' = alpha v + i_offset + sum w                      lif, lif_no_delay, lif_conv2d
    i' = decay i + sum w;  v' = alpha v + i_offset + i'  lif_curr_exp, lif_curr_exp_no_delay
    fires where v' > threshold: v' = 0, or v' - threshold

``chip`` computes in float32, a product and then a sum at a time, as the cores' floating-point units
do; ``brian2`` as py-spinnaker2's own simulation on a computer does: float64, but for ``alpha`` and
``decay``, which stay those of float32. Source: ``s2_nir.py`` of py-spinnaker2, and the trace of its
Brian2 back end in github.com/neuromorphs/NIR, folder ``paper``. The chip's own binaries are not
public: in which order they sum is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.driven import DRIVEN, MODEL, HostedSums
from snn2chip.backends.stepping import step_through
from snn2chip.core import ProgramPopulation, ProgramProjection
from snn2chip.engine.arithmetic import Product, Scan, State
from snn2chip.engine.products import exact_integer_product
from snn2chip.graph.operators import Array, Operator

Mode = Literal["chip", "brian2"]
MODES: tuple[Mode, ...] = ("chip", "brian2")

Floats = NDArray[Any]


def arithmetic_name(mode: Mode) -> str:
    """As `Program.arithmetic` says it."""
    return f"spinnaker2-{mode}"


ARITHMETICS = tuple(arithmetic_name(mode) for mode in MODES)


@dataclass(frozen=True)
class Spinnaker2Arithmetic:
    """Sums of whole weights are exact; membranes are floats, each neuron's alone."""

    mode: Mode = "chip"
    exact: bool = True

    @property
    def name(self) -> str:
        """As `Program.arithmetic` says it."""
        return arithmetic_name(self.mode)

    def product(self, projection: ProgramProjection, operator: Operator) -> Product:
        """Whole sums, or constant currents out of values, as floats."""
        if projection.model == MODEL:
            return HostedSums(projection, whole=False)
        return exact_integer_product(projection.name, operator)

    def initial(self, population: ProgramPopulation, samples: int) -> State:
        """Membranes as the host sets them; the constant current acts from the first step on.

        What it does before the window of the population begins is done here; spikes that it causes
        there reach nobody.
        """
        zeros = np.zeros((samples, *population.shape), self._kind)
        v = zeros + population.parameters["v_init"].astype(self._kind)
        state = {"v": v, "i": zeros} if _filtered(population) else {"v": v}
        run = _Run(population, state, self._kind)
        for _ in range(population.latency):
            run.step(zeros)
        return run.state

    def spike_dtype(self, population: ProgramPopulation) -> np.dtype[Any]:
        """A spike or none."""
        return np.dtype(bool)

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
        """Step by step, all samples at once."""
        offset = population.parameters["i_offset"]
        if DRIVEN in population.parameters:  # the same at every step
            offset, current = offset + current[0], np.zeros(current.shape)
        run = _Run(population, state, self._kind, offset)
        given, biased = current.astype(self._kind), offset != 0
        found = step_through(run, [given], population.spiking, arrived, biased, record)
        return replace(found, peak_input=float(np.abs(given).max(initial=0)))

    @property
    def _kind(self) -> type[np.floating]:
        return np.float32 if self.mode == "chip" else np.float64


class _Run:
    """Neurons on their way through the steps."""

    def __init__(
        self,
        population: ProgramPopulation,
        state: State,
        kind: type[np.floating],
        offset: Floats | None = None,
    ) -> None:
        p = population.parameters
        own = p["i_offset"] if offset is None else offset
        self._alpha = p["alpha"].astype(np.float32).astype(kind)
        self._offset, self._threshold = own.astype(kind), p["threshold"].astype(kind)
        self._decay = p["decay"].astype(np.float32).astype(kind) if _filtered(population) else None
        self._subtracts = bool(p["subtracts"])
        self._spiking = population.spiking
        self.v: Floats = state["v"]
        self._i: Floats | None = state.get("i")

    def step(self, *given: Array) -> NDArray[np.bool_]:
        """One step with the sums of weights that arrived; who fires."""
        (drive,) = given
        if self._decay is not None:
            drive = self._i = self._decay * self._i + drive
        moved = self._alpha * self.v + self._offset + drive
        fired: NDArray[np.bool_] = moved > self._threshold
        if not self._spiking:
            fired = np.zeros_like(fired)
        after = moved - self._threshold if self._subtracts else np.zeros_like(moved)
        self.v = np.where(fired, after, moved)
        return fired

    @property
    def busy(self) -> NDArray[np.bool_]:
        """Whose state is not zero."""
        found: NDArray[np.bool_] = self.v != 0
        return found if self._i is None else found | (self._i != 0)

    @property
    def state(self) -> dict[str, Array]:
        """States by name."""
        return {"v": self.v} if self._i is None else {"v": self.v, "i": self._i}

    @property
    def shown(self) -> dict[str, Array]:
        """All of the state."""
        return self.state


def _filtered(population: ProgramPopulation) -> bool:
    return "decay" in population.parameters
