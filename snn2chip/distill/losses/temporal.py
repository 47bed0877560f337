"""Losses that judge a student at every step, not by its mean over all steps alone."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax


def step_cross_entropy(logits: Tensor, y: Tensor, temperature: float = 1.0) -> Tensor:
    """Cross-entropy at every step, averaged over steps and samples.

    Args:
        logits: [step, sample, class].
        y: classes [sample].
    """
    steps = logits.shape[0]
    return cross_entropy(logits.flatten(0, 1) / temperature, y.repeat(steps))


def step_entropy(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Entropy of the class distribution at every step, averaged, in nats.

    Its negative is the regularization of "temporal separation with entropy regularization" (CVPR
    2025): it keeps single steps from being sure of a class too early.

    Args:
        logits: [step, sample, class].
    """
    log_q = log_softmax(logits / temperature, -1)
    return -(log_q.exp() * log_q).sum(-1).mean()
