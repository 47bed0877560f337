"""What a trial trained, run on the samples of one split: a student, or an ensemble."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snn2chip.graph import Ensemble
from snn2chip.graph.linear import fan_out
from snn2chip.graph.zeros import without_zeros
from snn2chip.pipeline import Options, Result, open_network, reprice
from snn2chip.pipeline.results.comparing import choice_of
from snn2chip.study.trials.figures import figures_of, seen_of
from snn2chip.study.trials.store import Seen
from snn2chip.study.types import Figures

if TYPE_CHECKING:
    from snn2chip.data import Split

REFERENCE = "reference"


class StudentRuns:
    """Runs of one student on one split, each simulated once and priced as often as asked.

    Args:
        drop_zeros: chips do not get its synapses of weight 0, and they are not counted.
    """

    def __init__(self, checkpoint: Path, split: Split, drop_zeros: bool = False) -> None:
        from snn2chip.distill import load_checkpoint

        self.student, self.metadata = load_checkpoint(checkpoint)
        self.split, self.drop_zeros = split, drop_zeros
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
        made = run_on_target(
            *(self.student, self.metadata, self.split),
            *(choice.place, choice.costs, self.drop_zeros),
        )
        self._results[choice.target.sha256] = made
        return made

    def in_float(self) -> tuple[Figures, Seen]:
        """As it was trained, in PyTorch; its graph tells how many synapses a spike reaches."""
        from snn2chip.distill import evaluate
        from snn2chip.distill.on_target import graph_of_student

        metadata, split = self.metadata, self.split
        found = evaluate(
            self.student, split.x_test, split.y_test, metadata.encoding, metadata.readout
        )
        graph = graph_of_student(self.student, metadata)
        spikes = dict(found.spikes)
        inputs, output = (
            sum(spikes.pop(name, 0.0) for name in names) for names in (["input"], graph.outputs)
        )
        reached = {
            p.name: fan_out(without_zeros(p.operator) if self.drop_zeros else p.operator)
            for p in graph.projections
        }
        figures = Figures(
            accuracy=found.accuracy,
            samples=len(split.y_test),
            input_spikes=inputs,
            hidden_spikes=sum(spikes.values()),
            output_spikes=output,
            synaptic_events=sum(
                int(reached[p.name].reshape(-1) @ found.fired[p.source].reshape(-1))
                for p in graph.projections
            )
            / len(split.y_test),
        )
        return figures, (found.predictions == split.y_test, found.by_sample)


class EnsembleRuns:
    """Runs of one ensemble on one split, by its own policy; arguments as of `StudentRuns`."""

    def __init__(self, file: Path, split: Split, drop_zeros: bool = False) -> None:
        self._ensemble, self._split, self._drop_zeros = _ensemble_in(file), split, drop_zeros

    def on(self, word: str) -> Result:
        """On a target; see `StudentRuns.on`."""
        from snn2chip.distill.ensembles.run import run_on

        choice = choice_of(word)
        return run_on(self._ensemble, self._split, choice.place, choice.costs, self._drop_zeros)

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
