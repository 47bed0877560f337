"""Tables ``[training]`` and ``[training.augmentation]``: how the student is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from snn2chip.distill.recipe.bounds import MAX_COUNT, MAX_SEED, MAX_THREADS
from snn2chip.distill.tables import at_least, between, positive, whole


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """Random changes to training images, before they are encoded.

    Attributes:
        share: of the samples that are changed at all; 0 switches augmentation off.
        rotate_deg, shift_px, zoom, shear, brightness: largest change in either direction, in
            degrees, pixels, and shares of the image's size (the last: of its values).
        levels: grey levels above 0 that changed pixels are rounded to: 16 of the digits, 255 of
            images of bytes.
    """

    share: float = 0.0
    rotate_deg: float = 10.0
    shift_px: float = 0.5
    zoom: float = 0.1
    shear: float = 0.1
    brightness: float = 0.1
    levels: int = 16

    def __post_init__(self) -> None:
        between("share", self.share, 0.0, 1.0, closed=True)
        for name in ("rotate_deg", "shift_px", "zoom", "shear", "brightness"):
            at_least(name, getattr(self, name), 0)
        whole("levels", self.levels, 1, MAX_COUNT)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How the student is trained: AdamW with one warm-up and one cosine decay.

    Attributes:
        lr: the highest learning rate; weight_decay acts on weights, not on biases.
        weight_gain, bias_init: factor on torch's initial weights of Linear layers, and the
            initial bias, so that no population starts silent.
        logit_scale: factor on the readout before the cross-entropy.
        drive_weight, drive_scale: a second cross-entropy on the mean input of the output
            population: it teaches classes whose neuron is silent, where counts have no gradient.
        through_reset: gradients flow through resets, as in Norse; false leaves them out.
        precision: of products and convolutions while it trains: ``bfloat16`` is torch's autocast,
            faster on processors that have it. Weights, membranes, spikes and losses are float32 in
            both, and so is every judgement.
    """

    epochs: int = 60
    batch: int = 64
    lr: float = 0.02
    weight_decay: float = 0.01
    seed: int = 0
    threads: int = 2
    weight_gain: float = 2.0
    bias_init: float = 0.3
    logit_scale: float = 1.0
    drive_weight: float = 0.0
    drive_scale: float = 5.0
    through_reset: bool = True
    precision: Literal["float32", "bfloat16"] = "float32"
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            whole(name, getattr(self, name), 1, MAX_COUNT)
        whole("threads", self.threads, 1, MAX_THREADS)
        whole("seed", self.seed, 0, MAX_SEED)
        for name in ("lr", "weight_gain", "logit_scale", "drive_scale"):
            positive(name, getattr(self, name))
        for name in ("weight_decay", "drive_weight"):
            at_least(name, getattr(self, name), 0)
