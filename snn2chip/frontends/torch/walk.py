"""Modules into NIR nodes: a dry run, then a trace of two steps.

A BatchNorm is folded into the linear layer before it, from its running statistics, if nothing else
reads that layer; without one it becomes a 1x1 convolution per channel. Dropout and Identity are
dropped. The cells of a spiking library are emitted as that library says; anything else is refused
by path and type. A module must do the same in its second step as in its first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from snn2chip.errors import ConfigError, Snn2chipError, UnsupportedError
from snn2chip.frontends.nir.nodes import NirGraph
from snn2chip.frontends.torch.builder import Builder, free
from snn2chip.frontends.torch.dry import DryRun, own_failure, unfollowed
from snn2chip.frontends.torch.framework import Framework, framework_of, require_torch
from snn2chip.frontends.torch.looped import Unrolled, unroll
from snn2chip.frontends.torch.stepping import TimeLoop, is_plain_sequence, plan
from snn2chip.frontends.torch.trace import SharedError, Trace, follow, intercepted, is_leaf
from snn2chip.frontends.torch.values import SAMPLES, STEPS, Signal
from snn2chip.graph.operators import Shape

Shapes: TypeAlias = Shape | Mapping[str, Shape]
"""Shape of the input without steps and samples, or one per input by its name."""


@dataclass(frozen=True, eq=False)
class Walked:
    """The result of a walk.

    Attributes:
        nodes: the NIR graph.
        cells: module path -> name of the population it became.
        overrides: options of the discretization that the cells ask for.
        preset: of the library.
        time: where the module's own loop over time finds its steps; None without such a loop.
        readout: that the loop itself computes of the answer, if it does.
    """

    nodes: NirGraph
    cells: Mapping[str, str]
    overrides: Mapping[str, str]
    preset: str
    time: TimeLoop | None = None
    readout: str | None = None


def walk(module: Any, input_shape: Shapes, dt: float, name: str = "model") -> Walked:
    """The NIR graph of a module with cells of one library.

    Args:
        module: a torch module; BatchNorms are read as in evaluation.
        input_shape: of the input, without steps and samples; of several inputs one each, by the
            names that ``forward`` gives them.
        dt: step length, in the unit of the library's time constants.

    Raises:
        UnsupportedError: a module, function or option that NIR cannot hold, by path, type, line.
        ConfigError: torch is not installed, or the user's own code fails.
        InputFileError: shapes that do not fit, or parameters that are not finite.
    """
    require_torch()
    library = framework_of(module)
    shapes = _shapes(module, input_shape)
    kept: frozenset[str] = frozenset()
    axes = (STEPS, SAMPLES)[-leading_axes(library, module) :]
    dry = DryRun(library, module, shapes, axes)
    while True:
        try:
            loop = _looped(library, module, shapes, float(dt), kept, dry)
            if loop is None:
                builder, outputs = _traced(library, module, shapes, float(dt), kept, dry)
            else:
                builder, outputs = loop.builder, loop.outputs
            break
        except SharedError as shared:
            kept |= {shared.source}
    _add_outputs(builder, module, outputs)
    nodes = NirGraph(builder.nodes, tuple(builder.edges), name=name)
    walked = Walked(nodes, builder.cells, builder.overrides(), library.name)
    return walked if loop is None else replace(walked, time=loop.time, readout=loop.readout)


def _looped(
    library: Framework,
    module: Any,
    shapes: Mapping[str, Shape],
    dt: float,
    kept: frozenset[str],
    dry: DryRun,
) -> Unrolled | None:
    """One step of a module that loops over time in its forward; None for other modules."""
    if leading_axes(library, module) > 1 or is_leaf(library, module) or is_plain_sequence(module):
        return None
    return unroll(library, module, shapes, lambda: _builder(library, shapes, dt, kept, 1), dry)


def _shapes(module: Any, input_shape: Shapes) -> dict[str, Shape]:
    """Shape of each input by name; one input is called ``input``."""
    taken = {path.replace(".", "/") for path, _ in module.named_modules()}
    names = plan(module).inputs
    if any("/" in path for path, _ in module.named_modules()):
        raise UnsupportedError(
            "a module's name has a '/' in it", needs="names without", remedy="rename the module"
        )
    if not isinstance(input_shape, Mapping):
        if len(names) > 1:
            raise ConfigError(
                f"the module takes {len(names)} inputs: {', '.join(names)}",
                needs="a shape and samples for each, by name",
                has="one shape",
                remedy="give arguments that are no inputs, such as num_steps, a default",
            )
        return {free("input", taken): tuple(int(n) for n in input_shape)}
    if set(input_shape) != set(names):
        raise ConfigError(
            f"shapes for the inputs {', '.join(sorted(input_shape))}",
            needs=f"one for each of {', '.join(names)}, as forward names them",
        )
    if len(names) == 1:
        return _shapes(module, input_shape[names[0]])
    if set(names) & taken:
        raise UnsupportedError(
            f"the module has both an input and a part called {', '.join(set(names) & taken)}",
            needs="names that differ",
            remedy="rename the argument of forward, or the part",
        )
    return {name: tuple(int(n) for n in input_shape[name]) for name in names}


def leading_axes(library: Framework, module: Any) -> int:
    """2 for a module that takes whole sequences [step, sample, *shape], else 1."""
    return 2 if library.timed is not None and library.timed(module) else 1


def _traced(
    library: Framework,
    module: Any,
    shapes: Mapping[str, Shape],
    dt: float,
    kept: frozenset[str],
    dry: DryRun,
) -> tuple[Builder, list[Signal]]:
    """The nodes of a first step, which are those of a second one too."""
    import torch

    twin = library.twin(module, torch.float64) if dry.error is None else _plain_twin(module)
    leading = leading_axes(library, module)
    first = _builder(library, shapes, dt, kept, leading)
    if is_leaf(library, twin):
        trace = Trace(first, library, twin, {}, second=False)
        with intercepted(trace):
            trace.emit(twin, "")
        _raise_own(dry)
        return first, [trace.signal()]
    try:
        trace = Trace(first, library, twin, dry.results, second=False)
        outputs, states = follow(trace, twin, shapes)
        _raise_own(dry)
        if leading == 1 and not is_plain_sequence(twin):
            second = _builder(library, shapes, dt, kept, leading)
            again = Trace(second, library, twin, dry.results, second=True)
            repeated, _ = follow(again, twin, shapes, states)
            _check_same(first, second, outputs, repeated)
    except Snn2chipError:
        raise
    except Exception as error:  # the user's own code may raise anything
        _raise_own(dry)
        raise unfollowed(error, library) from error
    return first, outputs


def _builder(
    library: Framework, shapes: Mapping[str, Shape], dt: float, kept: frozenset[str], leading: int
) -> Builder:
    """A builder with the inputs in it, the first being the source."""
    builder = Builder(library.name, dt, next(iter(shapes.values())), (next(iter(shapes)),))
    builder.kept, builder.leading, builder.timed = kept, leading, leading > 1
    for name, shape in shapes.items():
        builder.add(name, "Input", shape=np.array(shape, np.int64))
    return builder


def _plain_twin(module: Any) -> Any:
    """A copy in evaluation mode, where the library could not make one that runs."""
    import copy

    try:
        return copy.deepcopy(module).eval()
    except Exception as error:
        raise ConfigError(
            f"the module cannot be copied ({type(error).__name__}: {error})",
            needs="a module that copy.deepcopy copies",
            remedy="keep no tensors with gradients as attributes",
        ) from error


def _raise_own(dry: DryRun) -> None:
    if isinstance(dry.error, Snn2chipError):
        raise dry.error
    if dry.error is not None:
        raise own_failure(dry.error, dry.package) from dry.error


def _check_same(
    first: Builder, second: Builder, outputs: list[Signal], repeated: list[Signal]
) -> None:
    same = (
        [(n, k.kind) for n, k in first.nodes.items()]
        == [(n, k.kind) for n, k in second.nodes.items()]
        and first.edges == second.edges
        and [s.sources for s in outputs] == [s.sources for s in repeated]
    )
    if not same:
        raise UnsupportedError(
            "the module does something else in its second step than in its first",
            needs="one network for all steps",
            has=f"{len(first.nodes)} nodes, then {len(second.nodes)}",
            remedy="a module that does the same with and without states",
        )


def _add_outputs(builder: Builder, module: Any, outputs: list[Signal]) -> None:
    """An Output per signal, the answer first."""
    taken = {path.replace(".", "/") for path, _ in module.named_modules()} | set(builder.nodes)
    for k, signal in enumerate(outputs):
        name = free("output" if len(outputs) == 1 else f"output{k}", taken)
        builder.add(name, "Output", shape=np.array(signal.inner, np.int64))
        builder.edges += [(source, name) for source in signal.sources]
