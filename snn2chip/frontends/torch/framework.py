"""What a library of spiking neurons on PyTorch tells about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, UnsupportedError

if TYPE_CHECKING:
    from snn2chip.frontends.torch.builder import Builder

Emit: TypeAlias = Callable[["Builder", Any, str], None]
"""Emits one module, of the path given, behind what the builder's ``sources`` send."""

Recording: TypeAlias = dict[str, NDArray[np.float64]]
"""``<population>`` outputs and ``<population>.v`` membranes, [step, sample, neuron]."""


@dataclass(frozen=True)
class Framework:
    """A library of spiking neurons on PyTorch.

    Attributes:
        name: also of its preset.
        package: root package of its modules.
        extra: of snn2chip that installs it.
        cells: class name of a neuron layer -> what emits it.
        layers: class name of any other leaf module -> what emits it; torch's own are known.
        containers: class names of modules that only call others, and are walked through.
        refused: class name -> what to do instead.
        dt: length of a step where the library has none, or None where the user must say it.
        forgets: whether a cell that is called without its state starts anew.
        timed: whether a module takes whole sequences [step, sample, *shape]; None: none does.
        twin: a copy of a module in evaluation mode, all numbers in a dtype, ready for a first step.
        record: (twin, path of each cell -> population, input [step, sample, *shape], dtype, and
            the ``TimeLoop`` of a module that loops over time itself, or None) -> recording of a
            run from the initial state.
    """

    name: str
    package: str
    extra: str
    cells: Mapping[str, Emit]
    record: Callable[..., Recording]
    twin: Callable[[Any, Any], Any]
    layers: Mapping[str, Emit]
    containers: frozenset[str] = frozenset()
    refused: Mapping[str, str] | None = None
    dt: float | None = None
    forgets: bool = False
    timed: Callable[[Any], bool] | None = None

    def has(self, kind: type) -> bool:
        """Whether a class is the library's own."""
        return kind.__module__.split(".")[0] == self.package


ROOMS = ("norse", "snntorch", "spikingjelly")
"""Rooms of ``snn2chip.frontends`` that hold a ``FRAMEWORK``, each named as its package."""


def framework(name: str) -> Framework:
    """The framework of a room; imports nothing of the library itself."""
    found: Framework = import_module(f"snn2chip.frontends.{name}").FRAMEWORK
    return found


def framework_of(module: Any) -> Framework:
    """The library whose cells a module has.

    Raises:
        UnsupportedError: cells of none or of several libraries.
    """
    packages = {type(part).__module__.split(".")[0] for part in module.modules()}
    found = [name for name in ROOMS if name in packages]
    if len(found) == 1:
        return framework(found[0])
    raise UnsupportedError(
        "the module has " + (f"cells of {' and '.join(found)}" if found else "no spiking neurons"),
        needs="neurons of one library",
        has=", ".join(ROOMS),
        remedy="build all cells with one library",
    )


def require_torch() -> None:
    """Raises ConfigError where torch is missing."""
    require("torch", "train")


def require(package: str, extra: str) -> Any:
    """Imports a library, or says which extra installs it.

    Raises:
        ConfigError: it is not installed, or cannot be imported.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"{package} is needed to open this network",
            has=str(error),
            remedy=f'pip install "snn2chip[{extra}]"',
        ) from error
