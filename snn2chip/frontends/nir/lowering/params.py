"""Typed access to the parameters of one NIR node; every refusal names file, node and cause."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import InputFileError
from snn2chip.frontends.nir.nodes import NirNode
from snn2chip.graph.operators import Array, Shape

SIZE_LIMIT = 2**27
"""Most elements of one layer's image, padding included: 1 GiB of float64."""

SMALLEST, LARGEST = 1e-60, 1e60
"""Magnitudes beside zero, so that products and quotients of a few parameters stay finite; float32
lies within, its subnormal numbers too."""

_LISTED = 32
"""Most numbers of a shape, stride or padding; more are not even printed."""

_PART = 2**15
"""Values that are checked at a time: their masks stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Params:
    """Reads one node.

    Attributes:
        file: name of the network's file, for messages.
    """

    node: NirNode
    file: str

    @property
    def where(self) -> str:
        return f"{self.file}: node {self.node.name!r} ({self.node.kind})"

    def refuse(
        self, what: str, *, needs: str = "", has: str = "", remedy: str = ""
    ) -> InputFileError:
        """The error that says what is wrong with this node."""
        return InputFileError(f"{self.where}: {what}", needs=needs, has=has, remedy=remedy)

    def has(self, key: str) -> bool:
        return key in self.node.params

    def array(self, key: str) -> Array:
        """A parameter as finite float64 numbers.

        Raises:
            InputFileError: missing, no numbers, NaN, infinite, or of a magnitude beyond use.
        """
        with np.errstate(invalid="ignore"):  # signalling NaNs; refused already
            return np.asarray(self.weights(key), np.float64)

    def weights(self, key: str) -> Array:
        """As ``array``, but float32 stays as it is and nothing is copied."""
        if key not in self.node.params:
            raise self.refuse(
                f"{key} is missing", has="parameters " + ", ".join(sorted(self.node.params))
            )
        value = self.node.params[key]
        if isinstance(value, str):
            raise self.refuse(f"{key} is the word {value!r}", needs="numbers")
        array = np.asarray(value)
        if array.dtype.kind in "iub":
            return array.astype(np.float64)
        if array.dtype not in (np.float32, np.float64):
            with np.errstate(invalid="ignore"):
                array = array.astype(np.float64)
        self._check_finite(key, array)
        if not isinstance(value, np.ndarray) or value.dtype.itemsize == 8:
            self._check_magnitudes(key, array)
        return array

    def _check_finite(self, key: str, array: Array) -> None:
        with np.errstate(invalid="ignore"):
            if not array.size or (np.isfinite(array.min()) and np.isfinite(array.max())):
                return  # a NaN would be both
        bad = ~np.isfinite(array)
        index = tuple(int(k) for k in np.argwhere(bad)[0])
        raise self.refuse(
            f"{key} holds {int(bad.sum())} values that are not finite",
            needs="finite numbers",
            has=f"{array[index]} at {list(index)}",
            remedy="export the network again from a checkpoint whose training did not diverge",
        )

    def _check_magnitudes(self, key: str, array: Array) -> None:
        """Part by part, since the masks of a large matrix take more memory than the matrix."""
        flat = array.reshape(-1)
        parts = (flat[k : k + _PART] for k in range(0, flat.size, _PART))
        if not any(_beyond_use(part).any() for part in parts):
            return
        bad = _beyond_use(array)
        index = tuple(int(k) for k in np.argwhere(bad)[0])
        raise self.refuse(
            f"{key} is {array[index]} at {list(index)}",
            needs=f"0, or a magnitude from {SMALLEST:g} to {LARGEST:g}",
            has=f"{int(bad.sum())} of {array.size} beyond it",
            remedy="choose other units, or set what is negligible to 0",
        )

    def integers(self, key: str, least: int) -> tuple[int, ...]:
        """A parameter as whole numbers of at least ``least``; a scalar gives one."""
        array = self.array(key)
        if array.size > _LISTED:
            raise self.refuse(f"{key} is {_listed(array)}", needs=f"at most {_LISTED} numbers")
        if array.ndim > 1 or (array != np.round(array)).any() or (array < least).any():
            raise self.refuse(f"{key} is {_listed(array)}", needs=f"whole numbers from {least} up")
        if (array > SIZE_LIMIT).any():
            raise self.refuse(f"{key} is {_listed(array)}", needs=f"at most {SIZE_LIMIT}")
        return tuple(int(value) for value in array.reshape(-1))

    def axes(self, key: str, axes: int, least: int) -> tuple[int, ...]:
        """One whole number per spatial axis; a single one stands for all."""
        values = self.integers(key, least)
        if len(values) == 1:
            return values * axes
        if len(values) != axes:
            raise self.refuse(f"{key} has {len(values)} entries", needs=f"one per axis ({axes})")
        return values

    def integer(self, key: str, default: int) -> int:
        """One whole number, which may be negative."""
        if key not in self.node.params:
            return default
        array = self.array(key)
        if array.size != 1 or abs(float(array.reshape(-1)[0])) > SIZE_LIMIT:
            raise self.refuse(f"{key} is {_listed(array)}", needs="one whole number")
        return int(array.reshape(-1)[0])

    def shape(self, key: str) -> Shape:
        """A shape of at least one axis."""
        shape = self.integers(key, 1)
        if not shape:
            raise self.refuse(f"{key} is empty", needs="at least one axis")
        self.check_size(shape)
        return shape

    def check_size(self, shape: Shape) -> None:
        """Refuses images beyond ``SIZE_LIMIT``."""
        if prod(shape) > SIZE_LIMIT:
            raise self.refuse(
                f"an image of shape {list(shape)}", needs=f"at most {SIZE_LIMIT} elements"
            )

    def mismatch(self, source: Shape, expected: Shape, hint: str = "") -> InputFileError:
        """The error for an input of another shape than the node takes."""
        remedy = hint
        if source and source[0] == 1 and source[1:] == expected:
            remedy = "the Input states a batch dimension: write its shape without it"
        elif prod(source) == prod(expected) and len(expected) == 1:
            remedy = (
                f"flatten it before the node (in NIR a Flatten with start_dim = 0, in PyTorch "
                f"nn.Flatten()), or state and feed an input of shape {list(expected)}"
            )
        return self.refuse(
            "its input does not fit",
            needs=f"an input of shape {list(expected)}",
            has=f"an input of shape {list(source)}",
            remedy=remedy or "check the shapes of the layers before the node",
        )


def _beyond_use(array: Array) -> NDArray[np.bool_]:
    magnitude = np.abs(array)
    found: NDArray[np.bool_] = (magnitude > LARGEST) | ((magnitude < SMALLEST) & (magnitude != 0.0))
    return found


def _listed(array: Array) -> str:
    """The numbers of a small array, else its shape."""
    return str(array.tolist()) if array.size <= _LISTED else f"an array of {list(array.shape)}"
