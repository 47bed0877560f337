"""snnTorch modules in motion: copies in another precision, runs with recorded cells.

Every cell keeps its state in its buffers ``mem``, ``syn`` and ``spk``, whether it is given states
or not. snnTorch clears them through lists of all cells ever built, in which copies are missing:
here each cell of the module is cleared itself.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import UnsupportedError
from snn2chip.graph.operators import Array

_STATES = ("mem", "syn", "spk")


def twin(module: Any, dtype: Any) -> Any:
    """A copy in evaluation mode with all numbers in ``dtype`` and all states cleared.

    Surrogates answer in float32 whatever they are given: those of the copy answer in ``dtype``.
    """
    import torch

    kept = {
        id(state): torch.zeros(0)
        for part in module.modules()
        for state in (*_states(part).values(), getattr(part, "reset", None))
        if isinstance(state, torch.Tensor)
    }  # states after a backward pass cannot be copied
    twin = copy.deepcopy(module, kept).to(dtype=dtype).eval()
    for part in twin.modules():
        if hasattr(part, "spike_grad"):
            surrogate = part.spike_grad
            del part.spike_grad  # it may be a module, which no function replaces
            part.spike_grad = _answering(surrogate, dtype)
        weight = getattr(part, "V", None)
        if isinstance(weight, torch.Tensor) and "V" in vars(part):
            part.V = weight.to(dtype)  # a plain attribute where it is not learnt
    clear(twin, dtype)
    return twin


def _answering(surrogate: Any, dtype: Any) -> Any:
    return lambda x: surrogate(x).to(dtype)


def clear(module: Any, dtype: Any) -> None:
    """Forgets all states: a cell makes new ones of the shape of its next input."""
    import torch

    for part in module.modules():
        for name in _states(part):
            setattr(part, name, torch.zeros(0, dtype=dtype))


def _states(part: Any) -> dict[str, Any]:
    if not hasattr(part, "reset_mechanism_val"):
        return {}
    return {name: state for name, state in part.named_buffers(recurse=False) if name in _STATES}


def record(
    module: Any, cells: Mapping[str, str], batch: NDArray[np.float64], dtype: Any
) -> dict[str, NDArray[np.float64]]:
    """Runs a module from the initial state and records its cells.

    Args:
        batch: input [step, sample, *shape].

    Returns:
        ``<population>`` spikes and ``<population>.v`` membranes as the cell keeps them, which is
        before a reset that comes in the next step, [step, sample, neuron].

    Raises:
        UnsupportedError: a cell that is not called once per step.
    """
    import torch

    lists: dict[str, list[Array]] = {}
    for name in cells.values():
        lists[name], lists[f"{name}.v"] = [], []
    handles = [
        module.get_submodule(path.replace("/", ".")).register_forward_hook(_hook(lists, name))
        for path, name in cells.items()
    ]
    clear(module, dtype)
    try:
        states: Sequence[Any] = ()
        with torch.no_grad():
            for x in batch:
                _, states = _step(module, torch.as_tensor(x, dtype=dtype), states)
    finally:
        for handle in handles:
            handle.remove()
    for path, name in cells.items():
        if len(lists[name]) != len(batch):
            raise UnsupportedError(
                f"module {path!r} is called {len(lists[name])} times in {len(batch)} steps",
                needs="a forward that computes one step and calls each cell once",
                remedy="take the loop over steps out of forward",
            )
    return {name: np.stack(values).astype(np.float64) for name, values in lists.items()}


def _hook(lists: dict[str, list[Array]], name: str) -> Any:
    def keep(cell: Any, inputs: Any, result: Any) -> None:
        sent = result[0] if isinstance(result, tuple) else result
        spikes = sent / cell.graded_spikes_factor
        samples = inputs[0].shape[0]
        lists[name].append(spikes.detach().reshape(samples, -1).numpy().copy())
        lists[f"{name}.v"].append(cell.mem.detach().reshape(samples, -1).numpy().copy())

    return keep


def _step(module: Any, x: Any, states: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
    """One step: (output, new states).

    A Sequential hands on what each part sends, without its states. A cell that does not hold its
    states begins with zeros. Any other forward is given the last states that it returned, at first
    None, in place of its arguments without a default or with None.
    """
    import torch

    if isinstance(module, torch.nn.Sequential):
        held = states or [()] * len(module)
        after = []
        for part, state in zip(module, held, strict=True):
            x, new = _step(part, x, state)
            after.append(new)
        return x, after
    count = 0 if getattr(module, "init_hidden", False) else _state_arguments(module)
    if not states and count:
        first = torch.zeros_like(x) if hasattr(module, "reset_mechanism_val") else None
        states = [first] * count
    result = module(x, *states)
    if not isinstance(result, tuple):
        return result, ()
    return result[0], result[-count:] if count and len(result) >= count else ()


def _state_arguments(module: Any) -> int:
    """How many arguments of forward behind the first hold states."""
    arguments = list(inspect.signature(module.forward).parameters.values())[1:]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(
        a.kind in positional and (a.default is None or a.default is a.empty) for a in arguments
    )
