"""Convolutional students without shortcuts, as VGG has them."""

from __future__ import annotations

from snn2chip.distill.recipe import StudentConfig
from snn2chip.distill.students.kinds.images import (
    convolution,
    require_images,
    strided,
    too_small,
)
from snn2chip.distill.students.kinds.neurons import neurons
from snn2chip.distill.students.layers import Layer, Shape


def layers(student: StudentConfig, input_shape: Shape) -> tuple[list[Layer], int]:
    """Conv2d, BatchNorm2d and neurons for each width, AvgPool2d(2) behind some, then Flatten."""
    require_images(student, input_shape, "[channel, height, width]")
    found: list[Layer] = []
    channels, height, width = input_shape
    pools = student.pooled()
    plan = zip(student.widths, student.taus(), student.all_strides(), strict=True)
    for number, (outputs, tau, stride) in enumerate(plan, start=1):
        found += convolution(student, channels, outputs, stride, neurons(student, tau))
        height, width = (strided(size, student.kernel, stride) for size in (height, width))
        if number in pools:
            found.append({"kind": "avgpool2d", "kernel": 2})
            height, width = height // 2, width // 2
        if not height or not width:
            raise too_small(student, input_shape, len(pools))
        channels = outputs
    return [*found, {"kind": "flatten"}], channels * height * width
