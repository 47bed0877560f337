"""Modules of users step by step: which arguments are inputs, which are states to hand on.

A module's ``forward`` takes inputs, which have no default, and states, whose default is None::

    forward(x)                         keeps its states itself, or has none
    forward(x, state=None)             returns (output, state)
    forward(x, mem1=None, mem2=None)   returns (output, mem1, mem2), or (output, (mem1, mem2))
    forward(x, spk=None, mem=None)     returns (spk, mem), of which the first is the output

A module may also loop over time itself: then it is called once, with a ``TimeLoop``.
From other results no states can be told. Other arguments keep their defaults. A plain
``Sequential`` hands no states on, so they are handed to its parts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Plan:
    """Names of a module's arguments.

    Attributes:
        inputs: without a default; ``("input",)`` where there are none.
        states: with the default None.
    """

    inputs: tuple[str, ...]
    states: tuple[str, ...]


@dataclass(frozen=True)
class TimeLoop:
    """Where a module that loops over time in its ``forward`` finds its steps.

    Attributes:
        axis: of its input: 0 for [step, sample, *shape], 1 for [sample, step, *shape], None for
            [sample, *shape], which every step sees whole.
        steps: number of steps; None where it is as many as the input has.
    """

    axis: int | None
    steps: int | None

    def given(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The input of one call of the module for ``x`` [step, sample, *shape].

        Raises:
            ConfigError: another number of steps than the module's own, or steps that differ where
                the module sees one input in all of them.
        """
        if self.steps not in (None, len(x)):
            raise ConfigError(
                f"samples of {len(x)} steps for a module whose forward loops over {self.steps}",
                needs=f"samples of {self.steps} steps",
                remedy="give such samples, or loop over the steps of the input",
            )
        if self.axis is not None:
            return x if self.axis == 0 else x.swapaxes(0, 1)
        if (x != x[0]).any():
            raise ConfigError(
                "samples whose steps differ, for a module that sees the same input in every step",
                needs="the same values in every step, without an encoding",
                remedy=f"np.repeat(x[:, None], {self.steps}, axis=1) of values [sample, *shape]; "
                "to train on spikes, let the loop take one step of the input: x[t]",
            )
        first: NDArray[np.float64] = x[0]
        return first


def plan(module: Any) -> Plan:
    """The arguments of a module's ``forward``."""
    parameters = inspect.signature(module.forward).parameters.values()
    inputs = tuple(p.name for p in parameters if p.default is p.empty and p.kind in _POSITIONAL)
    states = tuple(p.name for p in parameters if p.default is None)
    return Plan(inputs or ("input",), states)


def is_plain_sequence(module: Any) -> bool:
    """Whether a module is a ``Sequential`` of torch, which hands no states on."""
    import torch

    return (
        isinstance(module, torch.nn.Sequential)
        and type(module).forward is torch.nn.Sequential.forward
    )


def step(
    module: Any,
    inputs: tuple[Any, ...],
    states: Any = None,
    call: Callable[..., Any] | None = None,
) -> tuple[Any, Any]:
    """One step of a module: (output, or a tuple of outputs; states for the next step).

    Args:
        states: as the step before returned them, or None for the initial ones.
        call: calls (module, inputs and states); by default the module is called.

    """
    if is_plain_sequence(module):
        (signal,) = inputs
        parts = list(module._modules.values())
        after = [None] * len(parts) if states is None else list(states)
        for k, part in enumerate(parts):
            signal, after[k] = step(part, (signal,), after[k], call)
        return signal, after
    names = plan(module).states
    given = {} if states is None else dict(zip(names, states, strict=True))
    result = module(*inputs, **given) if call is None else call(module, *inputs, **given)
    if not names or not isinstance(result, tuple):
        return result, None
    if len(result) > len(names):
        outputs = result[: -len(names)]
        return (outputs[0] if len(outputs) == 1 else outputs), result[-len(names) :]
    if len(result) == 2 and isinstance(result[1], tuple | list) and len(result[1]) == len(names):
        return result[0], tuple(result[1])
    if len(result) == len(names):
        return result[0], result
    return result[0], None


def run(
    module: Any,
    batch: Any,
    dtype: Any,
    time: TimeLoop | None = None,
    *,
    whole: bool = False,
) -> None:
    """Runs a module from its initial state; hooks see what happens.

    Args:
        batch: input [step, sample, *shape], or one per input by name.
        time: of a module that loops over time itself.
        whole: whether the module takes all steps at once, [step, sample, *shape].
    """
    import torch

    def tensors(arrays: Any) -> tuple[Any, ...]:
        return tuple(torch.as_tensor(array, dtype=dtype) for array in arrays)

    arrays, states = named(batch, plan(module).inputs), None
    with torch.no_grad(), default_dtype(dtype):
        if time is not None:
            module(*tensors(time.given(array) for array in arrays))
        elif whole:
            step(module, tensors(arrays))
        else:
            for now in zip(*arrays, strict=True):
                _, states = step(module, tensors(now), states)


@contextmanager
def default_dtype(dtype: Any) -> Iterator[None]:
    """Inside, tensors that the user's code makes (``torch.zeros(n, 10)``) are of ``dtype``."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def named(batch: Any, inputs: tuple[str, ...]) -> tuple[Any, ...]:
    """The arrays of a batch in the order of a module's inputs.

    Args:
        batch: an array, or one per input by name.
    """
    return tuple(batch[name] for name in inputs) if isinstance(batch, Mapping) else (batch,)
