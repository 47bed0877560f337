"""Real runs of a module on zeros, before it is followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends.torch.framework import Framework
from snn2chip.frontends.torch.stepping import default_dtype, step
from snn2chip.frontends.torch.trace import is_leaf
from snn2chip.frontends.torch.values import place_of
from snn2chip.graph.operators import Shape


class DryRun:
    """One call of a module on zeros, in float64: what each leaf returned, or why it failed.

    Args:
        axes: sizes in front of the shapes of the inputs.

    Attributes:
        results: path of each leaf -> its last result.
        calls: path of each of the library's cells -> how often it was called.
        error: of the user's own code, or None.
    """

    def __init__(
        self, library: Framework, module: Any, shapes: Mapping[str, Shape], axes: Shape
    ) -> None:
        import torch

        self.results: dict[str, Any] = {}
        self.calls: Counter[str] = Counter()
        self.error: Exception | None = None
        self.package = library.package
        self._cells = library.cells
        zeros = tuple(torch.zeros(*axes, *s, dtype=torch.float64) for s in shapes.values())
        try:
            twin = library.twin(module, torch.float64)
            for path, part in twin.named_modules():
                if is_leaf(library, part):
                    part.register_forward_hook(self._keep(path.replace(".", "/")))
            with torch.no_grad(), default_dtype(torch.float64):
                step(twin, zeros)
        except Exception as error:  # the user's own code may raise anything
            self.error = error

    def _keep(self, path: str) -> Any:
        def keep(module: Any, _inputs: Any, result: Any) -> None:
            self.results[path] = result
            if type(module).__name__ in self._cells:
                self.calls[path] += 1

        return keep

    @property
    def most(self) -> int:
        """Calls of the cell that was called most often."""
        return max(self.calls.values(), default=0)


def own_failure(error: Exception, package: str) -> ConfigError:
    """The user's own code failed while it ran."""
    where = place_of(error, package)
    return ConfigError(
        f"the module fails when it is run{', at ' + where if where else ''}",
        needs="a module that computes on input [sample, *shape], or on [step, sample, *shape] if "
        "its cells take sequences",
        has=f"{type(error).__name__}: {error}",
        remedy="correct the module, or the shape of its input",
    )


def unfollowed(error: Exception, library: Framework) -> UnsupportedError:
    """The user's own code failed only while it was followed."""
    where = place_of(error, library.package)
    return UnsupportedError(
        f"the module runs, but cannot be followed{', at ' + where if where else ''}",
        needs="a forward made of modules and functions that NIR can hold",
        has=f"{type(error).__name__}: {error}",
        remedy="put what fails into a module of torch.nn, or leave it out",
    )
