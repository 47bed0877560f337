"""Any ONNX classifier as a teacher: its logits, from onnxruntime on the CPU.

onnxruntime runs what the file says, so open only models that you trust with your memory and time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import (
    ConfigError,
    InputFileError,
    Snn2chipError,
    UnsupportedError,
    did_you_mean,
)
from snn2chip.frontends.onnx import wire
from snn2chip.frontends.onnx.libraries import library
from snn2chip.frontends.onnx.running import session
from snn2chip.graph.operators import Array, Shape

_TYPES: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
}

LARGEST_FILE = 2**31 - 1
"""Bytes of a protobuf message."""

MOST_NAMED = 40
"""Names of values in one message."""

BATCH = 256
"""Samples at a time where the model takes any number."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """An opened classifier.

    Attributes:
        shape: of one sample.
        classes: number of logits, or None where only a run tells.
        batch: samples that the model takes at a time, or None for any number.
        taps: names of values inside the model that `outputs` gives too.
    """

    path: Path
    shape: Shape
    classes: int | None
    batch: int | None
    dtype: type[np.floating[Any]]
    _session: Any = field(repr=False)
    taps: tuple[str, ...] = ()

    def logits(self, x: Array) -> NDArray[np.float64]:
        """Logits [sample, class] of samples [sample, *shape].

        Raises:
            ConfigError: the samples have another shape, or hold values that are not finite.
            InputFileError: the model fails, or gives no finite number per sample and class.
        """
        return self.outputs(x)[0]

    def outputs(self, x: Array) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        """Logits [sample, class], and each tap [sample, ...], of samples [sample, *shape].

        Raises:
            As `logits`; InputFileError too where a tap has no first axis of samples.
        """
        x = np.asarray(x)
        if x.shape[1:] != self.shape or x.dtype.kind not in "fiub":
            raise ConfigError(
                f"{self.path}: samples of shape {list(x.shape[1:])} and type {x.dtype}",
                needs=f"numbers of shape {list(self.shape)}",
            )
        if not np.isfinite(x).all():
            raise ConfigError(f"{self.path}: samples that hold values that are not finite")
        size = self.batch or BATCH
        parts = [self._run(x[k : k + size], size) for k in range(0, max(len(x), 1), size)]
        if any(len({part[k].shape[1:] for part in parts}) != 1 for k in range(len(parts[0]))):
            raise self._wrong("other sizes, such as numbers of classes, from one batch to the next")
        logits, *taps = (np.concatenate(values) for values in zip(*parts, strict=True))
        return logits, dict(zip(self.taps, taps, strict=True))

    def _run(self, x: Array, size: int) -> list[NDArray[np.float64]]:
        """Logits and taps of one batch, filled with zeros where the model takes a fixed number."""
        missing = size - len(x) if self.batch else 0
        given = np.pad(x, ((0, missing), *((0, 0),) * (x.ndim - 1))).astype(self.dtype)
        name = self._session.get_inputs()[0].name
        try:
            found = [np.asarray(y, np.float64) for y in self._session.run(None, {name: given})]
        except Exception as error:  # onnxruntime has a dozen classes of its own
            raise self._wrong(f"{type(error).__name__}: {str(error)[:300]}") from error
        if found[0].ndim != 2:
            raise self._wrong(f"an output of shape {list(found[0].shape)} for {len(given)} samples")
        for label, values in zip(("the output", *map(repr, self.taps)), found, strict=True):
            if values.ndim < 1 or len(values) != len(given):
                raise self._wrong(f"{label} of shape {list(values.shape)} for {len(given)} samples")
            if not np.isfinite(values).all():
                raise self._wrong(f"{label}: values that are not finite")
        return [values[: len(x)] for values in found]

    def _wrong(self, has: str) -> InputFileError:
        return InputFileError(
            f"{self.path}: the classifier fails",
            needs="one finite number per sample and class",
            has=has,
            remedy="run it in onnxruntime by itself, and export it again",
        )


def open_classifier(path: str | Path, threads: int = 0, taps: Sequence[str] = ()) -> Classifier:
    """Opens an ONNX model with one float input [n, ...] and one float output [n, class].

    Args:
        threads: of onnxruntime; 0 takes as many as there are cores.
        taps: names of values inside the model, as its nodes call their outputs.

    Raises:
        InputFileError: no such file, a damaged one, or one whose weights are in other files.
        UnsupportedError: other inputs or outputs.
        ConfigError: onnxruntime is not installed (or onnx, which taps need); no value of a tap's
            name.
    """
    path = Path(path)
    library("onnxruntime", f"the teacher {path}")
    if not path.is_file():
        raise InputFileError(f"{path}: no such file", needs="an ONNX classifier (.onnx)")
    if path.stat().st_size > LARGEST_FILE:
        raise InputFileError(f"{path}: larger than 2 GiB", needs="a file of a protobuf message")
    content = path.read_bytes()
    try:
        if wire.properties(content) is None or wire.external_data(content):
            raise _damaged(path, "no graph, or weights that are in another file")
        plain = _checked(path, session(content, threads))
        if not taps:
            return plain
        tapped = session(with_outputs(path, content, taps), threads)
        return replace(plain, _session=tapped, taps=tuple(taps))
    except Snn2chipError:
        raise
    except Exception as error:  # onnxruntime has a dozen classes of its own, and names can be bytes
        raise _damaged(path, f"{type(error).__name__}: {str(error)[:300]}") from error


def with_outputs(path: Path, content: bytes, taps: Sequence[str]) -> bytes:
    """The model with further values among its outputs.

    Raises:
        ConfigError: a name that no node gives, or onnx is not installed.
    """
    onnx = library("onnx", f"taps of the teacher {path}")
    model = onnx.ModelProto.FromString(content)
    known = [name for node in model.graph.node for name in node.output if name]
    for tap in taps:
        if tap not in known:
            raise ConfigError(
                f"{path}: no value {tap!r} in it",
                has=f"{len(known)} values: {_some(known)}",
                remedy=did_you_mean(tap, known[:MOST_NAMED]),
            )
        model.graph.output.append(onnx.ValueInfoProto(name=tap))
    changed: bytes = model.SerializeToString()
    return changed


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:MOST_NAMED])
    return shown + (", ..." if len(names) > MOST_NAMED else "")


def _checked(path: Path, opened: Any) -> Classifier:
    inputs, outputs = opened.get_inputs(), opened.get_outputs()
    told = "; ".join(
        f"{word} {port.name!r} {port.type} {port.shape}"
        for word, list_ in (("input", inputs), ("output", outputs))
        for port in list_[:5]
    )
    good = len(inputs) == 1 and len(outputs) == 1
    if good:
        batch, *shape = inputs[0].shape or [0]
        rank = len(outputs[0].shape) == 2
        fixed = bool(shape) and all(type(size) is int and size > 0 for size in shape)
        floats = inputs[0].type in _TYPES and outputs[0].type in _TYPES
        good = rank and fixed and floats and batch != 0
    if not good:
        raise UnsupportedError(
            f"{path}: no classifier that can be a teacher",
            needs="one float input [n, ...] of a fixed shape per sample, and one float output "
            "[n, class]",
            has=told,
            remedy="export the model with only its logits as output, and a fixed shape",
        )
    classes = outputs[0].shape[1]
    return Classifier(
        path,
        tuple(shape),
        classes if isinstance(classes, int) else None,
        batch if isinstance(batch, int) else None,
        _TYPES[inputs[0].type],
        opened,
    )


def _damaged(path: Path, has: str) -> InputFileError:
    return InputFileError(
        f"{path}: onnxruntime cannot run it",
        needs="an ONNX file with its weights inside",
        has=has,
        remedy="export the model again, as one file",
    )
