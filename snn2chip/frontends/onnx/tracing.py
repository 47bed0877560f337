"""Numpy expressions into ONNX nodes: a ``Value`` records what is computed with it.

``neurons.step`` and everything else that is written with numpy's operators runs on values as it
runs on arrays, so a neuron model has its equations in one place only. All numbers are float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from snn2chip.graph.operators import Array

DOUBLE = 11
"""ONNX's number of float64."""

_OPERATIONS: dict[Any, str] = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.true_divide: "Div",
    np.negative: "Neg",
    np.maximum: "Max",
    np.minimum: "Min",
    np.floor: "Floor",
    np.exp: "Exp",
    np.greater: "Greater",
    np.greater_equal: "GreaterOrEqual",
    np.less: "Less",
    np.less_equal: "LessOrEqual",
    np.equal: "Equal",
    np.bitwise_and: "And",
    np.logical_and: "And",
    np.bitwise_or: "Or",
    np.logical_or: "Or",
    np.invert: "Not",
    np.logical_not: "Not",
}


@dataclass(frozen=True, eq=False)
class Node:
    """One operation with one result.

    Attributes:
        attributes: ints, tuples of ints, or the array of a ``Constant``.
    """

    operation: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


class Value(NDArrayOperatorsMixin):
    """A tensor of the ONNX graph that is being built, in place of a numpy array."""

    def __init__(self, trace: Trace, name: str) -> None:
        self.trace = trace
        self.name = name

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or ufunc not in _OPERATIONS:
            return NotImplemented
        if ufunc is np.add:
            left, right = inputs
            if type(right) is float and right == 0.0:
                return left
        return self.trace.add(_OPERATIONS[ufunc], *inputs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, options: Any
    ) -> Any:
        if function is np.where and len(args) == 3 and not options:
            return self.trace.add("Where", *args)
        return NotImplemented

    def astype(self, dtype: Any) -> Value:
        """As float64, the only type that is computed with."""
        if dtype is not np.float64:
            raise TypeError(f"an ONNX value as {dtype}")
        return self.trace.add("Cast", self, to=DOUBLE)


class Trace:
    """Collects nodes and initializers; names of tensors differ from each other.

    Attributes:
        nodes: in an order in which they can be computed.
        initializers: name -> array: float32, float64 or int64.
    """

    def __init__(self, taken: Mapping[str, Any]) -> None:
        self.nodes: list[Node] = []
        self.initializers: dict[str, Array] = {}
        self._taken = set(taken)
        self._constants: dict[tuple[Any, ...], Value] = {}
        self._count = 0

    def fresh(self, name: str) -> str:
        """``name``, with as many underscores behind it as no other tensor is called so."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def add(self, operation: str, *inputs: Any, **attributes: Any) -> Value:
        """A new node; numbers and arrays among the inputs become constants."""
        names = tuple(self._value(x).name for x in inputs)
        self._count += 1
        output = self.fresh(f"#{self._count}")
        self.nodes.append(Node(operation, names, output, attributes))
        return Value(self, output)

    def name_as(self, value: Value, name: str) -> None:
        """Gives a value the name of an output, which is taken already."""
        self.nodes.append(Node("Identity", (value.name,), name, {}))

    def initializer(self, name: str, array: Array) -> tuple[str, Value]:
        """Its name, and an array of the file as float64 (int64 stays)."""
        name = self.fresh(name)
        self.initializers[name] = array
        value = Value(self, name)
        return name, self.add("Cast", value, to=DOUBLE) if array.dtype == np.float32 else value

    def integers(self, *values: int) -> Value:
        """A constant int64 [n], as operations take axes and shapes."""
        return self.constant(np.array(values, np.int64))

    def constant(self, array: Array) -> Value:
        """A constant of this dtype; equal ones are one."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.add("Constant", value=array)
        return self._constants[key]

    def reshape(self, value: Value, *shape: int) -> Value:
        """0 keeps the size of an axis, -1 is what is left."""
        return self.add("Reshape", value, self.integers(*shape))

    def live(self, outputs: Mapping[str, Any]) -> tuple[tuple[Node, ...], dict[str, Array]]:
        """Nodes and initializers that the outputs depend on."""
        needed = set(outputs)
        kept = []
        for node in reversed(self.nodes):
            if node.output in needed:
                kept.append(node)
                needed.update(node.inputs)
        found = {name: array for name, array in self.initializers.items() if name in needed}
        return tuple(reversed(kept)), found

    def _value(self, x: Any) -> Value:
        return x if isinstance(x, Value) else self.constant(np.asarray(x, np.float64))
