"""Norse modules in motion: copies in another precision, runs with recorded cells."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.graph.operators import Array


def twin(module: Any, dtype: Any) -> Any:
    """The module in evaluation mode with all numbers in ``dtype``, the cells' parameters too."""
    import torch

    twin = copy.deepcopy(module).to(dtype=dtype).eval()
    for part in twin.modules():
        parameters: Any = getattr(part, "p", None)
        if hasattr(parameters, "_asdict"):
            values = {
                name: value.detach().to(dtype)
                for name, value in parameters._asdict().items()
                if isinstance(value, torch.Tensor)
            }
            part.p = parameters._replace(**values)
    return twin


def record(
    module: Any, cells: Mapping[str, str], batch: NDArray[np.float64], dtype: Any
) -> dict[str, NDArray[np.float64]]:
    """Runs a module and records its cells.

    Args:
        batch: input [step, sample, *shape].

    Returns:
        ``<population>`` outputs and ``<population>.v`` membranes, [step, sample, neuron].
    """
    import torch

    lists: dict[str, list[Array]] = {}
    for name in cells.values():
        lists[name], lists[f"{name}.v"] = [], []
    handles = [
        module.get_submodule(path.replace("/", ".")).register_forward_hook(_hook(lists, name))
        for path, name in cells.items()
    ]
    try:
        state = None
        with torch.no_grad():
            for x in batch:
                _, state = _step(module, torch.as_tensor(x, dtype=dtype), state)
    finally:
        for handle in handles:
            handle.remove()
    return {name: np.stack(values).astype(np.float64) for name, values in lists.items()}


def _hook(lists: dict[str, list[Array]], name: str) -> Any:
    def keep(_module: Any, inputs: Any, result: Any) -> None:
        output, state = result
        samples = inputs[0].shape[0]
        v = state.v.expand_as(output)
        lists[name].append(output.detach().reshape(samples, -1).numpy().copy())
        lists[f"{name}.v"].append(v.detach().reshape(samples, -1).numpy().copy())

    return keep


def _step(module: Any, x: Any, state: Any) -> tuple[Any, Any]:
    """One step; a plain Sequential hands its cells' states on, which torch's does not."""
    import inspect

    import torch

    if "state" in inspect.signature(module.forward).parameters:
        output, state = module(x, state)
        return output, state
    if isinstance(module, torch.nn.Sequential):
        states = [None] * len(module) if state is None else list(state)
        for k, part in enumerate(module):
            x, states[k] = _step(part, x, states[k])
        return x, states
    return module(x), None
