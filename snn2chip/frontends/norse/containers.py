"""Norse's modules that hold others: SequentialState, Lift, RecurrentSequential.

Read in norse 1.1.0 ``torch/module/sequential.py`` and ``lift.py``. A RecurrentSequential adds the
output of the step before, of the module ``output_modules``, to its input; in the first step there
is none. It becomes its modules, with edges from that output back to whatever reads the input: a
cycle, which every reader closes with one step of delay. Modules behind that output only keep
states that nothing reads, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.torch.builder import Builder


def sequence(builder: Builder, module: Any, path: str) -> None:
    """A SequentialState: its modules one after another."""
    if module.return_hidden:
        raise UnsupportedError(
            f"module {path or 'itself'!r} returns all hidden layers", needs="return_hidden=False"
        )
    with _axes(builder, 2 if builder.timed else 1):
        _follow(builder, module, path, len(module))


def _follow(builder: Builder, module: Any, path: str, count: int) -> None:
    for key, child in list(module._modules.items())[:count]:
        builder.visit(child, f"{path}/{key}" if path else key)


@contextmanager
def _axes(builder: Builder, leading: int) -> Iterator[None]:
    """Torch's layers see so many axes before the shape."""
    before, builder.leading = builder.leading, leading
    try:
        yield
    finally:
        builder.leading = before


def lift(builder: Builder, module: Any, path: str) -> None:
    """A Lift: its module, one step at a time."""
    if not builder.timed:
        raise UnsupportedError(
            f"module {path!r} (Lift) is given single steps",
            needs="sequences [step, sample, ...]",
            remedy="use the lifted module itself, or give the module sequences",
        )
    builder.visit(module.lifted_module, f"{path}/lifted_module" if path else "lifted_module")


def recurrent(builder: Builder, module: Any, path: str) -> None:
    """A RecurrentSequential."""
    where = f"module {path or 'itself'!r} (RecurrentSequential)"
    if builder.timed:
        raise UnsupportedError(
            f"{where} is given sequences",
            needs="single steps: it feeds back once per call",
            remedy="give a module of cells, which computes one step",
        )
    if not isinstance(module.output_modules, int):
        raise UnsupportedError(
            f"{where} has output_modules = {list(module.output_modules)}",
            needs="one module whose output is fed back",
            remedy="output_modules=-1: Norse cannot add a list to its input either",
        )
    size = len(module.module)
    if not -size <= module.output_modules < size:
        raise UnsupportedError(f"{where} has no module {module.output_modules}")
    given, shape, start = builder.sources, builder.shape, len(builder.edges)
    held = set(given) - builder.kept
    builder.kept |= held
    _follow(
        builder,
        module.module,
        f"{path}/module" if path else "module",
        module.output_modules % size + 1,
    )
    builder.kept -= held
    _feed_back(builder, given, start, where)
    if builder.shape != shape:
        raise UnsupportedError(
            f"{where} gives {list(builder.shape)} and takes {list(shape)}",
            needs="an output of its input's shape, to which it is added",
        )


def _feed_back(builder: Builder, given: tuple[str, ...], start: int, where: str) -> None:
    """Edges from the sources to all nodes since edge ``start`` that read the input ``given``."""
    if set(given) & set(builder.sources):
        raise UnsupportedError(f"{where} has no cell", needs="a cell in every cycle")
    readers = dict.fromkeys(node for source, node in builder.edges[start:] if source in given)
    builder.edges += [(source, node) for node in readers for source in builder.sources]
