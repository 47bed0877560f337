"""What each front end takes and refuses, told by the code that does so; documentation prints it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snn2chip.frontends.nir.lowering.cells import NEURON_KINDS
from snn2chip.frontends.nir.lowering.layers import LINEAR_KINDS
from snn2chip.frontends.torch import layers
from snn2chip.frontends.torch.framework import ROOMS, Framework, framework
from snn2chip.neurons import NEURONS, Input


@dataclass(frozen=True)
class Support:
    """One front end.

    Attributes:
        name: as messages call it.
        opens: the kind of file, or of object, and by which command.
        preset: that it assumes, or what decides.
        neurons, layers: what it takes, by the names of its library or format.
        refuses: what it refuses by name -> what to do instead.
        extra: of snn2chip that it needs, or "".
    """

    name: str
    opens: str
    preset: str
    neurons: tuple[str, ...]
    layers: tuple[str, ...]
    refuses: Mapping[str, str] = field(default_factory=dict)
    extra: str = ""


def front_ends() -> tuple[Support, ...]:
    """Of this room; back ends may bring more."""
    return (_nir(), _onnx(), *(_of_framework(framework(name)) for name in ROOMS))


def _onnx() -> Support:
    return Support(
        name="ONNX",
        opens="`.onnx` that `snn2chip export --format onnx` wrote, in and out",
        preset="the file's metadata",
        neurons=tuple(name for name, model in NEURONS.items() if model is not Input),
        layers=("Dense", "Conv", "Identity"),
        refuses={
            "any other ONNX": "it holds no neurons: use it as a teacher, or train a spiking student"
        },
        extra="onnx",
    )


def _nir() -> Support:
    return Support(
        name="NIR",
        opens="`.nir` (HDF5, NIR 0.1 to 1.0.8), in and out",
        preset="`--preset`, or the file's metadata",
        neurons=tuple(sorted(NEURON_KINDS)),
        layers=tuple(sorted(LINEAR_KINDS - {"Pass"})),
        refuses={
            "a cycle without a neuron": "put a neuron population into it",
            "an Output of a layer without a neuron": "add an LI before the Output",
            "malformed files": "`--repair`, where one reading exists",
        },
    )


def _of_framework(library: Framework) -> Support:
    return Support(
        name=library.name,
        opens="a module, by `snn2chip export --model` or `snn2chip.export`",
        preset=f"`{library.name}`",
        neurons=tuple(library.cells),
        layers=(*layers.NAMES, *library.layers, *sorted(library.containers)),
        refuses=library.refused or {},
        extra=library.extra,
    )
