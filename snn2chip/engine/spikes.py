"""Spikes of a stretch of steps in every form that somebody asks for, each made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.core import Raster
from snn2chip.engine.packing import packed
from snn2chip.graph.operators import Array, Shape

FLAGS, BITS, LAST = "flags", "bits", "channels last"

_LOOKED_AT = 4


class Spikes:
    """What a population sent in some steps.

    Forms are arrays with the axes step and sample first: ``FLAGS`` [step, sample, *shape], bool or
    whole payloads; ``BITS``, uint8 as ``core.Raster`` has them; ``LAST``, the bits of channels that
    lie last; and whatever another device keeps under a name of its own.
    """

    def __init__(self, shape: Shape, forms: Mapping[str, Any]) -> None:
        self.shape = shape
        self._forms = dict(forms)

    @staticmethod
    def of_flags(flags: Array) -> Spikes:
        """From flags or payloads [step, sample, *shape]."""
        return Spikes(flags.shape[2:], {FLAGS: flags})

    def form(self, name: str) -> Any:
        """A form that may be missing; then None."""
        return self._forms.get(name)

    def keep(self, name: str, values: Any) -> None:
        """Keeps a form that was made of another one."""
        self._forms[name] = values

    @property
    def flags(self) -> Array:
        """[step, sample, *shape]."""
        if FLAGS not in self._forms:
            self._forms[FLAGS] = Raster(self._forms[BITS], self.shape).unpack()
        flags: Array = self._forms[FLAGS]
        return flags

    @property
    def bits(self) -> NDArray[np.uint8]:
        """uint8 [step, sample, ceil(size / 8)]: who sent anything."""
        if BITS not in self._forms:
            self._forms[BITS] = packed(self._forms[FLAGS])
        bits: NDArray[np.uint8] = self._forms[BITS]
        return bits

    @property
    def share(self) -> float:
        """About which share of the neurons fires at a time, judged by a few of the steps."""
        some = self.bits[:: max(1, len(self) // _LOOKED_AT)]
        flags = prod(some.shape[:2]) * prod(self.shape)
        return int(np.bitwise_count(some).sum(dtype=np.int64)) / max(1, flags)

    @property
    def samples(self) -> int:
        return int(next(iter(self._forms.values())).shape[1])

    def __len__(self) -> int:
        return len(next(iter(self._forms.values())))

    def steps(self, first: int, last: int) -> Spikes:
        """The steps first..last, in the forms there are."""
        if (first, last) == (0, len(self)):
            return self
        return Spikes(self.shape, {name: x[first:last] for name, x in self._forms.items()})

    @staticmethod
    def join(pieces: Sequence[Spikes]) -> Spikes:
        """One stretch of several, in the forms that all have, of those that are numpy's."""
        if len(pieces) == 1:
            return pieces[0]
        common = [f for f in (FLAGS, BITS, LAST) if all(p.form(f) is not None for p in pieces)]
        if not common:
            return Spikes(pieces[0].shape, {FLAGS: np.concatenate([p.flags for p in pieces])})
        joined = {f: np.concatenate([p.form(f) for p in pieces]) for f in common}
        return Spikes(pieces[0].shape, joined)
