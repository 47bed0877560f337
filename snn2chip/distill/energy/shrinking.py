"""Neurons and channels that can be removed from a student, and the student without them.

A unit is a neuron of a Linear layer, or a channel of a convolution. One whose weights, bias and
normalization are zero never fires; without it the rest computes the same, on fewer neurons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from snn2chip.distill.students import SPIKING, Layer, names
from snn2chip.errors import UnsupportedError

_PLAIN = (nn.Flatten, nn.AvgPool2d, nn.Dropout)
"""Modules that keep units apart and have nothing of their own."""


@dataclass(frozen=True, slots=True)
class Site:
    """A hidden population whose units can be removed.

    Attributes:
        name: of the population.
        units: neurons, or channels.
        weight: path of the module whose outputs they are.
        norm: path of its normalization, or "".
        consumer: path of the module that reads them.
        block: inputs of the consumer for each unit.
    """

    name: str
    units: int
    weight: str
    norm: str
    consumer: str
    block: int


def sites_of(student: nn.Module) -> tuple[Site, ...]:
    """The hidden populations of a chain of layers.

    Raises:
        UnsupportedError: modules in which units cannot be told apart.
    """
    found: list[Site] = []
    open_site: Site | None = None
    weight, norm = "", ""
    for name, module in student.named_children():
        if isinstance(module, nn.Linear | nn.Conv2d):
            units, inputs = _sizes(module)
            if open_site is not None:
                block = inputs // open_site.units
                found.append(_closed(open_site, name, block))
            weight, norm, open_site = name, "", None
        elif isinstance(module, nn.BatchNorm2d):
            norm = name
        elif isinstance(module, SPIKING):
            units, _ = _sizes(student.get_submodule(weight))
            open_site = Site(name, units, weight, norm, "", 1)
        elif not isinstance(module, _PLAIN) and open_site is not None:
            raise UnsupportedError(
                f"module {name!r} ({type(module).__name__}) behind population {open_site.name!r}",
                needs="a chain of Linear and Conv2d layers, where neurons are to be removed",
                remedy="leave remove_to_nj out",
            )
    return tuple(found)


def _closed(site: Site, consumer: str, block: int) -> Site:
    return Site(site.name, site.units, site.weight, site.norm, consumer, block)


def _sizes(module: nn.Module) -> tuple[int, int]:
    """Outputs and inputs of a layer."""
    weight: Any = module.weight
    groups = getattr(module, "groups", 1)
    if groups != 1:
        raise UnsupportedError(
            f"a convolution in {groups} groups",
            needs="one group, where channels are to be removed",
        )
    return int(weight.shape[0]), int(weight.shape[1])


def parameter(module: nn.Module, name: str) -> Tensor | None:
    """A parameter as it is trained, behind a parametrization too; None where there is none."""
    if parametrize.is_parametrized(module, name):
        chain: Any = module.parametrizations
        original: Tensor = chain[name].original
        return original
    found: Tensor | None = getattr(module, name, None)
    return found


def silence(student: nn.Module, site: Site, live: Tensor) -> None:
    """Zero what makes the units fire that do not live, and what reads them; in place.

    Args:
        live: bool [unit].
    """
    dead = ~live
    if not bool(dead.any()):
        return
    with torch.no_grad():
        for path in (site.weight, site.norm) if site.norm else (site.weight,):
            module = student.get_submodule(path)
            for name in ("weight", "bias"):
                values = parameter(module, name)
                if values is not None:
                    values[dead] = 0.0
        readers = parameter(student.get_submodule(site.consumer), "weight")
        assert readers is not None
        readers[:, dead.repeat_interleave(site.block)] = 0.0


def live_units(student: nn.Module, site: Site) -> Tensor:
    """Units that something could make fire, bool [unit]; the first where there is none."""
    module = student.get_submodule(site.norm or site.weight)
    found = torch.zeros(site.units, dtype=torch.bool)
    for name in ("weight", "bias"):
        values = parameter(module, name)
        if values is not None:
            found |= (
                (values.detach().flatten(1) if values.ndim > 1 else values.detach()[:, None])
                .ne(0)
                .any(1)
            )
    if not bool(found.any()):
        found[0] = True
    return found


def plain(student: nn.Module) -> nn.Module:
    """A copy in evaluation mode, whose parametrized parameters are plain ones of their values.

    torch's own ``remove_parametrizations`` changes the class, which a copy shares.
    """
    copy = deepcopy(student).eval()
    for module in list(copy.modules()):
        if not parametrize.is_parametrized(module):
            continue
        chain: Any = module.parametrizations
        values = {name: getattr(module, name).detach().clone() for name in list(chain)}
        module.__class__ = type(module).__bases__[0]
        del module._modules["parametrizations"]
        for name, value in values.items():
            module.register_parameter(name, nn.Parameter(value))
    return copy


def shrunk(student: nn.Module, live: Mapping[str, Tensor] | None = None) -> nn.Module:
    """A copy in evaluation mode without the units that do not live.

    Args:
        live: population -> bool [unit]; those of ``live_units`` where it is left out.
    """
    small = plain(student)
    for site in sites_of(small):
        kept = live_units(small, site) if live is None else live[site.name]
        if bool(kept.all()):
            continue
        _keep(small.get_submodule(site.weight), kept, 0)
        if site.norm:
            _keep(small.get_submodule(site.norm), kept, 0)
        _keep(small.get_submodule(site.consumer), kept.repeat_interleave(site.block), 1)
    return small


def _keep(module: nn.Module, kept: Tensor, axis: int) -> None:
    """Keep some outputs (axis 0, every tensor) or inputs (axis 1, the weight) of a module."""
    index = torch.nonzero(kept).flatten()
    own = module._parameters if axis == 0 else {"weight": module._parameters["weight"]}
    for name, values in own.items():
        if values is not None:
            chosen = values.detach().index_select(axis, index)
            module.register_parameter(name, nn.Parameter(chosen))
    for name, kept_so_far in module._buffers.items():
        if axis == 0 and kept_so_far is not None and kept_so_far.ndim:
            module.register_buffer(name, kept_so_far.index_select(0, index))
    sizes = (
        ("out_features", "out_channels", "num_features"),
        ("in_features", "in_channels"),
    )[axis]
    for name in sizes:
        if hasattr(module, name):
            setattr(module, name, len(index))


def shrunk_layers(layers: Sequence[Layer], student: nn.Module) -> list[Layer]:
    """The layers of an architecture with the sizes of a student that was shrunk."""
    found = []
    for name, layer in zip(names(layers), layers, strict=True):
        changed = dict(layer)
        module = student.get_submodule(name)
        if "inputs" in layer:
            changed["outputs"], changed["inputs"] = _sizes(module)
        if "channels" in layer:
            weight: Any = module.weight
            changed["channels"] = len(weight)
        found.append(changed)
    return found
