"""Random networks of snnTorch cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import snntorch as snn
import torch

from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.torch.prove import ExportReport, export_module
from snn2chip.graph.operators import Array

nn = torch.nn
STEPS = 200
RESETS = ("subtract", "zero", "none")


def spikes(seed: int, *shape: int, rate: float = 0.4, samples: int = 2) -> Array:
    """[step, sample, *shape]"""
    drawn = np.random.default_rng(seed).random((STEPS, samples, *shape))
    return (drawn < rate).astype(np.float64)


def proven(module: Any, x: Array, folder: Path, dt: float = 1.0) -> ExportReport:
    """Exports a module; fails where its file gives other spikes in float64."""
    return export_module(module, Metadata(dt=dt), x, folder / "model.nir")


class Maker:
    """Draws cells and layers from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def one(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def factor(self, shape: tuple[int, ...]) -> Any:
        """A beta or alpha: a number or one per neuron, of which some lie at or beyond the ends."""
        values = torch.rand(shape)
        ends = torch.rand(shape)
        values = torch.where(ends < 0.1, torch.full(shape, 1.0), values)
        values = torch.where((ends > 0.1) & (ends < 0.2), torch.full(shape, -0.25), values)
        return self.one(float(self.rng.random()), 1, 0.0, values, values)

    def threshold(self, shape: tuple[int, ...]) -> Any:
        return self.one(1.0, float(self.rng.uniform(0.3, 1.2)), torch.rand(shape) + 0.2)

    def cell(self, shape: tuple[int, ...], kind: str | None = None, **given: Any) -> Any:
        """A cell for an input of ``shape``, that holds its own state."""
        kind = kind or self.one("Leaky", "Synaptic", "RLeaky", "RSynaptic", "Lapicque")
        options: dict[str, Any] = {
            "beta": self.factor(shape),
            "threshold": self.threshold(shape),
            "reset_mechanism": self.one(*RESETS),
            "init_hidden": True,
            "surrogate_disable": self.chance(0.2),
            "learn_threshold": self.chance(0.3),
        }
        if kind == "Lapicque":
            options["beta"] = float(self.rng.uniform(0.4, 0.95))
            options["R"] = self.one(1, 2.5)
        else:
            options["reset_delay"] = kind == "RSynaptic" or self.chance(0.5)
        if "Synaptic" in kind:
            options["alpha"] = self.factor(shape)
        if kind == "Leaky" and self.chance(0.3):
            options["graded_spikes_factor"] = 0.5
        if kind.startswith("R"):
            options |= self.recurrence(shape)
        return getattr(snn, kind)(**{**options, **given})

    def recurrence(self, shape: tuple[int, ...]) -> dict[str, Any]:
        if self.chance(0.3):
            weights = self.one(-0.5, torch.randn(shape))
            return {"all_to_all": False, "V": weights, "learn_recurrent": self.chance(0.5)}
        if len(shape) == 1:
            return {"linear_features": shape[0]}
        return {"conv2d_channels": shape[0], "kernel_size": self.one(3, (1, 3))}

    def dense(self, source: int, target: int) -> Any:
        return nn.Linear(source, target, bias=self.chance(0.7))

    def network(self) -> tuple[Any, tuple[int, ...]]:
        """A Sequential and the shape of its input; the last cell sends 0 and 1."""
        parts: list[Any] = []
        shape: tuple[int, ...] = (int(self.rng.integers(1, 6)),)
        source = shape
        if self.chance(0.4):
            source = (2, 6, 5)
            groups, bias = self.one(1, 2), self.chance(0.5)
            conv = nn.Conv2d(2, 4, 3, padding=self.one(0, 1), groups=groups, bias=bias)
            shape = tuple(conv(torch.zeros(1, *source)).shape[1:])
            parts += [conv, self.cell(shape)]
            if self.chance(0.5):
                parts.append(nn.AvgPool2d(2))
            parts.append(nn.Flatten())
            shape = tuple(nn.Sequential(conv, *parts[2:])(torch.zeros(1, *source)).shape[1:])
        for _ in range(int(self.rng.integers(1, 3))):
            size = int(self.rng.integers(2, 8))
            parts += [self.dense(shape[0], size), self.cell((size,))]
            shape = (size,)
        last = self.cell(shape, output=True, **self.plain_spikes())
        return nn.Sequential(*parts, self.dense(shape[0], shape[0]), last), source

    def plain_spikes(self) -> dict[str, Any]:
        return {"kind": self.one("Synaptic", "RLeaky", "RSynaptic")}
