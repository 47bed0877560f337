"""Parameters of the neuron models, as NIR states them: continuous time, one array per parameter.

All arrays of one neuron have the population's shape; units are those of the network's file.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Neuron:
    spiking: ClassVar[bool]

    @property
    def kind(self) -> str:
        """NIR's name of the model."""
        return type(self).__name__

    def parameters(self) -> dict[str, FloatArray]:
        """All parameters by NIR's names."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True, eq=False)
class Input(_Neuron):
    """A source of spikes or values given from outside."""

    spiking = True


@dataclass(frozen=True, eq=False)
class IF(_Neuron):
    """dv/dt = R I; z = v > v_threshold; v := v_reset."""

    r: FloatArray
    v_threshold: FloatArray
    v_reset: FloatArray
    spiking = True


@dataclass(frozen=True, eq=False)
class LIF(_Neuron):
    """tau dv/dt = (v_leak - v) + R I; z = v > v_threshold; v := v_reset."""

    tau: FloatArray
    r: FloatArray
    v_leak: FloatArray
    v_threshold: FloatArray
    v_reset: FloatArray
    spiking = True


@dataclass(frozen=True, eq=False)
class CubaLIF(_Neuron):
    """tau_syn dI/dt = -I + w_in S; tau_mem dv/dt = (v_leak - v) + R I; spikes as LIF."""

    tau_syn: FloatArray
    tau_mem: FloatArray
    r: FloatArray
    v_leak: FloatArray
    v_threshold: FloatArray
    v_reset: FloatArray
    w_in: FloatArray
    spiking = True


@dataclass(frozen=True, eq=False)
class I(_Neuron):  # noqa: E742 - NIR's name
    """dv/dt = R I; never spikes."""

    r: FloatArray
    spiking = False


@dataclass(frozen=True, eq=False)
class LI(_Neuron):
    """tau dv/dt = (v_leak - v) + R I; never spikes."""

    tau: FloatArray
    r: FloatArray
    v_leak: FloatArray
    spiking = False


@dataclass(frozen=True, eq=False)
class CubaLI(_Neuron):
    """tau_syn dI/dt = -I + w_in S; tau_mem dv/dt = (v_leak - v) + R I; never spikes."""

    tau_syn: FloatArray
    tau_mem: FloatArray
    r: FloatArray
    v_leak: FloatArray
    w_in: FloatArray
    spiking = False


Neuron: TypeAlias = Input | IF | LIF | CubaLIF | I | LI | CubaLI
NEURONS: dict[str, type[Neuron]] = {
    cls.__name__: cls for cls in (Input, IF, LIF, CubaLIF, I, LI, CubaLI)
}
