"""A module whose ``forward`` loops over time, followed through all of its steps.

Each step of the loop is a trace of its own, with its own nodes; all must come out the same. What a
signal's step is follows from the input ``x[t]`` that it is made of, or, where each step sees the
same input, from how often its cell has been called. What is computed of such an input alone belongs
to no step: it is remembered, and emitted again in each step that uses it. A cell must be given its
own state of the step before; values of different steps meet only in what is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from snn2chip.frontends.torch import sequences
from snn2chip.frontends.torch.builder import Builder
from snn2chip.frontends.torch.framework import Framework
from snn2chip.frontends.torch.functions import plain_name
from snn2chip.frontends.torch.sequences import Reduced, Sequence, WrongAxisError, holds_sequence
from snn2chip.frontends.torch.steps import Static, Step, StepState, has_cell
from snn2chip.frontends.torch.trace import BY_HAND, Trace, base_of, is_leaf, paths_of
from snn2chip.frontends.torch.values import (
    SAMPLES,
    Signal,
    Standin,
    State,
    first_of,
    holds,
    leaves_of,
)
from snn2chip.graph.operators import Shape

_STEPWISE = ("Linear", "Identity")
"""Layers of torch that do to a sequence what they do to each of its steps; dropouts too."""


class Loop:
    """A run of a ``forward`` over signals of several steps.

    Args:
        root: the module.
        shapes: name of each input -> its shape, without steps and samples.
        results: path of each leaf -> what a call of it returned in a real run.
        make: a builder with the inputs in it.

    Attributes:
        steps: that the loop has made so far.
        sent: (path of a cell, step) -> its first output.
    """

    def __init__(
        self,
        library: Framework,
        root: Any,
        shapes: Mapping[str, Shape],
        results: Mapping[str, Any],
        make: Callable[[], Builder],
    ) -> None:
        self.library, self.root, self.shapes = library, root, shapes
        self.results, self.make, self.paths = results, make, paths_of(root)
        self.scope: list[str] = []
        self.emitting = False
        self.sent: dict[tuple[str, int], Any] = {}
        self._calls: dict[str, int] = {}
        self.steps: list[Step] = []
        self.static = Static(self)

    def run(self, axis: int | None, length: int) -> Any:
        """What ``forward`` returns.

        Args:
            axis: of time in the inputs; None where every step sees the whole input.
            length: that the axis of time seems to have.
        """
        return run_users_forward(
            self.root, tuple(self._input(name, axis, length) for name in self.shapes)
        )

    def _input(self, name: str, axis: int | None, length: int) -> Standin:
        if axis is None:
            return self.static.input(name)
        step = (SAMPLES, *self.shapes[name])
        return Sequence(
            lambda k: self.step(k).input(name), length, axis, step, self.apply, given=True
        )

    def step(self, index: int) -> Step:
        """The trace of a step."""
        while len(self.steps) <= index:
            self.steps.append(Step(self, len(self.steps)))
        return self.steps[index]

    def call(self, original: Callable[..., Any], module: Any, args: Any, kwargs: Any) -> Any:
        """A call of a module, as of ``Trace``."""
        if self.emitting:
            return original(module, *args, **kwargs)
        if not holds((args, kwargs), Standin):
            return self.static.call(original, module, args, kwargs)
        leaf, given = is_leaf(self.library, module), [*args, *kwargs.values()]
        path = self.static._path_of(module)
        if not leaf:
            self.scope.append(path)
            try:
                return original(module, *args, **kwargs)
            finally:
                self.scope.pop()
        if holds_sequence(given[0]):
            return self._on_sequence(original, module, path, first_of(given[0]))
        kind = type(module).__name__
        trace = self._trace_of(given[0], f"gives {path!r} ({kind})")
        if keeps_state(self.library, module):
            trace = self._next(trace, path, kind)
        if isinstance(trace, Step):
            given[0] = self.static.within(trace, given[0])
        return trace._leaf(module, path, given)

    def _next(self, trace: Trace, path: str, kind: str) -> Step:
        """The step in which a cell is called, one after another."""
        calls = self._calls.get(path, 0)
        step = trace if isinstance(trace, Step) else self.step(calls)
        if step.index > calls:
            self.refuse(
                f"calls {path!r} ({kind}) with step {step.index} of the input, after {calls} steps",
                needs="a loop that takes all steps in their order",
            )
        self._calls[path] = max(calls, step.index + 1)
        return step

    def _on_sequence(self, original: Any, module: Any, path: str, value: Any) -> Any:
        import torch

        kind = type(module).__name__
        if isinstance(value, Reduced):
            if kind in ("Softmax", "LogSoftmax", "Identity"):
                return value
            self.refuse(
                f"gives {path!r} ({kind}) what it has made of several steps",
                needs="sums, means and maxima over steps that are returned as they are",
                remedy="let the module end with its last cells; for recurrence " + BY_HAND,
            )
        dropout = isinstance(module, torch.nn.modules.dropout._DropoutNd)
        if kind not in _STEPWISE and not dropout:
            self.refuse_axis(f"gives {path!r} ({kind}) whole sequences")
        features = getattr(module, "out_features", value.step[-1])
        scope = list(self.scope)

        def change(one: Any) -> Any:
            before, self.scope[:] = list(self.scope), scope
            found = self.call(original, module, (one,), {})
            self.scope[:] = before
            return found

        return value.mapped(change, (*value.step[:-1], features))

    def _trace_of(self, value: Any, what: str) -> Trace:
        """The step that signals belong to, or the static trace."""
        if not holds(value, Signal):
            for state in leaves_of(value, State):
                state.complain(state.owner)
            self.refuse(f"{what} no signal", needs="what a layer or a cell gives")
        steps = {trace_of(signal) for signal in leaves_of(value, Signal)} - {self.static}
        if len(steps) > 1:
            self._refuse_mixture(what)
        return next(iter(steps), self.static)

    def apply(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function of torch on signals, states or sequences."""
        plain, given = plain_name(name), (args, kwargs)
        if plain == "stack":
            return self._stack(*args, **kwargs)
        if plain == "add" and len(args) == 2 and not kwargs:
            found = self._sum(first_of(args[0]), first_of(args[1]))
            if found is not None:
                return found
        for state in leaves_of(given, State):
            state.complain(state.owner)
        if holds_sequence(given):
            return sequences.apply(self, name, args, kwargs)
        trace = self._trace_of(given, f"uses {plain} on")
        if isinstance(trace, Step):
            return trace.compute(name, *self.static.within(trace, given))
        return self.static.compute(name, args, kwargs)

    def _stack(self, tensors: Any, dim: int = 0) -> Any:
        """A recording: one value of each step, in their order."""
        parts = tuple(first_of(part) for part in tensors)
        if all(isinstance(part, State) for part in parts):
            return Reduced("states", parts, self.apply)
        if [step_of(part) for part in parts] != list(range(len(parts))):
            self.refuse(
                "stacks other values than one of each step",
                needs="a list of one cell's outputs, one per step, from the first step on",
            )
        shape = tuple(parts[0].shape)
        axis = dim % (len(shape) + 1)
        return Sequence(parts.__getitem__, len(parts), axis, shape, self.apply, given=False)

    def _sum(self, one: Any, other: Any) -> Any:
        """A sum over steps so far, which may begin with zeros; None where it is none."""
        if is_zero(one) or is_zero(other):
            return other if is_zero(one) else one
        before = one.parts if isinstance(one, Reduced) and one.kind == "sum" else (one,)
        index = step_of(other)
        if [step_of(part) for part in before] != list(range(index or 0)) or not index:
            return None
        return Reduced("sum", (*before, other), self.apply)

    def _refuse_mixture(self, what: str) -> NoReturn:
        self.refuse(f"{what} values of different steps", needs=BY_HAND)

    def refuse(self, what: str, **parts: str) -> NoReturn:
        """Raises UnsupportedError about the line that is being run."""
        self.static.refuse(what, **parts)

    def refuse_axis(self, what: str) -> NoReturn:
        """Raises WrongAxisError about the line that is being run."""
        raise WrongAxisError(f"{self.static.where()}: {what}", needs="steps one after another")


def run_users_forward(root: Any, inputs: tuple[Any, ...]) -> Any:
    """The frame in which the user's code runs; see ``values.RUNNER``."""
    return root(*inputs)


def trace_of(signal: Signal) -> Trace:
    """The trace that made a signal."""
    found: Trace = getattr(signal.apply, "__self__")  # noqa: B009 (mypy knows no bound methods)
    return found


def step_of(value: Any) -> int | None:
    """Number of the step that a signal or state belongs to; None for what belongs to none."""
    if isinstance(value, StepState):
        return value.step
    trace = trace_of(value) if isinstance(value, Signal) else None
    return trace.index if isinstance(trace, Step) else None


def is_zero(value: Any) -> bool:
    """Whether a value is a constant 0, with which a sum may begin."""
    if isinstance(value, int | float):
        return value == 0
    return (
        hasattr(value, "count_nonzero")
        and not isinstance(value, Standin | State)
        and not bool(value.count_nonzero())
    )


def keeps_state(library: Framework, module: Any) -> bool:
    """Whether a leaf may do something else in each step: all of the library but torch's layers."""
    from snn2chip.frontends.torch import layers

    if base_of(library, module) is None:
        return False
    return has_cell(library, module) or layers.emitter(module) is None
