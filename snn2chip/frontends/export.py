"""The public way from a PyTorch module to a proven NIR file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.prove import ExportReport, export_norse
from snn2chip.graph import Encoding, Readout
from snn2chip.graph.operators import Array

__all__ = ["ExportReport", "export"]


def export(
    module: Any,
    path: str | Path,
    *,
    samples: Array,
    dt: float,
    encoding: Encoding | None = None,
    readout: Readout | None = None,
    classes: Sequence[str] = (),
    data: str = "",
    split_seed: int = 0,
) -> ExportReport:
    """Writes a module of torch layers and Norse cells as NIR, proven spike for spike.

    Args:
        samples: input spikes for the proof, [step, sample, *input shape].
        dt: step length that the cells were built with, in the unit of 1 / tau_mem_inv.
        encoding: how values became the samples' spikes; by default the data are spikes already.
        readout: by default spikes are counted, of a membrane the maximum is read.
        classes: names of the output neurons.
        data, split_seed: the data set and split that the network was trained on.

    Raises:
        As ``export_norse``.

    Example:
        >>> snn2chip.export(model, "student.nir", samples=spikes, dt=1e-3)
    """
    metadata = Metadata(
        dt=dt,
        preset="norse",
        encoding=encoding or Encoding(),
        readout=readout,
        classes=tuple(classes),
        data=data,
        split_seed=split_seed,
    )
    return export_norse(module, metadata, samples, path)
