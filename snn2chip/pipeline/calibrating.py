"""Scale search on calibration data, one function per method.

``search_scales`` goes component by component, each on the spikes that reach it.

Populations upstream are settled first and run once; a candidate is then judged by running only the
populations that it concerns, so that the cost of the search grows with the network's size and not
with its square.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from snn2chip.backends import Backend
from snn2chip.core import Activity, Program
from snn2chip.engine import Arithmetic, RunOptions, simulate
from snn2chip.graph import Graph, Population, Readout
from snn2chip.graph.operators import Array
from snn2chip.graph.order import components
from snn2chip.neurons import Input
from snn2chip.pipeline.cuts import block_steps
from snn2chip.pipeline.samples import Samples
from snn2chip.quantize import (
    ERROR_CANDIDATES,
    Multiplier,
    coordinate_search,
    least_errors,
    percentile_multipliers,
    squared_errors,
)
from snn2chip.targets.types import Target


def search_scales(
    graph: Graph,
    backend: Backend,
    target: Target,
    spikes: Mapping[str, Array],
    reference: Activity,
    tell: Callable[[int, int], None],
) -> dict[str, float]:
    """Multiplier of each population's scale that differs least from the float run.

    Args:
        spikes: of the inputs, [step, sample, *shape].
        reference: the float graph on the same spikes.
        tell: called with populations done and all.
    """
    seen = dict(spikes)
    chosen: dict[str, float] = {}
    neurons = [p.name for p in graph.populations if not p.is_input]
    for members in components(
        [p.name for p in graph.populations], [(p.source, p.target) for p in graph.projections]
    ):
        if graph.population(members[0]).is_input:
            continue
        part = _part(graph, members)
        given = {p.name: seen[p.name] for p in part.inputs}
        trial = _Trial(graph, part, backend, target, given, reference)
        chosen.update(coordinate_search(members, backend.scale_candidates, trial.cost))
        activity = trial.run(chosen)
        seen.update({name: activity.populations[name].spikes.unpack() for name in members})
        tell(len(chosen), len(neurons))
    return chosen


def search_accuracy(
    graph: Graph,
    backend: Backend,
    target: Target,
    samples: Samples,
    reference: Activity,
    start: Mapping[str, float],
    tell: Callable[[int, int], None],
) -> dict[str, float]:
    """Multipliers with which the whole network answers best, population by population.

    Of several that are right equally often, those with the fewest spikes (of all populations) that
    differ from the float run, and then the one that stands already.

    Args:
        samples: with labels.
        start: multipliers to begin with, of every population.
        tell: called with populations done and all.
    """
    arithmetic = backend.arithmetic(graph)
    names = [p.name for p in graph.populations if not p.is_input]
    spiking = [name for name in names if graph.population(name).neuron.spiking]
    known: dict[tuple[float, ...], float] = {}

    def cost(multipliers: Mapping[str, float], name: str) -> float:
        key = tuple(multipliers[n] for n in names)
        if key not in known:
            program = backend.realise(graph, target, multipliers, reference)
            activity = _simulated(program, samples.spikes, arithmetic)
            wrong = int(np.count_nonzero(activity.predictions != samples.labels))
            cells = sum(graph.population(n).size for n in spiking) * len(activity.predictions)
            known[key] = float(
                wrong * (cells * activity.steps + 1) + _differing(reference, activity, spiking)
            )
        return known[key]

    return coordinate_search(names, backend.scale_candidates, cost, tell, start)


def with_percentiles(
    graph: Graph,
    backend: Backend,
    target: Target,
    percentile: float,
    tell: Callable[[int, int], None],
) -> dict[str, Multiplier]:
    """Multipliers at which that percentile of the weights fills the range."""

    def held(name: str) -> Multiplier:
        weights = backend.stored_weights(graph, target, name)
        return percentile_multipliers(weights, percentile) if weights else 1.0

    return _each(graph, held, tell)


def with_least_errors(
    graph: Graph,
    backend: Backend,
    target: Target,
    reference: Activity | None,
    tell: Callable[[int, int], None],
) -> dict[str, Multiplier]:
    """Multipliers with the least squared error of the weights.

    Args:
        reference: where there is one, each weight counts as often as a spike arrives through it.
    """
    seen = {} if reference is None else reference.populations
    senders = {p.source for p in graph.projections}
    arriving = {name: seen[name].spikes.per_neuron() for name in senders & set(seen)}

    def best(name: str) -> Multiplier:
        if not backend.stored_weights(graph, target, name, 1.0, reference):
            return 1.0  # no core holds them
        errors = [
            squared_errors(
                backend.stored_weights(graph, target, name, candidate, reference), arriving
            )
            for candidate in ERROR_CANDIDATES
        ]
        return least_errors(ERROR_CANDIDATES, errors)

    return _each(graph, best, tell)


def _each(
    graph: Graph, choose: Callable[[str], Multiplier], tell: Callable[[int, int], None]
) -> dict[str, Multiplier]:
    """A multiplier for every population that something reaches."""
    names = [p.name for p in graph.populations if not p.is_input and graph.incoming(p.name)]
    chosen: dict[str, Multiplier] = {}
    for done, name in enumerate(names, start=1):
        chosen[name] = choose(name)
        tell(done, len(names))
    return chosen


def _differing(before: Activity, after: Activity, names: Sequence[str]) -> int:
    """Spikes of these populations that one run has and the other has not."""
    return sum(
        int(
            np.bitwise_count(
                before.populations[name].spikes.bits ^ after.populations[name].spikes.bits
            ).sum(dtype=np.int64)
        )
        for name in names
    )


def _simulated(program: Program, spikes: Mapping[str, Array], arithmetic: Arithmetic) -> Activity:
    """A run in blocks that stay small; the cut changes no integer."""
    steps, samples = next(iter(spikes.values())).shape[:2]
    cuts = RunOptions(samples, block_steps(program, samples, steps))
    return simulate(program, spikes, arithmetic, cuts)[0]


def _part(graph: Graph, members: Sequence[str]) -> Graph:
    """The members with everything that feeds them as an input."""
    projections = tuple(p for p in graph.projections if p.target in members)
    sources = {p.source for p in projections} - set(members)
    inputs = (Population(p.name, Input(), p.shape) for p in graph.populations if p.name in sources)
    inner = tuple(p for p in graph.populations if p.name in members)
    answer = graph.outputs[0] if graph.outputs[0] in members else members[-1]
    own = Readout("spike_count" if graph.population(answer).neuron.spiking else "v_mean")
    # What feeds it are spikes, unless it is what the network's own inputs feed.
    given = sources & {p.name for p in graph.inputs}
    encoding = graph.encoding if given else replace(graph.encoding, kind="none")
    return replace(
        graph,
        populations=(*inputs, *inner),
        projections=projections,
        encoding=encoding,
        outputs=(answer,),
        readout=graph.readout if answer == graph.outputs[0] else own,
        classes=(),
    )


class _Trial:
    """Runs the members of one component with other scales."""

    def __init__(
        self,
        graph: Graph,
        part: Graph,
        backend: Backend,
        target: Target,
        given: Mapping[str, Array],
        reference: Activity,
    ) -> None:
        self._graph, self._part, self._given = graph, part, given
        self._backend, self._target, self._reference = backend, target, reference

    def run(self, multipliers: Mapping[str, float]) -> Activity:
        """The part in the target's numbers on the spikes that reach it."""
        program = self._backend.realise(self._part, self._target, multipliers, self._reference)
        return _simulated(program, self._given, self._backend.arithmetic(self._part))

    def cost(self, multipliers: Mapping[str, float], name: str) -> float:
        """Spikes that differ from the float run; of a readout the squared error of its scores."""
        if not self._part.population(name).neuron.spiking:
            if name != self._graph.outputs[0]:
                return 0.0
            return float(((self.run(multipliers).scores - self._reference.scores) ** 2).sum())
        return float(_differing(self._reference, self.run(multipliers), [name]))
