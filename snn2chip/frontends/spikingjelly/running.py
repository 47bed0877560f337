"""SpikingJelly modules in motion: copies in another precision, runs with recorded cells."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.spikingjelly.refused import REFUSED
from snn2chip.frontends.torch.framework import Recording, require
from snn2chip.frontends.torch.stepping import TimeLoop, named, plan, run
from snn2chip.graph.operators import Array

_ANY_MODE = ("Linear", "WSLinear", "Dropout", "Dropout2d", "PrintShapeModule")
"""SpikingJelly's modules that do the same to a step and to a sequence of steps."""


def twin(module: Any, dtype: Any) -> Any:
    """A copy in evaluation mode on the CPU with all numbers in ``dtype``, reset to its first step.

    Raises:
        UnsupportedError: the module mixes single-step and multi-step parts.
        ConfigError: spikingjelly is not installed.
    """
    step_mode(module)
    copied = copy.deepcopy(module, dict(_without_history(module)))
    _reset(copied)
    for part in copied.modules():
        if hasattr(part, "store_v_seq"):
            part.store_v_seq = part.step_mode == "m"
    return copied.to(device="cpu", dtype=dtype).eval()


def _reset(module: Any) -> None:
    require("spikingjelly.activation_based.functional", "spikingjelly").reset_net(module)


def _without_history(module: Any) -> Iterator[tuple[int, Any]]:
    """States that autograd has made, by identity: torch copies no such tensor, so reset it."""
    for part in module.modules():
        states = [getattr(part, "v_seq", None), *getattr(part, "_memories", {}).values()]
        for state in states:
            for value in state if isinstance(state, list) else [state]:
                if hasattr(value, "detach"):
                    yield id(value), value.detach().clone()


def step_mode(module: Any) -> str:
    """``s`` where a module sees one step at a time, ``m`` where it sees [step, sample, ...].

    Raises:
        UnsupportedError: parts of both modes outside containers that translate.
    """
    modes: dict[str, str] = {}
    plain = ""
    for path, part in _outer(module, ""):
        mode, name = _mode_of(part), f"{path or 'itself'!r} ({type(part).__name__})"
        if mode == "one step":
            plain = plain or name
        elif mode:
            modes.setdefault(mode, name)
    if "m" in modes and plain:
        modes.setdefault("s", plain)
    if len(modes) == 2:
        raise UnsupportedError(
            f"module {modes['s']} sees one step at a time, module {modes['m']} a sequence",
            needs="one step mode",
            remedy="spikingjelly.activation_based.functional.set_step_mode(net, 'm'), with layers "
            "of spikingjelly or in a SeqToANNContainer",
        )
    return next(iter(modes), "s")


def _outer(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules that see what the whole module is given: leaves and translating containers."""
    base = require("spikingjelly.activation_based.base", "spikingjelly")
    if isinstance(module, base.StepModule) or next(module.children(), None) is None:
        yield path, module
        return
    for key, child in module.named_children():
        yield from _outer(child, f"{path}/{key}" if path else key)


def _mode_of(part: Any) -> str:
    """``s`` or ``m``; ``one step`` for a layer of torch that counts axes; nothing for any other."""
    import torch

    base = require("spikingjelly.activation_based.base", "spikingjelly")
    if type(part).__name__ in REFUSED:
        return ""
    if isinstance(part, base.MultiStepModule):
        return "m"
    if isinstance(part, base.StepModule):
        return "" if type(part).__name__ in _ANY_MODE else str(part.step_mode)
    counting = (
        torch.nn.modules.conv._ConvNd,
        torch.nn.modules.batchnorm._BatchNorm,
        torch.nn.modules.pooling._AvgPoolNd,
        torch.nn.modules.pooling._AdaptiveAvgPoolNd,
    )
    return "one step" if isinstance(part, counting) else ""


@dataclass(eq=False)
class _Log:
    """Outputs and membranes of one cell, in pieces of [steps, samples, neurons]."""

    path: str
    output: list[Array] = field(default_factory=list)
    v: list[Array] = field(default_factory=list)

    def add(self, output: Any, v: Any) -> None:
        """A piece of [steps, samples, ...]."""
        for values, into in ((output, self.output), (v, self.v)):
            piece = values.detach().double().reshape(*values.shape[:2], -1)
            into.append(piece.numpy().copy())

    def whole(self, values: list[Array], steps: int, samples: int) -> Array:
        """All pieces, one after another.

        Raises:
            UnsupportedError: they are not the steps and samples of the run.
        """
        seen = np.concatenate(values) if values else np.zeros((0, 0, 0))
        if seen.shape[:2] != (steps, samples):
            raise UnsupportedError(
                f"module {self.path!r} saw {seen.shape[0]} steps of {seen.shape[1]} samples",
                needs=f"{steps} steps of {samples} samples, which the network was given",
                remedy="let time be the first axis everywhere, and put cells in no "
                "SeqToANNContainer and behind no decode",
            )
        return seen


def record(
    module: Any,
    cells: Mapping[str, str],
    batch: NDArray[np.float64] | Mapping[str, NDArray[np.float64]],
    dtype: Any,
    time: TimeLoop | None = None,
) -> Recording:
    """Runs a module from its initial state and records its cells.

    Args:
        module: of ``twin``.
        cells: path of each cell -> name of its population.
        batch: input [step, sample, *shape], or one per input by name.
        time: of a module that loops over time itself.

    Returns:
        ``<population>`` outputs and ``<population>.v`` membranes, [step, sample, neuron].

    Raises:
        UnsupportedError: a cell that does not see every step.
    """
    _reset(module)
    logs = {name: _Log(path) for path, name in cells.items()}
    arrays = named(batch, plan(module).inputs)
    size = arrays[0].shape[:2]
    with ExitStack() as stack:
        for path, name in cells.items():
            part = module.get_submodule(path.replace("/", "."))
            stack.callback(_listen(part, logs[name]))
        run(module, batch, dtype, time, whole=step_mode(module) == "m")
    found: Recording = {}
    for name, log in logs.items():
        found[name] = log.whole(log.output, *size)
        found[f"{name}.v"] = log.whole(log.v, *size)
    return found


def _listen(part: Any, log: _Log) -> Callable[[], None]:
    """Logs what a cell does, until the function that it returns is called."""
    if hasattr(part, "store_v_seq"):

        def keep(cell: Any, _inputs: Any, output: Any) -> None:
            if cell.step_mode == "m":
                log.add(output, cell.v_seq)
            else:
                log.add(output[None], cell.v[None])

        handle = part.register_forward_hook(keep)
        remove: Callable[[], None] = handle.remove
        return remove
    # The others call this method of their own at every step, in both modes.
    name = "neuronal_reset" if hasattr(part, "neuronal_reset") else "neuronal_charge"
    method = getattr(part, name)

    def wrapped(value: Any) -> None:
        method(value)
        spikes = name == "neuronal_reset"
        log.add((value if spikes else part.v)[None], part.v[None])

    setattr(part, name, wrapped)
    return lambda: delattr(part, name)
