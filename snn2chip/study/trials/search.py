"""A search over settings by a sampler of optuna.

Nothing of it is kept on disk: a sampler that begins with the same seed and is told the same values
asks for the same settings, so a run that goes on asks again, and finds the first trials done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snn2chip.errors import ConfigError
from snn2chip.pipeline.results.comparing import choice_of
from snn2chip.study.config import ACCURACY, Range, SearchConfig, StudyConfig
from snn2chip.study.trials.grid import seeded
from snn2chip.study.types import FLOAT, PRICED, Outcome, Trial


class Search:
    """Asks for settings, and is told what came of them.

    Args:
        place: whose validation figures are optimised.

    Attributes:
        told: settings whose objectives the sampler has been told.

    Raises:
        ConfigError: optuna is not installed; an objective that the place has no price for; a key
            of the space, or an end of it, that makes no recipe.
    """

    def __init__(self, study: StudyConfig, base: Mapping[str, Any], place: str) -> None:
        try:
            import optuna
        except ModuleNotFoundError as error:
            raise ConfigError(
                "[search]: optuna is not installed", remedy="pip install 'snn2chip[pareto]'"
            ) from error
        assert study.search is not None
        check_objectives(study.search, place)
        check_space(study, base)
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
        self._count = self.told = 0

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
                self.told += 1
        self._asked = []

    def _objectives(self, outcome: Outcome) -> list[float] | None:
        splits = outcome.figures.get(self._place)
        if splits is None:
            return None
        values = [splits["validation"].value(name) for name in self._config.objectives]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else None


def check_objectives(search: SearchConfig, place: str) -> None:
    """Refuse energies where nothing has a price: the sampler would learn nothing.

    Raises:
        ConfigError: naming the objective.
    """
    priced = [name for name in search.objectives if name in PRICED]
    if not priced:
        return
    has = "float students, which have no price"
    if place != FLOAT:
        choice = choice_of(place)
        if choice.costs or choice.target.default_costs:
            return
        has = f"{place}, whose target file has no cost table"
    raise ConfigError(
        f"search.objectives: {priced[0]!r} is known nowhere",
        needs="a chip with a cost table as the first target",
        has=has,
        remedy='targets = ["loihi2"], or objectives = ["accuracy", "spikes"]',
    )


def check_space(study: StudyConfig, base: Mapping[str, Any]) -> None:
    """Read the corners of the space as recipes: all lows, all highs, and every choice.

    Raises:
        ConfigError: one that makes no recipe; the message names what was chosen.
    """
    assert study.search is not None
    space = study.search.space
    lows, highs = ({key: _end(one, which) for key, one in space.items()} for which in (0, -1))
    corners = [lows, highs]
    corners += [{**lows, key: value} for key, one in space.items() for value in one.choices[1:]]
    for chosen in corners:
        try:
            seeded(study, base, chosen)
        except ConfigError as error:
            raise ConfigError(
                f"search.space: {error.what}",
                needs=error.needs,
                has=error.has,
                remedy=error.remedy,
            ) from None


def _end(one: Range, which: int) -> Any:
    """The first or the last value of a key, 0 or -1."""
    if one.choices:
        return one.choices[which]
    end = (one.low, one.high)[which]
    return int(end) if one.whole else end


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
