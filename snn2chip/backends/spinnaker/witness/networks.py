"""Networks as sPyNNaker takes them: populations, and lists of synapses by receptor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.fixed import Integers
from snn2chip.backends.spinnaker.loaded import Model


@dataclass(frozen=True, eq=False)
class FirmwarePopulation:
    """Neurons, or an input whose spikes are given.

    Attributes:
        model: PyNN's; None for an input.
        parameters: PyNN's by name, [neuron] each.
        v: first membranes in mV [neuron].
        max_expected: largest summed weights in nA that excitatory and inhibitory ring buffers are
            to hold; None leaves it to sPyNNaker.
    """

    name: str
    size: int
    model: Model | None = None
    parameters: Mapping[str, NDArray[np.float64]] | None = None
    v: NDArray[np.float64] | None = None
    max_expected: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class FirmwareProjection:
    """Synapses, [synapse] each.

    Attributes:
        receptor: ``excitatory`` or ``inhibitory``.
        weights: in nA, not negative; delays: in steps, at least 1.
    """

    source: str
    target: str
    receptor: str
    sources: Integers
    targets: Integers
    weights: NDArray[np.float64]
    delays: Integers


@dataclass(frozen=True, eq=False)
class FirmwareNetwork:
    """What sPyNNaker is to map, and for how many steps it runs."""

    populations: tuple[FirmwarePopulation, ...]
    projections: tuple[FirmwareProjection, ...]
    steps: int
    time_step_ms: float = 1.0


def network_json(network: FirmwareNetwork) -> dict[str, Any]:
    """What a network is made of, but its arrays."""
    return {
        "time_step_ms": network.time_step_ms,
        "steps": network.steps,
        "populations": [
            {"name": p.name, "size": p.size, "model": p.model, "max_expected": p.max_expected}
            for p in network.populations
        ],
        "projections": [
            {"source": p.source, "target": p.target, "receptor": p.receptor, "index": index}
            for index, p in enumerate(network.projections)
        ],
    }


def network_arrays(network: FirmwareNetwork) -> dict[str, NDArray[np.generic]]:
    """``<population>.<parameter>`` [neuron], ``<index>.sources`` and so on [synapse]."""
    found: dict[str, NDArray[np.generic]] = {}
    for p in network.populations:
        if p.model is not None:
            assert p.parameters is not None
            assert p.v is not None
            found |= {f"{p.name}.{name}": values for name, values in p.parameters.items()}
            found[f"{p.name}.v"] = p.v
    for index, projection in enumerate(network.projections):
        for name in ("sources", "targets", "weights", "delays"):
            found[f"{index}.{name}"] = getattr(projection, name)
    return found
