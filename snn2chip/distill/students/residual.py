"""A block with a shortcut that chips can hold: both branches are currents into one population."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

Run = Callable[[str, Tensor], Tensor]
"""What a part of the block, by its name, makes of an input."""


class Residual(nn.Module):
    """out = cell(norm(conv(cell(norm(conv(x))))) + x).

    On a chip the sum is two projections into the population ``out``, and no spikes are added, so
    that what the block sends are spikes again (He et al. 2016, with spiking neurons in place of
    ReLU). The shortcut is the identity: it is a step quicker than the other branch, and of Loihi's
    synapses those of convolutions have no delay to make up for it.

    Args:
        kernel: an odd number.
        mid, out: the two layers of neurons, Norse cells or ReLU.
    """

    def __init__(self, channels: int, kernel: int, mid: nn.Module, out: nn.Module) -> None:
        super().__init__()
        pad = kernel // 2
        self.mid_weight = nn.Conv2d(channels, channels, kernel, padding=pad, bias=False)
        self.mid_norm = nn.BatchNorm2d(channels)
        self.mid = mid
        self.out_weight = nn.Conv2d(channels, channels, kernel, padding=pad, bias=False)
        self.out_norm = nn.BatchNorm2d(channels)
        self.out = out

    def follow(self, x: Tensor, run: Run) -> Tensor:
        """The block's parts one after another, each run by ``run``."""
        y = run("mid", run("mid_norm", run("mid_weight", x)))
        return run("out", run("out_norm", run("out_weight", y)) + x)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step."""
        states: dict[str, Any] = dict(state or {})

        def run(name: str, value: Tensor) -> Tensor:
            module = getattr(self, name)
            if name not in ("mid", "out") or isinstance(module, nn.ReLU):
                result: Tensor = module(value)
                return result
            spikes: Tensor
            spikes, states[name] = module(value, states.get(name))
            return spikes

        return self.follow(x, run), states
