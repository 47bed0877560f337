"""What a witness and we gave, and whether it is the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from snn2chip.errors import DriftError, WitnessError
from snn2chip.witness import Compared

_THROUGH_ADAPTERS = (
    "spikes as they came through the adapters of Intel's extension; steps that these may add are "
    "not taken off"
)


@dataclass(frozen=True, eq=False)
class Verification:
    """What a witness and we gave.

    Attributes:
        network: where it came from.
        data: name of the samples.
        steps: on the chip, per sample.
        reset_interval, reset_offset: netx's, of the run.
        hardware: Lava ran on a chip.
        versions: of the witness.
        populations: what was compared, row by row.
        notes: what the comparison does not say, one sentence each.
        engine: the witness's name.
    """

    network: str
    data: str
    samples: int
    steps: int
    reset_interval: int | None
    reset_offset: int
    hardware: bool
    versions: Mapping[str, str]
    populations: tuple[Compared, ...]
    notes: tuple[str, ...] = ()
    engine: str = "Lava"

    @property
    def values(self) -> int:
        """All values that were compared."""
        return sum(row.values for row in self.populations)

    @property
    def mismatches(self) -> int:
        """Those that differ."""
        return sum(row.mismatches for row in self.populations)

    def require_equal(self) -> None:
        """Refuse a difference.

        Raises:
            DriftError: with the first value that differs.
            WitnessError: nothing was compared.
        """
        if not self.values:
            raise WitnessError(
                f"{self.network}: {self.engine} recorded nothing that can be compared",
                needs="spikes of a population that spikes",
                remedy="without --run-config hw every population is recorded",
            )
        wrong = [row for row in self.populations if row.first is not None]
        if not wrong:
            return
        first = min(wrong, key=lambda row: (row.first.step, row.first.sample) if row.first else ())
        raise DriftError(
            f"{self.network}: {self.mismatches:,} of {self.values:,} values differ from "
            f"{self.engine}'s",
            needs="every value equal at every step",
            has=f"first {first.population} ({first.against}), {first.first}",
            remedy="please report it with the network and the samples; later differences of the "
            "same neurons follow from the first",
        )


def notes_on(rows: tuple[Compared, ...], hardware: bool) -> tuple[str, ...]:
    """What the comparison does not say, one sentence each."""
    return (*_said(rows), *([_THROUGH_ADAPTERS] if hardware else []))


def _said(rows: tuple[Compared, ...]) -> Iterator[str]:
    for row in rows:
        if row.missing:
            yield f"{row.population} ({row.against}): not recorded, so not compared: " + ", ".join(
                row.missing
            )
    if not any(row.spikes for row in rows):
        yield (
            "no neuron fired on these samples, so that equality says little: give data on which "
            "the network is active (--data)"
        )
