"""The traces of a loop over time: one per step, and one for what no step belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from snn2chip.frontends.nir.nodes import NirNode
from snn2chip.frontends.torch import functions
from snn2chip.frontends.torch.framework import Framework
from snn2chip.frontends.torch.functions import plain_name
from snn2chip.frontends.torch.trace import BY_HAND, Trace, base_of, first_signal
from snn2chip.frontends.torch.values import (
    Signal,
    Standin,
    State,
    first_of,
    holds,
    leaves_of,
    mapped,
)

if TYPE_CHECKING:
    from snn2chip.frontends.torch.loops import Loop

_OF_AXES = ("getitem", "iter", "unbind", "select", "split", "chunk", "transpose", "permute")


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

    def _leaf(self, module: Any, path: str, given: list[Any]) -> Any:
        if path in self._called and base_of(self.library, module) is not None:
            self.refuse(
                f"calls {path!r} ({type(module).__name__}) twice in one step",
                needs="one call per cell and step, with the input of that step",
                has="the same object in two places, or an output of the step before in its input",
                remedy=f"for two populations a cell for each; for recurrence {BY_HAND}",
            )
        return super()._leaf(module, path, given)

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


def has_cell(library: Framework, module: Any) -> bool:
    """Whether a module is a cell of the library or holds one."""
    return any(type(part).__name__ in library.cells for part in module.modules())


def _equal(one: NirNode, other: NirNode) -> bool:
    return (
        one.kind == other.kind
        and one.params.keys() == other.params.keys()
        and all(_same(one.params[name], value) for name, value in other.params.items())
    )


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one.shape == other.shape and one.dtype == other.dtype and bool((one == other).all())
