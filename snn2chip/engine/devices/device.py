"""Other devices through PyTorch: ``cuda``, and the CPU again so that tests run the same code.

torch is optional. It is imported here, in functions only, when somebody asks for a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.engine.spikes import BITS, Spikes
from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.graph.operators import Shape

Tensor: TypeAlias = Any
"""A ``torch.Tensor``; torch's own types are not there without torch."""

CPU, CUDA = "cpu", "cuda"
DEVICES = (CPU, CUDA)


@dataclass(frozen=True, eq=False)
class TorchDevice:
    """A device on which torch's tensors lie.

    Attributes:
        torch: the module.
        name: as torch calls the device.
    """

    torch: Any
    name: str

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """A copy of an array."""
        return self.torch.tensor(np.ascontiguousarray(array), device=self.name)

    def array(self, tensor: Tensor) -> NDArray[Any]:
        """The inverse."""
        found: NDArray[Any] = tensor.cpu().numpy()
        return found

    def flags(self, spikes: Spikes) -> Tensor:
        """Bool [step, sample, *shape] of who sent anything; kept with the spikes."""
        kept = spikes.form(self._form)
        if kept is None:
            kept = self.unpacked(self.tensor(spikes.bits), spikes.shape)
            spikes.keep(self._form, kept)
        return kept

    def spikes(self, flags: Tensor, shape: Shape) -> Spikes:
        """Spikes of flags [step, sample, *shape] that lie here."""
        return Spikes(shape, {BITS: self.array(self.packed(flags)), self._form: flags})

    def packed(self, flags: Tensor) -> Tensor:
        """Bits as ``core.Raster`` has them, uint8 [step, sample, ceil(size / 8)]."""
        torch = self.torch
        flat = flags.reshape(*flags.shape[:2], prod(flags.shape[2:])).to(torch.uint8)
        padded = torch.nn.functional.pad(flat, (0, -flat.shape[-1] % 8))
        eight = padded.reshape(*flat.shape[:2], padded.shape[-1] // 8, 8)
        return (eight << self._places()).sum(-1, dtype=torch.uint8)

    def unpacked(self, bits: Tensor, shape: Shape) -> Tensor:
        """Bool [step, sample, *shape] of bits."""
        each = (bits[..., None] >> self._places()) & 1
        flat = each.reshape(*bits.shape[:2], 8 * bits.shape[-1])
        return flat[..., : prod(shape)].reshape(*bits.shape[:2], *shape).bool()

    def concatenate(self, tensors: Sequence[Tensor]) -> Tensor:
        """Along the steps."""
        return self.torch.cat(list(tensors))

    def _places(self) -> Tensor:
        return self.torch.arange(7, -1, -1, dtype=self.torch.uint8, device=self.name)

    @property
    def _form(self) -> str:
        return f"torch {self.name}"


def torch_device(name: str) -> TorchDevice:
    """The device called ``name``, as torch has it.

    Raises:
        ConfigError: torch or the device is not there.
    """
    if find_spec("torch") is None:
        raise ConfigError(
            f"--device {name}",
            needs="PyTorch",
            has="an environment without it",
            remedy="pip install 'snn2chip[train]', or --device cpu",
        )
    torch: Any = import_module("torch")
    if name == CUDA and not torch.cuda.is_available():
        raise ConfigError(
            f"--device {name}",
            needs="a GPU that PyTorch can use (torch.cuda.is_available())",
            has=f"PyTorch {torch.__version__} "
            + ("that finds no such GPU" if torch.version.cuda else "built without CUDA"),
            remedy="--device cpu, or a PyTorch built for CUDA on a machine with a GPU",
        )
    return TorchDevice(torch, name)


def find_device(name: str) -> TorchDevice | None:
    """The device that a user names; None for the processor and its compiled kernels.

    Raises:
        ConfigError: there is none of that name, or it cannot be used here.
    """
    if name not in DEVICES:
        raise ConfigError(
            f"--device {name}",
            needs="a device that layers can be computed on",
            has=" and ".join(DEVICES),
            remedy=did_you_mean(name, DEVICES),
        )
    return None if name == CPU else torch_device(name)
