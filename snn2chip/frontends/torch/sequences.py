"""What stands for tensors with an axis of time, where a module loops over time in its forward.

A ``Sequence`` is the input [step, sample, *shape] or [sample, step, *shape], of which the loop
takes one step at a time, or what it has stacked. A ``Reduced`` is what is made of all steps at the
end: a sum, a mean, a maximum. Networks cannot compute with it: it can only be returned.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple, Protocol

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.torch.functions import plain_name
from snn2chip.frontends.torch.values import Apply, Standin, first_of, leaves_of
from snn2chip.graph.operators import Shape


class WrongAxisError(UnsupportedError):
    """The input is used as if time lay elsewhere: another layout is to be tried."""


class Refuser(Protocol):
    """What refuses the line that is being run."""

    def refuse(self, what: str, **parts: str) -> Any:
        """Raises UnsupportedError."""

    def refuse_axis(self, what: str) -> Any:
        """Raises WrongAxisError."""


class Sequence(Standin):
    """One value per step, with an axis of time.

    Attributes:
        at: number of a step -> its value.
        length: number of steps; an input has any number of them, whatever it says.
        axis: of time.
        step: shape of one step's tensor.
        given: whether it is the input, or made of it step by step.
    """

    def __init__(
        self,
        at: Callable[[int], Any],
        length: int,
        axis: int,
        step: Shape,
        apply: Apply,
        *,
        given: bool,
    ) -> None:
        self.at, self.length, self.axis, self.step = at, length, axis, step
        self.apply, self.given = apply, given

    @property
    def shape(self) -> Any:
        import torch

        return torch.Size((*self.step[: self.axis], self.length, *self.step[self.axis :]))

    @property
    def ndim(self) -> int:
        return len(self.step) + 1

    def __len__(self) -> int:
        return int(self.shape[0])

    def mapped(self, change: Callable[[Any], Any], step: Shape) -> Sequence:
        """Each step changed by itself."""
        known: dict[int, Any] = {}

        def at(k: int) -> Any:
            if k not in known:
                known[k] = change(self.at(k))
            return known[k]

        return Sequence(at, self.length, self.axis, step, self.apply, given=self.given)

    def parts(self) -> tuple[Any, ...]:
        """The values of all steps."""
        return tuple(self.at(k) for k in range(self.length))


class Reduced(Standin):
    """What is made of the values of all steps.

    Attributes:
        kind: ``all`` where it keeps the steps apart, ``sum``, ``mean``, ``max`` or ``last``.
        parts: the values.
    """

    def __init__(self, kind: str, parts: tuple[Any, ...], apply: Apply) -> None:
        self.kind, self.parts, self.apply = kind, parts, apply


class Extremum(NamedTuple):
    """What torch's ``max`` over an axis returns."""

    values: Reduced
    indices: None


_HARMLESS = {"softmax", "log_softmax", "argmax", "same"}
"""Functions that keep which output is the largest."""


def apply(loop: Refuser, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function on a sequence, or on what has been made of one.

    Raises:
        UnsupportedError: it is not known, or not in this form.
    """
    plain = plain_name(name)
    value = first_of(args[0]) if args else kwargs.get("input")
    if isinstance(value, Reduced):
        return _on_reduced(loop, value, plain, args, kwargs)
    if not isinstance(value, Sequence) or plain not in _KNOWN:
        return loop.refuse(
            f"uses {plain} on the values of several steps",
            needs="a loop that takes one step after another: x[t]; and outputs that are stacked, "
            "then summed, averaged or returned",
            has=", ".join(sorted(_KNOWN)),
            remedy="compute step by step inside the loop",
        )
    return _KNOWN[plain](loop, value, args[1:], kwargs)


def _on_reduced(
    loop: Refuser, value: Reduced, plain: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if plain in _HARMLESS or value.kind == "states":
        return value
    if plain in ("div", "mul") and isinstance(args[1], int | float) and args[1] > 0:
        return value
    return loop.refuse(
        f"uses {plain} on what it has made of several steps",
        needs="sums, means and maxima over steps that are returned as they are; an output of the "
        "step before cannot be computed with",
        remedy="return it, and choose the answer with --readout; for recurrence a recurrent cell",
    )


def _axis(value: Sequence, dim: Any) -> int:
    return int(operator.index(dim)) % value.ndim


def _getitem(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    index = args[0] if isinstance(args[0], tuple) else (args[0],)
    if any(k is Ellipsis for k in index):
        hole = index.index(Ellipsis)
        filled = (slice(None),) * (value.ndim - len(index) + 1)
        index = (*index[:hole], *filled, *index[hole + 1 :])
    chosen = [axis for axis, k in enumerate(index) if k != slice(None)]
    if chosen == []:
        return value
    if chosen != [value.axis]:
        return loop.refuse_axis(f"indexes axes {chosen}")
    return _at(loop, value, index[value.axis])


def _at(loop: Refuser, value: Sequence, index: Any) -> Any:
    try:
        k = int(operator.index(index))
    except TypeError:
        return loop.refuse(
            f"takes steps {index!r} of a sequence",
            needs="one step at a time: x[t]",
            remedy="a loop over single steps",
        )
    k = k + value.length if k < 0 else k
    if not value.given:
        if k >= value.length:
            raise IndexError(f"index {k} is out of bounds for {value.length} steps")
        if k == value.length - 1 and index < 0:
            return Reduced("last", value.parts(), value.apply)
    return value.at(k)


def _select(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    dim = args[0] if args else kwargs["dim"]
    index = args[1] if len(args) > 1 else kwargs["index"]
    if _axis(value, dim) != value.axis:
        return loop.refuse_axis(f"selects from axis {dim}")
    return _at(loop, value, index)


def _unbind(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    if _axis(value, args[0] if args else kwargs.get("dim", 0)) != value.axis:
        return loop.refuse_axis("takes apart another axis")
    return value.parts()


def _iter(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    return iter(_unbind(loop, value, (0,), {}))


def _size(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    axis = args[0] if args else kwargs.get("dim")
    return value.shape if axis is None else value.shape[axis]


def _dim(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> int:
    return value.ndim


def _same(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Sequence:
    return value


def _permute(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    order = args or (kwargs["dims"],)
    if len(order) == 1 and isinstance(order[0], tuple | list):
        order = tuple(order[0])
    order = tuple(_axis(value, k) for k in order)
    if [k for k in order if k != value.axis] != [k for k in range(value.ndim) if k != value.axis]:
        return loop.refuse("permutes axes other than that of time", needs="x.transpose(0, 1)")
    axis = order.index(value.axis)
    return Sequence(value.at, value.length, axis, value.step, value.apply, given=value.given)


def _transpose(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    one, other = args if len(args) == 2 else (kwargs["dim0"], kwargs["dim1"])
    order = list(range(value.ndim))
    one, other = _axis(value, one), _axis(value, other)
    order[one], order[other] = order[other], order[one]
    return _permute(loop, value, tuple(order), {})


def _flatten(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    bound = {**dict(zip(("start_dim", "end_dim"), args, strict=False)), **kwargs}
    start, end = _axis(value, bound.get("start_dim", 0)), _axis(value, bound.get("end_dim", -1))
    if start < 2:
        return loop.refuse_axis("flattens the axes of steps or samples")
    step = (*value.step[: start - 1], prod(value.step[start - 1 : end]), *value.step[end:])
    return value.mapped(lambda one: one.flatten(start - 1, end - 1), step)


def _view(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
    sizes = args or (kwargs.get("shape", kwargs.get("size")),)
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = tuple(sizes[0])
    if len(sizes) < 3 or tuple(sizes[:2]) != tuple(value.shape[:2]):
        return loop.refuse_axis("reshapes the axes of steps or samples")
    known = prod(size for size in sizes[2:] if size != -1)
    inner = tuple(prod(value.step[1:]) // known if size == -1 else size for size in sizes[2:])
    step = (value.step[0], *inner)
    return value.mapped(lambda one: one.view(*step), step)


def _reduction(kind: str) -> Callable[..., Any]:
    def reduced(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Any:
        dim = args[0] if args else kwargs.get("dim", kwargs.get("axis"))
        dim = dim[0] if isinstance(dim, tuple | list) and len(dim) == 1 else dim
        if value.given or not isinstance(dim, int) or _axis(value, dim) != value.axis:
            return loop.refuse(
                f"takes a {kind} that is not one over steps",
                needs="an answer per neuron: stacked spikes, summed over their axis of time",
                remedy="return the output of the last cells: the readout is chosen with --readout",
            )
        return Reduced(kind, value.parts(), value.apply)

    return reduced


def _max(loop: Refuser, value: Sequence, args: tuple[Any, ...], kwargs: Any) -> Extremum:
    return Extremum(_reduction("max")(loop, value, args, kwargs), None)


_KNOWN: dict[str, Callable[..., Any]] = {
    "getitem": _getitem,
    "select": _select,
    "unbind": _unbind,
    "iter": _iter,
    "size": _size,
    "dim": _dim,
    "same": _same,
    "permute": _permute,
    "transpose": _transpose,
    "swapaxes": _transpose,
    "swapdims": _transpose,
    "flatten": _flatten,
    "view": _view,
    "sum": _reduction("sum"),
    "mean": _reduction("mean"),
    "amax": _reduction("max"),
    "max": _max,
}


def holds_sequence(value: Any) -> bool:
    """Whether nested tuples, lists and dictionaries hold values of several steps."""
    return any(isinstance(part, Sequence | Reduced) for part in leaves_of(value, Standin))
