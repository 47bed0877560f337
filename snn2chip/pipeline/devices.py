"""Where a run is computed: on the processor, or on a device where it has the layers."""

from __future__ import annotations

from dataclasses import replace

from snn2chip.core import Program
from snn2chip.engine import Arithmetic, RunOptions, without_layer
from snn2chip.engine.devices.device import TorchDevice
from snn2chip.engine.layers import Portable


def on_device(
    device: TorchDevice | None, program: Program, arithmetic: Arithmetic, settings: RunOptions
) -> tuple[Arithmetic, RunOptions, tuple[str, ...]]:
    """An arithmetic on a device, the settings of such a run, and notes on what stays behind.

    Args:
        device: None for the processor.
    """
    if device is None:
        return arithmetic, settings, ()
    if not isinstance(arithmetic, Portable):
        note = f"--device {device.name}: {arithmetic.name} is computed on the processor"
        return arithmetic, settings, (note,)
    moved = arithmetic.on(device)
    left = without_layer(program, moved)
    notes = (f"--device {device.name}: on the processor all the same: {', '.join(left)}",)
    return moved, replace(settings, threads=1), notes if left else ()
