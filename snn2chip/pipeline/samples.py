"""Input spikes for a run: the data set, its encoding and its length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.loihi.netx import bias_writes
from snn2chip.data import Dataset, Keys, encode, load_calibration, load_data
from snn2chip.data.datasets import NAMES
from snn2chip.data.few import CALIBRATION_SAMPLES, few
from snn2chip.data.parts import as_labels
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.graph import Graph
from snn2chip.graph.operators import Array
from snn2chip.pipeline.types import Options

CALIBRATION_STEPS = 2**14
"""Most steps that scales are picked from: the search runs them again and again."""

_FULL = {
    "if": (None, "the encoder's threshold and spike at every step"),
    "rate": (1.0, "1 and spike at every step"),
    "latency": (1.0, "1 and spike in the first step"),
}
"""The largest value that an encoding tells from others (None: its threshold), and what becomes of
those above."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Input spikes [step, sample, *shape] by input, with labels where there are any."""

    name: str
    spikes: Mapping[str, Array]
    labels: NDArray[np.int64] | None
    synthetic: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Given:
    """Samples in memory for a run.

    Attributes:
        scored: what the run is scored on.
        calibration: what scales are picked from, none of it scored; None takes weight maxima.
    """

    scored: Samples
    calibration: Samples | None = None

    @property
    def sentence(self) -> str:
        """What the scales come from."""
        if self.calibration is None:
            return "the weights' maxima (no calibration data)"
        count = next(iter(self.calibration.spikes.values())).shape[1]
        return f"{count} samples of {self.calibration.name} that are not scored"


def scored_samples(graph: Graph, options: Options, free: bool = False) -> Samples:
    """The samples that a run is scored on.

    Args:
        free: the network is a ``.net``: it runs on after its data end, as long as ``--steps``
            says, and takes direct values as biases.
    """
    static = graph.encoding.kind == "direct"
    driven = free and static
    ref = _scored(graph, options)
    if not ref:
        raise ConfigError(
            f"network {graph.name!r}: no samples to run",
            needs="input data; the network's metadata name none",
            remedy="--data FILE.npz, --data digits, or --data random (its energy means nothing)",
        )
    dataset = load_data(
        ref,
        _inputs(graph),
        seed=_seed(ref, graph, options),
        samples=options.samples,
        classes=graph.population(graph.outputs[0]).size,
        random_steps=None if graph.encoding.steps or static else options.steps,
        byte_scale=graph.encoding.byte_scale,
    )
    return Samples(
        dataset.name,
        _biases(dataset, options) if driven else _spikes(dataset, graph, options, free),
        dataset.y,
        dataset.synthetic,
        tuple(_encoding_notes(dataset, graph)),
    )


def calibration_samples(graph: Graph, options: Options) -> tuple[Samples | None, str]:
    """Samples that scales may be picked from, none of them scored, and a sentence on them.

    They have the network's own length, so that a program does not depend on how long a run is.
    """
    scored = _scored(graph, options)
    ref = options.calibrate or scored
    if not ref or (options.calibrate is None and ref == "random"):
        return None, "the weights' maxima (no calibration data)"
    seed = _seed(ref, graph, options)
    if options.calibrate is None:
        dataset = load_data(ref, _inputs(graph), seed=seed, byte_scale=graph.encoding.byte_scale)
        if not dataset.calibration:
            return None, f"the weights' maxima ({dataset.name} has no training split)"
    dataset = load_calibration(
        ref,
        _inputs(graph),
        seed=seed,
        scored=scored or None,
        byte_scale=graph.encoding.byte_scale,
    )
    if dataset.y is not None:
        classes = graph.population(graph.outputs[0]).size
        as_labels(dataset.name, "y_train", dataset.y, dataset.samples, classes)
    chosen = few(dataset.samples, CALIBRATION_SAMPLES, dataset.y)
    count = len(chosen)
    x = {name: values[chosen] for name, values in dataset.x.items()}
    first = Dataset(dataset.name, x, dataset.timed, None)
    own_length = replace(options, steps=None) if graph.encoding.steps else options
    if not dataset.timed and (graph.encoding.steps or options.steps or 0) > CALIBRATION_STEPS:
        own_length = replace(options, steps=CALIBRATION_STEPS)
    spikes = _spikes(first, graph, own_length)
    samples = Samples(
        dataset.name,
        {name: x[:CALIBRATION_STEPS] for name, x in spikes.items()},
        None if dataset.y is None else dataset.y[chosen],
        dataset.synthetic,
    )
    s, are = ("", "is") if count == 1 else ("s", "are")
    return samples, f"{count} sample{s} of {dataset.name} that {are} not scored"


def _scored(graph: Graph, options: Options) -> str:
    """The user's data, else the named data set of the metadata; no file is opened unasked."""
    if options.data or not graph.data or graph.data in NAMES:
        return options.data or graph.data
    raise ConfigError(
        f"network {graph.name!r}: its metadata name the data {graph.data!r}",
        needs="a named data set in metadata; files are opened only where you name them",
        has="the data sets " + ", ".join(NAMES),
        remedy="--data FILE",
    )


def _inputs(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {p.name: p.shape for p in graph.inputs}


def _seed(ref: str, graph: Graph, options: Options) -> int:
    """The split the network was trained with; else the user's seed."""
    return graph.split_seed if ref == graph.data else options.seed


def _biases(dataset: Dataset, options: Options) -> dict[str, Array]:
    """Changes of biases; random values are pixels, which lava-dl multiplies by 64."""
    steps = options.steps or dataset.steps
    if steps is None:
        raise ConfigError(
            f"data {dataset.name!r} are static values: the length of a sample is not known",
            remedy="--steps N",
        )
    values = {n: np.rint(64 * x) if dataset.synthetic else x for n, x in dataset.x.items()}
    return {n: bias_writes(x, dataset.timed, steps, dataset.name) for n, x in values.items()}


def _spikes(
    dataset: Dataset, graph: Graph, options: Options, free: bool = False
) -> dict[str, Array]:
    if dataset.timed:
        values = graph.encoding.kind == "direct"
        spikes = {
            name: _timed(x, None if free else options.steps, dataset.name, values=values)
            for name, x in dataset.x.items()
        }
        return {name: _lasting(x, options.steps) for name, x in spikes.items()} if free else spikes
    if graph.encoding.kind == "none":
        raise ConfigError(
            f"data {dataset.name!r} are static values and network {graph.name!r} has no encoding",
            needs="spikes over time",
            remedy="--encoding if, rate or latency (or direct, the values themselves, on the "
            "reference target and on SpiNNaker) with --steps N, or data with a step axis "
            "[sample, step, ...] (one recording x [step, ...]: save x[None])",
        )
    steps = options.steps or graph.encoding.steps
    if steps is None:
        raise ConfigError(
            f"network {graph.name!r}: the length of a sample is not known",
            remedy="--steps N",
        )
    return {
        name: encode(x, graph.encoding, steps, Keys(options.seed, channel=channel))
        for channel, (name, x) in enumerate(dataset.x.items())
    }


def _encoding_notes(dataset: Dataset, graph: Graph) -> Iterator[str]:
    """Values that an encoding into spikes cannot tell apart."""
    encoding = graph.encoding
    if dataset.timed or encoding.kind not in _FULL:
        return
    most, says = _FULL[encoding.kind]
    for name, x in dataset.x.items():
        drive = x * encoding.gain
        negative = float(np.mean(drive < 0))
        above = float(np.mean(drive > (most or encoding.threshold)))
        if negative:
            yield f"{name}: {negative:.1%} of the values are negative and never spike"
        if above:
            yield f"{name}: {above:.1%} of the values lie above {says}"


def _lasting(spikes: Array, steps: int | None) -> Array:
    """[step, sample, *shape] of exactly ``steps`` steps, silent after the data end."""
    if steps is None:
        return spikes
    missing = max(0, steps - len(spikes))
    return np.pad(spikes[:steps], ((0, missing), *((0, 0),) * (spikes.ndim - 1)))


def _timed(x: Array, steps: int | None, name: str, *, values: bool) -> Array:
    """[step, sample, *shape] of timed data, cut to ``steps``; spikes only, unless ``values``."""
    if not values and x.dtype != np.bool_ and not np.isin(x, (0, 1)).all():
        raise InputFileError(
            f"data {name!r}: timed values other than 0 and 1",
            needs="spikes (0 or 1) at every step",
            remedy="encode the values into spikes first, or, on the reference target, "
            "--encoding direct",
        )
    if steps is not None and steps > x.shape[1]:
        raise ConfigError(
            f"--steps {steps}: data {name!r} have {x.shape[1]} steps", remedy="fewer steps"
        )
    cut = x[:, :steps]
    return np.moveaxis(cut.astype(np.float64) if values else cut != 0, 1, 0)
