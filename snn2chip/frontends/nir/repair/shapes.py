"""Shapes that do not fit, repaired while they are followed from the Inputs through the network.

A node whose input does not fit it is changed where one reading fits:

1. ``batch``: the input is the node's own shape behind axes of 1 that begin in an Input. They are a
   batch dimension and go.
2. ``transposed``: a weight [in, out] whose input, bias and next neurons all fit only the other
   way round. In such a file a square weight could be either, which is refused.
3. ``flatten``: a matrix takes the whole flattened image, and the Flatten before it left axes,
   since its dimensions counted the batch.
4. ``single``: neuron parameters, Scale or Delay of one value for all elements.
5. ``leading``: parameters of the input's shape behind axes of 1, a batch dimension of their own.
6. ``port``: an Output, or a port of a nested graph, that states another shape of the same size.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from math import prod

import numpy as np

from snn2chip.errors import InputFileError, UnsupportedError
from snn2chip.frontends.nir.lowering.cells import NEURON_KINDS
from snn2chip.frontends.nir.lowering.layers import layer
from snn2chip.frontends.nir.lowering.nested import FlatGraph, flatten
from snn2chip.frontends.nir.lowering.params import Params
from snn2chip.frontends.nir.lowering.paths import check_kinds
from snn2chip.frontends.nir.nodes import NirGraph, NirNode, Param
from snn2chip.frontends.nir.repair.types import Repair, with_params
from snn2chip.graph.operators import Array, Shape

_REFUSED = (InputFileError, UnsupportedError)
_MATRICES = ("Affine", "Linear")
_ELEMENTWISE = {"Scale": "scale", "Delay": "delay", "Threshold": "threshold"}
_PORTS = ("Output", "Pass")


def repair_shapes(graph: NirGraph, file: str) -> tuple[NirGraph, list[Repair]]:
    """The graph with shapes that fit, as far as there is one reading.

    Raises:
        InputFileError: the edges are not in order, or a square weight could be transposed.
        UnsupportedError: primitives that no population or operator stands for.
    """
    flat = flatten(graph, file)
    check_kinds(flat, file)
    fitter = _Fitter(flat, file)
    for _ in range(2 * len(fitter.nodes) + 2):
        if not fitter.run():
            break
    fitter.refuse_squares()
    changed = {name: node.params for name, node in fitter.nodes.items() if name in fitter.changed}
    return with_params(graph, changed), fitter.repairs


class _Fitter:
    """Follows shapes and repairs nodes; ``run`` says whether an earlier node was changed."""

    def __init__(self, flat: FlatGraph, file: str) -> None:
        self.file = file
        self.nodes: dict[str, NirNode] = dict(flat.nodes)
        self.sources = flat.sources()
        self.targets: dict[str, list[str]] = {name: [] for name in flat.nodes}
        for source, target in flat.edges:
            self.targets[source].append(target)
        self.repairs: list[Repair] = []
        self.changed: set[str] = set()
        self.shapes: dict[str, Shape] = {}
        self._transposed = False
        self._again = False

    def run(self) -> bool:
        """One way through the network; True if it must be followed again."""
        self._again = False
        self.shapes = {}
        front: deque[str] = deque()
        for name, node in self.nodes.items():
            shape = self._own_shape(node)
            if shape is not None:
                self.shapes[name] = shape
                front.extend(self.targets[name])
        visited: set[str] = set()
        while front:
            name = front.popleft()
            if name in visited or self.nodes[name].kind == "Input":
                continue
            visited.add(name)
            source = next(s for s in self.sources[name] if s in self.shapes)
            self._visit(name, self.shapes[source])
            if self._again:
                return True
            if name in self.shapes:
                front.extend(self.targets[name])
        return False

    def refuse_squares(self) -> None:
        """Where weights are stored as [in, out], a square one says nothing by its shape."""
        for node in self.nodes.values() if self._transposed else ():
            shape = np.shape(node.params.get("weight", 0))
            if node.kind in _MATRICES and len(shape) == 2 and shape[0] == shape[1] > 1:
                raise Params(node, self.file).refuse(
                    "its square weight may be stored as [in, out], as others of the file are",
                    needs="weights [out, in]",
                    remedy="transpose the weights where they were exported",
                )

    def _own_shape(self, node: NirNode) -> Shape | None:
        """The shape that a node's parameters fix by themselves."""
        try:
            if node.kind == "Input":
                return Params(node, self.file).shape("shape")
            shape = np.shape(node.params.get("r", 0))
            if node.kind in NEURON_KINDS and prod(shape) > 1:
                return shape  # one value may stand for any number of neurons
        except _REFUSED:
            pass
        return None

    def _visit(self, name: str, source: Shape) -> None:
        node = self.nodes[name]
        try:
            if node.kind in NEURON_KINDS:
                self._neuron(name, node, source)
            elif node.kind in _PORTS:
                self._port(name, node, source)
                self.shapes[name] = source
            elif node.kind in _ELEMENTWISE:
                self._elementwise(name, node, source)
                self.shapes[name] = source
            else:
                if node.kind in _MATRICES:
                    self._matrix(name, node, source)
                elif node.kind == "Flatten":
                    self._flatten(name, node, source)
                elif len(source) > 1 and source[0] == 1:
                    self._image(name, node, source)
                if not self._again:
                    found = layer(self.nodes[name], source, self.file)
                    self.shapes[name] = found.target_shape
        except _REFUSED:
            pass  # lowering says what is wrong with it

    def _change(self, name: str, cause: str, change: str, **params: Param) -> None:
        self.nodes[name] = replace(self.nodes[name], params={**self.nodes[name].params, **params})
        self.changed.add(name)
        self.repairs.append(Repair(name, cause, change))

    def _unbatch(self, name: str, takes: Shape) -> bool:
        """Drops the first axis of the Inputs that lead to a node, if it is 1 in all of them."""
        found, front, seen = [], [name], {name}
        while front:
            for source in self.sources[front.pop()]:
                if source not in seen:
                    seen.add(source)
                    front.append(source)
                    if self.nodes[source].kind == "Input":
                        found.append(source)
        shapes = {n: self.shapes[n] for n in found if n in self.shapes}
        batched = {n: s for n, s in shapes.items() if len(s) > 1 and s[0] == 1}
        for source, shape in batched.items():
            self._change(
                source,
                f"its shape {list(shape)} begins with a batch dimension: node {name!r} takes "
                f"{list(takes)}",
                f"its shape is {list(shape[1:])}",
                shape=np.array(shape[1:], np.int64),
            )
        self._again = bool(batched)
        return self._again

    def _matrix(self, name: str, node: NirNode, source: Shape) -> None:
        weight = Params(node, self.file).weights("weight")
        if weight.ndim != 2 or source == (weight.shape[1],):
            return
        rows, columns = weight.shape
        if source == (rows,) and self._fits_transposed(name, node, columns):
            self._transposed = True
            self._change(
                name,
                f"its weight {[rows, columns]} is stored as [in, out]: its input has {rows} "
                "elements",
                f"it is transposed to {[columns, rows]}",
                weight=np.ascontiguousarray(weight.T),
            )
        elif prod(source) == columns and not self._flatten_before(name, source):
            self._axes_of_one(name, (columns,), source)
        elif prod(source) == rows and self._fits_transposed(name, node, columns):
            self._axes_of_one(name, (rows,), source)  # and transposed when it comes again

    def _fits_transposed(self, name: str, node: NirNode, size: int) -> bool:
        """Whether bias and next nodes take ``size`` elements, as far as they say."""
        bias = np.asarray(node.params.get("bias", 0))
        if node.kind == "Affine" and bias.shape != (size,):
            return False
        for target in self.targets[name]:
            own = self._own_shape(self.nodes[target])
            if own is not None and prod(own) != size:
                return False
        return True

    def _flatten_before(self, name: str, source: Shape) -> bool:
        """Lets the Flattens that feed a matrix flatten all of their input."""
        before = [s for s in self.sources[name] if self.nodes[s].kind == "Flatten"]
        for flat in before:
            start = Params(self.nodes[flat], self.file).integer("start_dim", 1)
            end = Params(self.nodes[flat], self.file).integer("end_dim", -1)
            if (start, end) == (0, -1):
                continue
            self._again = True
            self._change(
                flat,
                f"its start_dim {start} and end_dim {end} leave the shape {list(source)}, and node "
                f"{name!r} takes {prod(source)} elements: they count a batch dimension",
                "it flattens all axes",
                start_dim=0,
                end_dim=-1,
            )
        return self._again

    def _flatten(self, name: str, node: NirNode, source: Shape) -> None:
        """Dimensions beyond the input count a batch dimension that the input has not."""
        params = Params(node, self.file)
        start, end = params.integer("start_dim", 1), params.integer("end_dim", -1)
        if max(start, end) == len(source) and start >= 1:
            shifted = (start - 1, end - 1 if end > 0 else end)
            self._change(
                name,
                f"its start_dim {start} and end_dim {end} count a batch dimension: its input is "
                f"{list(source)}",
                f"they are {shifted[0]} and {shifted[1]}",
                start_dim=shifted[0],
                end_dim=shifted[1],
            )

    def _image(self, name: str, node: NirNode, source: Shape) -> None:
        """A convolution or pool whose input is an image behind axes of 1."""
        axes = 1 if node.kind == "Conv1d" else 2
        if len(source) > axes + 1 and set(source[: len(source) - axes - 1]) == {1}:
            self._unbatch(name, source[len(source) - axes - 1 :])

    def _neuron(self, name: str, node: NirNode, source: Shape) -> None:
        arrays = {k: np.asarray(v) for k, v in node.params.items() if not isinstance(v, str)}
        shapes = {array.shape for array in arrays.values() if array.size > 1}
        if len(shapes) > 1 or any(array.size == 0 for array in arrays.values()):
            return
        shape = shapes.pop() if shapes else source
        moved = shape != source and prod(shape) == prod(source)
        if moved and (self._flatten_before(name, source) or self._axes_of_one(name, shape, source)):
            return
        single = {key: array for key, array in arrays.items() if array.shape != shape}
        if single:
            self._spread(name, single, shape)
        self.shapes[name] = shape

    def _axes_of_one(self, name: str, shape: Shape, source: Shape) -> bool:
        """Whether parameters and input differ by a batch dimension on one side, now repaired."""
        if _without_ones(shape) != _without_ones(source) or prod(shape) != prod(source):
            return False
        if len(source) > len(shape):
            return self._unbatch(name, shape)
        if len(shape) > len(source):
            arrays = self.nodes[name].params
            moved = {
                key: np.asarray(value).reshape(source)
                for key, value in arrays.items()
                if not isinstance(value, str) and np.shape(value) == shape
            }
            self._change(
                name,
                f"its parameters have shape {list(shape)}, its input {list(source)}: they begin "
                "with a batch dimension",
                f"their shape is {list(source)}",
                **moved,
            )
            self._again = True
            return True
        return False

    def _elementwise(self, name: str, node: NirNode, source: Shape) -> None:
        key = _ELEMENTWISE[node.kind]
        value = Params(node, self.file).array(key)
        if value.shape == source:
            return
        if value.size == 1:
            self._spread(name, {key: value}, source)
        else:
            self._axes_of_one(name, value.shape, source)

    def _spread(self, name: str, single: dict[str, Array], shape: Shape) -> None:
        words = ", ".join(sorted(single))
        self._change(
            name,
            f"{words}: one value for all elements",
            f"it is repeated for the shape {list(shape)}",
            **{key: np.broadcast_to(value.reshape(()), shape) for key, value in single.items()},
        )

    def _port(self, name: str, node: NirNode, source: Shape) -> None:
        stated: Shape | None = None
        if "shape" in node.params:
            stated = Params(node, self.file).integers("shape", 1)
        if stated == source or (stated is not None and prod(stated) != prod(source)):
            return
        cause = "it states no shape" if stated is None else f"it states the shape {list(stated)}"
        self._change(
            name,
            cause,
            f"its shape is {list(source)}, that of what feeds it",
            shape=np.array(source, np.int64),
        )


def _without_ones(shape: Shape) -> Shape:
    """The shape without its first axes of 1."""
    first = next((k for k, n in enumerate(shape) if n > 1), len(shape))
    return shape[first:]
