"""Residual students: stages of blocks with shortcuts, then a pool over the image."""

from __future__ import annotations

from snn2chip.distill.recipe import StudentConfig
from snn2chip.distill.students.kinds.images import (
    convolution,
    require_images,
    strided,
)
from snn2chip.distill.students.kinds.neurons import neurons
from snn2chip.distill.students.layers import Layer, Shape


def layers(student: StudentConfig, input_shape: Shape) -> tuple[list[Layer], int]:
    """Each width is a stage: a convolution with the stage's stride, then ``blocks``.

    Shortcuts are identities within a stage, and none leads from one stage to the next: see
    `snn2chip.distill.students.residual`.
    """
    require_images(student, input_shape, "[channel, height, width]")
    channels, height, width = input_shape
    found: list[Layer] = []
    plan = zip(
        student.widths, student.taus(), student.all_strides(), student.all_blocks(), strict=True
    )
    for outputs, tau, stride, blocks in plan:
        found += convolution(student, channels, outputs, stride, neurons(student, tau))
        height, width = (strided(size, student.kernel, stride) for size in (height, width))
        channels = outputs
        for _ in range(blocks):
            block = {"channels": channels, "kernel": student.kernel}
            found.append({"kind": "residual", **block, "neuron": neurons(student, tau)})
    if height == width and height > 1:
        found.append({"kind": "avgpool2d", "kernel": height})
        height = width = 1
    return [*found, {"kind": "flatten"}], channels * height * width
