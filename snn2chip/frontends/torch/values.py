"""What stands for tensors while a module is followed: signals and the states of cells."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from snn2chip.graph.operators import Shape

SAMPLES, STEPS = 3, 5
"""Sizes that a followed module sees for the axes of samples and of steps."""

Apply = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]
"""A function of torch by name, applied to arguments of which some are signals."""

_DUNDERS = (
    "add", "radd", "iadd", "sub", "rsub", "isub", "mul", "rmul", "imul", "truediv", "rtruediv",
    "itruediv", "neg", "getitem", "bool", "iter", "matmul", "rmatmul", "pow", "abs", "gt", "lt",
    "ge", "le", "eq", "ne", "float", "int", "and", "or", "invert",
)  # fmt: skip


class Standin:
    """What stands for a tensor: what is done to it is handed to ``apply``."""

    apply: Apply
    is_sparse = False
    requires_grad = False

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = dict(kwargs or {})
        found = next(leaves_of((args, given), Standin))
        return found.apply(getattr(function, "__name__", str(function)), args, given)

    @property
    def dtype(self) -> Any:
        import torch

        return torch.get_default_dtype()

    @property
    def device(self) -> Any:
        import torch

        return torch.device("cpu")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.apply(name, (self, *args), kwargs)

    __hash__ = object.__hash__


class Signal(Standin):
    """What one or more NIR nodes send, summed, in place of a tensor [sample, *shape].

    It knows its shape, and nothing of its values.

    Attributes:
        sources: names of the nodes.
        inner: shape without the leading axes of steps and samples.
        leading: sizes of these axes.
        folds: how often something had been folded into each source when the signal was made.
    """

    def __init__(
        self,
        sources: tuple[str, ...],
        inner: Shape,
        leading: Shape,
        folds: tuple[int, ...],
        apply: Apply,
    ) -> None:
        self.sources, self.inner, self.leading = sources, inner, leading
        self.folds, self.apply = folds, apply

    @property
    def shape(self) -> Any:
        import torch

        return torch.Size((*self.leading, *self.inner))

    @property
    def ndim(self) -> int:
        return len(self.leading) + len(self.inner)

    def __len__(self) -> int:
        return self.leading[0]


def _dunder(name: str) -> Callable[..., Any]:
    def operation(self: Standin, *others: Any) -> Any:
        return self.apply(name, (self, *others), {})

    return operation


for _name in _DUNDERS:
    setattr(Standin, f"__{_name}__", _dunder(f"__{_name}__"))


@dataclass(frozen=True, eq=False)
class State:
    """What a cell keeps from step to step; a module may only hand it on.

    Attributes:
        owner: path of the cell.
        complain: refuses any other use.
    """

    owner: str
    complain: Callable[[str], Any]

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        state = next(leaves_of((args, kwargs), State))
        return state.complain(state.owner)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.complain(self.owner)


def _complaint(self: State, *others: Any) -> Any:
    return self.complain(self.owner)


for _name in set(_DUNDERS) - {"eq", "ne"}:
    setattr(State, f"__{_name}__", _complaint)


@dataclass(frozen=True, eq=False)
class Previous(State):
    """A signal of the step before, which came back as a state."""


def leaves_of(value: Any, kind: type) -> Iterator[Any]:
    """All objects of a kind in nested tuples, lists and dictionaries."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from leaves_of(part, kind)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from leaves_of(part, kind)


def holds(value: Any, kind: type) -> bool:
    """Whether nested tuples, lists and dictionaries hold an object of a kind."""
    return next(leaves_of(value, kind), None) is not None


def first_of(value: Any) -> Any:
    """The first value of what a cell returned; anything else as it is."""
    while isinstance(value, tuple | list) and value:
        value = value[0]
    return value


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Nested tuples, lists and dictionaries with ``change`` of each leaf."""
    if isinstance(value, dict):
        return type(value)({key: mapped(part, change) for key, part in value.items()})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(part, change) for part in value))
    if isinstance(value, tuple | list):
        return type(value)(mapped(part, change) for part in value)
    return change(value)


def place(package: str) -> str:
    """The line of the user's own code that a trace is at, or "" where it runs none."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_name != RUNNER:
        if _is_users(frame.f_code.co_filename, package):
            return _line(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return ""


RUNNER = "run_users_forward"
"""Function that calls the user's code: what lies outside it is not theirs."""


def place_of(error: BaseException, package: str) -> str:
    """The innermost line of the user's own code where an error was raised, or ""."""
    found, trace = "", error.__traceback__
    while isinstance(trace, TracebackType):
        code = trace.tb_frame.f_code
        if _is_users(code.co_filename, package):
            found = _line(code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _is_users(file: str, package: str) -> bool:
    roots = [
        root
        for name in ("torch", "snn2chip", package)
        for root in getattr(sys.modules.get(name), "__path__", ())
    ]
    return not file.startswith("<") and not any(Path(file).is_relative_to(r) for r in roots)


def _line(file: str, number: int) -> str:
    code = linecache.getline(file, number).strip()
    return f"{Path(file).name}:{number}" + (f" ({code})" if code else "")
