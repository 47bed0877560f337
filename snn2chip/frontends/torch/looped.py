"""Where the time is of a module whose ``forward`` loops over it, and the nodes of one step.

A module tells where its time is by how it uses its input: ``x[t]`` is [step, sample, *shape],
``x[:, t]`` is [sample, step, *shape], and an input that is used whole is the same in every step.
Each is tried. All steps must be one computation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from snn2chip.errors import Snn2chipError, UnsupportedError
from snn2chip.frontends.torch.builder import Builder
from snn2chip.frontends.torch.dry import DryRun, own_failure, unfollowed
from snn2chip.frontends.torch.framework import Framework
from snn2chip.frontends.torch.loops import Loop, step_of, trace_of
from snn2chip.frontends.torch.sequences import Reduced, Sequence, WrongAxisError
from snn2chip.frontends.torch.stepping import TimeLoop
from snn2chip.frontends.torch.steps import Step
from snn2chip.frontends.torch.trace import intercepted
from snn2chip.frontends.torch.values import SAMPLES, STEPS, Signal, State
from snn2chip.graph.operators import Shape

_READOUTS = {"last": "v_last", "max": "v_max", "mean": "v_mean", "sum": "v_mean"}
_SPIKING = ("IF", "LIF", "CubaLIF")


@dataclass(frozen=True, eq=False)
class Unrolled:
    """One step of a loop.

    Attributes:
        outputs: signals that the module returns for every step, the answer first.
        time: where the loop finds its steps.
        readout: that the module computes itself, or None where it leaves the steps apart.
    """

    builder: Builder
    outputs: list[Signal]
    time: TimeLoop
    readout: str | None


class _Steps:
    """A module with a loop, under one layout of its input."""

    def __init__(
        self,
        library: Framework,
        module: Any,
        shapes: Mapping[str, Shape],
        make: Callable[[], Builder],
        axis: int | None,
    ) -> None:
        self.library, self.module, self.shapes = library, module, shapes
        self.make, self.axis = make, axis

    def dry(self, steps: int) -> DryRun:
        axes: Shape = (SAMPLES,)
        if self.axis is not None:
            axes = (steps, SAMPLES) if self.axis == 0 else (SAMPLES, steps)
        return DryRun(self.library, self.module, self.shapes, axes)

    def _check_runs(self, steps: int) -> None:
        """Whether the module itself runs on so many steps."""
        dry = self.dry(steps)
        if dry.error is not None:
            raise own_failure(dry.error, self.library.package) from dry.error

    def unrolled(self, dry: DryRun) -> Unrolled:
        """One step of the module.

        Raises:
            Snn2chipError: it cannot be followed under this layout.
            SharedError: something was folded into a node that others read too.
        """
        import torch

        twin = self.library.twin(self.module, torch.float64)
        loop = Loop(self.library, twin, self.shapes, dry.results, self.make)
        try:
            with intercepted(loop):
                result = loop.run(self.axis, STEPS - 1)
        except Snn2chipError:
            raise
        except Exception as error:  # the user's own code may raise anything
            self._check_runs(len(loop.steps))
            raise unfollowed(error, self.library) from error
        count = len(loop.steps)
        followed = self.axis is not None and count == STEPS - 1 and dry.most == STEPS
        if dry.error is not None or (self.axis is not None and not followed):
            self._check_runs(count)
        found = [recording for value in _values(result) if (recording := _recording(value))]
        outputs, kinds = _outputs(loop, found)
        _check_same(loop)
        time = TimeLoop(self.axis, None if followed else count)
        first = loop.steps[0].builder
        return Unrolled(first, outputs, time, _readout(first, outputs[0], kinds[0]))


def unroll(
    library: Framework,
    module: Any,
    shapes: Mapping[str, Shape],
    make: Callable[[], Builder],
    dry: DryRun,
) -> Unrolled | None:
    """One step of a module that loops over time; None where it seems not to.

    Args:
        make: a builder with the inputs in it.
        dry: a run on one step.

    Raises:
        Snn2chipError: a loop that cannot be followed, with its line.
    """
    if isinstance(dry.error, Snn2chipError) or (dry.error is None and dry.most < 2):
        return None
    refused: Snn2chipError | None = None
    for axis in (None, 0, 1):
        tried = _Steps(library, module, shapes, make, axis)
        run = dry if axis is None else tried.dry(STEPS)
        early = isinstance(run.error, IndexError) and axis is not None
        if run.most < 2 or (run.error is not None and not early):
            continue
        try:
            return tried.unrolled(run)
        except WrongAxisError:
            continue
        except Snn2chipError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    return None


def _values(result: Any) -> list[Any]:
    """What is returned, part by part: lists of one value per step are one part."""
    if isinstance(result, dict):
        result = tuple(result.values())
    if not isinstance(result, tuple | list):
        return [result]
    steps = [step_of(part) if isinstance(part, Signal | State) else None for part in result]
    if isinstance(result, list) and result and steps == list(range(len(result))):
        return [result]
    return [part for value in result for part in _values(value)]


def _recording(value: Any) -> tuple[str, tuple[Any, ...]] | None:
    """(how steps are reduced, their values); None for what is no value of the network."""
    if isinstance(value, list):
        return ("states" if isinstance(value[0], State) else "all"), tuple(value)
    if isinstance(value, Sequence):
        return "all", value.parts()
    if isinstance(value, Reduced):
        return value.kind, value.parts
    if isinstance(value, Signal):
        return "one", (value,)
    return ("states", (value,)) if isinstance(value, State) else None


def _outputs(
    loop: Loop, found: list[tuple[str, tuple[Any, ...]]]
) -> tuple[list[Signal], list[str]]:
    """The signals of the first step that are returned, and how each is reduced."""
    if not found or found[0][0] == "states":
        raise UnsupportedError(
            "the module returns " + ("the states of its cells first" if found else "no signals"),
            needs="outputs of its last cells first: stacked, summed, or a list of one per step",
            remedy="return the spikes first; for membranes a cell that does not spike",
        )
    count = len(loop.steps)
    outputs, kinds = [], []
    for kind, parts in found:
        if kind == "states":
            continue
        steps = [step_of(part) for part in parts]
        whole = [count - 1] if kind == "one" else list(range(count))
        if steps != whole:
            raise UnsupportedError(
                "the module returns only some of its steps",
                needs=f"outputs of all {count} steps, or of the last one",
                has="steps " + ", ".join("no step" if k is None else str(k) for k in steps[:9]),
                remedy="record every step",
            )
        for part in parts:
            trace_of(part).consume(part)
        first = loop.steps[0].builder
        outputs.append(_in_first(loop, parts, first, kind))
        kinds.append("last" if kind == "one" else kind)
    distinct = {signal.sources: k for k, signal in reversed(list(enumerate(outputs)))}
    kept = sorted(distinct.values())
    return [outputs[k] for k in kept], [kinds[k] for k in kept]


def _in_first(loop: Loop, parts: tuple[Any, ...], first: Builder, kind: str) -> Signal:
    """The signal of the first step that stands for those of all."""
    sources = {part.sources for part in parts}
    if len(sources) > 1 or not set(parts[0].sources) <= set(first.nodes):
        raise _different(loop.steps[-1], "its outputs")
    if kind != "one":
        found: Signal = parts[0]
        return found
    (signal,) = parts
    first.sources, first.shape = signal.sources, signal.inner
    return loop.steps[0].signal()


def _check_same(loop: Loop) -> None:
    """Whether all steps have the same nodes, with the same numbers, and edges."""
    first = loop.steps[0].builder
    for step in loop.steps[1:]:
        step.share(all_nodes=True)
        builder = step.builder
        for name, node in first.nodes.items():
            if name not in builder.nodes:
                raise _different(step, f"{name!r} ({node.kind}) is not called")
            if node is not builder.nodes[name] and node.kind != "Input":
                raise _different(step, f"{name!r} ({node.kind}) has other numbers")
        other = next((name for name in builder.nodes if name not in first.nodes), None)
        if other is not None:
            raise _different(step, f"{other!r} is called, which it is not in step 0")
        if set(builder.edges) != set(first.edges) or len(builder.edges) != len(first.edges):
            edge = next(iter(set(builder.edges) ^ set(first.edges)), ("", ""))
            raise _different(step, f"the way from {edge[0]!r} to {edge[1]!r} differs")


def _different(step: Step, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"the module's loop does something else in step {step.index} than in step 0",
        needs="one computation in all steps",
        has=what,
        remedy="a loop that does the same in every step, whatever the values are",
    )


def _readout(builder: Builder, answer: Signal, kind: str) -> str | None:
    """The readout that computes what the module returns, where there is one."""
    kinds = {builder.nodes[source].kind for source in answer.sources}
    if kinds <= set(_SPIKING):
        return "spike_count" if kind in ("sum", "mean") else None
    return _READOUTS.get(kind) if kinds <= {"LI", "CubaLI"} else None
