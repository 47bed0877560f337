"""Students for spectrograms [1, time, bin]: one-dimensional convolutions over time.

The first kernel spans all bins, so that [channel, time, 1] is left, and everything behind it is a
convolution over time alone. As two-dimensional convolutions they need no transposed input.
"""

from __future__ import annotations

from snn2chip.distill.recipe import StudentConfig
from snn2chip.distill.students.kinds.images import require_images, strided, too_small
from snn2chip.distill.students.kinds.neurons import neurons
from snn2chip.distill.students.layers import Layer, Shape


def layers(student: StudentConfig, input_shape: Shape) -> tuple[list[Layer], int]:
    """Convolution over time, BatchNorm2d and neurons for each width, pools of two steps of time
    behind some, an average over all time that is left, then Flatten."""
    require_images(student, input_shape, "[channel, time, bin]")
    channels, time, bins = input_shape
    pools = student.pooled()
    found: list[Layer] = []
    plan = zip(student.widths, student.taus(), student.all_strides(), strict=True)
    for number, (outputs, tau, stride) in enumerate(plan, start=1):
        found += [
            {
                "kind": "conv_time",
                "inputs": channels,
                "outputs": outputs,
                "kernel": student.kernel,
                "bins": bins,
                "stride": stride,
                "padding": student.kernel // 2,
                "bias": False,
            },
            {"kind": "batchnorm2d", "channels": outputs},
            neurons(student, tau),
        ]
        time, channels, bins = strided(time, student.kernel, stride), outputs, 1
        if number in pools:
            found.append({"kind": "avgpool_time", "kernel": 2})
            time //= 2
        if not time:
            raise too_small(student, input_shape, len(pools))
    if time > 1:
        found.append({"kind": "avgpool_time", "kernel": time})
    return [*found, {"kind": "flatten"}], channels
