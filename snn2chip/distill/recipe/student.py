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
        kind: ``mlp``: Flatten, then Linear and neurons per width; ``conv``: Conv2d, BatchNorm2d
            and neurons per width, with AvgPool2d(2); ``resnet``: stages of residual blocks;
            ``audio``: convolutions over the time of a spectrogram. A Linear layer to the classes
            and the output population follow.
        widths: neurons per hidden layer (mlp), channels per convolution (conv, audio), or per
            stage (resnet).
        pools: numbers of the convolutions, from 1, that a pool by 2 follows (conv, audio); where
            left out, every one of ``conv`` and none of ``audio``.
        strides: of each convolution (conv, audio), or of the convolution that each stage begins
            with (resnet); one value or one each. Where left out 1, and 2 for further stages.
        blocks: residual blocks of each stage; one value or one each.
        dense: widths of further Linear layers with neurons before the classes.
        neuron: ``lif`` (Norse's LIFBoxCell), ``iaf`` (IAFCell) or ``cubalif`` (LIFCell, with a
            synaptic current) in the spiking populations; ``relu`` makes a conventional network,
            such as a teacher, to hold students against: no chip runs it.
        reset: of neurons that fired: ``zero``, as chips do, or ``subtract`` (``lif`` only), which
            makes a student one on paper.
        tau: membrane time constant of each hidden population (of each stage), in seconds; one value
            or one each. ``dense`` populations have the last one.
        tau_syn: time constant of the synaptic current of ``cubalif``, in seconds.
        tau_out: membrane time constant of the output population, in seconds.
        readout: ``spike_count`` reads a spiking output population of the same neuron; ``v_last``,
            ``v_mean`` and ``v_max`` read the membrane of a leaky integrator (LIBoxCell).
        kernel: size of the convolution kernels, an odd number.
        dropout: share of the last hidden values that training leaves out, for a whole sample.
        surrogate, alpha: surrogate gradient and its steepness: Norse's, or ``atan``.
    """

    kind: Literal["mlp", "conv", "resnet", "audio"]
    widths: tuple[int, ...] = (128,)
    pools: tuple[int, ...] | None = None
    strides: tuple[int, ...] = ()
    blocks: tuple[int, ...] = (1,)
    dense: tuple[int, ...] = ()
    neuron: Literal["lif", "iaf", "cubalif", "relu"] = "lif"
    reset: Literal["zero", "subtract"] = "zero"
    tau: tuple[float, ...] = (4e-3,)
    tau_out: float = 2e-3
    tau_syn: float = 2e-3
    v_threshold: float = 1.0
    readout: Literal["spike_count", "v_last", "v_mean", "v_max"] = "spike_count"
    kernel: int = 3
    dropout: float = 0.1
    surrogate: Literal["circ", "tanh", "triangle", "heavi_erfc", "super", "atan"] = "circ"
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= len(self.widths) <= MAX_POPULATIONS:
            raise ConfigError(
                f"{len(self.widths)} widths", needs=f"at least one, at most {MAX_POPULATIONS}"
            )
        self._check_layers()
        if self.reset == "subtract" and self.neuron != "lif":
            raise ConfigError(f"reset = 'subtract' of {self.neuron}", needs='neuron = "lif"')
        for name, values in (
            ("tau", self.tau),
            ("tau_out", (self.tau_out,)),
            ("tau_syn", (self.tau_syn,)),
        ):
            for value in values:
                positive(name, value)
        positive("v_threshold", self.v_threshold)
        positive("alpha", self.alpha)
        between("dropout", self.dropout, 0.0, 1.0, closed=True)
        if not 1 <= self.kernel <= MAX_KERNEL or self.kernel % 2 == 0:
            needs = f"a positive odd number, at most {MAX_KERNEL}"
            raise ConfigError(f"kernel = {self.kernel}", needs=needs)

    def _check_layers(self) -> None:
        """Lists of widths, and of what goes with each of them."""
        for name in ("widths", "dense", "blocks"):
            for value in getattr(self, name):
                whole(name, value, 1, MAX_COUNT if name != "blocks" else MAX_POPULATIONS)
        for stride in self.strides:
            whole("strides", stride, 1, MAX_KERNEL)
        for name, least in (("tau", 1), ("blocks", 1), ("strides", 0)):
            values = getattr(self, name)
            if len(values) not in (least, 1, len(self.widths)):
                raise ConfigError(
                    f"{name} = {list(values)}",
                    needs=f"one value, or one for each of the {len(self.widths)} widths",
                )
        if len(self.dense) > MAX_POPULATIONS or sum(self.all_blocks()) > MAX_POPULATIONS:
            raise ConfigError(
                "a student of too many layers", needs=f"at most {MAX_POPULATIONS} of each kind"
            )
        for pool in self.pools or ():
            whole("pools", pool, 1, len(self.widths))
        foreign = {
            "pools": self.pools is not None and self.kind not in ("conv", "audio"),
            "strides": bool(self.strides) and self.kind == "mlp",
            "blocks": self.blocks != (1,) and self.kind != "resnet",
        }
        for name, wrong in foreign.items():
            if wrong:
                raise ConfigError(f"{name} = {list(getattr(self, name))} of kind {self.kind!r}")

    def taus(self) -> tuple[float, ...]:
        """Time constant of every hidden population (of every stage), in seconds."""
        return self.tau if len(self.tau) == len(self.widths) else self.tau * len(self.widths)

    def pooled(self) -> frozenset[int]:
        """Numbers of the convolutions, from 1, that a pool follows."""
        if self.pools is not None:
            return frozenset(self.pools)
        return frozenset(range(1, len(self.widths) + 1)) if self.kind == "conv" else frozenset()

    def all_strides(self) -> tuple[int, ...]:
        """Stride of every convolution, or of every stage."""
        count = len(self.widths)
        if not self.strides:
            return (1, *(2 if self.kind == "resnet" else 1,) * (count - 1))
        return self.strides if len(self.strides) == count else self.strides * count

    def all_blocks(self) -> tuple[int, ...]:
        """Residual blocks of every stage."""
        count = len(self.widths)
        return self.blocks if len(self.blocks) == count else self.blocks * count
