"""What a student's activity costs, as losses: spike rates, synaptic events, logits."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from snn2chip.distill.layout import step_mean


def rate_penalty(spikes: Mapping[str, Tensor], power: int) -> Tensor:
    """Sum over populations of the mean of ``rate ** power``, a rate being spikes per step.

    The activity regularization of Louis et al. (arXiv:2406.18350). With power 1 this is the mean
    of all spikes; with power 2 it falls on the neurons that fire most.

    Args:
        spikes: population -> [step, sample, *shape].
        power: 1 or 2.
    """
    rates = [(step_mean(values) ** power).mean() for values in spikes.values()]
    return torch.stack(rates).sum()


def logits_penalty(logits: Tensor) -> Tensor:
    """Mean of the squared logits, averaged over samples (Louis et al., "logits regularization")."""
    return (logits**2).mean()


def synaptic_events(spikes: Mapping[str, Tensor], fan_out: Mapping[str, Tensor]) -> Tensor:
    """Synaptic events per sample: of each spike as many as its neuron has outgoing synapses.

    Args:
        spikes: population -> [step, sample, *shape].
        fan_out: population -> synapses of each of its neurons, in all projections [*shape].
    """
    events = [
        (spikes[name].sum(0) * synapses).flatten(1).sum(1).mean()
        for name, synapses in fan_out.items()
    ]
    return torch.stack(events).sum()


def target_distance(events: Tensor, target: float) -> Tensor:
    """((events - target) / target)^2 of Sorbaro et al. (2020, arXiv:1912.01268)."""
    return ((events - target) / target) ** 2
