"""One network on several targets: simulated once per arithmetic, priced once per target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from snn2chip.backends import find_backend
from snn2chip.errors import ConfigError, InputFileError, Snn2chipError, UnsupportedError
from snn2chip.pipeline.placing import placed_on
from snn2chip.pipeline.results.reprice import computed, reprice
from snn2chip.pipeline.running import run
from snn2chip.pipeline.types import PRICES_ONLY, Network, Options, Progress, Result
from snn2chip.targets import load_target
from snn2chip.targets.types import Target

_QUANTIZING = ("calibration", "percentile", "granularity", "weight_bits", "fine_biases")


@dataclass(frozen=True, eq=False)
class Compared:
    """A network on one of the targets.

    Attributes:
        target: as it was asked for: a name or a path, and a cost table behind a colon.
        result: None where the target cannot run the network.
        own: whether the activity is of the target's own arithmetic, which was simulated.
        error: why there is no result.
    """

    target: str
    result: Result | None
    own: bool
    error: Snn2chipError | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One target that was asked for.

    Attributes:
        word: as it was asked for.
        place: name or path of the target alone.
        costs: the cost table, or None for the target's default.
    """

    word: str
    target: Target
    place: str
    costs: str | None

    @property
    def arithmetic(self) -> tuple[Any, ...]:
        """Equal for targets that compute the same."""
        return computed(self.target)


def compare_targets(
    network: Network, targets: Sequence[str], options: Options, progress: Progress | None = None
) -> tuple[Compared, ...]:
    """The network on each target, in their order.

    Targets of one family and the same number formats share one run; those of which only prices are
    known take the activity of the float network. What a target cannot run is part of the answer,
    unless no target can.

    Args:
        targets: names or paths; ``loihi1:sanafe_nahuku`` names a cost table too.
        options: of every run; ``target`` and ``costs`` are ignored, and those of a quantization
            on the float network.

    Raises:
        ConfigError: no targets, an unknown one, one twice, or an unknown cost table.
        Snn2chipError: that of the first target, where none can run the network.
    """
    choices = [choice_of(word) for word in targets]
    words = [choice.word for choice in choices]
    if not words or len(set(words)) < len(words):
        raise ConfigError(
            f"--targets {','.join(words) or '(none)'}", needs="one target or more, each once"
        )
    simulated: dict[tuple[Any, ...], Result] = {}
    found = []
    for done, choice in enumerate(choices):
        made = simulated.get(choice.arithmetic) or _simulated(network, choice, options, progress)
        if isinstance(made, Result):
            simulated[choice.arithmetic] = made
        found.append(_compared(network, choice, made, options))
        if progress is not None:
            progress("targets", done + 1, len(choices))
    errors = [one.error for one in found if one.error is not None]
    if len(errors) == len(found):
        raise errors[0]
    return tuple(found)


def choice_of(word: str) -> Choice:
    """A target and its cost table, of which there is none in a path alone.

    Raises:
        ConfigError: no such target or table.
    """
    place, colon, costs = word.rpartition(":")
    if not colon or "/" in costs or "\\" in costs or costs.endswith(".toml"):
        place, costs = word, ""
    if not place.strip():
        raise ConfigError(f"--targets: {word!r} names no target", remedy="--targets loihi1,loihi2")
    target = load_target(place)
    if costs and costs not in target.costs:
        raise ConfigError(
            f"target {target.name!r} has no cost table {costs!r}",
            has=", ".join(target.costs) or "no cost tables",
        )
    return Choice(word, target, place, costs or None)


def _simulated(
    network: Network, choice: Choice, options: Options, progress: Progress | None
) -> Result | Snn2chipError:
    """A run for the first target of its arithmetic, or why there can be none."""
    chosen = replace(options, target=choice.place, costs=choice.costs)
    if choice.arithmetic == ("float64",):
        plain = Options()
        chosen = replace(chosen, **{name: getattr(plain, name) for name in _QUANTIZING})
    try:
        return run(network, chosen, progress)
    except (ConfigError, InputFileError, UnsupportedError) as error:
        return error


def _compared(
    network: Network, choice: Choice, run: Result | Snn2chipError, options: Options
) -> Compared:
    """The run at the prices of a target, mapped as the options want it there."""
    target, own = choice.target, choice.target.family != PRICES_ONLY
    if isinstance(run, Snn2chipError):
        return Compared(choice.word, None, own, run)
    same = run.target.sha256 == target.sha256
    if same and run.energy.table == (choice.costs or target.default_costs):
        return Compared(choice.word, run, own)
    wanted = replace(options, target=choice.place, costs=choice.costs)
    placed = None
    try:
        if not same or options.objective is not None:
            backend = find_backend(target.family)
            placed = placed_on(network, run.program, backend, target, wanted, run.activity)
        priced = reprice(run, choice.costs, target, timing=options.timing, placed=placed)
    except (ConfigError, InputFileError) as error:
        return Compared(choice.word, None, own, error)
    return Compared(choice.word, priced, priced.simulated)
