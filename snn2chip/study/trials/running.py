"""All trials of a study: one after another, or several at once in processes of their own.

A trial that fails is named, and the others go on. Whatever ends a run, the next one finds finished
trials finished, and goes on with an unfinished training after its last epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from snn2chip.errors import Snn2chipError
from snn2chip.study.config import StudyConfig
from snn2chip.study.settings import settings_text
from snn2chip.study.trials.grid import grid_trials
from snn2chip.study.trials.one import Tell, Work, moved, run_trial
from snn2chip.study.trials.store import StudyFolder
from snn2chip.study.types import FLOAT, Outcome, Trial

CRASHED = 1
"""Exit code of a trial whose process ended by itself."""


@dataclass
class Ran:
    """What a run has so far.

    Attributes:
        outcomes: by key.
        failures: key -> (exit code, reason).
    """

    trials: list[Trial] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failures: dict[str, tuple[int, str]] = field(default_factory=dict)

    def failure_lines(self) -> list[str]:
        """Each failed trial by its settings and seed, with the reason's first line."""
        named = {trial.key: trial for trial in self.trials}
        return [
            f"{settings_text(named[key].settings)}, seed {named[key].seed}: "
            f"{reason.splitlines()[0] if reason else 'no reason given'}"
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
    with nullcontext() if only_done else folder.locked():
        runner = _Runner(folder, base, targets, 0 if only_done else jobs, tell, ran)
        runner.run(grid_trials(study, base_tables))
        if study.search is not None:
            from snn2chip.study.trials.search import Search

            search = Search(study, base_tables, targets[0] if targets else FLOAT)
            while batch := search.ask():
                trials = [trial for group in batch for trial in group]
                runner.run(trials)
                if only_done and not any(trial.key in ran.outcomes for trial in trials):
                    break
                search.tell(ran.outcomes)
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
    _digests: dict[Any, str] = field(default_factory=dict)

    def run(self, trials: Sequence[Trial]) -> None:
        """Those of the trials that are not done; each counts once, whoever asks for it."""
        known = {trial.key for trial in self.ran.trials}
        new = {trial.key: trial for trial in trials if trial.key not in known}
        self.ran.trials += new.values()
        places = (FLOAT, *self.targets)
        todo = []
        for trial in new.values():
            outcome = self.folder.outcome(trial.key, places)
            anew = outcome is not None and self._of_other_samples(trial, outcome)
            if outcome is None or anew:
                todo.append(Work(trial, self.folder, self.base, self.targets, anew))
            else:
                self.ran.outcomes[trial.key] = outcome
        if not todo or not self.jobs:
            return
        self._teachers(todo)
        if min(self.jobs, len(todo)) == 1:
            self._here(todo)
        else:
            self._beside(todo)

    def _of_other_samples(self, trial: Trial, outcome: Outcome) -> bool:
        """Whether the data set has changed since; what is only shown is shown as it is."""
        from snn2chip.distill import recipe_from_dict
        from snn2chip.distill.run import load_samples
        from snn2chip.distill.training.samples import split_digest

        if not self.jobs or not outcome.samples:
            return False
        place = self.folder.trial(trial.key)
        recipe = recipe_from_dict(moved(trial.tables, self.base, place))
        if recipe.data not in self._digests:
            self._digests[recipe.data] = split_digest(load_samples(recipe, place))
        return outcome.samples != self._digests[recipe.data]

    def _here(self, todo: Sequence[Work]) -> None:
        for done, work in enumerate(todo):
            self._count(done, len(todo))
            try:
                self.ran.outcomes[work.trial.key] = run_trial(work, self.tell)
            except Exception as error:
                self.ran.failures[work.trial.key] = _failure(error)
        self._count(len(todo), len(todo))

    def _beside(self, todo: Sequence[Work]) -> None:
        with _processes() as running:
            waiting = list(reversed(todo))
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    _start(running, waiting.pop())
                for connection in wait(list(running)):
                    assert isinstance(connection, Connection)
                    work, process = running.pop(connection)
                    self._collect(work, connection)
                    process.join()
                self._count(len(todo) - len(waiting) - len(running), len(todo))

    def _collect(self, work: Work, connection: Connection) -> None:
        key = work.trial.key
        try:
            code, reason = connection.recv()
        except EOFError:
            code, reason = CRASHED, "its process ended by itself (memory, or a signal)"
        connection.close()
        outcome = None if code else self.folder.outcome(key, (FLOAT, *self.targets))
        if outcome is None:
            self.ran.failures[key] = code or CRASHED, reason or "it left no result"
        else:
            self.ran.outcomes[key] = outcome

    def _teachers(self, todo: Sequence[Work]) -> None:
        """Train what trials share before several of them could train it at once."""
        from snn2chip.distill import recipe_from_dict
        from snn2chip.distill.describing import describe
        from snn2chip.distill.folder import RunFolder
        from snn2chip.distill.run import load_samples
        from snn2chip.distill.teachers.network import teacher_recipe
        from snn2chip.study.settings import fingerprint

        seen = set()
        for work in todo:
            place = self.folder.trial(work.trial.key)
            recipe = recipe_from_dict(moved(work.trial.tables, self.base, place))
            if recipe.teacher is None or recipe.teacher.file or not recipe.uses_teacher:
                continue
            wanted = fingerprint(teacher_recipe(recipe).to_dict())
            if wanted in seen:
                continue
            seen.add(wanted)
            place.mkdir(parents=True, exist_ok=True)  # paths of the recipe lead through it
            split = load_samples(recipe, place)
            here = RunFolder(place, describe(recipe, split), self.folder.teachers)
            here.teacher(recipe, split, place, self._epoch)

    def _epoch(self, done: Any) -> None:
        if self.tell is not None:
            self.tell(done.stage, done.epoch, done.epochs)

    def _count(self, done: int, total: int) -> None:
        if self.tell is not None:
            self.tell("trials", done, total)


def _failure(error: Exception) -> tuple[int, str]:
    """Exit code and reason of a trial that ended in an error, whoever raised it."""
    if isinstance(error, Snn2chipError):
        return error.exit_code, str(error)
    return CRASHED, f"{type(error).__name__}: {error}"


_Running = dict[Connection, tuple[Work, Any]]


@contextmanager
def _processes() -> Iterator[_Running]:
    """Trials that run beside each other; they end when the block is left before them."""
    running: _Running = {}
    try:
        yield running
    finally:
        for _, process in running.values():
            process.terminate()
        for connection, (_, process) in running.items():
            process.join()
            connection.close()


def _start(running: _Running, work: Work) -> None:
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_trial_process, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    running[ours] = work, process


def _trial_process(work: Work, connection: Connection) -> None:
    """One trial; says (exit code, reason). The keyboard interrupts the process that started it."""
    import signal

    from snn2chip.distill.training.memory import keep_freed_memory

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    try:
        run_trial(work)
    except Exception as error:
        connection.send(_failure(error))
    else:
        connection.send((0, ""))
    finally:
        connection.close()
