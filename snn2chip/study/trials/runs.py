"""What a trial trained, run on the samples of one split: a student, or an ensemble."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snn2chip.graph import Ensemble
from snn2chip.pipeline import Options, Result, open_network, reprice
from snn2chip.pipeline.results.comparing import choice_of
from snn2chip.study.trials.figures import figures_of, seen_of
from snn2chip.study.trials.store import Seen
from snn2chip.study.types import Figures
from snn2chip.targets import load_target

if TYPE_CHECKING:
    from snn2chip.data import Split

REFERENCE = "reference"


class StudentRuns:
    """Runs of one student on one split, each simulated once and priced as often as asked."""

    def __init__(self, checkpoint: Path, split: Split) -> None:
        from snn2chip.distill import load_checkpoint

        self.student, self.metadata = load_checkpoint(checkpoint)
        self.split = split
        self._results: dict[str, Result] = {}

    def on(self, word: str) -> Result:
        """On a target, ``loihi1:sanafe_nahuku`` with one of its cost tables.

        Raises:
            UnsupportedError: the target cannot run it.
        """
        from snn2chip.distill.on_target import run_on_target

        choice = choice_of(word)
        known = self._results.get(choice.target.sha256)
        if known is not None:
            return reprice(known, choice.costs)
        made = run_on_target(self.student, self.metadata, self.split, choice.place, choice.costs)
        self._results[choice.target.sha256] = made
        return made

    def _as_floats(self) -> Result:
        """The float graph, whose run lies beside that of any target."""
        for result in self._results.values():
            if result.reference is not None or result.program.arithmetic == "float64":
                return reprice(result, None, load_target(REFERENCE))
        return self.on(REFERENCE)

    def in_float(self) -> tuple[Figures, Seen]:
        """Accuracy and spikes in PyTorch; events are those of the same network as a float graph."""
        from snn2chip.distill import evaluate

        metadata, split = self.metadata, self.split
        found = evaluate(
            self.student, split.x_test, split.y_test, metadata.encoding, metadata.readout
        )
        graph = self._as_floats()
        _, spikes = seen_of(graph)
        last = [name for name, _ in self.student.named_children()][-1]
        output = found.spikes.get(last, 0.0)
        figures = Figures(
            accuracy=found.accuracy,
            samples=len(split.y_test),
            input_spikes=found.spikes["input"],
            hidden_spikes=sum(found.spikes.values()) - found.spikes["input"] - output,
            output_spikes=output,
            synaptic_events=figures_of(graph).synaptic_events,
        )
        return figures, (found.predictions == split.y_test, spikes)


class EnsembleRuns:
    """Runs of one ensemble on one split, by its own policy."""

    def __init__(self, file: Path, split: Split) -> None:
        self._ensemble, self._split = _ensemble_in(file), split

    def on(self, word: str) -> Result:
        """On a target; see `StudentRuns.on`."""
        from snn2chip.distill.ensembles.run import run_on

        choice = choice_of(word)
        return run_on(self._ensemble, self._split, choice.place, choice.costs)

    def in_float(self) -> tuple[Figures, Seen]:
        """As float graphs, which members are in PyTorch too."""
        result = self.on(REFERENCE)
        return figures_of(result), seen_of(result)


def parameters_in(trained: Path) -> int:
    """Of a checkpoint, or of the checkpoints of all members beside ``ensemble.json``."""
    from snn2chip.distill import load_checkpoint

    files = [trained]
    if trained.suffix != ".safetensors":
        files = [trained.parent / f"{name}.safetensors" for name in _ensemble_in(trained).names]
    return sum(p.numel() for file in files for p in load_checkpoint(file)[0].parameters())


def _ensemble_in(file: Path) -> Ensemble:
    found = open_network(file, Options()).ensemble
    assert found is not None
    return found
