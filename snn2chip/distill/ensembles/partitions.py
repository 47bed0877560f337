"""Partitions of a teacher's features: which member learns which of them.

Each is a function of what is known of the features on the training samples, and gives parts that
hold every feature once and are never empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError

Floats = NDArray[np.float64]
Parts = tuple[NDArray[np.intp], ...]


@dataclass(frozen=True, eq=False)
class Features:
    """A teacher's features on the training samples.

    Attributes:
        values: [sample, feature].
        weight: of the teacher's classifier, [class, feature].
    """

    values: Floats
    weight: Floats

    @property
    def count(self) -> int:
        return int(self.values.shape[1])

    @property
    def correlation(self) -> Floats:
        """Magnitudes [feature, feature], 0 where a feature never changes, and on the diagonal."""
        centred = self.values - self.values.mean(axis=0)
        spread = centred.std(axis=0)
        centred = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
        found: Floats = np.abs(centred.T @ centred) / len(centred)
        np.fill_diagonal(found, 0.0)
        return found


def partition(name: str, features: Features, members: int, seed: int) -> Parts:
    """Parts of the features, one per member, ascending in each.

    Args:
        name: one of ``PARTITIONS``.

    Raises:
        ConfigError: fewer features than members.
    """
    if features.count < members:
        raise ConfigError(
            f"{members} members of {features.count} features",
            needs="a feature for each",
            remedy="fewer members, or a teacher with a wider last layer",
        )
    owner = PARTITIONS[name](features, members, seed)
    owner = _without_empty(owner, members)
    return tuple(np.flatnonzero(owner == member) for member in range(members))


def random(features: Features, members: int, seed: int) -> NDArray[np.intp]:
    """Equal parts, drawn by the seed."""
    return _dealt(np.random.default_rng(seed).permutation(features.count), members)


def contiguous(features: Features, members: int, seed: int) -> NDArray[np.intp]:
    """Equal parts, in the order in which the teacher has them."""
    return _cut(np.arange(features.count), members)


def correlation(features: Features, members: int, seed: int) -> NDArray[np.intp]:
    """Equal parts of features that go together: the order of the Fiedler vector, cut."""
    return _cut(_fiedler(features.correlation), members)


def anti_correlation(features: Features, members: int, seed: int) -> NDArray[np.intp]:
    """Equal parts of features that do not go together: the same order, dealt in turn."""
    return _dealt(_fiedler(features.correlation), members)


def class_contribution(features: Features, members: int, seed: int) -> NDArray[np.intp]:
    """Feature i to the group of the class with the largest W_ci times its mean in that class's
    score over all samples; classes in equal groups, in their order."""
    found = features.weight * features.values.mean(axis=0)
    classes = found.shape[0]
    group = np.arange(classes) * members // classes
    return np.asarray(group[found.argmax(axis=0)], np.intp)


def co_activation(features: Features, members: int, seed: int) -> NDArray[np.intp]:
    """Communities of features that are active in the same samples.

    By modularity (Newman 2006): the largest community is cut along the leading eigenvector of its
    generalized modularity matrix until there are as many as members.
    """
    active = (features.values > 0).astype(np.float64)
    together = active.T @ active / len(active)
    np.fill_diagonal(together, 0.0)
    degree = together.sum(axis=1)
    modularity = together - np.outer(degree, degree) / max(degree.sum(), 1e-300)
    owner = np.zeros(features.count, np.intp)
    for new in range(1, members):
        largest = int(np.bincount(owner, minlength=new).argmax())
        inside = np.flatnonzero(owner == largest)
        part = modularity[np.ix_(inside, inside)]
        part = part - np.diag(part.sum(axis=1))
        side = _signed(np.linalg.eigh(part)[1][:, -1])
        moved = side > 0
        if moved.all() or not moved.any():
            moved = side > np.median(side)
        if not moved.any():
            moved = np.arange(inside.size) >= inside.size // 2
        owner[inside[moved]] = new
    return owner


PARTITIONS: dict[str, Callable[[Features, int, int], NDArray[np.intp]]] = {
    "random": random,
    "contiguous": contiguous,
    "correlation": correlation,
    "anti_correlation": anti_correlation,
    "class_contribution": class_contribution,
    "co_activation": co_activation,
}
"""Each gives the member of every feature, [feature]."""


def _cut(order: NDArray[np.intp], members: int) -> NDArray[np.intp]:
    """Equal runs of an order."""
    owner = np.empty(order.size, np.intp)
    owner[order] = np.arange(order.size) * members // order.size
    return owner


def _dealt(order: NDArray[np.intp], members: int) -> NDArray[np.intp]:
    """An order dealt to the members in turn."""
    owner = np.empty(order.size, np.intp)
    owner[order] = np.arange(order.size) % members
    return owner


def _fiedler(weights: Floats) -> NDArray[np.intp]:
    """Order by the second eigenvector of the graph's Laplacian: what is tied lies together."""
    laplacian = np.diag(weights.sum(axis=1)) - weights
    vectors = np.linalg.eigh(laplacian)[1]
    second = _signed(vectors[:, min(1, len(weights) - 1)])
    return np.asarray(np.argsort(second.round(12), kind="stable"), np.intp)


def _signed(vector: Floats) -> Floats:
    """The eigenvector whose largest entry is positive: both signs are one answer."""
    largest: Floats = vector * np.sign(vector[np.abs(vector).argmax()] or 1.0)
    return largest


def _without_empty(owner: NDArray[np.intp], members: int) -> NDArray[np.intp]:
    """A member without features takes half of those of the member with most."""
    owner = owner.copy()
    for member in range(members):
        sizes = np.bincount(owner, minlength=members)
        if sizes[member]:
            continue
        mine = np.flatnonzero(owner == sizes.argmax())
        owner[mine[mine.size // 2 :]] = member
    return owner
