"""From a graph to a program: the samples that scales are picked from, and the method that picks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from snn2chip.backends import Backend
from snn2chip.core import Activity, Program
from snn2chip.errors import ConfigError
from snn2chip.graph import Graph
from snn2chip.graph.linear import synapses
from snn2chip.graph.zeros import without_zeros
from snn2chip.pipeline.calibrating import (
    search_accuracy,
    search_scales,
    with_least_errors,
    with_percentiles,
)
from snn2chip.pipeline.samples import Samples
from snn2chip.pipeline.types import Options, Quantization
from snn2chip.quantize import METHODS, PERCENTILE, Multiplier
from snn2chip.targets.types import Target

DEFAULT_METHOD = "spikes"
"""Where there are calibration samples; without them ``max``."""

_NEEDS = {"spikes": "calibration samples", "accuracy": "calibration samples with labels"}


@dataclass(frozen=True, eq=False)
class Calibration:
    """What scales may be picked from.

    Attributes:
        samples: None where there are none.
        sentence: on what they are, or why there are none.
        reference: the float graph's run on them.
    """

    samples: Samples | None
    sentence: str
    reference: Activity | None


def quantize(
    graph: Graph,
    backend: Backend,
    target: Target,
    options: Options,
    calibration: Calibration,
    tell: Callable[[int, int], None],
) -> tuple[Program, str, Quantization]:
    """The graph in the target's integers, by the method that the options name.

    Args:
        graph: what the chip runs, with its delays.
        tell: called with populations done and all.

    Returns:
        The program, what its scales come from, and how they were picked.

    Raises:
        ConfigError: the method needs samples or labels that there are not.
    """
    method = options.calibration or (DEFAULT_METHOD if calibration.samples else "max")
    _require(method, graph, calibration)
    multipliers = _multipliers(method, graph, backend, target, options, calibration, tell)
    program = backend.realise(graph, target, multipliers, calibration.reference)
    chosen = Quantization(
        calibration=method,
        percentile=(options.percentile or PERCENTILE) if method == "percentile" else None,
        granularity=options.granularity,
        weight_bits=options.weight_bits or int(target.formats["weight_bits"].value),
        fine_biases=options.fine_biases,
    )
    program = replace(program, notes=(f"scales by {chosen.sentence}", *program.notes))
    return program, _sentence(method, calibration), chosen


def _require(method: str, graph: Graph, calibration: Calibration) -> None:
    """Refuse a method without what it needs."""
    samples, needs = calibration.samples, _NEEDS.get(method)
    labelled = samples is not None and samples.labels is not None
    if needs is None or labelled or (samples is not None and method != "accuracy"):
        return
    free = [name for name in METHODS if name not in _NEEDS]
    others = free if samples is None else [name for name in METHODS if name != "accuracy"]
    raise ConfigError(
        f"--calibration {method} of network {graph.name!r}",
        needs=needs,
        has=f"{calibration.sentence}, without labels"
        if samples is not None
        else calibration.sentence,
        remedy="--calibrate DATA with them (y_train beside x_train), or --calibration "
        + ", ".join(others[:-1])
        + f" or {others[-1]}",
    )


def _multipliers(
    method: str,
    graph: Graph,
    backend: Backend,
    target: Target,
    options: Options,
    calibration: Calibration,
    tell: Callable[[int, int], None],
) -> dict[str, Multiplier]:
    samples, reference = calibration.samples, calibration.reference
    match method:
        case "percentile":
            share = options.percentile or PERCENTILE
            return with_percentiles(graph, backend, target, share, tell)
        case "mse":
            return with_least_errors(graph, backend, target, reference, tell)
        case "max":
            return {}
    assert samples is not None
    assert reference is not None
    found = search_scales(graph, backend, target, samples.spikes, reference, tell)
    if method == "accuracy":
        found = search_accuracy(graph, backend, target, samples, reference, found, tell)
    return dict(found)


def _sentence(method: str, calibration: Calibration) -> str:
    """What the scales come from; without samples, more than the maxima may count."""
    if calibration.samples is None and method != "max":
        return calibration.sentence.replace("the weights' maxima", "the weights alone")
    return calibration.sentence


def configured(backend: Backend, target: Target, options: Options) -> Backend:
    """The back end with the scales and weight widths of the options.

    Raises:
        ConfigError: options of a quantization on a target that does not quantize.
    """
    if not backend.scale_candidates and options.calibration is not None:
        raise ConfigError(
            f"--calibration {options.calibration} of the float reference",
            needs="a target that stores integers",
            has="float64 weights, which have no scale",
            remedy="leave the option out, or --target loihi2",
        )
    return backend.with_scales(
        target, options.granularity, options.weight_bits, options.fine_biases
    )


_VALUES = (
    "the input sends values at every step (encoding direct): those that are not 0 are counted as "
    "its spikes, and whether a chip takes values is not checked"
)


def noted(program: Program, notes: tuple[str, ...]) -> Program:
    """The program with more lossy choices on record."""
    if program.encoding.kind == "direct" and not program.hosted:
        notes = (*notes, _VALUES)
    return replace(program, notes=(*program.notes, *notes)) if notes else program


def loaded(program: Program, options: Options) -> Program:
    """What of a program is loaded onto a chip: where the options say so, no synapse of weight 0.

    Synapses with delays of their own all stay.

    Raises:
        UnsupportedError: more synapses would be listed one by one than there is room for.
    """
    if not options.drop_zeros:
        return program
    kept, notes = [], []
    for projection in program.projections:
        operator = projection.operator
        if projection.delay.axis != "synapse":
            operator = without_zeros(operator, f"projection {projection.name!r}")
        if operator is not projection.operator:
            every, left = synapses(projection.operator), synapses(operator)
            notes.append(
                f"projection {projection.name!r}: {every - left:,} of {every:,} synapses have "
                "weight 0 and are not loaded"
            )
        kept.append(replace(projection, operator=operator))
    return replace(program, projections=tuple(kept), notes=(*program.notes, *notes))
