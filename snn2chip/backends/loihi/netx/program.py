"""The layers of a ``.net`` file as a Program that computes what Lava does with netx.

Every population starts at step 1 and every synapse takes one step; an image is (C, H, W). Without
an input layer, and where the input layer has neurons, the data go to a population ``input``; the
latter's neurons take them as biases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.modes import LAVA
from snn2chip.backends.loihi.netx import neurons
from snn2chip.backends.loihi.netx.delays import synapse_delay
from snn2chip.backends.loihi.netx.graded import make_neurons, neuron_notes
from snn2chip.backends.loihi.netx.operators import (
    convolution,
    cut_fractions,
    matrix,
    misfit,
    shape_of,
)
from snn2chip.backends.loihi.netx.refuse import refuse_unsupported
from snn2chip.backends.loihi.netx.storage import EXPORT_AGAIN, NetLayer, read_layers
from snn2chip.backends.loihi.netx.weights import Fitted, fit
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.errors import InputFileError, combine
from snn2chip.graph import Delay, Dense, Encoding, Identity, Readout
from snn2chip.graph.operators import Operator, Shape

INPUT = "input"

_WEIGHT_BITS = 8
_MATRICES = ("weight", "weight_rec", "weight/real", "weight/imag")
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
        arithmetic=LAVA,
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
        graded: the last population sends whole numbers (netx's message bits).
        groups: neurons of the last population are summed to that many scores.
    """

    populations: list[ProgramPopulation] = field(default_factory=list)
    projections: list[ProgramProjection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: ProgramPopulation | None = None
    flat: bool = False
    driven: bool = False
    graded: bool = False
    groups: int | None = None

    def add(self, layer: NetLayer) -> None:
        """Appends one layer."""
        self.notes.extend(cut_fractions(layer))
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

    def _populate(self, layer: NetLayer, shape: Shape) -> ProgramPopulation:
        """The neurons of a layer, which become those that the next layer reads."""
        # First, so that the next layer's problems are its own.
        self.last = ProgramPopulation(layer.name, "cuba", "CubaLIF", shape)
        self.flat = False
        made = make_neurons(layer, shape)
        self.last = ProgramPopulation(layer.name, made.model, made.kind, shape, made.parameters)
        self.graded = made.graded
        self.populations.append(self.last)
        self.notes.extend(neuron_notes(layer, made))
        return self.last

    def _connect(
        self,
        source: str,
        target: str,
        operator: Operator,
        delay: Delay,
        fitted: Fitted,
        graded: bool,
        imaginary: bool = False,
    ) -> None:
        parameters = {"exponent": np.array(fitted.exponent)}
        if imaginary:
            parameters["imaginary"] = np.array(1)
        self.projections.append(
            ProgramProjection(
                source,
                target,
                operator,
                delay,
                parameters,
                min(max(fitted.bits, 1), _WEIGHT_BITS),
                "graded" if graded else "spikes",
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
        shape = shape_of(layer)
        if layer.neuron is None:
            self.last = ProgramPopulation(layer.name, "input", "input", shape)
            self.populations.append(self.last)
            return
        self.driven = True
        self.populations.append(ProgramPopulation(INPUT, "input", "input", shape))
        target = self._populate(layer, shape)
        one = Identity(np.ones(shape, np.int64), shape, shape)
        self.projections.append(
            ProgramProjection(
                INPUT,
                layer.name,
                one,
                weight_bits=_WEIGHT_BITS,
                model="writes",
            )
        )
        weight, bias = (_transform(layer, key) for key in ("weight", "bias"))
        what = "biases" if target.kind == "CubaLIF" else "inputs at every step"
        self.notes.append(
            f"{layer.name}: the data are its {what}; a value x of lava-dl's is "
            f"int({weight} * x + {bias})"
        )
        what = "bias" if target.kind == "CubaLIF" else "input"
        self.notes.append(f"{layer.name}: one packet per {what} that changes (modelled)")

    def _dense(self, layer: NetLayer) -> None:
        targets = prod(shape_of(layer))
        names = ("weight", "weight_rec") if layer.kind == "dense_rec" else ("weight",)
        names = ("weight/real", "weight/imag") if layer.is_complex else names
        parts = tuple(matrix(layer, name, targets) for name in names)
        sources = parts[0].shape[1]
        source = self._source(layer, (sources,))
        target_shape = (targets,)
        problem = misfit(layer, source, self.flat, parts[:1] if layer.is_complex else parts)
        if layer.is_complex:
            self._complex(layer, source, parts, problem)
            return
        fitted, graded = fit(parts), self.graded
        delay, note = synapse_delay(layer, source.shape, target_shape)
        again = Delay(np.array(1))
        if len(parts) > 1 and "delay" in layer.arrays:
            # netx's RecurrentDense gives both matrices the delays, and no exponent.
            problem = problem or _unshared_delays(layer, sources, targets)
            self.notes.extend(_lost_exponent(layer, fitted))
            fitted, again = replace(fitted, exponent=0), delay
        target = self._populate(layer, target_shape)
        if problem is not None:
            raise problem
        self.notes.extend([note] if note else [])
        operators = [
            Dense(weights, shape, target_shape)
            for weights, shape in zip(fitted.parts, (source.shape, target_shape), strict=False)
        ]
        for operator, start, late in zip(operators, (source, target), (delay, again), strict=False):
            # netx takes the recurrent synapses' message bits from the layer before, too.
            self._connect(start.name, target.name, operator, late, fitted, graded)
        self.notes.extend(_fit_notes(layer, fitted))

    def _complex(
        self,
        layer: NetLayer,
        source: ProgramPopulation,
        parts: tuple[NDArray[np.int64], ...],
        problem: InputFileError | None,
    ) -> None:
        """Resonators with a real and an imaginary matrix, which netx fits one by one."""
        if problem is None and parts[0].shape != parts[1].shape:
            problem = InputFileError(
                f"{layer.name}: weight/imag has shape {parts[1].shape}",
                needs=f"{parts[0].shape}, that of weight/real",
                remedy=EXPORT_AGAIN,
            )
        graded, target = self.graded, self._populate(layer, (len(parts[0]),))
        if problem is not None:
            raise problem
        for part, imaginary in zip(parts, (False, True), strict=True):
            fitted = fit((part,))
            operator = Dense(fitted.parts[0], source.shape, target.shape)
            one = Delay(np.array(1))
            self._connect(source.name, target.name, operator, one, fitted, graded, imaginary)
            self.notes.extend(_fit_notes(layer, fitted))

    def _conv(self, layer: NetLayer) -> None:
        shape, source, graded = shape_of(layer), self.last, self.graded
        try:
            if source is None:
                raise InputFileError(
                    f"{layer.name}: a convolution without an input layer",
                    needs="an input layer that says how large the image is",
                    remedy=EXPORT_AGAIN,
                )
            operator = convolution(layer, source, self.flat, shape)
        finally:
            target = self._populate(layer, shape)
        fitted = Fitted((), 0, _WEIGHT_BITS, 0)
        self._connect(source.name, target.name, operator, Delay(np.array(1)), fitted, graded)
        if "delay" in layer.arrays:
            self.notes.append(f"{layer.name}: delays of a convolution are ignored, as in netx")

    def _average(self, layer: NetLayer) -> None:
        groups = prod(shape_of(layer))
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


def _fit_notes(layer: NetLayer, fitted: Fitted) -> Iterator[str]:
    """Where Lava computes with other weights than the file holds, or than a chip can."""
    if fitted.changed:
        yield (
            f"{layer.name}: {fitted.changed} weights are not what the file says after netx's fit "
            "and Lava's clipping"
        )
    if fitted.bits > _WEIGHT_BITS:
        yield f"{layer.name}: weights of {fitted.bits} bits, as on Lava's CPU; no chip has them"
    if not any(layer.arrays[key].any() for key in _MATRICES if key in layer.arrays):
        yield f"{layer.name}: all weights are 0, which netx itself cannot load"


def _lost_exponent(layer: NetLayer, fitted: Fitted) -> Iterator[str]:
    """That a recurrent layer with delays counts for more than its weights say."""
    if fitted.exponent:
        yield (
            f"{layer.name}: sums are {2.0**-fitted.exponent:g} times those of the file's weights, "
            "since netx loses the exponent of a recurrent layer with delays"
        )


def _unshared_delays(layer: NetLayer, sources: int, targets: int) -> InputFileError | None:
    """Why one matrix of delays cannot serve both matrices of weights."""
    if sources == targets:
        return None
    return InputFileError(
        f"{layer.name}: a recurrent layer with delays, of {targets} neurons behind {sources}",
        needs="as many neurons before it: netx takes one matrix of delays for both of weights",
        remedy="the layer without delay; netx cannot load it either",
    )


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
