"""Tables ``[data]`` and ``[encoding]``: which samples, and how values become spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snn2chip.distill.recipe.bounds import MAX_COUNT, MAX_SEED
from snn2chip.distill.tables import between, positive, whole
from snn2chip.graph import Encoding


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Samples and their split.

    Attributes:
        name: ``digits``, a named data set, or the path of an ``.npz`` file with x_train, y_train,
            x_test and y_test; a path is seen from the recipe's folder.
        split_seed: decides what is split here: the validation share, and the test part of digits.
        test_size: share of the digits that is held out; other data have a test part of their own.
        validation: share of the training samples that trains nothing and decides every choice,
            such as the epoch that is kept; 0 trains on all of them.
    """

    name: str = "digits"
    split_seed: int = 0
    test_size: float = 0.4
    validation: float = 0.0

    def __post_init__(self) -> None:
        whole("split_seed", self.split_seed, 0, MAX_SEED)
        between("test_size", self.test_size, 0.0, 1.0)
        between("validation", self.validation, 0.0, 1.0, closed=True)


@dataclass(frozen=True, slots=True)
class EncodingConfig:
    """Values to what the input population sends.

    Attributes:
        kind: ``if``: v += gain * value each step, a spike where v > threshold, then v = 0;
            ``rate``: a spike with probability gain * value at every step, other ones in every
            epoch; ``latency``: one spike, the earlier the larger the value; ``direct``: the value
            itself at every step, which makes a student one on paper.
        threshold: of the kind ``if``.
        gain: factor on the values.
    """

    kind: Literal["if", "rate", "latency", "direct"] = "if"
    steps: int = 16
    threshold: float = 1.0
    gain: float = 1.0
    dt: float = 1e-3
    """Length of a step in seconds."""

    def __post_init__(self) -> None:
        whole("steps", self.steps, 1, MAX_COUNT)
        positive("threshold", self.threshold)
        positive("gain", self.gain)
        positive("dt", self.dt)

    def to_graph(self) -> Encoding:
        """The same encoding in the vocabulary of the graph."""
        return Encoding(self.kind, steps=self.steps, threshold=self.threshold, gain=self.gain)
