"""A free-running Program with its layers started one after another, as resets in netx start them.

netx resets layer k one step after layer k - 1 (``reset_interval``), so that a sample's first spikes
meet a fresh state and biases do not integrate before them: slayer's own semantics. Here it is a
window per population, which begins at its latency.
"""

from __future__ import annotations

from dataclasses import replace

from snn2chip.core import Program
from snn2chip.graph.order import latencies


def pipelined(program: Program) -> Program:
    """The program with the latencies of its depth; delays on the chip stay what they are.

    Only for programs of ``read_net``, whose latencies are all 0 and whose paths join nowhere.
    """
    least = {(p.source, p.target): min(p.delay.smallest, 1) for p in program.projections}
    depth = latencies(
        [p.name for p in program.populations],
        [p.name for p in program.inputs],
        {edge: 1 - step for edge, step in least.items() if edge[0] != edge[1]},
    )
    return replace(
        program,
        populations=tuple(replace(p, latency=depth[p.name]) for p in program.populations),
        projections=tuple(
            replace(
                p,
                delay=replace(p.delay, steps=p.delay.steps - (depth[p.target] - depth[p.source])),
            )
            for p in program.projections
        ),
    )
