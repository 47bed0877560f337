"""Table ``[student]``: the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snn2chip.distill.recipe.bounds import MAX_COUNT, MAX_KERNEL, MAX_POPULATIONS
from snn2chip.distill.tables import between, positive, whole
from snn2chip.errors import ConfigError


@dataclass(frozen=True, slots=True)
class StudentConfig:
    """The network.

    Attributes:
        kind: ``mlp``: Flatten, then Linear and neurons per width; ``conv``: Conv2d, BatchNorm2d,
            neurons and AvgPool2d(2) per width. A Linear layer to the classes and the output
            population follow.
        widths: neurons per hidden layer (mlp), or channels per convolution (conv).
        neuron: ``lif`` (Norse's LIFBoxCell) or ``iaf`` (IAFCell) in the hidden populations;
            ``relu`` makes a conventional network, which only teachers are.
        reset: of neurons that fired: ``zero``, as chips do, or ``subtract`` (``lif`` only), which
            makes a student one on paper.
        tau: membrane time constant of each hidden population, in seconds; one value or one each.
        tau_out: membrane time constant of the output population, in seconds.
        readout: ``spike_count`` reads a spiking output population of the same neuron; ``v_last``,
            ``v_mean`` and ``v_max`` read the membrane of a leaky integrator (LIBoxCell).
        kernel: size of the convolution kernels, an odd number.
        dropout: share of the last hidden values that training leaves out, for a whole sample.
        surrogate, alpha: Norse's surrogate gradient and its steepness.
    """

    kind: Literal["mlp", "conv"]
    widths: tuple[int, ...] = (128,)
    neuron: Literal["lif", "iaf", "relu"] = "lif"
    reset: Literal["zero", "subtract"] = "zero"
    tau: tuple[float, ...] = (4e-3,)
    tau_out: float = 2e-3
    v_threshold: float = 1.0
    readout: Literal["spike_count", "v_last", "v_mean", "v_max"] = "spike_count"
    kernel: int = 3
    dropout: float = 0.1
    surrogate: Literal["circ", "tanh", "triangle", "heavi_erfc", "super"] = "circ"
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= len(self.widths) <= MAX_POPULATIONS:
            raise ConfigError(
                f"{len(self.widths)} widths", needs=f"at least one, at most {MAX_POPULATIONS}"
            )
        for width in self.widths:
            whole("widths", width, 1, MAX_COUNT)
        if len(self.tau) not in (1, len(self.widths)):
            raise ConfigError(
                f"tau = {list(self.tau)}",
                needs=f"one value, or one for each of the {len(self.widths)} widths",
            )
        if self.reset == "subtract" and self.neuron != "lif":
            raise ConfigError(f"reset = 'subtract' of {self.neuron}", needs='neuron = "lif"')
        for name, values in (("tau", self.tau), ("tau_out", (self.tau_out,))):
            for value in values:
                positive(name, value)
        positive("v_threshold", self.v_threshold)
        positive("alpha", self.alpha)
        between("dropout", self.dropout, 0.0, 1.0, closed=True)
        if not 1 <= self.kernel <= MAX_KERNEL or self.kernel % 2 == 0:
            needs = f"a positive odd number, at most {MAX_KERNEL}"
            raise ConfigError(f"kernel = {self.kernel}", needs=needs)

    def taus(self) -> tuple[float, ...]:
        """Time constant of every hidden population, in seconds."""
        return self.tau if len(self.tau) == len(self.widths) else self.tau * len(self.widths)
