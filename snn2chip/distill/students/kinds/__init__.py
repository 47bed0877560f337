"""Kinds of students: one file each, found by its name in a lazy table.

A kind is a function ``layers(student, input_shape) -> (layers, number of values behind them)``;
a Linear layer to the classes and the output population follow all of them.
"""

from __future__ import annotations

from importlib import import_module

from snn2chip.distill.recipe import StudentConfig
from snn2chip.distill.students.kinds.neurons import neurons
from snn2chip.distill.students.layers import Layer, Shape

_KINDS = {
    "mlp": "snn2chip.distill.students.kinds.mlp",
    "conv": "snn2chip.distill.students.kinds.conv",
    "resnet": "snn2chip.distill.students.kinds.resnet",
    "audio": "snn2chip.distill.students.kinds.audio",
}


def architecture(student: StudentConfig, input_shape: Shape, classes: int) -> list[Layer]:
    """The layers of a student.

    Args:
        input_shape: of one sample: [channel, height, width].

    Raises:
        ConfigError: the input does not fit the kind, or is too small for the student's poolings.
    """
    found: tuple[list[Layer], int] = import_module(_KINDS[student.kind]).layers(
        student, input_shape
    )
    layers, features = found
    for width in student.dense:
        layers.append({"kind": "linear", "inputs": features, "outputs": width, "bias": True})
        layers.append(neurons(student, student.taus()[-1]))
        features = width
    if student.dropout:
        layers.append({"kind": "dropout", "share": student.dropout})
    layers.append({"kind": "linear", "inputs": features, "outputs": classes, "bias": True})
    if student.neuron == "relu":
        return layers
    if student.readout == "spike_count":
        layers.append(neurons(student, student.tau_out))
    else:
        layers.append({"kind": "li", "tau": student.tau_out})
    return layers
