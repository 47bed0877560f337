"""Which data sets have a name, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
_OBJECTS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_WORDS = (
    "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "zero", "one", "two",
    "three", "four", "five", "six", "seven", "eight", "nine", "bed", "bird", "cat", "dog",
    "happy", "house", "marvin", "sheila", "tree", "wow", "backward", "forward", "follow", "learn",
    "visual",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A data set of the hub.

    Attributes:
        repository, config, revision: where it lies there, and the branch with its Parquet files.
        column: with the image or the sound, a struct of ``bytes`` and ``path``; ``label`` is the
            class.
        kind: how that becomes an array.
        shape: of one sample, bytes (uint8).
        classes: labels from 0.
        samples: of the training, validation (0 where there is none) and test part.
        licence, source: as their makers state them.
        left_out: labels of rows that are no samples; any other label is an error.
    """

    name: str
    repository: str
    config: str
    column: str
    kind: Literal["image", "speech"]
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    samples: tuple[int, int, int]
    licence: str
    source: str
    revision: str | None = None
    left_out: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its parts on the hub."""
        return ("train", "validation", "test") if self.samples[1] else ("train", "test")


_SETS = (
    NamedSet(
        "mnist", "ylecun/mnist", "mnist", "image", "image", (1, 28, 28), _DIGITS,
        (60_000, 0, 10_000), "CC BY-SA 3.0", "LeCun, Cortes, Burges 1998",
    ),
    NamedSet(
        "fashion-mnist", "zalando-datasets/fashion_mnist", "fashion_mnist", "image", "image",
        (1, 28, 28), _CLOTHES, (60_000, 0, 10_000), "MIT", "Xiao, Rasul, Vollgraf 2017",
    ),
    NamedSet(
        "cifar10", "uoft-cs/cifar10", "plain_text", "img", "image", (3, 32, 32), _OBJECTS,
        (50_000, 0, 10_000), "not stated", "Krizhevsky 2009",
    ),
    NamedSet(
        "speech-commands", "google/speech_commands", "v0.02", "audio", "speech", (1, 49, 40),
        _WORDS, (84_843, 9_981, 4_482), "CC BY 4.0", "Warden 2018, version 0.02",
        revision="refs/convert/parquet", left_out=(len(_WORDS),),  # recordings of silence
    ),
)  # fmt: skip

CATALOG: dict[str, NamedSet] = {item.name: item for item in _SETS}
"""Name -> data set."""
