"""The baseline: an int8 ANN of the same shape, run once per inference on ordinary logic.

With M multiply-accumulates, W parameters and A activations per inference, all int8::

    compute  M (e_mul_int8 + e_add_int32)
    memory   ceil(W / 8) e_sram(W) + (reads + writes of activations, 8 per access) e_sram(A)

where e_sram is the price of one 64-bit access to the smallest published SRAM that holds the data.
Every weight is read once and every activation written and read once: the least traffic that is
possible, so the baseline is a strong one. Source of the constants: the target's cost table.
"""

from __future__ import annotations

from snn2chip.core import Program, ProgramProjection
from snn2chip.energy.terms import table_of
from snn2chip.energy.types import Baseline
from snn2chip.errors import ConfigError
from snn2chip.graph import Graph, Projection
from snn2chip.graph.linear import synapses
from snn2chip.graph.operators import weights_of
from snn2chip.targets.load import load_target
from snn2chip.targets.types import CostTable, Target

BASELINE_TARGET = "asic45"

_BYTES_PER_ACCESS = 8
_PJ_PER_NJ = 1000.0
_SRAM = "e_sram64b_by_bytes"
_NEEDED = ("e_mul_int8", "e_add_int32", _SRAM)


def ann_baseline(network: Graph | Program, target: Target | None = None) -> Baseline:
    """What the network's operators would cost as an int8 ANN.

    Args:
        target: with prices of integer logic and SRAM, in its default cost table or in another; the
            bundled ``asic45`` unless given.

    Raises:
        ConfigError: the target lacks one of these prices.
    """
    target = load_target(BASELINE_TARGET) if target is None else target
    default = table_of(target, None)
    missing = [name for name in _NEEDED if name not in default.constants]
    full = (t for t in target.costs.values() if all(name in t.constants for name in _NEEDED))
    table = default if not missing else next(full, default)
    if table is default and missing:
        raise ConfigError(
            f"target {target.name!r}, costs {table.name!r}: no " + ", ".join(missing),
            needs="prices of integer logic and SRAM for the baseline",
            remedy=f"take the bundled target {BASELINE_TARGET}",
        )
    macs = sum(synapses(p.operator) for p in all_projections(network))
    compute = macs * ((table.value("e_mul_int8") or 0.0) + (table.value("e_add_int32") or 0.0))
    memory = _weights(network, table) + _activations(network, table)
    return Baseline(
        name=f"int8 ANN of the same shape on {target.title}",
        macs_per_inference=macs,
        energy_per_inference_nj=(compute + memory) / _PJ_PER_NJ,
        compute_nj=compute / _PJ_PER_NJ,
        memory_nj=memory / _PJ_PER_NJ,
        assumptions=(
            "one pass per inference, a multiply-accumulate per synapse: int8 product, int32 sum",
            "every weight is read from SRAM once per inference, 8 per 64-bit access",
            "every activation is written and read once, 8 per 64-bit access; partial sums stay "
            "in registers",
            "the smallest published SRAM that holds the data; beyond the largest, banks of it",
            "biases, non-linearities, registers, clock, control, DRAM and leakage are left out",
        ),
        source=table.constants["e_mul_int8"].source,
    )


def all_projections(network: Graph | Program) -> tuple[Projection | ProgramProjection, ...]:
    """Those that the host computes too."""
    host = network.hosted if isinstance(network, Program) else ()
    return (*network.projections, *host)


def _weights(network: Graph | Program, table: CostTable) -> float:
    """pJ of reading all weights once; a shared kernel is stored once."""
    stored = sum(int(weights_of(p.operator).size) for p in all_projections(network))
    return _accesses(stored) * _sram(stored, table)


def _activations(network: Graph | Program, table: CostTable) -> float:
    """pJ of writing each population's activations and reading them once per projection."""
    energy = 0.0
    for population in network.populations:
        reads = sum(p.source == population.name for p in all_projections(network))
        writes = 1
        energy += _accesses(population.size) * (reads + writes) * _sram(population.size, table)
    return energy


def _accesses(size: int) -> int:
    return -(-size // _BYTES_PER_ACCESS)


def _sram(size: int, table: CostTable) -> float:
    """pJ per access to the smallest SRAM of at least ``size`` bytes, or to the largest."""
    prices = table.lookup(_SRAM) or {}
    return prices[min((key for key in prices if key >= size), default=max(prices))]
