"""Multi-layer perceptrons."""

from __future__ import annotations

from math import prod

from snn2chip.distill.recipe import StudentConfig
from snn2chip.distill.students.kinds.neurons import neurons
from snn2chip.distill.students.layers import Layer, Shape


def layers(student: StudentConfig, input_shape: Shape) -> tuple[list[Layer], int]:
    """Flatten, then Linear and neurons for each width."""
    found: list[Layer] = [{"kind": "flatten"}]
    features = prod(input_shape)
    for width, tau in zip(student.widths, student.taus(), strict=True):
        found.append({"kind": "linear", "inputs": features, "outputs": width, "bias": True})
        found.append(neurons(student, tau))
        features = width
    return found, features
