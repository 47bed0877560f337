"""snnTorch modules in motion: copies in another precision, runs with recorded cells.

Every cell keeps its state in its buffers ``mem``, ``syn`` and ``spk``, whether it is given states
or not. snnTorch clears them through lists of all cells ever built, in which copies are missing:
here each cell of the module is cleared itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.snntorch.resets import check_runs
from snn2chip.frontends.torch.stepping import TimeLoop, is_plain_sequence, named, plan, run
from snn2chip.graph.operators import Array

_STATES = ("mem", "syn", "spk")

Batch: TypeAlias = NDArray[np.float64] | Mapping[str, NDArray[np.float64]]


def twin(module: Any, dtype: Any) -> Any:
    """A copy in evaluation mode with all numbers in ``dtype``, without the states.

    Surrogates answer in float32 whatever they are given: those of the copy answer in ``dtype``.
    Cells of a Sequential hold their own states and send spikes alone, as torch needs it.

    Raises:
        UnsupportedError: an RSynaptic that snnTorch cannot run so.
    """
    import torch

    kept = {
        id(state): torch.zeros(0)
        for part in module.modules()
        for state in (*_states(part).values(), getattr(part, "reset", None))
        if isinstance(state, torch.Tensor)
    }  # states after a backward pass cannot be copied
    twin = copy.deepcopy(module, kept).to("cpu", dtype).eval()
    for part in twin.modules():
        if hasattr(part, "spike_grad"):
            surrogate = part.spike_grad
            del part.spike_grad  # it may be a module, which no function replaces
            part.spike_grad = _answering(surrogate, dtype)
        weight = getattr(part, "V", None)
        if isinstance(weight, torch.Tensor) and "V" in vars(part):
            part.V = weight.to("cpu", dtype)  # a plain attribute where it is not learnt
    for path, cell in _in_sequence(twin, ""):
        check_runs(cell, path, holds=True)
        cell.init_hidden, cell.output = True, False
    return twin


def _in_sequence(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Cells that nothing gives a state: the module itself, or those of a plain Sequential."""
    if is_plain_sequence(module):
        for name, part in module._modules.items():
            yield from _in_sequence(part, f"{path}/{name}" if path else name)
    elif _is_cell(module):
        yield path, module


def _is_cell(part: Any) -> bool:
    return hasattr(part, "reset_mechanism_val")


def _answering(surrogate: Any, dtype: Any) -> Any:
    return lambda x: surrogate(x).to(dtype)


def clear(module: Any, dtype: Any) -> None:
    """Forgets all states: a cell makes new ones of the shape of its next input."""
    import torch

    for part in module.modules():
        for name in _states(part):
            setattr(part, name, torch.zeros(0, dtype=dtype))


def _states(part: Any) -> dict[str, Any]:
    if not _is_cell(part):
        return {}
    return {name: state for name, state in part.named_buffers(recurse=False) if name in _STATES}


def record(
    module: Any,
    cells: Mapping[str, str],
    batch: Batch,
    dtype: Any,
    time: TimeLoop | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Runs a module from the initial state and records its cells.

    Args:
        batch: input [step, sample, *shape], or one per input by name.
        time: of a module that loops over time itself.

    Returns:
        ``<population>`` spikes and ``<population>.v`` membranes as the cell keeps them, which is
        before a reset that comes in the next step, [step, sample, neuron].

    Raises:
        UnsupportedError: a cell that is not called once per step.
    """
    lists: dict[str, list[Array]] = {}
    for name in cells.values():
        lists[name], lists[f"{name}.v"] = [], []
    handles = [
        module.get_submodule(path.replace("/", ".")).register_forward_hook(_hook(lists, name))
        for path, name in cells.items()
    ]
    clear(module, dtype)
    try:
        run(module, batch, dtype, time)
    finally:
        for handle in handles:
            handle.remove()
    steps = len(named(batch, plan(module).inputs)[0])
    for path, name in cells.items():
        if len(lists[name]) != steps:
            raise UnsupportedError(
                f"module {path!r} is called {len(lists[name])} times in {steps} steps",
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
