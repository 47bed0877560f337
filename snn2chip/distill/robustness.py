"""How well teachers and students bear noise: accuracy by model, kind of noise and strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import norse.torch as norse
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snn2chip.data import Dataset, Keys, load_data
from snn2chip.data.noise import STRENGTHS, NoiseKind, check_noise, drop_events, noisy
from snn2chip.distill.checkpoint import CheckpointMetadata, check_runs, load_checkpoint
from snn2chip.distill.sequence import encode_spikes, readout_scores, run_layers
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.frontends.ensemble import find_ensemble
from snn2chip.graph import Ensemble
from snn2chip.pipeline import Options, list_models, open_network
from snn2chip.pipeline.ensembles.policies import contributions, decide
from snn2chip.pipeline.opening import CHECKPOINT
from snn2chip.resources import models_dir

CLEAN = "none"
"""What the noise of the first row of a model is called."""

_BATCH = 256
_INPUT = "input"

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """A network to judge: a student, or a teacher, which takes values and sends no events.

    Attributes:
        modules: the network alone, or the members of an ensemble.
        metadata: of the first of them.
        ensemble: who answers, where there are members.
        files: it was read from.
    """

    modules: tuple[norse.SequentialState, ...]
    metadata: CheckpointMetadata
    ensemble: Ensemble | None = None
    files: tuple[Path, ...] = ()

    @property
    def takes_events(self) -> bool:
        return self.metadata.encoding.kind != "direct"

    @property
    def classes(self) -> int:
        """Number of classes that it tells apart."""
        return len(self.metadata.class_names) if self.ensemble is None else self.ensemble.bias.size


@dataclass(frozen=True, eq=False)
class NoiseRow:
    """One model under one noise.

    Attributes:
        correct: bool [sample], for paired comparisons; None where the model has no events to drop.
        spikes: per sample, of all populations but the input.
    """

    model: str
    kind: str
    strength: float
    correct: NDArray[np.bool_] | None = None
    spikes: float | None = None

    @property
    def accuracy(self) -> float | None:
        return None if self.correct is None else float(self.correct.mean())


def evaluate_noise(
    models: Mapping[str, NoiseModel],
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    strengths: Mapping[NoiseKind, Sequence[float]] | None = None,
    seed: int = 0,
) -> tuple[NoiseRow, ...]:
    """Every model without noise, and under every kind and strength; all see the same samples.

    Args:
        x: values [sample, *input_shape] in [0, 1].
        y: classes [sample].
        strengths: of each kind; `snn2chip.data.noise.STRENGTHS` where left out.

    Raises:
        ConfigError: no such kind of noise, or a strength that makes no sense.
        InputFileError: values below 0 or above 1, which noise on values would cut off.
    """
    chosen = STRENGTHS if strengths is None else strengths
    for kind, values in chosen.items():
        for strength in values:
            check_noise(kind, strength)
    if any(kind != "dropped_events" for kind in chosen):
        _check_range(x)
    rows = [_row(name, model, x, y, None, 0.0, seed) for name, model in models.items()]
    for kind, values in chosen.items():
        for strength in values:
            changed = noisy(x, kind, strength, seed).astype(np.float32)
            for name, model in models.items():
                rows.append(_row(name, model, changed, y, kind, strength, seed))
    order = {name: place for place, name in enumerate(models)}
    return tuple(sorted(rows, key=lambda row: order[row.model]))


def _check_range(x: NDArray[np.floating]) -> None:
    low, high = float(x.min()), float(x.max())
    if low < 0.0 or high > 1.0:
        raise InputFileError(
            "samples for noise",
            needs="values from 0 to 1: noise is measured in them, and they are cut to them",
            has=f"values from {low:g} to {high:g}",
            remedy="samples of that range, or --kind dropped_events, which leaves values alone",
        )


def _row(
    name: str,
    model: NoiseModel,
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    kind: NoiseKind | None,
    strength: float,
    seed: int,
) -> NoiseRow:
    drops = kind == "dropped_events"
    if drops and not model.takes_events:
        return NoiseRow(name, "dropped_events", strength)
    correct, spikes = [], 0.0
    with torch.no_grad():
        for first in range(0, len(y), _BATCH):
            index = np.arange(first, min(first + _BATCH, len(y)))
            given = torch.as_tensor(x[index], dtype=torch.float32)
            encoded = encode_spikes(given, model.metadata.encoding, Keys(samples=index))
            if drops:
                encoded = torch.from_numpy(drop_events(encoded.numpy(), strength, seed, index))
            scores, count = _run(model, encoded)
            correct.append(scores.argmax(axis=1) == y[index])
            spikes += count
    return NoiseRow(name, kind or CLEAN, strength, np.concatenate(correct), spikes / len(y))


def _run(model: NoiseModel, encoded: Tensor) -> tuple[Floats, float]:
    """Scores [sample, class], and the number of spikes behind the input.

    Those of members that are not active on a sample are none.
    """
    scores, counts = [], []
    for module in model.modules:
        result = run_layers(module, encoded)
        scores.append(readout_scores(result.output, model.metadata.readout).double().numpy())
        fired = [spikes.flatten(2).sum(dim=(0, 2)) for spikes in result.spikes.values()]
        counts.append(torch.stack(fired).sum(0).numpy() if fired else np.zeros(len(scores[0])))
    if model.ensemble is None:
        return scores[0], float(counts[0].sum())
    gate = model.ensemble.policy.gate
    wanted = None if gate is None else gate.scores(encoded.mean(0).flatten(1).double().numpy())
    decision = decide(model.ensemble, contributions(model.ensemble, scores), wanted)
    return decision.logits, float((decision.active * np.stack(counts, axis=1)).sum())


def open_models(paths: Sequence[Path]) -> dict[str, NoiseModel]:
    """Students, teachers and ensembles in files, by the names that tell them apart.

    Args:
        paths: checkpoints, folders with a ``student.safetensors`` or with an ensemble of
            checkpoints, or names of bundled students.

    Raises:
        ConfigError: no path, or one twice.
        InputFileError: a file that is damaged, or models of different samples.
    """
    if not paths:
        raise ConfigError("no model to judge", needs="checkpoints of students and teachers")
    models: dict[str, NoiseModel] = {}
    files = [_file(path) for path in paths]
    for file in files:
        if [other.resolve() for other in files].count(file.resolve()) > 1:
            raise ConfigError(f"{file} is named twice", needs="each model once")
        model = _opened(file)
        own = file.stem not in ("student", "ensemble")
        name = file.stem if own else file.resolve().parent.name
        if name in models:
            name = str(file)
        models[name] = model
    _check_alike(models)
    return models


def _opened(file: Path) -> NoiseModel:
    if file.suffix != ".json":
        module, metadata = _loaded(file)
        return NoiseModel((module,), metadata, files=(file,))
    ensemble = open_network(str(file), Options()).ensemble
    assert ensemble is not None
    members = tuple(file.with_name(f"{name}.safetensors") for name in ensemble.names)
    if missing := [member.name for member in members if not member.is_file()]:
        raise InputFileError(
            f"{file}: members that are no checkpoints of students",
            needs="what `snn2chip distill` wrote",
            has=f"no {', '.join(missing)} beside it",
        )
    opened = [_loaded(member) for member in members]
    modules = tuple(module for module, _ in opened)
    return NoiseModel(modules, opened[0][1], ensemble, (file, *members))


def _loaded(file: Path) -> tuple[norse.SequentialState, CheckpointMetadata]:
    module, metadata = load_checkpoint(file)
    outputs, classes = check_runs(file, module, metadata), len(metadata.class_names)
    if outputs != classes:
        raise InputFileError(
            f"{file}: {classes} classes", needs="one for each output", has=f"{outputs} outputs"
        )
    return module, metadata


def _file(path: Path) -> Path:
    if not path.exists() and str(path) in list_models():
        path = models_dir() / path
    if path.is_dir():
        return find_ensemble(path) or path / CHECKPOINT
    return path


def _check_alike(models: Mapping[str, NoiseModel]) -> None:
    forms = {name: (model.metadata.input_shape, model.classes) for name, model in models.items()}
    if len(set(forms.values())) > 1:
        raise InputFileError(
            "the models take different samples",
            needs="one shape of input and one set of classes",
            has="; ".join(
                f"{n}: {list(shape)}, {count} classes" for n, (shape, count) in forms.items()
            ),
        )


def samples_for(
    models: Mapping[str, NoiseModel], data: str | None, samples: int | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Values and classes of the samples ``data``, read as a run of the first model reads them.

    Where ``data`` is left out they are those that it was trained on, if they have a name.

    Args:
        samples: the first so many only.

    Returns:
        x [sample, *input_shape], y [sample].

    Raises:
        ConfigError: they were a file, there is no such data set, or there are fewer samples.
        InputFileError: samples of another shape or without classes of the models, or bytes that
            stand for one value to one model and for another to the next.
    """
    source = next(iter(models.values())).metadata.data
    if data is None and source.name.endswith(".npz"):
        raise ConfigError(
            f"the models were trained on {source.name!r}",
            needs="the file: files are opened only where you name them",
            remedy=f"--data {source.name}",
        )
    ref = data or source.name
    if ref == "random":
        raise ConfigError(
            "data 'random' have no labels",
            needs="samples with labels: accuracy is what noise costs",
            remedy="a name of `snn2chip data list`, or an .npz file with 'y'",
        )
    dataset = _alike(ref, models, samples)
    if dataset.timed:
        raise InputFileError(
            f"{ref}: samples of spikes over time",
            needs="values [sample, *shape] without steps, which noise is put on",
            has=f"{dataset.steps} steps",
        )
    if dataset.y is None:
        raise InputFileError(
            f"{ref}: no labels",
            needs="'y' beside 'x', or 'y_test' beside 'x_test': accuracy is what noise costs",
        )
    return dataset.x[_INPUT], dataset.y


def _alike(ref: str, models: Mapping[str, NoiseModel], samples: int | None) -> Dataset:
    """The samples as all models take them: of a file, each says what a byte stands for."""
    by_scale: dict[float, str] = {}
    for name, model in models.items():
        by_scale.setdefault(model.metadata.encoding.byte_scale, name)
    names = list(by_scale.values()) if ref.endswith(".npz") else list(models)[:1]
    first, *others = (_samples(ref, models[name], samples) for name in names)
    if any(not np.array_equal(first.x[_INPUT], other.x[_INPUT]) for other in others):
        divided = (f"{name} divides them by {scale:g}" for scale, name in by_scale.items())
        raise InputFileError(
            f"{ref}: bytes that stand for different values to the models",
            needs="the same samples for all models",
            has=", ".join(divided),
            remedy="store the values from 0 to 1 as floats",
        )
    return first


def _samples(ref: str, model: NoiseModel, samples: int | None) -> Dataset:
    metadata = model.metadata
    return load_data(
        ref,
        {_INPUT: metadata.input_shape},
        seed=metadata.data.split_seed,
        samples=samples,
        classes=model.classes,
        byte_scale=metadata.encoding.byte_scale,
        test_size=metadata.data.test_size,
    )


def to_dict(rows: Sequence[NoiseRow], seed: int) -> dict[str, Any]:
    """The rows for a JSON file."""
    return {
        "schema": "snn2chip/noise/1",
        "seed": seed,
        "samples": max((len(row.correct) for row in rows if row.correct is not None), default=0),
        "rows": [
            {
                "model": row.model,
                "kind": row.kind,
                "strength": row.strength,
                "accuracy": row.accuracy,
                "spikes_per_sample": row.spikes,
            }
            for row in rows
        ],
    }
