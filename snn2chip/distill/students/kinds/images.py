"""What the kinds of students for images share."""

from __future__ import annotations

from snn2chip.distill.recipe import StudentConfig
from snn2chip.distill.students.layers import Layer, Shape
from snn2chip.errors import ConfigError


def require_images(student: StudentConfig, input_shape: Shape, axes: str) -> None:
    """Refuse samples without three axes.

    Raises:
        ConfigError: another number of axes.
    """
    if len(input_shape) != 3:
        raise ConfigError(
            f"a {student.kind} student for samples of shape {list(input_shape)}",
            needs=f"samples of shape {axes}",
            remedy='kind = "mlp"',
        )


def too_small(student: StudentConfig, input_shape: Shape, pools: int) -> ConfigError:
    """The error where nothing is left to pool."""
    return ConfigError(
        f"widths = {list(student.widths)}: {pools} poolings by 2",
        has=f"samples of shape {list(input_shape)}",
        remedy="fewer widths, pools or strides",
    )


def convolution(
    student: StudentConfig, inputs: int, outputs: int, stride: int, neuron: Layer
) -> list[Layer]:
    """Conv2d that keeps the size (but for its stride), BatchNorm2d and neurons."""
    conv: Layer = {
        "kind": "conv2d",
        "inputs": inputs,
        "outputs": outputs,
        "kernel": student.kernel,
        "padding": student.kernel // 2,
        "bias": False,
    }
    strided = {"stride": stride} if stride != 1 else {}
    return [conv | strided, {"kind": "batchnorm2d", "channels": outputs}, neuron]


def strided(size: int, kernel: int, stride: int) -> int:
    """Size behind a convolution with padding kernel // 2."""
    return (size + 2 * (kernel // 2) - kernel) // stride + 1
