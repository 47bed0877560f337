"""What a training asks of a teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class TeacherSignals:
    """What a teacher says of samples.

    Attributes:
        logits: [sample, class].
        taps: path -> what the teacher computed there, [sample, ...].
    """

    logits: Tensor
    taps: Mapping[str, Tensor] = field(default_factory=dict)


class Teacher(Protocol):
    """A classifier of values [sample, *input_shape].

    Attributes:
        module: of PyTorch, or None where there is none; it is in evaluation mode.
    """

    @property
    def module(self) -> nn.Module | None: ...

    def outputs(self, x: Tensor, taps: Sequence[str] = ()) -> TeacherSignals:
        """Logits and taps of x [sample, *input_shape], without gradients.

        Raises:
            ConfigError: a tap that is not there.
        """
        ...
