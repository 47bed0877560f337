"""A ReLU network as a chain of weighted layers, which is what can be converted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear

from snn2chip.distill.layout import laid_out
from snn2chip.errors import UnsupportedError

PASSED = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)
"""Modules that do nothing outside training."""

SHAPING = (nn.Flatten, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
"""Linear modules without weights; they commute with the scaling of a whole layer."""

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True, eq=False)
class Norm:
    """A BatchNorm outside training: ``weight * (x - mean) / sqrt(var + eps) + bias``."""

    mean: Tensor
    var: Tensor
    eps: float
    weight: Tensor
    bias: Tensor

    @property
    def factor(self) -> Tensor:
        """What values are multiplied by, [channel]."""
        return self.weight / torch.sqrt(self.var + self.eps)


@dataclass(frozen=True, eq=False)
class Link:
    """One layer with weights, what shapes its input, and whether a ReLU follows.

    Attributes:
        name: of the module with the weights.
        shaping: modules before it, in order.
        weight: [unit, input], or [channel, channel, height, width].
        bias: [unit], zeros where the module has none.
        norm: the BatchNorm behind it, or None.
        options: stride, padding, dilation and groups of a convolution; empty for a Linear layer.
        relu: whether a ReLU follows: all links but the last.
    """

    name: str
    shaping: tuple[nn.Module, ...]
    weight: Tensor
    bias: Tensor
    norm: Norm | None
    options: tuple[tuple[str, Any], ...] = ()
    relu: bool = False

    def folded(self) -> Link:
        """The same link with its BatchNorm inside weight and bias, in their own float type."""
        if self.norm is None:
            return self
        factor = self.norm.factor
        weight = self.weight * factor.reshape(-1, *(1,) * (self.weight.ndim - 1))
        bias = (self.bias - self.norm.mean) * factor + self.norm.bias
        return replace(self, weight=weight, bias=bias, norm=None)

    def drive(self, x: Tensor) -> Tensor:
        """What the layer gives for values or spikes x [sample, ...], before any ReLU."""
        for module in self.shaping:
            x = module(x)
        if self.options:
            y: Tensor = conv2d(laid_out(x), self.weight, self.bias, **dict(self.options))
        else:
            y = linear(x, self.weight, self.bias)
        if self.norm is None:
            return y
        sizes = (-1, *(1,) * (y.ndim - 2))
        factor, mean, bias = (
            values.reshape(sizes) for values in (self.norm.factor, self.norm.mean, self.norm.bias)
        )
        shifted: Tensor = (y - mean) * factor + bias
        return shifted


def chain_of(network: nn.Module) -> tuple[Link, ...]:
    """The links of a sequential ReLU network, in float64, without gradients.

    Allowed are Linear and Conv2d layers, each with a BatchNorm behind it or none, then a ReLU,
    except for the last; average pools, Flatten and Dropout anywhere between.

    Raises:
        UnsupportedError: another module or order, by name: what a chain of integrate-and-fire
            neurons cannot compute.
    """
    links: list[Link] = []
    shaping: list[nn.Module] = []
    for name, module in _leaves(network):
        previous = links[-1] if links else None
        if isinstance(module, PASSED):
            continue
        if isinstance(module, SHAPING):
            shaping.append(module)
        elif isinstance(module, nn.Linear | nn.Conv2d):
            if previous is not None and not previous.relu:
                raise _unsupported(name, module, f"no ReLU between {previous.name!r} and it")
            links.append(_link(name, module, tuple(shaping)))
            shaping = []
        elif isinstance(module, NORMS) and previous is not None and not previous.relu:
            if previous.norm is not None or shaping:
                raise _unsupported(name, module, "it does not stand right behind its layer")
            links[-1] = replace(previous, norm=_norm(name, module))
        elif isinstance(module, nn.ReLU) and previous is not None and not shaping:
            links[-1] = replace(previous, relu=True)
        else:
            raise _unsupported(name, module, "no spiking counterpart in this place")
    if not links or links[-1].relu or shaping:
        last = links[-1].name if links else "nothing"
        raise UnsupportedError(
            "a network to convert",
            needs="a layer with weights at its end, whose outputs are the logits",
            has=f"{last!r} is the last one, and something follows it",
            remedy="leave out the ReLU, pool or softmax behind the logits",
        )
    return tuple(links)


def relu_values(links: Sequence[Link], x: Tensor) -> Iterator[Tensor]:
    """What each link gives, behind its ReLU where it has one; x [sample, *shape]."""
    for link in links:
        x = link.drive(x)
        if link.relu:
            x = x.relu()
        yield x


def cast(links: Sequence[Link], dtype: torch.dtype) -> tuple[Link, ...]:
    """The links in another float type."""
    return tuple(_mapped(link, lambda values: values.to(dtype)) for link in links)


def _mapped(link: Link, change: Callable[[Tensor], Tensor]) -> Link:
    norm = link.norm
    if norm is not None:
        norm = Norm(
            change(norm.mean), change(norm.var), norm.eps, change(norm.weight), change(norm.bias)
        )
    return replace(link, weight=change(link.weight), bias=change(link.bias), norm=norm)


def _leaves(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Modules in the order of `nn.Sequential`, containers opened."""
    if not isinstance(module, nn.Sequential):
        yield path, module
        return
    for name, child in module.named_children():
        yield from _leaves(child, f"{path}.{name}" if path else name)


def _link(name: str, module: nn.Linear | nn.Conv2d, shaping: tuple[nn.Module, ...]) -> Link:
    weight = module.weight.detach().double()
    bias = torch.zeros(len(weight), dtype=weight.dtype)
    if module.bias is not None:
        bias = module.bias.detach().double()
    options: tuple[tuple[str, Any], ...] = ()
    if isinstance(module, nn.Conv2d):
        if module.padding_mode != "zeros":
            raise _unsupported(name, module, f"padding of mode {module.padding_mode!r}")
        keys = ("stride", "padding", "dilation", "groups")
        options = tuple((key, getattr(module, key)) for key in keys)
    return Link(name, shaping, weight, bias, None, options)


def _norm(name: str, module: nn.Module) -> Norm:
    if getattr(module, "running_mean", None) is None:
        raise _unsupported(name, module, "it keeps no running mean and variance")
    tensors = {
        key: getattr(module, source).detach().double()
        for key, source in (("mean", "running_mean"), ("var", "running_var"))
    }
    ones = torch.ones_like(tensors["mean"])
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    return Norm(
        **tensors,
        eps=float(module.eps),  # type: ignore[arg-type]
        weight=ones if weight is None else weight.detach().double(),
        bias=torch.zeros_like(ones) if bias is None else bias.detach().double(),
    )


def _unsupported(name: str, module: nn.Module, has: str) -> UnsupportedError:
    return UnsupportedError(
        f"layer {name!r} ({type(module).__name__}) of a network to convert",
        needs="a sequence of Linear or Conv2d, BatchNorm, ReLU, average pools and Flatten",
        has=has,
        remedy="train a teacher of such layers: average instead of maximum pools, ReLU instead of "
        "other functions",
    )
