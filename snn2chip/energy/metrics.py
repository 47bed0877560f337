"""NeuroBench's complexity metrics by their names, from a program and what it did.

With n_j(t) spikes of source neuron j at step t, S samples and N steps, summed over all projections
that are dense or convolutions, as NeuroBench's Linear and Conv layers are::

    footprint             bytes of the PyTorch module's parameters and buffers, as its export
                          found them; of weights and biases in float32 where the file does not say
    connection sparsity   weights that are zero / weights, biases left out, to 4 decimals
    activation sparsity   1 - spikes / (neurons x N x S), of populations that spike, inputs left out
    dense                 synapses x N per sample, inside the image where a convolution is padded
    effective ACs         sum_jt n_j(t) x (weights of j that are not zero) / S
    effective MACs        the same where the source's values are no spikes (encoding ``direct``)
    membrane updates      (neurons x S + changes of v between two steps' ends) / S

NeuroBench counts layer by layer and this the composed operators: a pooling before a convolution is
part of its kernel here, and values that are multiplied there.

Source: NeuroBench 2.3.0 (Yik et al., Nature Communications 2025, doi 10.1038/s41467-025-56739-4),
``metrics/static`` and ``metrics/workload``; ``tests/energy/test_neurobench.py`` compares with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from snn2chip.core import Activity, Program, ProgramProjection, Raster
from snn2chip.graph import Graph
from snn2chip.graph.linear import synapses, transpose_apply
from snn2chip.graph.operators import Identity, Operator, weights_of, with_weights
from snn2chip.graph.text import parameter_count

FLOAT_BYTES = 4
"""Of a number of a PyTorch module, which is float32 unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class SynapticOperations:
    """Per sample. An operation is a spike, or a value that is not zero, through one synapse.

    Attributes:
        dense: with every activation and every weight, zero or not.
        effective_macs: of values, through weights that are not zero.
        effective_acs: of spikes, through weights that are not zero.
    """

    dense: float
    effective_macs: float
    effective_acs: float


@dataclass(frozen=True, slots=True)
class NeuroBench:
    """NeuroBench's metrics of one network on the samples of a run.

    Attributes:
        network: whose they are: ``float64`` for the trained network, else a chip's arithmetic.
        footprint_bytes: of the module, or of weights and biases in float32; of a chip its
            weights at their width, without those that a host multiplies.
        parameter_count: weights and biases; those of the PyTorch module where the file says it.
        activation_sparsity_by_layer: by population that spikes.
        membrane_updates: per sample; of a chip the neurons that were updated.
    """

    network: str
    footprint_bytes: int
    parameter_count: int
    connection_sparsity: float
    activation_sparsity: float
    activation_sparsity_by_layer: Mapping[str, float]
    synaptic_operations: SynapticOperations
    membrane_updates: float


def neurobench(graph: Graph, program: Program, activity: Activity) -> NeuroBench:
    """The metrics of a program that was made of a graph, and of its run.

    Args:
        graph: whose biases are counted as the network's file holds them.
        program: the graph in a chip's numbers, or in float64.
        activity: of this program.
    """
    module = graph.module
    whole = (*program.projections, *program.hosted)
    weights = [weights_of(p.operator) for p in whole if _is_layer(p.operator)]
    count = sum(w.size for w in weights)
    zeros = sum(int(np.count_nonzero(w == 0)) for w in weights)
    layers = {
        p.name: activity.populations[p.name].spikes
        for p in program.populations
        if p.spiking and not p.is_input
    }
    return NeuroBench(
        network=program.arithmetic,
        footprint_bytes=_footprint(graph, program),
        parameter_count=parameter_count(graph) if module is None else module.parameters,
        connection_sparsity=round(zeros / count, 4) if count else 0.0,
        activation_sparsity=_sparsity(layers.values()),
        activation_sparsity_by_layer={name: _sparsity([r]) for name, r in layers.items()},
        synaptic_operations=_operations(program, activity),
        membrane_updates=_updates(activity, layers) / max(1, activity.samples),
    )


def _is_layer(operator: Operator) -> bool:
    """Whether NeuroBench has such a layer; a product by element is none."""
    return not isinstance(operator, Identity)


def _footprint(graph: Graph, program: Program) -> int:
    if program.arithmetic == "float64":
        module = graph.module
        return FLOAT_BYTES * parameter_count(graph) if module is None else module.bytes
    bits = sum(
        int(weights_of(p.operator).size) * p.weight_bits
        for p in program.projections
        if _is_layer(p.operator)
    )
    return -(-bits // 8)


def _sparsity(rasters: Iterable[Raster]) -> float:
    """Share of (neuron, step, sample) without a spike; 0 where there is none of them."""
    spikes = places = 0
    for raster in rasters:
        spikes += raster.total()
        places += raster.steps * raster.samples * int(np.prod(raster.shape, dtype=np.int64))
    return (places - spikes) / places if places else 0.0


def _operations(program: Program, activity: Activity) -> SynapticOperations:
    dense = macs = acs = 0
    for projection in (*program.projections, *program.hosted):
        if not _is_layer(projection.operator):
            continue
        dense += synapses(projection.operator) * activity.steps
        done = _effective(projection, activity)
        source = program.population(projection.source)
        if source.is_input and program.encoding.kind == "direct":
            macs += done
        else:
            acs += done
    samples = max(1, activity.samples)
    return SynapticOperations(float(dense), macs / samples, acs / samples)


def _effective(projection: ProgramProjection, activity: Activity) -> int:
    """Spikes times the weights behind them that are not zero; those that come too late are none."""
    operator, raster = projection.operator, activity.populations[projection.source].spikes
    arriving = Raster(raster.bits[: max(0, raster.steps - projection.delay.smallest)], raster.shape)
    connected = with_weights(operator, (weights_of(operator) != 0).astype(np.float64))
    fan_out = transpose_apply(connected, np.ones(operator.target_shape))
    return int(arriving.per_neuron().reshape(-1) @ fan_out.astype(np.int64).reshape(-1))


def _updates(activity: Activity, layers: Iterable[str]) -> int:
    """Changes of membranes where they were counted, else neurons that were updated."""
    total = 0
    for name in layers:
        population = activity.populations[name]
        changes = population.membrane_changes
        total += population.updated.total() if changes is None else changes
    return total
