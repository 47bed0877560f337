"""Ensembles of spiking students with dynamic activation (SNE, arXiv 2502.14023).

A teacher's standardised features f are split into parts P_k. Each member sees the whole input and
learns one part, g_k; a head that begins as the teacher's classifier turns all of them into logits::

    L = w_f sum_k mean ||g_k - f_Pk||^2 + w_y CE(head(g~), y)
        + w_t T^2 KL(softmax(z_t / T) || softmax(head(g~) / T))

g~ has the running mean in place of members that the student dropout leaves out: ``nested`` keeps a
random prefix of the members, ``independent`` each of them with the probability ``keep``, and at
least one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from snn2chip.distill.losses.divergence import soft_divergence
from snn2chip.distill.methods.base import Context, Method, Objective, Prepared, Signals, Term
from snn2chip.distill.sequence import readout_scores
from snn2chip.distill.tables import at_least, between, positive, whole
from snn2chip.errors import ConfigError
from snn2chip.graph import Readout
from snn2chip.graph.ensemble import MOST_MEMBERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from snn2chip.distill.recipe import Recipe
    from snn2chip.distill.teachers.base import Teacher

_MOMENTUM = 0.05
"""Of the running mean of the members' features."""


@dataclass(frozen=True, slots=True)
class SpikingEnsemble(Method):
    """Members that learn parts of a teacher's features.

    Attributes:
        members: number of them.
        partition: how features are split, one of ``snn2chip.distill.ensembles.PARTITIONS``.
        teacher_epochs: of fine-tuning a copy of the teacher, in which correlations between parts
            are punished; 0 leaves the teacher as it is.
        decorrelation: weight of these correlations' mean square.
        feature_weight, label_weight, teacher_weight: w_f, w_y and w_t.
        temperature: T.
        dropout: of whole members in training.
        keep: share of the samples for which ``independent`` keeps a member.
        policy: who answers; ``setting`` is the members of a budget, else the threshold. Left out,
            it is tuned on the validation share: the fewest members with which the accuracy is at
            most ``tolerance`` below that of all.
        idle: what members do while others run.
    """

    members: int = 4
    partition: Literal[
        "random",
        "contiguous",
        "correlation",
        "anti_correlation",
        "class_contribution",
        "co_activation",
    ] = "class_contribution"
    teacher_epochs: int = 0
    decorrelation: float = 1.0
    feature_weight: float = 1.0
    label_weight: float = 1.0
    teacher_weight: float = 0.0
    temperature: float = 4.0
    dropout: Literal["nested", "independent", "none"] = "nested"
    keep: float = 0.5
    policy: Literal["budget", "confidence", "margin", "entropy", "gate"] = "confidence"
    setting: float | None = None
    tolerance: float = 0.005
    idle: Literal["clocked", "gated"] = "clocked"

    needs_teacher: ClassVar[bool] = True
    several: ClassVar[bool] = True
    answering: ClassVar[frozenset[str]] = frozenset({"policy", "setting", "tolerance", "idle"})

    def __post_init__(self) -> None:
        whole("members", self.members, 1, MOST_MEMBERS)
        whole("teacher_epochs", self.teacher_epochs, 0, 1_000_000)
        names = "decorrelation", "feature_weight", "label_weight", "teacher_weight", "tolerance"
        for name in names:
            at_least(name, getattr(self, name), 0.0)
        positive("temperature", self.temperature)
        between("keep", self.keep, 0.0, 1.0)
        if self.setting is None:
            return
        if self.policy == "budget":
            if self.setting not in range(1, self.members + 1):
                raise ConfigError(
                    f"setting = {self.setting:g} of the policy budget",
                    needs=f"a whole number from 1 to {self.members}",
                )
        elif self.policy != "gate":
            between("setting", self.setting, 0.0, 1.0 + 1e-12, closed=True)
        elif not math.isfinite(self.setting):
            raise ConfigError(f"setting = {self.setting:g} of the policy gate", needs="a number")

    def prepare(
        self,
        recipe: Recipe,
        x: NDArray[np.floating],
        y: NDArray[np.int64],
        teacher: Teacher | None,
    ) -> Prepared:
        """Members with a head, and the teacher, fine-tuned where that is wanted."""
        from snn2chip.distill.ensembles.preparing import prepare_members

        return prepare_members(self, recipe, x, y, teacher)

    def objective(self, context: Context) -> Objective:
        return _Ensemble(self, context)


class _Ensemble(Objective):
    """Parts, centre and spread of the features lie with the members, which were made for them."""

    def __init__(self, options: SpikingEnsemble, context: Context) -> None:
        from snn2chip.distill.ensembles.members import HEAD, MEMBERS, classifier_of

        super().__init__()
        path, _ = classifier_of(context.teacher)
        self.student_taps, self.teacher_taps = (MEMBERS,), (path,)
        self._options, self._tap, self._path = options, MEMBERS, path
        self._student = (context.student,)  # no module of this one's own
        self._head = (context.student.get_submodule(HEAD),)
        self._readout = Readout(context.recipe.student.readout)
        self._scale = context.recipe.training.logit_scale

    def forward(self, signals: Signals) -> dict[str, Term]:
        options, teacher = self._options, signals.teacher
        assert teacher is not None
        parts = self._student[0].get_submodule(self._tap)
        own = readout_scores(signals.taps[self._tap], self._readout)
        wanted = parts.standardised(teacher.taps[self._path].flatten(1))
        errors = ((own - wanted) ** 2).split(parts.sizes, dim=1)
        feature = torch.stack([error.mean() for error in errors]).sum()
        if parts.training:
            with torch.no_grad():
                parts.mean.lerp_(own.detach().mean(0), _MOMENTUM)
        kept = self._kept(len(own), len(parts.sizes), signals.generator)
        shown = parts.mean + kept.repeat_interleave(torch.tensor(parts.sizes), 1) * (
            own - parts.mean
        )
        logits = self._head[0](shown) * self._scale
        terms = {
            "feature": Term(feature, options.feature_weight),
            "ce": Term(cross_entropy(logits, signals.y), options.label_weight),
        }
        if options.teacher_weight:
            t = options.temperature
            loss = soft_divergence(teacher.logits, logits, t, t)
            terms["kd"] = Term(loss, options.teacher_weight * t * t)
        return terms

    def _kept(self, samples: int, members: int, generator: torch.Generator) -> Tensor:
        """Members that each sample keeps, [sample, member] of 0 and 1."""
        options = self._options
        if options.dropout == "none":
            return torch.ones(samples, members)
        if options.dropout == "nested":
            number = torch.randint(1, members + 1, (samples, 1), generator=generator)
            return (torch.arange(members) < number).float()
        kept = torch.rand(samples, members, generator=generator) < options.keep
        sure = torch.randint(members, (samples,), generator=generator)
        kept[torch.arange(samples), sure] |= ~kept.any(dim=1)
        return kept.float()
