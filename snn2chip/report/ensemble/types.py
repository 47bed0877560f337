"""What the report says of an ensemble. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass

from snn2chip.pipeline import EnsemblePoint


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member, in the order in which they run.

    Attributes:
        neurons, synapses: inputs left out.
        cores: distinct ones.
        active: share of the samples for which it runs.
        accuracy: of the member alone, None without labels.
    """

    name: str
    neurons: int
    synapses: int
    cores: int
    active: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class EnsembleInfo:
    """An ensemble and who answered.

    Attributes:
        policy: its kind; ``setting`` is the members of a budget, else the threshold.
        idle: ``clocked`` or ``gated``.
        active_members, rounds: means over the samples.
        active: index k: share of the samples with k + 1 active members.
        curve: by budget, then by threshold.
    """

    policy: str
    setting: float
    idle: str
    active_members: float
    rounds: float
    members: tuple[MemberRow, ...]
    active: tuple[float, ...]
    curve: tuple[EnsemblePoint, ...]
