"""The state of an unfinished training on disk: one safetensors file, whole or not there at all.

It holds all that the next epoch depends on: weights of the student and of the objectives, the
optimizer's moments, the schedule, both random generators, and the best epoch so far. A training
that goes on from it ends with the same weights as one that was never broken off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from snn2chip.distill.recipe import Recipe
from snn2chip.distill.tables import differences
from snn2chip.distill.training.trainer import Trainer
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.files import write_bytes

KEY = "snn2chip_training"
SCHEMA = "snn2chip/training/1"
_TORCH, _ORDER = "random.torch", "random.order"


@dataclass
class Kept:
    """What a training has so far, beside the trainer's own state.

    Attributes:
        stage: index of the stage that runs.
        losses: of every epoch of all stages.
        best: highest validation accuracy so far; epoch: the one it belongs to, from 1.
        acceptable: whether the objectives accept that epoch, which comes before its accuracy.
        weights: of that epoch, or None where the last epoch is kept.
        seconds: wall time of all epochs.
        history: figures of every epoch.
    """

    stage: int = 0
    losses: list[float] = field(default_factory=list)
    best: float = -1.0
    epoch: int = 0
    weights: dict[str, Tensor] | None = None
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    acceptable: bool = False


def deciding(recipe: Recipe) -> dict[str, Any]:
    """Everything in the recipe that a training depends on."""
    tables = recipe.to_dict()
    method = {k: v for k, v in tables["method"].items() if k not in recipe.method.answering}
    return {**tables, "method": method}


def fingerprint(recipe: Recipe) -> str:
    """Of everything in the recipe that a training depends on."""
    return sha256(json.dumps(deciding(recipe), sort_keys=True).encode()).hexdigest()


def save_state(
    path: Path, recipe: Recipe, trainer: Trainer, kept: Kept, lesson: Mapping[str, str]
) -> None:
    """Write the state after an epoch.

    Args:
        lesson: digests of samples and teacher, by name.
    """
    optimizer = trainer.optimizer.state_dict()
    tensors: dict[str, Tensor] = {
        **_prefixed("student", trainer.student.state_dict()),
        **_prefixed("objectives", trainer.objectives.state_dict()),
        **_prefixed("best", kept.weights or {}),
        _TORCH: torch.get_rng_state(),
        _ORDER: trainer.generator.get_state(),
    }
    for index, moments in optimizer["state"].items():
        tensors |= _prefixed(f"optimizer.{index}", moments)
    meta = {
        "schema": SCHEMA,
        "recipe": fingerprint(recipe),
        "tables": deciding(recipe),
        "lesson": dict(lesson),
        "done": trainer.done,
        "stage": kept.stage,
        "losses": kept.losses,
        "best": kept.best,
        "acceptable": kept.acceptable,
        "epoch": kept.epoch,
        "seconds": kept.seconds,
        "history": kept.history,
        "groups": [
            {k: v for k, v in g.items() if k != "params"} for g in optimizer["param_groups"]
        ],
        "schedule": {k: v for k, v in trainer.schedule.state_dict().items() if _plain(v)},
    }
    plain = {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    write_bytes(path, save(plain, metadata={KEY: json.dumps(meta)}))


def load_state(
    path: Path, recipe: Recipe, trainer: Trainer, stages: Any, lesson: Mapping[str, str]
) -> Kept:
    """Put a trainer where the saved one was.

    Raises:
        ConfigError: the state belongs to another recipe, other samples or another teacher.
        InputFileError: the file is damaged.
    """
    meta, tensors = _read(path)
    if meta.get("recipe") != fingerprint(recipe):
        raise ConfigError(
            f"{path}: an unfinished training of another recipe",
            has=differences(meta["tables"], deciding(recipe)) if "tables" in meta else "",
            remedy=f"finish it with its own recipe, name another folder, or {_anew(path)}",
        )
    learned = dict(meta.get("lesson", lesson))  # states of earlier versions do not say
    if not recipe.uses_teacher:
        learned.pop("teacher", None)
    if learned != lesson:
        raise ConfigError(
            f"{path}: an unfinished training on other samples, or by another teacher",
            needs="the data and the teacher that it began with",
            remedy=f"name another folder, or {_anew(path)}",
        )
    try:
        trainer.start(stages[meta["stage"]], hooks=False)
        return _restore(trainer, meta, tensors)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise InputFileError(
            f"{path}: damaged state of a training: {type(error).__name__}: {error}",
            remedy=_anew(path),
        ) from error


def _restore(trainer: Trainer, meta: dict[str, Any], tensors: dict[str, Tensor]) -> Kept:
    trainer.done = int(meta["done"])
    trainer.student.load_state_dict(_below("student", tensors))
    trainer.objectives.load_state_dict(_below("objectives", tensors))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below("optimizer", tensors).items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    current = trainer.optimizer.state_dict()["param_groups"]
    groups = [{**g, "params": c["params"]} for g, c in zip(meta["groups"], current, strict=True)]
    trainer.optimizer.load_state_dict({"state": state, "param_groups": groups})
    trainer.schedule.load_state_dict(meta["schedule"])
    torch.set_rng_state(tensors[_TORCH])
    trainer.generator.set_state(tensors[_ORDER])
    best = _below("best", tensors)
    return Kept(
        int(meta["stage"]),
        [float(x) for x in meta["losses"]],
        float(meta["best"]),
        int(meta["epoch"]),
        best or None,
        float(meta["seconds"]),
        [dict(x) for x in meta["history"]],
        bool(meta["acceptable"]),
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {})[KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if meta["schema"] != SCHEMA:
            raise ValueError(f"schema {meta['schema']!r}")
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise InputFileError(
            f"{path}: no state of a training: {type(error).__name__}: {error}",
            remedy=_anew(path),
        ) from error
    return meta, tensors


def _prefixed(prefix: str, tensors: Any) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": torch.as_tensor(value) for name, value in tensors.items()}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = prefix + "."
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _plain(value: Any) -> bool:
    return isinstance(value, int | float | str | bool | list)


def _anew(path: Path) -> str:
    """How a training begins anew, whichever command it is part of."""
    return f"remove {path}: the training begins anew (distill --restart does both)"
