"""Ensembles: member networks that share inputs, and which of them answer a sample.

The head is folded: member k ends in class logits, ``gain_k * readout + offset_k``, and the logits
of an ensemble are ``bias`` plus those of the active members. An absent member is exactly zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, InputFileError, did_you_mean
from snn2chip.graph.operators import Array, Shape
from snn2chip.graph.types import Graph, Population
from snn2chip.graph.validate import validate
from snn2chip.neurons import Discretization

PolicyKind = Literal["budget", "confidence", "margin", "entropy", "gate"]
Idle = Literal["clocked", "gated"]

POLICIES: tuple[PolicyKind, ...] = get_args(PolicyKind)
IDLE: tuple[Idle, ...] = get_args(Idle)

MOST_MEMBERS = 64

JOIN = "/"
"""Between the name of a member and that of its population."""


@dataclass(frozen=True, eq=False)
class Gate:
    """A small network on the host that says how much each member is wanted.

    Reads the mean spikes per step of every input neuron, inputs in order, flattened; layers are
    matrices with ReLU between them.

    Attributes:
        layers: (weight [out, in], bias [out]) each; the last has a row per member.
    """

    layers: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]

    def scores(self, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """[sample, member] of rates [sample, input neuron]."""
        x = rates
        for k, (weight, bias) in enumerate(self.layers):
            x = x @ weight.T + bias
            if k + 1 < len(self.layers):
                x = np.maximum(x, 0.0)
        return x

    @property
    def inputs(self) -> int:
        return int(self.layers[0][0].shape[1])


@dataclass(frozen=True, eq=False)
class Policy:
    """Which members answer a sample; it is decided on the host.

    ``budget`` runs the first members of the order together. ``confidence``, ``margin`` and
    ``entropy`` run one member after the other, until the largest probability, or its distance from
    the second, is above the threshold, or the entropy over its maximum is below it. ``gate`` runs
    together the members whose score of the gate is above the threshold, the first of the order
    where there is none.

    Attributes:
        members: of a budget.
        threshold: of all others: from 0 to 1, of a gate any number.
        gate: of the policy ``gate``.
    """

    kind: PolicyKind
    members: int | None = None
    threshold: float | None = None
    gate: Gate | None = None

    def __post_init__(self) -> None:
        if self.kind not in POLICIES:
            raise ConfigError(
                f"policy {str(self.kind)[:40]!r}", remedy=did_you_mean(str(self.kind), POLICIES)
            )
        budget = self.kind == "budget"
        if (self.members is None) == budget or (self.threshold is None) != budget:
            raise ConfigError(
                f"policy {self.kind}", needs="members" if budget else "a threshold, and no members"
            )
        if (self.gate is None) == (self.kind == "gate"):
            raise ConfigError(
                f"policy {self.kind}", needs="a gate network for the policy gate, and for no other"
            )
        if self.threshold is not None and not self._reaches(self.threshold):
            low, high = ("any", "finite number") if self.kind == "gate" else ("0 to", "1")
            raise ConfigError(
                f"policy {self.kind}: threshold {self.threshold}", needs=f"{low} {high}"
            )
        if self.members is not None and self.members < 1:
            raise ConfigError(f"policy budget: {self.members} members", needs="at least 1")

    def _reaches(self, threshold: float) -> bool:
        return bool(np.isfinite(threshold)) and (self.kind == "gate" or 0.0 <= threshold <= 1.0)

    @property
    def sentence(self) -> str:
        """``confidence above 0.9``."""
        if self.kind == "budget":
            return f"budget of {self.members}"
        word = "below" if self.kind == "entropy" else "above"
        return f"{self.kind} {word} {self.threshold:g}"


@dataclass(frozen=True, eq=False)
class Member:
    """A network whose readout is its share of the logits.

    Attributes:
        gain: factor on the readout.
        offset: float [class], added to it.
    """

    name: str
    graph: Graph
    gain: float
    offset: Array


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members that share inputs.

    Attributes:
        bias: float [class].
        order: indices of all members, the first to run first.
        idle: what a member does while others run. ``clocked``: its neurons are visited and input
            packets reach its cores, and nothing comes of them; ``gated``: nothing at all.
    """

    name: str
    members: tuple[Member, ...]
    bias: Array
    policy: Policy
    order: tuple[int, ...] = ()
    idle: Idle = "clocked"
    graph: Graph = field(init=False)

    def __post_init__(self) -> None:
        """Checks that members fit together, and joins them.

        Raises:
            InputFileError: they do not; every reason at once.
            ConfigError: a policy that so many members cannot have.
        """
        if not self.order:
            object.__setattr__(self, "order", tuple(range(len(self.members))))
        problems = list(_problems(self))
        if problems:
            raise InputFileError(
                f"ensemble {self.name!r}: " + "; ".join(problems),
                needs="members that share inputs and classes, and run alike",
                remedy="export the ensemble again",
            )
        _check_policy(self.policy, self)
        object.__setattr__(self, "graph", joined(self.name, self.members))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the members."""
        return tuple(member.name for member in self.members)

    @property
    def classes(self) -> int:
        return int(self.bias.size)

    def with_policy(self, policy: Policy) -> Ensemble:
        """The same members under another policy."""
        return replace(self, policy=policy)

    def populations(self, member: int) -> tuple[str, ...]:
        """Names of a member's own populations in the joined network, inputs left out."""
        chosen = self.members[member]
        return tuple(own_name(chosen.name, p) for p in chosen.graph.populations if not p.is_input)


def own_name(member: str, population: Population) -> str:
    """What a member's population is called in the joined network: inputs are shared."""
    return population.name if population.is_input else f"{member}{JOIN}{population.name}"


def joined(name: str, members: Sequence[Member]) -> Graph:
    """One network of all members side by side on the shared inputs; an output of each."""
    first = members[0].graph
    populations = list(first.inputs)
    projections = []
    exceptions: list[tuple[str, str, str]] = []
    for member in members:
        names = {p.name: own_name(member.name, p) for p in member.graph.populations}
        populations += [
            replace(p, name=names[p.name]) for p in member.graph.populations if not p.is_input
        ]
        projections += [
            replace(p, source=names[p.source], target=names[p.target])
            for p in member.graph.projections
        ]
        exceptions += [
            (names[owner], option, value)
            for owner, option, value in member.graph.discretization.exceptions
        ]
    graph = replace(
        first,
        name=name,
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=tuple(f"{member.name}{JOIN}{member.graph.outputs[0]}" for member in members),
        discretization=replace(first.discretization, exceptions=tuple(exceptions)),
        module=None,
    )
    validate(graph)
    return graph


def _problems(ensemble: Ensemble) -> list[str]:
    members, found = ensemble.members, []
    if not 1 <= len(members) <= MOST_MEMBERS:
        return [f"{len(members)} members, of which there may be 1 to {MOST_MEMBERS}"]
    if len(set(ensemble.names)) < len(members):
        found.append("two members of one name")
    if sorted(ensemble.order) != list(range(len(members))):
        found.append("an order that does not name every member once")
    if ensemble.idle not in IDLE:
        found.append(f"idle {str(ensemble.idle)[:40]!r}, which is neither " + " nor ".join(IDLE))
    if ensemble.bias.ndim != 1 or not np.isfinite(ensemble.bias).all():
        found.append("a bias that is no list of finite numbers")
        return found
    first = members[0].graph
    for member in members:
        graph = member.graph
        size = graph.population(graph.outputs[0]).size
        if size != ensemble.classes or member.offset.shape != (ensemble.classes,):
            found.append(
                f"member {member.name!r} has {size} scores and {member.offset.size} offsets of "
                f"{ensemble.classes} classes"
            )
        if not (np.isfinite(member.gain) and np.isfinite(member.offset).all()):
            found.append(f"member {member.name!r}: a gain or an offset that is not finite")
        odd = [what for what, ours, its in _shared(first, graph) if ours != its]
        found += [
            f"member {member.name!r} differs from {members[0].name!r} in {what}" for what in odd
        ]
    return found


def _shared(first: Graph, other: Graph) -> list[tuple[str, object, object]]:
    """(what, of the first, of the other): what all members must have in common."""

    def inputs(graph: Graph) -> dict[str, Shape]:
        return {p.name: p.shape for p in graph.inputs}

    def timing(graph: Graph) -> Discretization:
        return replace(graph.discretization, exceptions=())

    return [
        ("its inputs", inputs(first), inputs(other)),
        ("its encoding", first.encoding, other.encoding),
        ("its readout", first.readout, other.readout),
        ("its discretization", timing(first), timing(other)),
        ("its classes", first.classes, other.classes),
        ("its data", (first.data, first.split_seed), (other.data, other.split_seed)),
    ]


def _check_policy(policy: Policy, ensemble: Ensemble) -> None:
    members = len(ensemble.members)
    if policy.members is not None and policy.members > members:
        raise ConfigError(
            f"ensemble {ensemble.name!r}: a budget of {policy.members} members",
            has=f"{members}",
            remedy=f"--policy budget={members}",
        )
    if policy.gate is None:
        return
    inputs = sum(p.size for p in ensemble.members[0].graph.inputs)
    rows = int(policy.gate.layers[-1][0].shape[0])
    if (policy.gate.inputs, rows) != (inputs, members):
        raise InputFileError(
            f"ensemble {ensemble.name!r}: a gate of {policy.gate.inputs} inputs and {rows} scores",
            needs=f"{inputs} input neurons and {members} members",
            remedy="export the ensemble again",
        )
