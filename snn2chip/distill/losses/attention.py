"""Attention maps: where a layer is active, whatever its channels (Zagoruyko, Komodakis 2017)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d, adaptive_avg_pool2d, normalize

_POOLS = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d}


def attention_map(features: Tensor, places: tuple[int, ...] | None = None) -> Tensor:
    """vec(mean over channels of F^2), of length 1 in the Euclidean norm.

    Values without places, such as those of a Linear layer [sample, unit], have one "channel" and
    a place for each unit.

    Args:
        features: [sample, channel, *place], or [sample, unit]; spikes averaged over the steps.
        places: to which the map is averaged before it is normalized; its own where left out.

    Returns:
        [sample, place]; all 0 where a layer is silent.
    """
    if features.ndim == 2:
        return normalize(features**2, dim=1)
    energy = (features**2).mean(1)
    if places is not None and tuple(energy.shape[1:]) != places:
        pool = _POOLS[len(places)]
        energy = pool(energy[:, None], places if len(places) > 1 else places[0])[:, 0]  # type: ignore[operator, arg-type, unused-ignore]
    return normalize(energy.flatten(1), dim=1)


def attention_distance(teacher: Tensor, student: Tensor) -> Tensor:
    """Squared distance of the attention maps of one layer, averaged over samples; in [0, 2].

    The paper (arXiv:2304.09101) takes the mean over places, which is this divided by their number.

    Where the two have different places, both are averaged to the smaller number along each axis.

    Args:
        teacher: features [sample, channel, *place] or [sample, unit].
        student: likewise, its spikes averaged over the steps.
    """
    places = None
    if teacher.ndim > 2:
        pairs = zip(teacher.shape[2:], student.shape[2:], strict=True)
        places = tuple(min(pair) for pair in pairs)
    difference = attention_map(student, places) - attention_map(teacher, places)
    return (difference**2).sum(1).mean()
