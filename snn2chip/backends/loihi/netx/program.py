"""The layers of a ``.net`` file as a Program that computes what Lava does with netx.

Every population starts at step 1 and every synapse takes one step; an image is (C, H, W). Without
an input layer, and where the input layer has neurons, the data go to a population ``input``; the
latter's neurons take them as biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.arithmetic import DRIVEN, LoihiArithmetic
from snn2chip.backends.loihi.netx import neurons
from snn2chip.backends.loihi.netx.delays import synapse_delay
from snn2chip.backends.loihi.netx.refuse import refuse_unsupported
from snn2chip.backends.loihi.netx.storage import EXPORT_AGAIN, NetLayer, read_layers
from snn2chip.backends.loihi.netx.weights import fit
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.errors import InputFileError, combine
from snn2chip.graph import Conv, Delay, Dense, Encoding, Identity, Readout
from snn2chip.graph.operators import Operator, Shape

INPUT = "input"

_WEIGHT_BITS = 8
_MOST_NEURONS = 2**22
"""Of one layer: a small file could declare any number."""

_TRANSFORM = {"weight": 64, "bias": 0}
"""What netx takes where an input layer says nothing."""


def read_net(path: Path) -> Program:
    """The network in a ``.net`` file.

    Raises:
        InputFileError: damaged, hostile or inconsistent.
        UnsupportedError: layers that cannot be computed, all at once.
    """
    layers = read_layers(path)
    refuse_unsupported(layers)
    return build_program(layers, path.stem)


def build_program(layers: Sequence[NetLayer], name: str) -> Program:
    """The program of layers that are all of a known kind.

    Raises:
        InputFileError: layers that do not fit each other, all at once.
    """
    builder = _Builder()
    errors: list[InputFileError] = []
    for layer in layers:
        try:
            builder.add(layer)
        except InputFileError as error:
            errors.append(error)
    if errors:
        raise combine(errors)
    if not builder.projections or builder.last is None:
        raise InputFileError(
            f"network {name!r}: no layer with synapses", needs="a dense, dense_rec or conv layer"
        )
    return Program(
        name=name,
        arithmetic=LoihiArithmetic.name,
        populations=tuple(builder.populations),
        projections=tuple(builder.projections),
        outputs=(builder.last.name,),
        readout=Readout("spike_count"),
        encoding=Encoding("direct" if builder.driven else "none"),
        notes=(
            "integers of the file, fitted as lava-dl 0.6.0's netx does; every population runs "
            "from step 1",
            *builder.notes,
        ),
        readout_groups=builder.groups,
    )


@dataclass
class _Builder:
    """The program so far.

    Attributes:
        last: the population that the next layer reads.
        flat: a flatten layer came since.
        driven: the input layer has neurons.
        groups: neurons of the last population are summed to that many scores.
    """

    populations: list[ProgramPopulation] = field(default_factory=list)
    projections: list[ProgramProjection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: ProgramPopulation | None = None
    flat: bool = False
    driven: bool = False
    groups: int | None = None

    def add(self, layer: NetLayer) -> None:
        """Appends one layer."""
        match layer.kind:
            case "input":
                self._input(layer)
            case "conv":
                self._conv(layer)
            case "flatten":
                self.flat = True
            case "average":
                self._average(layer)
            case _:
                self._dense(layer)

    def _populate(self, layer: NetLayer, shape: Shape, model: str = "cuba") -> ProgramPopulation:
        """The neurons of a layer, which become those that the next layer reads."""
        # First, so that the next layer's problems are its own.
        self.last = ProgramPopulation(layer.name, model, "CubaLIF", shape)
        self.flat = False
        parameters = neurons.parameters(layer, shape)
        self.last = ProgramPopulation(layer.name, model, "CubaLIF", shape, parameters)
        self.populations.append(self.last)
        self.notes.extend(neurons.notes(layer, parameters))
        return self.last

    def _connect(
        self, source: str, target: str, operator: Operator, delay: Delay, exponent: int, bits: int
    ) -> None:
        self.projections.append(
            ProgramProjection(
                source,
                target,
                operator,
                delay,
                {"exponent": np.array(exponent)},
                min(max(bits, 1), _WEIGHT_BITS),
            )
        )

    def _source(self, layer: NetLayer, shape: Shape) -> ProgramPopulation:
        """What the layer reads; spikes of this shape where the file has no input layer."""
        if self.last is None:
            self.last = ProgramPopulation(INPUT, "input", "input", shape)
            self.populations.append(self.last)
        return self.last

    def _input(self, layer: NetLayer) -> None:
        if self.last is not None:
            raise InputFileError(
                f"{layer.name}: an input behind other layers",
                needs="the input as the first layer",
                remedy=EXPORT_AGAIN,
            )
        shape = _shape(layer)
        if layer.neuron is None:
            self.last = ProgramPopulation(layer.name, "input", "input", shape)
            self.populations.append(self.last)
            return
        self.driven = True
        self.populations.append(ProgramPopulation(INPUT, "input", "input", shape))
        self._populate(layer, shape, DRIVEN)
        one = Identity(np.ones(shape, np.int64), shape, shape)
        self.projections.append(
            ProgramProjection(
                INPUT,
                layer.name,
                one,
                parameters={"exponent": np.array(0), "graded": np.array(1)},
                weight_bits=_WEIGHT_BITS,
            )
        )
        weight, bias = (_transform(layer, key) for key in ("weight", "bias"))
        self.notes.append(
            f"{layer.name}: the data are its biases; a value x of lava-dl's is "
            f"int({weight} * x + {bias})"
        )
        self.notes.append(f"{layer.name}: one packet per bias that changes (modelled)")

    def _dense(self, layer: NetLayer) -> None:
        targets = prod(_shape(layer))
        names = ("weight", "weight_rec") if layer.kind == "dense_rec" else ("weight",)
        parts = tuple(self._matrix(layer, name, targets) for name in names)
        sources = parts[0].shape[1]
        source = self._source(layer, (sources,))
        target_shape = (targets,)
        problem = self._misfit(layer, source, sources, parts)
        fitted = fit(parts)
        delay, note = synapse_delay(layer, source.shape, target_shape)
        target = self._populate(layer, target_shape)
        if problem is not None:
            raise problem
        self.notes.extend([note] if note else [])
        operators = [
            Dense(weights, shape, target_shape)
            for weights, shape in zip(fitted.parts, (source.shape, target_shape), strict=False)
        ]
        delays = (delay, Delay(np.array(1)))
        for operator, start, late in zip(operators, (source, target), delays, strict=False):
            self._connect(start.name, target.name, operator, late, fitted.exponent, fitted.bits)
        if fitted.changed:
            self.notes.append(
                f"{layer.name}: {fitted.changed} weights are not what the file says after netx's "
                "fit and Lava's clipping"
            )
        if fitted.bits > _WEIGHT_BITS:
            self.notes.append(
                f"{layer.name}: weights of {fitted.bits} bits, as on Lava's CPU; no chip has them"
            )
        if not any(part.any() for part in parts):
            self.notes.append(f"{layer.name}: all weights are 0, which netx itself cannot load")

    def _matrix(self, layer: NetLayer, name: str, targets: int) -> NDArray[np.int64]:
        """Weights [target, source]; a flat array is cut into rows, as netx does."""
        given = _array(layer, name)
        values = neurons.whole(layer, name, given)
        if (values != given).any():
            self.notes.append(f"{layer.name}: {name} holds fractions, which are cut")
        trailing = values.shape[2:]
        if values.ndim == 1 and targets and values.size and values.size % targets == 0:
            return values.reshape(targets, -1)
        if values.ndim < 2 or prod(trailing) != 1 or values.shape[0] != targets or not values.size:
            raise InputFileError(
                f"{layer.name}: {name} has shape {values.shape}",
                needs=f"({targets}, inputs), since the layer has {targets} neurons",
                remedy=EXPORT_AGAIN,
            )
        return values.reshape(values.shape[:2])

    def _misfit(
        self,
        layer: NetLayer,
        source: ProgramPopulation,
        sources: int,
        parts: tuple[NDArray[np.int64], ...],
    ) -> InputFileError | None:
        """Why a dense layer cannot read its source, or itself."""
        if source.size != sources:
            return InputFileError(
                f"{layer.name}: weights for {sources} inputs",
                has=f"{source.name} with {source.size} neurons, {list(source.shape)}",
                remedy=EXPORT_AGAIN,
            )
        if len(source.shape) > 1 and not self.flat:
            return InputFileError(
                f"{layer.name}: reads the image {list(source.shape)} of {source.name}",
                needs="a flatten layer in between",
                remedy=EXPORT_AGAIN,
            )
        if any(part.shape != (parts[0].shape[0],) * 2 for part in parts[1:]):
            return InputFileError(
                f"{layer.name}: weight_rec has shape {parts[1].shape}",
                needs=f"{(parts[0].shape[0],) * 2}",
                remedy=EXPORT_AGAIN,
            )
        return None

    def _conv(self, layer: NetLayer) -> None:
        shape, source = _shape(layer), self.last
        try:
            if source is None:
                raise InputFileError(
                    f"{layer.name}: a convolution without an input layer",
                    needs="an input layer that says how large the image is",
                    remedy=EXPORT_AGAIN,
                )
            operator = self._convolution(layer, source, shape)
        finally:
            target = self._populate(layer, shape)
        self._connect(source.name, target.name, operator, Delay(np.array(1)), 0, _WEIGHT_BITS)
        if "delay" in layer.arrays:
            self.notes.append(f"{layer.name}: delays of a convolution are ignored, as in netx")

    def _convolution(self, layer: NetLayer, source: ProgramPopulation, shape: Shape) -> Conv:
        given = _array(layer, "weight")
        weight = neurons.whole(layer, "weight", given)
        if (weight != given).any():
            self.notes.append(f"{layer.name}: weight holds fractions, which are cut")
        if weight.ndim < 4 or prod(weight.shape[4:]) != 1 or not weight.size:
            raise InputFileError(
                f"{layer.name}: weight has shape {weight.shape}",
                needs="(outputs, inputs per group, height, width)",
                remedy=EXPORT_AGAIN,
            )
        if len(source.shape) != 3 or self.flat:
            raise InputFileError(
                f"{layer.name}: a convolution of {list(source.shape)}, the neurons of "
                f"{source.name}" + (", flattened" if self.flat else ""),
                needs="an image (channels, height, width)",
                remedy=EXPORT_AGAIN,
            )
        stride, padding, dilation = (
            _pair(layer, key, least)
            for key, least in (("stride", 1), ("padding", 0), ("dilation", 1))
        )
        groups = _pair(layer, "groups", 1)[0]
        try:
            made = Conv(
                weight.reshape(weight.shape[:4]),
                source.shape,
                stride,
                tuple((n, n) for n in padding),
                dilation,
                groups,
            )
        except ValueError as error:
            raise InputFileError(f"{layer.name}: {error}", remedy=EXPORT_AGAIN) from None
        if prod(n + 2 * p for n, p in zip(source.shape[1:], padding, strict=True)) > _MOST_NEURONS:
            raise InputFileError(f"{layer.name}: padding {list(padding)}", remedy=EXPORT_AGAIN)
        if made.target_shape != shape:
            raise InputFileError(
                f"{layer.name}: shape {list(shape)}",
                has=f"a convolution that gives {list(made.target_shape)}",
                remedy=EXPORT_AGAIN,
            )
        return made

    def _average(self, layer: NetLayer) -> None:
        groups = prod(_shape(layer))
        if self.last is None or self.last.size % groups:
            size = 0 if self.last is None else self.last.size
            raise InputFileError(
                f"{layer.name}: an average to {groups} values",
                needs="as many neurons for each of them",
                has=f"{size} neurons",
                remedy=EXPORT_AGAIN,
            )
        self.groups = groups
        each = self.last.size // groups
        self.notes.append(f"{layer.name}: the readout, the spikes of {each} neurons each, summed")


def _array(layer: NetLayer, name: str) -> NDArray[np.generic]:
    if name not in layer.arrays:
        raise InputFileError(f"{layer.name}: {name!r} is missing", remedy=EXPORT_AGAIN)
    return layer.arrays[name]


def _shape(layer: NetLayer) -> Shape:
    """The shape of a layer's neurons: 1 to 3 positive numbers."""
    values = neurons.whole(layer, "shape", _array(layer, "shape")).reshape(-1)
    shape = tuple(int(n) for n in values)
    if not 1 <= len(shape) <= 3 or min(shape) < 1 or prod(shape) > _MOST_NEURONS:
        raise InputFileError(
            f"{layer.name}: shape {list(shape[:8])}",
            needs=f"(neurons,) or (channels, height, width), at most {_MOST_NEURONS} neurons",
            remedy=EXPORT_AGAIN,
        )
    return shape


def _pair(layer: NetLayer, key: str, least: int) -> tuple[int, int]:
    """One number for both axes, or (y, x)."""
    values = neurons.whole(layer, key, _array(layer, key)).reshape(-1)
    if values.size not in (1, 2) or values.min() < least or values.max() > _MOST_NEURONS:
        raise InputFileError(
            f"{layer.name}: {key} {values.tolist()[:8]}",
            needs=f"one or two whole numbers of at least {least}",
            remedy=EXPORT_AGAIN,
        )
    return int(values[0]), int(values[-1])


def _transform(layer: NetLayer, key: str) -> int:
    """Weight or bias that lava-dl applies to pixels before the input layer."""
    if key not in layer.arrays:
        return _TRANSFORM[key]
    values = neurons.whole(layer, key, layer.arrays[key])
    if values.size != 1:
        raise InputFileError(
            f"{layer.name}: {key} of shape {values.shape}", needs="one value", remedy=EXPORT_AGAIN
        )
    return int(values.reshape(()))
