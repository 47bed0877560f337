"""The linear operators of projections: dense, convolution, identity. Types only.

An operator maps an array [..., *source_shape] to [..., *target_shape]. Weights are floats in a
Graph and integers in a Program; the structure is the same. A Graph's weights are float32 where its
file holds float32, which halves their memory: their values are exact as float64, and whatever
computes with them does so in float64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Dense:
    """y = W x over flattened shapes (C order).

    Attributes:
        weight: [target size, source size].
    """

    weight: Array
    source_shape: Shape
    target_shape: Shape

    def __post_init__(self) -> None:
        if self.weight.shape != (prod(self.target_shape), prod(self.source_shape)):
            raise ValueError(
                f"dense weight {self.weight.shape} does not map {self.source_shape} "
                f"to {self.target_shape}"
            )


@dataclass(frozen=True, eq=False)
class Conv:
    """Cross-correlation over any number of spatial axes, channels first, zero padding.

    Attributes:
        weight: [target channels, source channels / groups, *kernel].
        source_shape: (source channels, *spatial).
        stride, dilation: per spatial axis.
        padding: (before, after) per spatial axis.
    """

    weight: Array
    source_shape: Shape
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def __post_init__(self) -> None:
        axes = len(self.source_shape) - 1
        if self.weight.ndim != axes + 2 or any(
            len(option) != axes for option in (self.stride, self.padding, self.dilation)
        ):
            raise ValueError(f"convolution options do not have {axes} spatial axes")
        if self.weight.shape[1] * self.groups != self.source_shape[0]:
            raise ValueError(
                f"convolution weight {self.weight.shape} with {self.groups} groups does not take "
                f"{self.source_shape[0]} channels"
            )
        if self.weight.shape[0] % self.groups:
            raise ValueError(f"{self.weight.shape[0]} channels are no multiple of the groups")
        if min(self.target_shape) < 1:
            raise ValueError(f"the kernel is larger than the padded input {self.source_shape}")

    @cached_property
    def target_shape(self) -> Shape:
        """(target channels, *spatial)."""
        spatial = (
            (size + before + after - dilation * (kernel - 1) - 1) // stride + 1
            for size, (before, after), dilation, kernel, stride in zip(
                self.source_shape[1:],
                self.padding,
                self.dilation,
                self.weight.shape[2:],
                self.stride,
                strict=True,
            )
        )
        return (self.weight.shape[0], *spatial)


@dataclass(frozen=True, eq=False)
class Identity:
    """y = scale * x, element by element; the shapes may differ but not the size.

    Attributes:
        scale: [*source_shape].
    """

    scale: Array
    source_shape: Shape
    target_shape: Shape

    def __post_init__(self) -> None:
        if prod(self.source_shape) != prod(self.target_shape):
            raise ValueError(f"identity from {self.source_shape} to {self.target_shape}")
        if self.scale.shape != self.source_shape:
            raise ValueError(f"scale {self.scale.shape} is not {self.source_shape}")


@dataclass(frozen=True, eq=False)
class Sparse:
    """Single synapses, listed by source neuron, over flattened shapes (C order).

    Source i has the synapses ``first[i]`` to ``first[i + 1]`` (exclusive).

    Attributes:
        weight: [synapse].
        targets: int [synapse], the target neuron of each; ascending within a source, each once.
        first: int64 [source size + 1], ascending from 0 to the number of synapses.
    """

    weight: Array
    targets: Array
    first: Array
    source_shape: Shape
    target_shape: Shape

    def __post_init__(self) -> None:
        if self.first.shape != (prod(self.source_shape) + 1,) or self.first[0] != 0:
            raise ValueError(f"offsets {self.first.shape} of sources {self.source_shape}")
        if not self.weight.shape == self.targets.shape == (int(self.first[-1]),):
            raise ValueError(
                f"{self.weight.shape} weights, {self.targets.shape} targets, "
                f"{int(self.first[-1])} synapses"
            )
        if (np.diff(self.first) < 0).any():
            raise ValueError("offsets of synapses that descend")
        if self.targets.size and not 0 <= self.targets.min() <= self.targets.max() < prod(
            self.target_shape
        ):
            raise ValueError(f"synapses to neurons that are not in {self.target_shape}")
        inside = np.ones(self.targets.size, bool)
        inside[self.first[:-1][self.first[:-1] < self.targets.size]] = False
        if (np.diff(self.targets.astype(np.int64)) <= 0)[inside[1:]].any():
            raise ValueError("synapses of a source that do not ascend, or stand twice")

    @cached_property
    def sources(self) -> NDArray[np.int64]:
        """Source neuron of each synapse, int64 [synapse]."""
        return np.arange(self.first.size - 1).repeat(np.diff(self.first))


Operator: TypeAlias = Dense | Conv | Identity | Sparse


def identity(shape: Shape, target_shape: Shape | None = None) -> Identity:
    """The identity with scale 1."""
    return Identity(np.ones(shape), shape, shape if target_shape is None else target_shape)


def weights_of(operator: Operator) -> Array:
    """The array of weights that an operator holds."""
    return operator.scale if isinstance(operator, Identity) else operator.weight


def widened(weights: Array) -> Array:
    """Weights to compute with: float32 as float64, anything else as it is."""
    return weights.astype(np.float64) if weights.dtype == np.float32 else weights


def with_weights(operator: Operator, weights: Array) -> Operator:
    """The same operator with other weights of the same shape."""
    match operator:
        case Identity():
            return Identity(weights, operator.source_shape, operator.target_shape)
        case Dense():
            return Dense(weights, operator.source_shape, operator.target_shape)
        case Sparse():
            return replace(operator, weight=weights)
        case Conv():
            return Conv(
                weights,
                operator.source_shape,
                operator.stride,
                operator.padding,
                operator.dilation,
                operator.groups,
            )
