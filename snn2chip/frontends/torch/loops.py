"""A module whose ``forward`` loops over time, followed through all of its steps.

Each step of the loop is a trace of its own, with its own nodes; all must come out the same. What a
signal's step is follows from the input ``x[t]`` that it is made of, or, where each step sees the
same input, from how often its cell has been called. What is computed of such an input alone belongs
to no step: it is remembered, and emitted again in each step that uses it. A cell must be given its
own state of the step before; values of different steps meet only in what is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from snn2chip.frontends.nir.nodes import NirNode
from snn2chip.frontends.torch import functions, sequences
from snn2chip.frontends.torch.builder import Builder
from snn2chip.frontends.torch.framework import Framework
from snn2chip.frontends.torch.functions import plain_name
from snn2chip.frontends.torch.sequences import Reduced, Sequence, WrongAxisError, holds_sequence
from snn2chip.frontends.torch.trace import BY_HAND, Trace, base_of, first_signal, is_leaf, paths_of
from snn2chip.frontends.torch.values import (
    SAMPLES,
    Signal,
    Standin,
    State,
    first_of,
    holds,
    leaves_of,
    mapped,
)
from snn2chip.graph.operators import Shape

_OF_AXES = ("getitem", "iter", "unbind", "select", "split", "chunk", "transpose", "permute")
_STEPWISE = ("Linear", "Identity")
"""Layers of torch that do to a sequence what they do to each of its steps; dropouts too."""


@dataclass(frozen=True, eq=False)
class StepState(State):
    """What a cell keeps after one step.

    Attributes:
        step: its number.
        loop: takes lists of such states.
    """

    step: int
    loop: Loop

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        state = next(leaves_of((args, kwargs), StepState))
        return state.loop.apply(getattr(function, "__name__", str(function)), args, kwargs or {})


class Step(Trace):
    """One step of a loop."""

    def __init__(self, loop: Loop, index: int) -> None:
        self.loop, self.index = loop, index
        builder = loop.make()
        super().__init__(
            builder, loop.library, loop.root, loop.results, second=index > 0, paths=loop.paths
        )
        self._scope = loop.scope
        self._inputs: dict[str, Signal] = {}
        self._shared = 0

    @property
    def _emitting(self) -> bool:
        return self.loop.emitting

    @_emitting.setter
    def _emitting(self, value: bool) -> None:
        self.loop.emitting = value

    def input(self, name: str) -> Signal:
        """What an input sends in this step."""
        if name not in self._inputs:
            self.builder.sources, self.builder.shape = (name,), self.loop.shapes[name]
            self._inputs[name] = self.signal()
        return self._inputs[name]

    def apply(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function of the user's code; the loop finds out to which step it belongs."""
        return self.loop.apply(name, args, kwargs)

    def compute(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function on signals of this step alone."""
        found = functions.apply(self, name, args, kwargs)
        self.share()
        return found

    def emit(self, module: Any, path: str) -> None:
        """Emits a leaf."""
        super().emit(module, path)
        self.share()

    def share(self, *, all_nodes: bool = False) -> None:
        """Lets nodes that equal the first step's be those, so that weights are held once."""
        nodes, first = self.builder.nodes, self.loop.steps[0].builder.nodes
        if nodes is first:
            return
        new = list(nodes)[0 if all_nodes else self._shared :]
        self._shared = len(nodes)
        for name in {*new, *self.builder.sources}:
            other = first.get(name)
            if other is not None and nodes[name] is not other and _equal(nodes[name], other):
                nodes[name] = other

    def _state(self, path: str) -> State:
        return StepState(path, self.complain, self.index, self.loop)

    def _result(self, path: str, own: bool) -> Any:
        found = super()._result(path, own)
        if own:
            self.loop.sent[path, self.index] = first_of(found)
        return found

    def _check_states(self, module: Any, path: str, states: list[Any]) -> None:
        kind, before = type(module).__name__, self.index - 1
        for value in leaves_of(states, Standin):
            if value is not self.loop.sent.get((path, before)):
                self.refuse(
                    f"gives {path!r} ({kind}) a signal as its state",
                    needs="what the cell itself returned in the step before",
                    remedy=f"hand the cell's own state on; for recurrence: {BY_HAND}",
                )
        for state in leaves_of(states, State):
            if (state.owner, getattr(state, "step", None)) != (path, before):
                self.refuse(
                    f"gives {path!r} ({kind}) in step {self.index} the state of {state.owner!r} "
                    f"in step {getattr(state, 'step', '?')}",
                    needs="the state that the cell itself returned in the step before",
                )
        if self.index == 0 or self._lenient or not has_cell(self.library, module):
            return
        given = any(value is not None for value in states)
        if not holds(states, State) and (self.library.forgets or given):
            self.refuse(
                f"calls {path!r} ({kind}) in step {self.index} without its state of step {before}",
                needs="a loop that hands its cells' states on",
                remedy="y, state = cell(x, state)",
            )


class Static(Trace):
    """What is made of an input that every step sees: shapes now, nodes in the steps that use it."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        super().__init__(
            loop.make(), loop.library, loop.root, loop.results, second=False, paths=loop.paths
        )
        self._scope = loop.scope
        self._made: dict[Signal, tuple[tuple[str, ...], Callable[[Step], Any]]] = {}
        self._known: dict[Any, Signal] = {}
        self._copies: dict[tuple[Signal, int], Signal] = {}

    _emitting = Step._emitting

    def input(self, name: str) -> Signal:
        """An input that is the same in all steps."""
        self.builder.sources, self.builder.shape = (name,), self.loop.shapes[name]
        signal = self.signal()
        self._made[signal] = ((), lambda step: step.input(name))
        return signal

    def apply(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function of the user's code."""
        return self.loop.apply(name, args, kwargs)

    def compute(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function on static signals alone."""
        if plain_name(name) in _OF_AXES:
            self.loop.refuse_axis(f"uses {plain_name(name)}")

        def again(step: Step) -> Any:
            return step.compute(name, *self.within(step, (args, kwargs)))

        key = (name, args, tuple(sorted(kwargs.items(), key=lambda item: item[0])))
        return self._remembered(key, lambda: functions.apply(self, name, args, kwargs), again)

    def _leaf(self, module: Any, path: str, given: list[Any]) -> Any:
        signal = first_signal(self, given[0])

        def now() -> Signal:
            self.consume(signal)
            self.emit(module, self.builder.free(path))
            return self.signal()

        def again(step: Step) -> Any:
            return step._leaf(module, path, [self.within(step, signal)])

        return self._remembered((path, signal), now, again)

    def _remembered(self, key: Any, now: Callable[[], Any], again: Callable[[Step], Any]) -> Any:
        """The same of the same is one signal."""
        try:
            found: Any = self._known.get(key)
        except TypeError:  # lists cannot be keys
            key, found = object(), None
        if found is None:
            found = now()
            if isinstance(found, Signal):
                self._known[key] = found
                self._made.setdefault(found, (tuple(self._scope), again))
        return found

    def within(self, step: Step, value: Any) -> Any:
        """Nested values with the static signals among them emitted in a step."""
        return mapped(value, lambda leaf: self._copy(step, leaf))

    def _copy(self, step: Step, leaf: Any) -> Any:
        if not isinstance(leaf, Signal) or leaf not in self._made:
            return leaf
        if (leaf, step.index) not in self._copies:
            scope, make = self._made[leaf]
            before, self._scope[:] = list(self._scope), scope
            self._copies[leaf, step.index] = make(step)
            self._scope[:] = before
        return self._copies[leaf, step.index]


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
            self._refuse_mixture(f"gives {path!r} ({kind})")
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


def has_cell(library: Framework, module: Any) -> bool:
    """Whether a module is a cell of the library or holds one."""
    return any(type(part).__name__ in library.cells for part in module.modules())


def keeps_state(library: Framework, module: Any) -> bool:
    """Whether a leaf may do something else in each step: all of the library but torch's layers."""
    from snn2chip.frontends.torch import layers

    if base_of(library, module) is None:
        return False
    return has_cell(library, module) or layers.emitter(module) is None


def _equal(one: NirNode, other: NirNode) -> bool:
    return (
        one.kind == other.kind
        and one.params.keys() == other.params.keys()
        and all(_same(one.params[name], value) for name, value in other.params.items())
    )


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and one.dtype == other.dtype and bool((one == other).all())
