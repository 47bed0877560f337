"""A study with invented outcomes: what every form must show, without training anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.study.answer.summary import summarise
from snn2chip.study.answer.types import Answer, Tool
from snn2chip.study.config import StudyConfig, study_from_dict
from snn2chip.study.settings import changed, fingerprint, leaves
from snn2chip.study.types import FLOAT, Figures, Outcome, Trial

CHIP = "loihi2"
SAMPLES = 400
BASE = {"method": {"name": "ce"}, "training": {"seed": 0}}
TOOL = Tool("snn2chip", "0")


def trial(seed: int, **settings: Any) -> Trial:
    """A trial of a base with some keys changed; ``__`` stands for a dot."""
    chosen = {key.replace("__", "."): value for key, value in settings.items()}
    tables = changed(BASE, {**chosen, "training.seed": seed})
    return Trial(
        tables=tables,
        settings=leaves(chosen),
        seed=seed,
        key=fingerprint(tables),
        setting=fingerprint(changed(tables, {"training.seed": 0})),
    )


@dataclass
class Made:
    """Trials with outcomes, and what became of each test sample."""

    trials: list[Trial] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    samples: dict[tuple[str, str], tuple[NDArray[np.bool_], NDArray[np.int64]]] = field(
        default_factory=dict
    )

    def add(self, accuracy: float, spikes: float, seeds: Sequence[int], **settings: Any) -> None:
        """A setting at some seeds: right with this probability, firing so often."""
        for seed in seeds:
            one = trial(seed, **settings)
            rng = np.random.default_rng([seed, int(one.setting[:6], 16)])
            figures: dict[str, dict[str, Figures]] = {}
            for place in (FLOAT, CHIP):
                fired = rng.poisson(spikes, SAMPLES).astype(np.int64)
                right = rng.random(SAMPLES) < accuracy
                self.samples[one.key, place] = right, fired
                figures[place] = {
                    "validation": self._figures(place, rng.normal(accuracy, 0.003), spikes),
                    "test": self._figures(place, float(right.mean()), float(fired.mean())),
                }
            self.trials.append(one)
            self.outcomes[one.key] = Outcome(
                key=one.key,
                figures=figures,
                parameters=2000,
                epoch=9,
                training_s=2.0,
                total_s=3.0,
                cost_tables={CHIP: "loihi2_from_loihi1"},
                tool="0",
            )

    def _figures(self, place: str, accuracy: float, spikes: float) -> Figures:
        priced = place != FLOAT
        return Figures(
            accuracy=min(1.0, float(accuracy)),
            samples=SAMPLES,
            input_spikes=120.0,
            hidden_spikes=spikes - 4.0,
            output_spikes=4.0,
            synaptic_events=1e4 + 10.0 * spikes,
            spikes_nj=0.5 * spikes if priced else None,
            dynamic_nj=100.0 + 0.8 * spikes if priced else None,
            static_nj=50.0 if priced else None,
            total_nj=150.0 + 0.8 * spikes if priced else None,
            latency_us=12.0 if priced else None,
            differing=0.01 if priced else None,
        )

    def read(self, key: str, place: str) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        return self.samples[key, place]

    def answer(self, study: StudyConfig, place: str = CHIP, **more: Any) -> Answer:
        return summarise(study, self.trials, self.outcomes, place, self.read, tool=TOOL, **more)


def study(**tables: Any) -> StudyConfig:
    """A study file's tables, as it is read."""
    return study_from_dict({"recipe": "digits.toml", **tables}, name="digits-study")


def made() -> Made:
    """Three methods at several strengths and seeds."""
    found = Made()
    found.add(0.95, 500.0, (0, 1, 2))
    found.add(0.96, 700.0, (0, 1, 2), method__name="kd", method__temperature=4.0)
    found.add(0.955, 610.0, (0, 1, 2), method__name="kd", method__temperature=2.0)
    for scale, (accuracy, spikes) in {
        0.5: (0.955, 180.0),
        1.0: (0.96, 260.0),
        2.0: (0.965, 430.0),
    }.items():
        settings = {"method__name": "hetero", "method__temperature_student": scale}
        found.add(accuracy, spikes, (0, 1, 2), **settings)
    found.add(0.90, 40.0, (0,), method__name="hetero", method__temperature_student=0.1)
    return found


def claims() -> list[dict[str, Any]]:
    return [
        {
            "name": "heterogeneous against conventional, cheapest",
            "a": {"method.name": "hetero"},
            "b": {"method.name": "kd"},
            "margin_points": 1.0,
            "pick": "spikes",
        },
        {"a": {"method.name": "kd"}, "b": {"method.name": "ce"}, "margin_points": 0.2},
    ]
