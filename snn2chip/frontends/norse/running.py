"""Norse modules in motion: copies in another precision, runs with recorded cells."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.frontends.torch.framework import Recording
from snn2chip.frontends.torch.stepping import TimeLoop, run
from snn2chip.graph.operators import Array

SEQUENCES = ("SNN", "SNNRecurrent", "Lift")
"""Norse's classes of modules that take whole sequences [step, sample, ...]."""


def timed(module: Any) -> bool:
    """Whether a module takes whole sequences."""
    return any(
        kind.__name__ in SEQUENCES and kind.__module__.split(".")[0] == "norse"
        for part in module.modules()
        for kind in type(part).__mro__
    )


def twin(module: Any, dtype: Any) -> Any:
    """The module in evaluation mode with all numbers in ``dtype``, the cells' parameters too.

    Modules over time return the states of all steps, which ``record`` reads.
    """
    import torch

    twin = copy.deepcopy(module).to(device="cpu", dtype=dtype).eval()
    for part in twin.modules():
        parameters: Any = getattr(part, "p", None)
        if hasattr(parameters, "_asdict"):
            values = {
                name: value.detach().to(device="cpu", dtype=dtype)
                for name, value in parameters._asdict().items()
                if isinstance(value, torch.Tensor)
            }
            part.p = parameters._replace(**values)
        if hasattr(part, "state_fallback"):
            part.state_fallback = _exact_start(part, part.state_fallback, dtype)
        if hasattr(part, "record_states"):
            part.record_states = True
    return twin


def _exact_start(part: Any, start: Any, dtype: Any) -> Any:
    """Norse's initial state in ``dtype``: recurrent cells and those over time round v to float32.

    What Norse itself cannot make (a v_leak per neuron of a recurrent cell) fails as it does there.
    """

    def exact(given: Any) -> Any:
        import torch

        state = start(given)
        changed = {
            name: value.detach().to(dtype)
            for name, value in state._asdict().items()
            if isinstance(value, torch.Tensor)
        }
        if hasattr(part.p, "v_leak"):
            changed["v"] = part.p.v_leak.detach().to(dtype).expand(state.v.shape).clone()
        return state._replace(**changed)

    return exact


def record(
    module: Any,
    cells: Mapping[str, str],
    batch: NDArray[np.float64],
    dtype: Any,
    time: TimeLoop | None = None,
) -> Recording:
    """Runs a module and records its cells.

    Args:
        batch: input [step, sample, *shape], or one per input by name.
        time: of a module that loops over time itself.

    Returns:
        ``<population>`` outputs and ``<population>.v`` membranes, [step, sample, neuron].
    """
    lists: dict[str, list[Array]] = {}
    for name in cells.values():
        lists[name], lists[f"{name}.v"] = [], []
    handles = [
        module.get_submodule(path.replace("/", ".")).register_forward_hook(_hook(lists, name))
        for path, name in cells.items()
    ]
    try:
        run(module, batch, dtype, time, whole=timed(module))
    finally:
        for handle in handles:
            handle.remove()
    return {name: np.concatenate(values).astype(np.float64) for name, values in lists.items()}


def _hook(lists: dict[str, list[Array]], name: str) -> Any:
    """Keeps one call of a cell: a step, or, of a module over time, a sequence of steps."""

    def keep(module: Any, inputs: Any, result: Any) -> None:
        output, state = result
        v = state.v.expand_as(output)
        for key, values in ((name, output), (f"{name}.v", v)):
            steps = values if hasattr(module, "record_states") else values[None]
            samples = steps.shape[1]
            lists[key].append(steps.detach().reshape(len(steps), samples, -1).numpy().copy())

    return keep
