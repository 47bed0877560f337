"""What a run of an ensemble gave beside that of its network. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.graph import Ensemble
from snn2chip.pipeline.ensembles.policies import Decision, decide


@dataclass(frozen=True, slots=True)
class EnsemblePoint:
    """What another setting of the policy gives, per inference, from the same run.

    Attributes:
        policy: ``budget``, or that of the ensemble.
        setting: members of a budget, else the threshold.
        members: mean number of active members.
        rounds: mean number of rounds.
        accuracy: None without labels.
        energy_nj: dynamic and static; None where nothing is priced.
        own: the setting that the rest of the report is of.
    """

    policy: str
    setting: float
    members: float
    rounds: float
    accuracy: float | None
    energy_nj: float | None
    dynamic_nj: float | None
    static_nj: float | None
    latency_us: float | None
    own: bool = False


@dataclass(frozen=True, eq=False)
class EnsembleRun:
    """Members' logits, from which policies are tried without simulating again.

    Attributes:
        logits: [member, sample, class] of the program.
        reference: the same of the float networks, or None.
        gate: [sample, member] of a gate, or None: inputs are the same in both.
        decision: the policy's, on the program's logits.
        curve: by budget, then by threshold.
    """

    ensemble: Ensemble
    logits: NDArray[np.float64]
    reference: NDArray[np.float64] | None
    gate: NDArray[np.float64] | None
    decision: Decision
    curve: tuple[EnsemblePoint, ...] = ()

    def of_reference(self) -> EnsembleRun:
        """The run of the float networks by themselves; they must have been run."""
        logits, decision = self.reference, self.reference_decision
        assert logits is not None
        assert decision is not None
        return replace(self, logits=logits, reference=None, decision=decision, curve=())

    @property
    def reference_decision(self) -> Decision | None:
        """What the policy makes of the float networks."""
        if self.reference is None:
            return None
        return decide(self.ensemble, self.reference, self.gate)
