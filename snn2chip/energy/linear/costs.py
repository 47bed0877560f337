"""The dynamic energy of a run, written as costs of single spikes.

On a fixed mapping every count of ``snn2chip.energy.count`` is linear in the spikes, but for the
neuron updates, and every price of a layer is affine in its counts. So::

    E = sum_p sum_j c_pj n_pj + sum_p u_p U_p + samples steps k

with n_pj spikes of neuron j of population p, U_p updates of p's neurons (steps with state, input,
bias or a spike), c_pj in pJ per spike: packets and hops by the sender's prices, synaptic events by
those of each receiving layer, and what a table asks for firing; u_p what an update costs more than
an inactive step; k what all neurons cost that do nothing. Static energy follows time, not spikes,
and is no part of it.

No rule of pricing stands here: each cost is the difference that a count makes to
``snn2chip.energy.price.layer_energy``.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Activity, Mapping, Program
from snn2chip.energy.linear.units import units
from snn2chip.energy.price import layer_energy, price
from snn2chip.energy.terms import table_of
from snn2chip.energy.types import Counts, LayerCounts
from snn2chip.errors import ConfigError
from snn2chip.targets.types import CostTable, Target

FloatArray = NDArray[np.float64]

_MANY = 1 << 30
"""Events by which a count is raised to see its price: so many that the rest of the sum rounds
nothing away, and a power of two, so that prices times a power of two give costs times the same."""


@dataclass(frozen=True, slots=True)
class SpikeEnergy:
    """The dynamic energy of a run in pJ over all samples, by what it depends on.

    Attributes:
        spikes_pj: population -> of its spikes.
        updates_pj: population -> of its updates, beyond the price of inactive neurons.
        constant_pj: of neurons and synapses that do nothing.
    """

    spikes_pj: Map[str, float]
    updates_pj: Map[str, float]
    constant_pj: float

    def of(self, names: Collection[str]) -> float:
        """pJ of the spikes of some populations."""
        return sum(pj for name, pj in self.spikes_pj.items() if name in names)

    @property
    def neurons_pj(self) -> float:
        """Of updates and of idle neurons."""
        return sum(self.updates_pj.values()) + self.constant_pj

    @property
    def dynamic_pj(self) -> float:
        """What ``EnergyReport.dynamic_pj`` says."""
        return sum(self.spikes_pj.values()) + sum(self.updates_pj.values()) + self.constant_pj


@dataclass(frozen=True, eq=False)
class SpikeCosts:
    """Costs of a program on one mapping by one cost table, in pJ.

    Attributes:
        table: name of the cost table.
        spike_pj: population -> of one spike of each neuron, float64 [*shape]; inputs included.
        arriving_pj: source and target -> the part of a source neuron's spike that is paid where it
            arrives, float64 [*source shape].
        update_pj: population -> of one update of a neuron, beyond the price of an inactive one.
        idle_pj: population -> of one step of one sample in which nothing happens.
        unpriced: terms that have no price, one line each.
    """

    table: str
    spike_pj: Map[str, FloatArray]
    arriving_pj: Map[tuple[str, str], FloatArray]
    update_pj: Map[str, float]
    idle_pj: Map[str, float]
    unpriced: tuple[str, ...]

    @property
    def constant_pj(self) -> float:
        """Of one step of one sample in which nothing happens anywhere."""
        return sum(self.idle_pj.values())

    def energy(self, activity: Activity) -> SpikeEnergy:
        """The energy of a run of this program, or of another arithmetic's of the same graph."""
        spikes, updates = {}, {}
        for name, costs in self.spike_pj.items():
            run = activity.populations[name]
            spikes[name] = float((run.spikes.per_neuron() * costs).sum())
            if name in self.update_pj:
                updates[name] = run.updated.total() * self.update_pj[name]
        return SpikeEnergy(spikes, updates, self.constant_pj * activity.steps * activity.samples)


def spike_costs(
    program: Program, mapping: Mapping, target: Target, table: str | CostTable | None = None
) -> SpikeCosts:
    """What one spike of each neuron costs on a mapping.

    Args:
        mapping: of this program on this target.
        table: one of the target's cost tables, its default one where it is None, or a table.

    Raises:
        ConfigError: no such table, or one that prices nothing that happens.
    """
    chosen = table if isinstance(table, CostTable) else table_of(target, table)
    found = units(program, mapping, target.mesh.multicast)
    layers = {layer.name: layer for layer in found.still.layers}
    costs = {
        name: sum(
            number * _difference(layers[name], chosen, **{what: _MANY})
            for what, number in sent.items()
        )
        for name, sent in found.sent.items()
    }
    arriving: dict[tuple[str, str], FloatArray] = {}
    for (name, place), events in found.events.items():
        source = layers[name].inputs[place].source
        paid = _arriving(layers[name], place, events, chosen)
        arriving[source, name] = arriving.get((source, name), 0.0) + paid
        costs[source] = costs[source] + paid
    shapes = {p.name: p.shape for p in program.populations}
    return SpikeCosts(
        table=chosen.name,
        spike_pj={name: _array(costs[name], shape) for name, shape in shapes.items()},
        arriving_pj={ends: _array(pj, shapes[ends[0]]) for ends, pj in arriving.items()},
        update_pj={
            p.name: _difference(layers[p.name], chosen, neuron_updates=_MANY)
            for p in program.populations
            if not p.is_input
        },
        idle_pj={name: _total(layer, chosen) for name, layer in layers.items()},
        unpriced=_unpriced(found.once, target, chosen),
    )


def _array(values: Any, shape: tuple[int, ...]) -> FloatArray:
    return np.asarray(values, np.float64).reshape(shape)


def _total(layer: LayerCounts, table: CostTable) -> float:
    return layer_energy(layer, table)[0].total or 0.0


def _difference(layer: LayerCounts, table: CostTable, **counts: Any) -> float:
    """What one of ``_MANY`` events adds to a layer's energy, in pJ."""
    return (_total(replace(layer, **counts), table) - _total(layer, table)) / _MANY


def _arriving(
    layer: LayerCounts, place: int, events: NDArray[np.int64], table: CostTable
) -> FloatArray:
    """What a spike of each source neuron costs in a layer that it reaches, in pJ."""
    source = layer.inputs[place]

    def with_input(**counts: Any) -> tuple[Any, ...]:
        changed = replace(source, **counts)
        return (*layer.inputs[:place], changed, *layer.inputs[place + 1 :])

    event = _difference(
        layer,
        table,
        inputs=with_input(synaptic_events=_MANY),
        synaptic_events=_MANY,
        events_by_operator={**layer.events_by_operator, source.kind: _MANY},
    )
    spike = _difference(layer, table, inputs=with_input(spikes=_MANY))
    return _array(spike + events * event, events.shape)


def _unpriced(once: Counts, target: Target, table: CostTable) -> tuple[str, ...]:
    """What the report of a run names as unpriced in which every neuron fires once.

    Raises:
        ConfigError: the table prices nothing of it.
    """
    own = replace(target, costs={table.name: table}, default_costs=table.name)
    report = price(once, own)
    if report.dynamic_pj is None:
        raise ConfigError(
            f"target {target.name!r}, costs {table.name!r}: no price of anything that a run does",
            needs="prices of spikes, synaptic events, packets or neurons",
            remedy="another cost table of this target",
        )
    return report.unpriced
