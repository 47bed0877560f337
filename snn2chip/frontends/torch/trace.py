"""A module followed through its own ``forward``, with signals in place of tensors.

The user's code runs as it is, once for a first step and once for a second one; every call of a
module is intercepted, and every function of torch on a signal is handed to ``functions``. Unlike
with torch.fx, shapes are known, so ``x.view(x.shape[0], -1)``, ``torch.zeros(len(x), 10)`` and
decisions on shapes work. Values are not: a decision on them is refused with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.torch import functions, layers
from snn2chip.frontends.torch.builder import Builder
from snn2chip.frontends.torch.framework import Framework
from snn2chip.frontends.torch.stepping import is_plain_sequence, step
from snn2chip.frontends.torch.values import (
    SAMPLES,
    STEPS,
    Previous,
    Signal,
    State,
    first_of,
    holds,
    leaves_of,
    mapped,
    place,
)
from snn2chip.graph.operators import Shape

BY_HAND = (
    "a recurrent cell of the library, whose weights the export reads; recurrence by hand over an "
    "output of the step before is not followed"
)
_TIMELESS = ("Linear", "Flatten", "Identity")
"""Layers of torch that see whole sequences as they see single steps; dropouts too."""


class Interceptor(Protocol):
    """What calls of modules are handed to."""

    def call(self, original: Callable[..., Any], module: Any, args: Any, kwargs: Any) -> Any:
        """A call of ``module``, which ``original`` would make."""


class SharedError(BaseException):
    """Something was folded into a node that others read too; the trace starts again.

    Not an ``Exception``, so that no user's ``except`` swallows it.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.source = source


class Trace:
    """One run of a module's ``forward`` over signals.

    Args:
        builder: takes the nodes.
        results: path of each leaf -> what a call of it returned in a real run.
        second: whether this is the second step, in which cells must be given their states.
        paths: of all modules, if the caller knows them.
    """

    def __init__(
        self,
        builder: Builder,
        library: Framework,
        root: Any,
        results: Mapping[str, Any],
        *,
        second: bool,
        paths: dict[int, str] | None = None,
    ) -> None:
        self.builder, self.library, self.results, self.second = builder, library, results, second
        self._paths = paths_of(root) if paths is None else paths
        self._called: set[str] = set()
        self._scope: list[str] = []
        self._lenient = is_plain_sequence(root) or builder.leading > 1
        self._over = False
        self._emitting = False
        builder.visit = self.visit

    def signal(self) -> Signal:
        """What the builder's sources send."""
        builder = self.builder
        folds = tuple(builder.folds[source] for source in builder.sources)
        axes = (STEPS, SAMPLES)[-builder.leading :]
        return Signal(builder.sources, builder.shape, axes, folds, self.apply)

    def consume(self, signal: Signal) -> None:
        """Makes a signal what the builder reads next.

        Raises:
            SharedError: something was folded into its source since it was made.
        """
        self._check_fresh(signal)
        for source, folds in zip(signal.sources, signal.folds, strict=True):
            if self.builder.folds[source] != folds:
                raise SharedError(source)
        self.builder.sources, self.builder.shape = signal.sources, signal.inner

    def apply(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function of torch on signals."""
        for signal in leaves_of((args, kwargs), Signal):
            self._check_fresh(signal)
        for state in leaves_of((args, kwargs), State):
            state.complain(state.owner)
        return functions.apply(self, name, args, kwargs)

    def _check_fresh(self, signal: Signal) -> None:
        """Refuses signals of the step before that a module kept for itself."""
        if self._over or signal.apply != self.apply:
            self.refuse("reads what it kept of the step before", needs=BY_HAND)

    def where(self) -> str:
        """Module and line that are being run, as the beginning of a message."""
        path = self._scope[-1] if self._scope else ""
        line = place(self.library.package)
        return f"module {path or 'itself'!r}" + (f", {line}" if line else "")

    def scope(self, name: str) -> str:
        """A name for a node of the module that is being run."""
        path = self._scope[-1] if self._scope else ""
        return self.builder.free(f"{path}/{name}" if path else name)

    def refuse(self, what: str, **parts: str) -> NoReturn:
        """Raises UnsupportedError about the line that is being run."""
        raise UnsupportedError(f"{self.where()}: {what}", **parts)

    def complain(self, owner: str) -> NoReturn:
        """Refuses to compute with the state of a cell."""
        self.refuse(
            f"computes with the state of {owner or 'itself'!r}",
            needs="states that are only handed on; the signal is the first value that a cell gives",
            remedy="use the cell's output (for its membrane: a cell that does not spike)",
        )

    def complain_previous(self, owner: str) -> NoReturn:
        """Refuses to compute with an output of the step before."""
        self.refuse("computes with an output of the step before", needs=BY_HAND)

    def call(self, original: Callable[..., Any], module: Any, args: Any, kwargs: Any) -> Any:
        """A call of a module: leaves are emitted, others are run."""
        if self._emitting:
            return original(module, *args, **kwargs)
        if not holds((args, kwargs), Signal):
            return self._call_without_signal(original, module, args, kwargs)
        path = self._path_of(module)
        if is_leaf(self.library, module):
            return self._leaf(module, path, [*args, *kwargs.values()])
        self._scope.append(path)
        try:
            return original(module, *args, **kwargs)
        finally:
            self._scope.pop()

    def visit(self, module: Any, path: str) -> None:
        """Follows a module for a leaf that holds it and hands it its states."""
        before = self._lenient, self._emitting
        self._lenient, self._emitting = True, False
        self._paths[id(module)] = path
        try:
            result = module(self.signal())
        finally:
            self._lenient, self._emitting = before
        self.consume(first_signal(self, result))

    def _path_of(self, module: Any) -> str:
        if id(module) not in self._paths:
            self.refuse(
                f"calls a {type(module).__name__} that is not among its modules",
                needs="modules that are attributes, or in a ModuleList or ModuleDict",
                remedy="put it into a ModuleList instead of a list",
            )
        return str(self._paths[id(module)])

    def _call_without_signal(
        self, original: Callable[..., Any], module: Any, args: Any, kwargs: Any
    ) -> Any:
        kind = type(module).__name__
        if holds((args, kwargs), Previous):
            self.refuse(
                f"gives {self._path_of(module)!r} ({kind}) an output of the step before",
                needs=BY_HAND,
            )
        for state in leaves_of((args, kwargs), State):
            state.complain(state.owner)
        if is_leaf(self.library, module):
            self.refuse(
                f"gives {self._path_of(module)!r} ({kind}) values that are not made of the input",
                needs="signals; if they stand for an output of the step before: " + BY_HAND,
            )
        return original(module, *args, **kwargs)

    def _leaf(self, module: Any, path: str, given: list[Any]) -> Any:
        """Emits a leaf; returns what stands for its result."""
        signal = first_signal(self, given[0])
        own = base_of(self.library, module) is not None
        if own:
            self._check_states(module, path, given[1:])
            if path in self._called:
                self.refuse(
                    f"calls {path!r} ({type(module).__name__}) twice in one step",
                    needs="one call per cell and step",
                    has="the same object in two places, or a loop over time",
                    remedy="for a loop over time: give a module that computes one step; for two "
                    "populations: a cell for each",
                )
        elif self.builder.leading > 1:
            self._check_timeless(module, path)
        name = path if own else self.builder.free(path)
        self._called.add(path)
        self.consume(signal)
        self.emit(module, name)
        return self._result(path, own)

    def emit(self, module: Any, path: str) -> None:
        """Emits a leaf; the library's own see single steps, whatever the whole module sees."""
        builder, before = self.builder, (self.builder.leading, self._emitting)
        if base_of(self.library, module) is not None:
            builder.leading = 1
        self._emitting = True
        try:
            emit(builder, self.library, module, path)
        finally:
            builder.leading, self._emitting = before

    def _result(self, path: str, own: bool) -> Any:
        """The leaf's signal, in the structure that a real run gave, with states for the rest."""
        signal, state = self.signal(), self._state(path)
        if not own:
            return signal
        real = self.results.get(path, (None, None))
        if isinstance(real, tuple | list):
            return (signal, *(mapped(part, lambda _: state) for part in real[1:]))
        return signal

    def _state(self, path: str) -> State:
        return State(path, self.complain)

    def _check_states(self, module: Any, path: str, states: list[Any]) -> None:
        """Whether a cell is given its own state."""
        kind = type(module).__name__
        if holds(states, Signal):
            self.refuse(
                f"gives {path!r} ({kind}) a signal as its state",
                needs="the state that the cell returned in the step before",
                remedy=f"hand the state on; for recurrence: {BY_HAND}",
            )
        for state in leaves_of(states, State):
            if state.owner != path and not isinstance(state, Previous):
                self.refuse(
                    f"gives {path!r} ({kind}) the state of {state.owner!r}",
                    needs="the state that the cell itself returned in the step before",
                )
        cell = kind in self.library.cells
        if not (self.second and cell) or self._lenient or holds(states, State):
            return
        if self.library.forgets or any(value is not None for value in states):
            self.refuse(
                f"calls {path!r} ({kind}) in its second step without the state of the first",
                needs="a module that computes one step and hands its cells' states on",
                remedy="def forward(self, x, state=None): ... return output, state",
            )

    def _check_timeless(self, module: Any, path: str) -> None:
        import torch

        kind = type(module).__name__
        if kind in _TIMELESS or isinstance(module, torch.nn.modules.dropout._DropoutNd):
            return
        if layers.emitter(module) is not None:
            self.refuse(
                f"gives {path!r} ({kind}) whole sequences [step, sample, ...]",
                needs="a layer that sees one step at a time",
                remedy="wrap it (norse: Lift; spikingjelly: layer.* with step_mode 'm'), or give a "
                "module that computes one step",
            )


def paths_of(root: Any) -> dict[int, str]:
    """Identity of each module -> its path."""
    return {id(part): path.replace(".", "/") for path, part in root.named_modules()}


def first_signal(trace: Trace, value: Any) -> Signal:
    """A signal, or the first value of what a cell returned."""
    found = first_of(value)
    if isinstance(found, Signal):
        return found
    if isinstance(found, State):
        found.complain(found.owner)
    trace.refuse(f"uses a {type(found).__name__} as a signal", needs="what a layer or a cell gives")


def is_leaf(library: Framework, module: Any) -> bool:
    """Whether a module is emitted, or refused, as it is; others are run."""
    base = base_of(library, module)
    if base is not None:
        inherited = type(module).forward is getattr(base, "forward", None)
        return inherited or base.__name__ not in {*library.containers, *library.layers}
    if is_plain_sequence(module):
        return False
    forward = type(module).forward
    return str(getattr(forward, "__module__", "")).startswith("torch.nn.modules")


def base_of(library: Framework, module: Any) -> type | None:
    """The library's class that a module is an object of, or is derived from."""
    return next((base for base in type(module).__mro__ if library.has(base)), None)


def emit(builder: Builder, library: Framework, module: Any, path: str) -> None:
    """Emits one leaf.

    Raises:
        UnsupportedError: nothing emits it.
    """
    base = base_of(library, module)
    name = "" if base is None else base.__name__
    if base is type(module) and name in library.cells:
        library.cells[name](builder, module, path)
    elif name in library.layers:
        library.layers[name](builder, module, path)
    elif name in library.containers:
        for key, child in module._modules.items():
            builder.visit(child, f"{path}/{key}" if path else key)
    else:
        found = None if name in (library.refused or {}) else layers.emitter(module)
        if found is None:
            raise refusal(library, module, path)
        found(builder, module, path)


def refusal(library: Framework, module: Any, path: str) -> UnsupportedError:
    """Why a leaf is refused."""
    kind = type(module).__name__
    remedies = {**layers.REMEDIES, **(library.refused or {})}
    known = [*layers.NAMES, *sorted(library.containers), *library.cells, *library.layers]
    remedy = remedies.get(kind, "build the model of these modules, or export NIR yourself")
    base = base_of(library, module)
    if base is not None and base is not type(module):
        remedy = f"build it as a {base.__name__} itself: a class derived from it may do anything"
    return UnsupportedError(
        f"module {path or 'itself'!r} is a {type(module).__module__}.{kind}",
        needs="a module that NIR can hold",
        has=", ".join(known),
        remedy=remedy,
    )


@contextmanager
def intercepted(trace: Interceptor) -> Iterator[None]:
    """Calls of all modules go through the trace."""
    import torch

    original = torch.nn.Module.__call__

    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        return trace.call(original, module, args, kwargs)

    torch.nn.Module.__call__ = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.nn.Module.__call__ = original  # type: ignore[method-assign]


def follow(
    trace: Trace, root: Any, inputs: Mapping[str, Shape], states: Any = None
) -> tuple[list[Signal], Any]:
    """Runs one step: (signals that the module gives, the answer first; states for the next one).

    Args:
        inputs: name of each Input node -> its shape.

    Raises:
        Snn2chipError: something that cannot be exported, by module and line.
        Exception: whatever the user's code raises.
    """
    signals = []
    for name, shape in inputs.items():
        trace.builder.sources, trace.builder.shape = (name,), shape
        signals.append(trace.signal())
    with intercepted(trace):
        outputs, after = run_users_forward(root, tuple(signals), states)
    found = [first_signal(trace, outputs)]
    if isinstance(outputs, tuple):
        found += [value for value in outputs[1:] if isinstance(value, Signal)]
    for signal in found:
        trace.consume(signal)
    kept = mapped(
        after,
        lambda leaf: Previous("", trace.complain_previous) if isinstance(leaf, Signal) else leaf,
    )
    trace._over = True
    return list({signal.sources: signal for signal in found}.values()), kept


def run_users_forward(root: Any, signals: tuple[Signal, ...], states: Any) -> tuple[Any, Any]:
    """The frame in which the user's code runs; see ``values.RUNNER``."""
    return step(root, signals, states)
