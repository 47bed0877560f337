"""All trials of a study: one after another, or several at once in processes of their own.

A trial that fails is named, and the others go on. Whatever ends a run, the next one finds finished
trials finished, and goes on with an unfinished training after its last epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn2chip.errors import ConfigError
from snn2chip.pipeline.results.comparing import choice_of
from snn2chip.study.config import StudyConfig
from snn2chip.study.kept import digits_of, keep_trials
from snn2chip.study.settings import settings_text
from snn2chip.study.trials.grid import grid_trials
from snn2chip.study.trials.lessons import FILES, SAMPLES, differs, file_digits, lesson_of
from snn2chip.study.trials.one import Tell, Work, moved, run_trial, shared_training
from snn2chip.study.trials.processes import CRASHED, ended, failure_of, processes, start
from snn2chip.study.trials.store import StudyFolder
from snn2chip.study.types import FLOAT, Outcome, Trial

if TYPE_CHECKING:
    from snn2chip.distill import Recipe
    from snn2chip.study.trials.search import Search

SEARCH = "search"
"""Among the keys of failures: no trial's, but the search's own."""


@dataclass
class Ran:
    """What a run has so far.

    Attributes:
        outcomes: by key.
        failures: key -> (exit code, reason); that of ``SEARCH`` is what ended the search.
    """

    trials: list[Trial] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failures: dict[str, tuple[int, str]] = field(default_factory=dict)

    def failure_lines(self) -> list[str]:
        """Each failed trial by its settings and seed, with the reason's first line."""
        named = {t.key: f"{settings_text(t.settings)}, seed {t.seed}" for t in self.trials}
        named[SEARCH] = "the search"
        return [
            f"{named[key]}: {reason.splitlines()[0] if reason else 'no reason given'}"
            for key, (_, reason) in self.failures.items()
        ]


def run_study(
    study: StudyConfig,
    base_tables: Mapping[str, Any],
    folder: StudyFolder,
    targets: tuple[str, ...],
    jobs: int = 1,
    tell: Tell | None = None,
    only_done: bool = False,
) -> Ran:
    """Run what is not done of a study's grids and of its search.

    Args:
        base_tables: of the base recipe.
        targets: on which every student is measured.
        jobs: trials at once.
        tell: called with (stage, done, total).
        only_done: run nothing, and collect what is done; a search ends where it would go on.

    Raises:
        ConfigError: a combination that is no recipe; another run is at work in the folder.
        InputFileError: a damaged file of the study.
    """
    ran = Ran()
    base = Path(study.recipe).parent
    search = None
    if study.search is not None:  # whatever is wrong with it is said before the grid is trained
        from snn2chip.study.trials.search import Search

        search = Search(study, base_tables, targets[0] if targets else FLOAT)
    with nullcontext() if only_done else folder.locked():
        runner = _Runner(folder, base, targets, 0 if only_done else jobs, tell, ran)
        runner.digits = digits_of(study, base_tables)
        runner.run(grid_trials(study, base_tables))
        if search is not None:
            runner.search(search)
    return ran


def collect(folder: StudyFolder, targets: tuple[str, ...], trials: Sequence[Trial]) -> Ran:
    """What is done of these trials; needs no PyTorch.

    Raises:
        InputFileError: a damaged file of the study.
    """
    ran = Ran()
    _Runner(folder, Path(), targets, 0, None, ran).run(trials)
    return ran


@dataclass
class _Runner:
    """Runs trials, and collects what comes of them; without jobs it only collects."""

    folder: StudyFolder
    base: Path
    targets: tuple[str, ...]
    jobs: int
    tell: Tell | None
    ran: Ran
    digits: str = ""
    _digests: dict[Any, str] = field(default_factory=dict)

    def run(self, trials: Sequence[Trial]) -> None:
        """Those of the trials that are not done; each counts once, whoever asks for it."""
        known = {trial.key for trial in self.ran.trials}
        new = {trial.key: trial for trial in trials if trial.key not in known}
        self.ran.trials += new.values()
        if self.jobs and new:
            keep_trials(self.folder.path, self.digits, self.ran.trials)
        todo = []
        for trial in new.values():
            outcome = self.folder.outcome(trial.key, (FLOAT, *self.targets))
            try:
                if outcome is None or self._is_stale(trial, outcome):
                    todo.append(Work(trial, self.folder, self.base, self.targets))
                else:
                    self.ran.outcomes[trial.key] = outcome
            except Exception as error:
                self.ran.failures[trial.key] = failure_of(error)
        if not self.jobs:
            return
        todo = self._taught(todo)
        if min(self.jobs, len(todo)) == 1:
            self._here(todo)
        elif todo:
            self._beside(todo)

    def search(self, search: Search) -> None:
        """The settings that a search asks for; what ends it early is one more failure."""
        first = len(self.ran.trials)
        try:
            while batch := search.ask():
                trials = [trial for group in batch for trial in group]
                self.run(trials)
                if not self.jobs and not any(trial.key in self.ran.outcomes for trial in trials):
                    return
                search.tell(self.ran.outcomes)
        except ConfigError as error:
            self.ran.failures[SEARCH] = failure_of(error)
            return
        if not search.told and any(t.key in self.ran.outcomes for t in self.ran.trials[first:]):
            blind = ConfigError(
                "its objectives are known of no setting",
                needs="figures of a setting to go by",
                has="a target that refuses the students, or has no price of them",
                remedy='another target, or objectives = ["accuracy", "spikes"]',
            )
            self.ran.failures[SEARCH] = failure_of(blind)

    def _is_stale(self, trial: Trial, outcome: Outcome) -> bool:
        """Whether a target, the samples or the teacher's file have changed since it was measured.

        What is only shown is shown as it is.
        """
        if not self.jobs:
            return False
        from snn2chip.distill import recipe_from_dict

        for word in self.targets:
            if outcome.digests.get(word, self._target(word)) != self._target(word):
                return True
        place = self.folder.trial(trial.key)
        recipe = recipe_from_dict(moved(trial.tables, self.base, place))
        lesson = {FILES: file_digits(recipe, place)}
        if outcome.samples:
            lesson[SAMPLES] = self._samples(recipe, place)
        return differs({SAMPLES: outcome.samples, FILES: outcome.files}, lesson)

    def _target(self, word: str) -> str:
        if word not in self._digests:
            self._digests[word] = choice_of(word).target.sha256
        return self._digests[word]

    def _samples(self, recipe: Recipe, place: Path) -> str:
        if recipe.data not in self._digests:
            self._digests[recipe.data] = lesson_of(recipe, place)[SAMPLES]
        return self._digests[recipe.data]

    def _here(self, todo: Sequence[Work]) -> None:
        for done, work in enumerate(todo):
            self._count(done, len(todo))
            try:
                self.ran.outcomes[work.trial.key] = run_trial(work, self.tell)
            except Exception as error:
                self.ran.failures[work.trial.key] = failure_of(error)
        self._count(len(todo), len(todo))

    def _beside(self, todo: Sequence[Work]) -> None:
        """Several at once, but never two that would train the same."""
        trainings = {work.trial.key: self._training(work) for work in todo}
        with processes() as running:
            waiting = list(todo)
            while waiting or running:
                while len(running) < self.jobs:
                    busy = {trainings[work.trial.key] for work, _ in running.values()} - {""}
                    free = (w for w in waiting if trainings[w.trial.key] not in busy)
                    if (work := next(free, None)) is None:
                        break
                    waiting.remove(work)
                    start(running, work)
                for work, code, reason in ended(running):
                    self._collect(work, code, reason)
                self._count(len(todo) - len(waiting) - len(running), len(todo))

    def _training(self, work: Work) -> str:
        """Digits of the training that a trial shares, or ""."""
        from snn2chip.distill import recipe_from_dict

        place = self.folder.trial(work.trial.key)
        return shared_training(recipe_from_dict(moved(work.trial.tables, self.base, place)))

    def _collect(self, work: Work, code: int, reason: str) -> None:
        key = work.trial.key
        outcome = None if code else self.folder.outcome(key, (FLOAT, *self.targets))
        if outcome is None:
            self.ran.failures[key] = code or CRASHED, reason or "it left no result"
        else:
            self.ran.outcomes[key] = outcome

    def _taught(self, todo: Sequence[Work]) -> list[Work]:
        """Train what trials share before several of them could train it at once.

        Returns:
            The trials whose teacher could be had; the others have failed.
        """
        made: dict[str, tuple[int, str] | None] = {}
        able = []
        for work in todo:
            try:
                failure = self._teach(work, made)
            except Exception as error:
                failure = failure_of(error)
            if failure is None:
                able.append(work)
            else:
                self.ran.failures[work.trial.key] = failure
        return able

    def _teach(self, work: Work, made: dict[str, tuple[int, str] | None]) -> tuple[int, str] | None:
        """Train the teacher of a trial unless an earlier one did; why it could not be trained."""
        from snn2chip.distill import recipe_from_dict
        from snn2chip.distill.describing import describe
        from snn2chip.distill.folder import RunFolder
        from snn2chip.distill.run import load_samples
        from snn2chip.distill.teachers.network import teacher_recipe
        from snn2chip.study.settings import fingerprint

        place = self.folder.trial(work.trial.key)
        recipe = recipe_from_dict(moved(work.trial.tables, self.base, place))
        if recipe.teacher is None or recipe.teacher.file or not recipe.uses_teacher:
            return None
        wanted = fingerprint(teacher_recipe(recipe).to_dict())
        if wanted in made:
            return made[wanted]
        place.mkdir(parents=True, exist_ok=True)  # paths of the recipe lead through it
        try:
            split = load_samples(recipe, place)
            here = RunFolder(place, describe(recipe, split), self.folder.teachers)
            here.teacher(recipe, split, place, self._epoch)
            made[wanted] = None
        except Exception as error:
            made[wanted] = failure_of(error)
        return made[wanted]

    def _epoch(self, done: Any) -> None:
        if self.tell is not None:
            self.tell(done.stage, done.epoch, done.epochs)

    def _count(self, done: int, total: int) -> None:
        if self.tell is not None:
            self.tell("trials", done, total)
