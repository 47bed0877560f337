"""Divergences between a teacher's and a student's class distributions.

A Kullback-Leibler divergence is taken over the last axis (the classes) and averaged over all
others, so logits may be [sample, class] or, per step, [step, sample, class].
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, mse_loss


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) of log-probabilities [..., class], one value for each [...]."""
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def soft_divergence(teacher: Tensor, student: Tensor, t_teacher: float, t_student: float) -> Tensor:
    """Mean of KL(softmax(teacher / t_teacher) || softmax(student / t_student)).

    Hinton, Vinyals, Dean (2015, arXiv:1503.02531) with two temperatures (Lee et al. 2021,
    arXiv:2106.07172). The factor that keeps gradients from shrinking with the temperatures,
    ``t_teacher * t_student``, is the caller's.

    Args:
        teacher: logits [..., class], against which the student's are broadcast.
        student: logits [..., class].
    """
    log_p = log_softmax(teacher / t_teacher, -1)
    log_q = log_softmax(student / t_student, -1)
    return divergence(log_p, log_q).mean()


def logit_distance(teacher: Tensor, student: Tensor) -> Tensor:
    """Mean squared difference of logits, the first variant of Louis et al. (arXiv:2406.18350)."""
    return mse_loss(student, teacher.expand_as(student))


def head_of(teacher_probability: Tensor, mass: float) -> Tensor:
    """The likeliest classes that together hold ``mass`` of the probability, bool [..., class].

    They are taken in falling order until the sum reaches ``mass``, the one that reaches it
    included, so the head has at least one class. Equal probabilities are taken in the order of
    the classes.
    """
    order = teacher_probability.argsort(dim=-1, descending=True, stable=True)
    falling = teacher_probability.gather(-1, order)
    before = falling.cumsum(-1) - falling
    return torch.zeros_like(order, dtype=torch.bool).scatter(-1, order, before < mass)


def head_tail_divergence(
    teacher: Tensor, student: Tensor, temperature: float, mass: float
) -> Tensor:
    """Forward KL for the head of the teacher's distribution, reverse KL for its tail, averaged.

    Of each sample, with p of the teacher, q of the student, and the gaps
    ``g_h = sum over the head of |p - q|`` and ``g_t = sum over the tail of |p - q|``::

        g_h / (g_h + g_t) * KL(p || q)  +  g_t / (g_h + g_t) * KL(q || p)

    The head is `head_of`. The weights are numbers, through which no gradient flows. Zhang et al.
    (2025, arXiv:2504.20445), after Wu et al. (2024, arXiv:2404.02657).

    Args:
        teacher: logits [..., class], broadcast against the student's.
        student: logits [..., class].
        mass: of the head, in (0, 1).
    """
    log_p = log_softmax(teacher / temperature, -1).expand_as(student)
    log_q = log_softmax(student / temperature, -1)
    with torch.no_grad():
        gaps = (log_p.exp() - log_q.exp()).abs()
        head = (gaps * head_of(log_p.exp(), mass)).sum(-1)
        total = gaps.sum(-1)
        share = torch.where(total > 0.0, head / total.clamp_min(1e-30), 0.5)
    forward, reverse = divergence(log_p, log_q), divergence(log_q, log_p)
    return (share * forward + (1.0 - share) * reverse).mean()
