"""A search over settings by a sampler of optuna.

Nothing of it is kept on disk: a sampler that begins with the same seed and is told the same values
asks for the same settings, so a run that goes on asks again, and finds the first trials done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snn2chip.errors import ConfigError
from snn2chip.study.config import ACCURACY, Range, SearchConfig, StudyConfig
from snn2chip.study.trials.grid import seeded
from snn2chip.study.types import Outcome, Trial


class Search:
    """Asks for settings, and is told what came of them.

    Args:
        place: whose validation figures are optimised.

    Raises:
        ConfigError: optuna is not installed, or the study has no search.
    """

    def __init__(self, study: StudyConfig, base: Mapping[str, Any], place: str) -> None:
        try:
            import optuna
        except ModuleNotFoundError as error:
            raise ConfigError(
                "[search]: optuna is not installed", remedy="pip install 'snn2chip[pareto]'"
            ) from error
        assert study.search is not None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study, self._base, self._place = study, base, place
        self._config = study.search
        self._optuna = optuna
        self._sampled = optuna.create_study(
            sampler=_sampler(optuna, self._config),
            directions=[
                "maximize" if name == ACCURACY else "minimize" for name in self._config.objectives
            ],
        )
        self._asked: list[tuple[Any, tuple[Trial, ...]]] = []
        self._count = 0

    def ask(self) -> list[tuple[Trial, ...]]:
        """The next settings, each at every seed of the study; none when all were tried.

        Raises:
            ConfigError: a setting that is no recipe.
        """
        number = min(self._config.together, self._config.trials - self._count)
        self._count += number
        self._asked = []
        for _ in range(number):
            asked = self._sampled.ask()
            chosen = {key: _value(asked, key, one) for key, one in self._config.space.items()}
            self._asked.append((asked, seeded(self._study, self._base, chosen)))
        return [trials for _, trials in self._asked]

    def tell(self, outcomes: Mapping[str, Outcome]) -> None:
        """What came of the settings that were asked for: means over the seeds that are done."""
        for asked, trials in self._asked:
            values = [self._objectives(outcomes[t.key]) for t in trials if t.key in outcomes]
            known = [value for value in values if value is not None]
            if not known or len(known) < len(values):
                self._sampled.tell(asked, state=self._optuna.trial.TrialState.FAIL)
            else:
                means = [sum(column) / len(known) for column in zip(*known, strict=True)]
                self._sampled.tell(asked, means)
        self._asked = []

    def _objectives(self, outcome: Outcome) -> list[float] | None:
        splits = outcome.figures.get(self._place)
        if splits is None:
            return None
        values = [splits["validation"].value(name) for name in self._config.objectives]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else None


def _sampler(optuna: Any, config: SearchConfig) -> Any:
    samplers = {
        "tpe": lambda: optuna.samplers.TPESampler(
            seed=config.seed, n_startup_trials=min(10, max(2, config.trials // 4))
        ),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(
            seed=config.seed, population_size=max(2, min(50, config.trials // 4))
        ),
        "random": lambda: optuna.samplers.RandomSampler(seed=config.seed),
    }
    return samplers[config.sampler]()


def _value(asked: Any, key: str, one: Range) -> Any:
    """What the sampler chooses for a key; tables are chosen by their number."""
    if one.choices:
        return one.choices[asked.suggest_categorical(key, list(range(len(one.choices))))]
    if one.whole:
        return asked.suggest_int(key, int(one.low), int(one.high), log=one.log)
    return asked.suggest_float(key, one.low, one.high, log=one.log)
