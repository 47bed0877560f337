"""Accuracy, memory and energy of a network by the width of its weights: what each bit buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.mapping import total_words
from snn2chip.pipeline.running import require_one, runs
from snn2chip.pipeline.types import Network, Options, Progress, Quantization, Result
from snn2chip.targets import load_target

SCHEMA = "snn2chip/quantization/1"

_KIB_BITS = 8 * 1024


@dataclass(frozen=True, slots=True)
class WidthRow:
    """One run of the network on the scored samples.

    Attributes:
        weight_bits: None for the float graph.
        accuracy: None without labels.
        predictions_differing, output_spikes_differing: from the float graph.
        synaptic_words: of all cores, in words of the chip's synaptic memory; None where the
            target's format is not known, and for the float graph.
        synaptic_kib: the same in 1024 bytes.
        cores: distinct ones.
        dynamic_nj: priced energy per inference without static power, None where nothing is priced.
        fits: no limit of the target is broken.
    """

    weight_bits: int | None
    accuracy: float | None
    predictions_differing: int
    output_spikes_differing: int
    synaptic_words: int | None = None
    synaptic_kib: float | None = None
    cores: int | None = None
    dynamic_nj: float | None = None
    fits: bool = True


@dataclass(frozen=True, slots=True)
class WidthTable:
    """The float graph, and a row per width in the order that was asked for.

    Attributes:
        quantization: how scales were picked, in the last row.
        calibrated_on: from which samples, one sentence.
    """

    network: str
    target: str
    cost_table: str
    data: str
    samples: int
    steps: int
    quantization: Quantization
    calibrated_on: str
    rows: tuple[WidthRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers, with the schema's name."""
        return {"schema": SCHEMA, **asdict(self), "rows": [asdict(row) for row in self.rows]}


def quantize_table(
    network: Network,
    options: Options,
    bits: Sequence[int] | int | None = None,
    progress: Progress | None = None,
) -> WidthTable:
    """Runs the network with weights of each width, all on the same samples.

    Args:
        bits: a width, or several; None for all that the target has.
        progress: told of the stages of every run, and of ``widths`` done.

    Raises:
        ConfigError: a width that the target has not, or an option of one run only.
        UnsupportedError: the network's numbers are fixed already.
    """
    require_one(network, "quantize")
    if network.program is not None:
        raise UnsupportedError(
            f"{network.origin}: its weights are integers already",
            needs="a network in floats",
            has="a program of " + (network.family or f"the target {network.target}"),
            remedy="give the .nir file or the checkpoint that it was made of",
        )
    widths = _widths(options, bits)
    choices = [replace(options, weight_bits=width) for width in widths]
    rows: list[WidthRow] = []
    for result in runs(network, choices, progress):
        if not rows:
            rows.append(_float_row(result))
        rows.append(_row(result))
        if progress is not None:
            progress("widths", len(rows) - 1, len(widths))
    chosen = result.quantization
    assert chosen is not None
    return WidthTable(
        network=result.graph.name,
        target=result.target.name,
        cost_table=result.energy.table,
        data=result.data,
        samples=result.activity.samples,
        steps=result.activity.steps,
        quantization=chosen,
        calibrated_on=result.calibrated_on,
        rows=tuple(rows),
    )


def _widths(options: Options, bits: Sequence[int] | int | None) -> tuple[int, ...]:
    """The widths to run, each once, every one of them checked before the first run."""
    if options.weight_bits is not None:
        raise ConfigError(
            f"weight_bits {options.weight_bits} of a table over widths",
            remedy="bits, which lists the widths",
        )
    target = load_target(options.target)
    known = target.formats.get("weight_bits")
    if target.family == "reference" or known is None:
        raise ConfigError(
            f"target {target.name!r} stores no weights of a width",
            needs="a target with weight_bits in its [formats]",
            remedy="--target loihi2",
        )
    most = int(known.value)
    wanted = (bits,) if isinstance(bits, int) else bits
    if isinstance(wanted, str):
        raise ConfigError(f"bits {wanted[:20]!r} (str)", needs="a number, or a list of numbers")
    widths = tuple(dict.fromkeys(range(1, most + 1) if wanted is None else wanted))
    wrong = [width for width in widths if width not in range(1, most + 1)]
    if wrong or not widths:
        raise ConfigError(
            f"weights of {', '.join(map(str, wrong)) or 'no'} bits on {target.name}",
            needs=f"widths from 1 to {most}",
            has=f"weight_bits = {most} ({known.source})",
            remedy=f"--bits 1-{most}",
        )
    return widths


def _float_row(result: Result) -> WidthRow:
    """The float graph on the same samples."""
    return WidthRow(None, result.drift[0].accuracy_before, 0, 0)


def _row(result: Result) -> WidthRow:
    assert result.quantization is not None
    words = total_words(result.program, result.target, result.mapping)
    width = result.target.limit("word_bits") or 0
    priced = [x for layer in result.energy.layers if (x := layer.energy_pj.total) is not None]
    drift = result.drift[0]
    return WidthRow(
        weight_bits=result.quantization.weight_bits,
        accuracy=result.accuracy,
        predictions_differing=drift.predictions_differing,
        output_spikes_differing=drift.output_spikes_differing,
        synaptic_words=words,
        synaptic_kib=None if words is None else words * width / _KIB_BITS,
        cores=result.mapping.cores_used,
        dynamic_nj=sum(priced) / result.activity.samples / 1000.0 if priced else None,
        fits=not result.violations,
    )
