"""Recipes: everything that decides a student, in one TOML file with up to five tables.

``[data]`` names the samples and their split, ``[encoding]`` how values become spikes, ``[student]``
the network, ``[training]`` (with ``[training.augmentation]``) how it is trained, and
``[quantization]``, where it is there, for which chip it is fine-tuned. Every key has a default
except ``student.kind`` and ``quantization.target``; an unknown key is an error with a suggestion.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from snn2chip.distill.tables import at_least, between, from_table, positive, whole
from snn2chip.errors import ConfigError
from snn2chip.graph import Encoding
from snn2chip.targets.families import ANY

MAX_RECIPE_BYTES = 1 << 20
MAX_SEED = 2**32 - 1
"""What scikit-learn's splits take."""

MAX_COUNT = 1_000_000
"""Most epochs, steps, samples of a batch and neurons of a population."""

MAX_THREADS = 1024
MAX_POPULATIONS = 64
MAX_KERNEL = 255
FLAGS = {
    "target": "--quantize-for",
    "weight_bits": "--weight-bits",
    "epochs": "--finetune-epochs",
}
"""Of ``snn2chip distill``, by the key of ``[quantization]`` that each stands for."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Samples: the data set's name, the seed of its split, and the share that is held out."""

    name: Literal["digits"] = "digits"
    split_seed: int = 0
    test_size: float = 0.4

    def __post_init__(self) -> None:
        whole("split_seed", self.split_seed, 0, MAX_SEED)
        between("test_size", self.test_size, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class EncodingConfig:
    """Values to spikes: v += value each step, a spike where v > threshold, then v = 0."""

    kind: Literal["if"] = "if"
    steps: int = 16
    threshold: float = 1.0
    dt: float = 1e-3
    """Length of a step in seconds."""

    def __post_init__(self) -> None:
        whole("steps", self.steps, 1, MAX_COUNT)
        positive("threshold", self.threshold)
        positive("dt", self.dt)

    def to_graph(self) -> Encoding:
        """The same encoding in the vocabulary of the graph."""
        return Encoding(self.kind, steps=self.steps, threshold=self.threshold)


@dataclass(frozen=True, slots=True)
class StudentConfig:
    """The network.

    Attributes:
        kind: ``mlp``: Flatten, then Linear and neurons per width; ``conv``: Conv2d, BatchNorm2d,
            neurons and AvgPool2d(2) per width. A Linear layer to the classes and the output
            population follow.
        widths: neurons per hidden layer (mlp), or channels per convolution (conv).
        neuron: ``lif`` (Norse's LIFBoxCell) or ``iaf`` (IAFCell) in the hidden populations.
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
    neuron: Literal["lif", "iaf"] = "lif"
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


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Random changes to training images, before they are encoded.

    Attributes:
        share: of the samples that are changed at all; 0 switches augmentation off.
        rotate_deg, shift_px, zoom, shear, brightness: largest change in either direction, in
            degrees, pixels, and shares of the image's size (the last: of its values).
    """

    share: float = 0.5
    rotate_deg: float = 10.0
    shift_px: float = 0.5
    zoom: float = 0.1
    shear: float = 0.1
    brightness: float = 0.1

    def __post_init__(self) -> None:
        between("share", self.share, 0.0, 1.0, closed=True)
        for name in ("rotate_deg", "shift_px", "zoom", "shear", "brightness"):
            at_least(name, getattr(self, name), 0)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How the student is trained: AdamW with one warm-up and one cosine decay.

    Attributes:
        lr: the highest learning rate; weight_decay acts on weights, not on biases.
        validation: share of the training split that only judges epochs; the best epoch is kept.
            0 trains on all of it and keeps the last epoch.
        weight_gain, bias_init: factor on torch's initial weights of Linear layers, and the
            initial bias, so that no population starts silent.
        logit_scale: factor on the readout before the cross-entropy.
        drive_weight, drive_scale: a second cross-entropy on the mean input of the output
            population: it teaches classes whose neuron is silent, where counts have no gradient.
        rate_penalty: weight of the mean spike rate of every spiking population.
    """

    epochs: int = 60
    batch: int = 64
    lr: float = 0.02
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    seed: int = 0
    threads: int = 2
    validation: float = 0.0
    weight_gain: float = 2.0
    bias_init: float = 0.3
    logit_scale: float = 0.5
    drive_weight: float = 1.0
    drive_scale: float = 5.0
    rate_penalty: float = 0.0
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            whole(name, getattr(self, name), 1, MAX_COUNT)
        whole("threads", self.threads, 1, MAX_THREADS)
        whole("seed", self.seed, 0, MAX_SEED)
        for name in ("lr", "weight_gain", "logit_scale", "drive_scale"):
            positive(name, getattr(self, name))
        for name in ("weight_decay", "drive_weight", "rate_penalty"):
            at_least(name, getattr(self, name), 0)
        between("label_smoothing", self.label_smoothing, 0.0, 1.0, closed=True)
        between("validation", self.validation, 0.0, 1.0, closed=True)


@dataclass(frozen=True, slots=True)
class QuantizationConfig:
    """Fine-tuning of the trained student in a target's integers.

    Attributes:
        target: name of a bundled target, or the path of a target file.
        weight_bits: of a stored weight; the target's own where it is left out.
        lr: the highest learning rate; half the training's where it is left out. All other options
            of the training stay.
    """

    target: str
    weight_bits: int | None = None
    epochs: int = 60
    lr: float | None = None

    def __post_init__(self) -> None:
        if self.weight_bits is not None:
            whole("weight_bits", self.weight_bits, *ANY["weight_bits"])
        whole("epochs", self.epochs, 1, MAX_COUNT)
        if self.lr is not None:
            positive("lr", self.lr)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A student, from its samples to its training; `read_recipe` reads one from TOML.

    Attributes:
        quantization: fine-tuning after the training, or None.
    """

    student: StudentConfig
    data: DataConfig = field(default_factory=DataConfig)
    encoding: EncodingConfig = field(default_factory=EncodingConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    quantization: QuantizationConfig | None = None

    def __post_init__(self) -> None:
        shortest = min(*self.student.tau, self.student.tau_out)
        if shortest < self.encoding.dt:
            raise ConfigError(
                f"student: a time constant of {shortest} s",
                needs=f"at least one step, encoding.dt = {self.encoding.dt} s",
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain tables and values with every default spelled out, ready for JSON."""
        tables: dict[str, Any] = asdict(self)
        tables["student"]["widths"] = list(self.student.widths)
        tables["student"]["tau"] = list(self.student.tau)
        if self.quantization is None:
            del tables["quantization"]
        return tables


def with_quantization(
    recipe: Recipe, target: str | None, weight_bits: int | None, epochs: int | None
) -> Recipe:
    """The recipe with what flags say about its fine-tuning; None keeps what the recipe says.

    Raises:
        ConfigError: values that make no sense, or a width or epochs without any target.
    """
    given = {"target": target, "weight_bits": weight_bits, "epochs": epochs}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return recipe
    if recipe.quantization is not None:
        return replace(recipe, quantization=replace(recipe.quantization, **changes))
    if target is None:
        raise ConfigError(
            f"{', '.join(FLAGS[name] for name in changes)} without a target",
            needs="a chip for whose integers the student is fine-tuned",
            has="a recipe without [quantization]",
            remedy=f"{FLAGS['target']} loihi2, or a table [quantization] with a target",
        )
    return replace(recipe, quantization=QuantizationConfig(**changes))


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        ConfigError: no such file, no TOML, or a key or value that makes no sense; the message
            names the file and the key.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise ConfigError(
            f"{path}: cannot be read (a folder, pipe or device)", remedy="name a recipe in TOML"
        )
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise ConfigError(f"{path}: too large for a recipe", needs="at most 1 MiB of TOML")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})", remedy="name a recipe in TOML"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from error
    return recipe_from_dict(tables, str(path))


def recipe_from_dict(tables: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """The recipe in nested tables; ``source`` stands in front of every message."""
    recipe = from_table(Recipe, tables, source, "")
    assert isinstance(recipe, Recipe)
    return recipe
