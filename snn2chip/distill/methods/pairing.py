"""Which layer of a student learns from which layer of a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from snn2chip.distill.methods.base import Context
from snn2chip.distill.sequence import BEFORE
from snn2chip.distill.students import SPIKING
from snn2chip.distill.students.residual import Residual
from snn2chip.errors import ConfigError

OUTPUT = "out"
"""Name of a student's output population."""

Place = Literal["before", "behind"]


def paired_taps(
    context: Context, student: Sequence[str], teacher: Sequence[str], place: Place
) -> tuple[tuple[str, str], ...]:
    """Module paths of student and teacher, pair by pair, from the input to the output.

    Paths that a recipe does not name are the student's hidden populations, and the teacher's
    values ``before`` or ``behind`` each of its ReLUs.

    Raises:
        ConfigError: unlike numbers, paths that are not there, or a teacher whose layers have to
            be named.
    """
    mine = tuple(student) or hidden_populations(context.student)
    theirs = tuple(teacher) or relu_paths(context, place)
    if len(mine) != len(theirs) or not mine:
        raise ConfigError(
            f"{len(mine)} student taps and {len(theirs)} teacher taps",
            needs="as many of one as of the other, at least one, from the input to the output",
            has=f"student: {', '.join(mine)}; teacher: {', '.join(theirs)}",
            remedy="name both: method.student_taps and method.teacher_taps",
        )
    for path in mine:
        context.student_shape(path)
    return tuple(zip(mine, theirs, strict=True))


def hidden_populations(student: nn.Module) -> tuple[str, ...]:
    """Module paths of all spiking populations but the output."""
    named = student.named_modules()
    return tuple(name for name, module in named if isinstance(module, SPIKING) and name != OUTPUT)


def relu_paths(context: Context, place: Place) -> tuple[str, ...]:
    """Of the teacher's modules each ReLU, or the module before it.

    Before the ReLU at the end of a residual block is the sum of its branches, which no module
    gives: it is the tap `BEFORE` that ReLU.

    Raises:
        ConfigError: a teacher that has no modules, such as an ONNX file.
    """
    module = None if context.teacher is None else context.teacher.module
    if module is None:
        raise ConfigError(
            "a teacher whose layers are unknown",
            needs="names of the values to learn from: method.teacher_taps",
            has="a teacher that gives outputs only, such as an ONNX file",
        )
    leaves = [(name, m) for name, m in module.named_modules() if not list(m.children())]
    sums = {f"{n}.out" for n, m in module.named_modules() if isinstance(m, Residual)}
    found = []
    for (before, _), (name, layer) in zip([("", None), *leaves], leaves, strict=False):
        if not isinstance(layer, nn.ReLU):
            continue
        if place == "behind":
            found.append(name)
        else:
            found.append(f"{BEFORE}{name}" if name in sums else before)
    return tuple(found)
