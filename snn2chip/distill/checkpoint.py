"""Checkpoints: weights as safetensors, and in the header everything needed to use them.

No pickle, no code: the architecture is a list of layers (`snn2chip.distill.students.LAYERS`). A
user's own module is loaded by `load_user_model`, which does run the user's code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

import norse.torch as norse
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from snn2chip.distill.students import Layer, build_student
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.files import write_bytes
from snn2chip.graph import Discretization, Encoding, Readout
from snn2chip.neurons import from_preset
from snn2chip.neurons.presets import overrides_of

METADATA_KEY = "snn2chip"
SCHEMA = "snn2chip/checkpoint/1"
MAX_CHECKPOINT_BYTES = 1 << 30
MAX_LAYERS = 1024
MAX_LISTED = 12
"""Names listed of each kind of mismatch in one message."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """The samples a student was trained on.

    Attributes:
        digest: of the training samples and their classes, "" where the file does not say.
    """

    name: str
    split_seed: int
    test_size: float
    digest: str = ""


@dataclass(frozen=True, slots=True)
class CheckpointMetadata:
    """What a checkpoint says about itself.

    Attributes:
        input_shape: of one sample.
        recipe: every value of the recipe it was trained with, as nested tables.
        trained_with: package -> version.
    """

    architecture: tuple[Layer, ...]
    discretization: Discretization
    encoding: Encoding
    readout: Readout
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    data: DataSource
    recipe: Mapping[str, Any] = field(default_factory=dict)
    trained_with: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The header's text: sorted keys, so equal metadata give equal files."""
        tables = {
            "schema": SCHEMA,
            "architecture": list(self.architecture),
            "discretization": _overrides(self.discretization),
            "encoding": self.encoding.to_dict(),
            "readout": self.readout.kind,
            "input_shape": list(self.input_shape),
            "class_names": list(self.class_names),
            "data": {
                "name": self.data.name,
                "split_seed": self.data.split_seed,
                "test_size": self.data.test_size,
                **({"digest": self.data.digest} if self.data.digest else {}),
            },
            "recipe": dict(self.recipe),
            "trained_with": dict(self.trained_with),
        }
        return json.dumps(tables, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, source: str) -> CheckpointMetadata:
        """Metadata from a header's text.

        Raises:
            InputFileError: no JSON, another schema, missing or senseless entries.
        """
        try:
            tables = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputFileError(f"{source}: its {METADATA_KEY!r} metadata are no JSON") from error
        if not isinstance(tables, dict) or tables.get("schema") != SCHEMA:
            found = tables.get("schema") if isinstance(tables, dict) else type(tables).__name__
            raise InputFileError(
                f"{source}: metadata of schema {found!r}",
                needs=SCHEMA,
                remedy="write it with this version of snn2chip",
            )
        try:
            return cls._from_tables(tables)
        except (LookupError, TypeError, ValueError, ArithmeticError, ConfigError) as error:
            raise InputFileError(
                f"{source}: damaged metadata: {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def _from_tables(cls, tables: Mapping[str, Any]) -> CheckpointMetadata:
        encoding, data = Encoding(**tables["encoding"]), tables["data"]
        if type(encoding.steps) not in (int, NoneType):
            raise ValueError(f"encoding of {encoding.steps!r} steps")
        shape = tuple(tables["input_shape"])
        if not shape or not all(type(size) is int and 0 < size <= 1 << 24 for size in shape):
            raise ValueError(f"input_shape {shape}")
        layers = tuple(dict(layer) for layer in tables["architecture"])
        if not 0 < len(layers) <= MAX_LAYERS:
            raise ValueError(f"{len(layers)} layers")
        return cls(
            architecture=layers,
            discretization=from_preset(**tables["discretization"]),
            encoding=encoding,
            readout=Readout(tables["readout"]),
            input_shape=shape,
            class_names=tuple(str(name) for name in tables["class_names"]),
            data=DataSource(
                str(data["name"]),
                int(data["split_seed"]),
                float(data["test_size"]),
                str(data.get("digest", "")),
            ),
            recipe=dict(tables["recipe"]),
            trained_with={str(k): str(v) for k, v in dict(tables["trained_with"]).items()},
        )


def _overrides(discretization: Discretization) -> dict[str, Any]:
    """The preset, dt, and the options in which a discretization differs from its preset."""
    named = {"preset": discretization.preset, "dt": discretization.dt}
    return named | overrides_of(discretization)


def save_checkpoint(path: str | Path, student: nn.Module, metadata: CheckpointMetadata) -> Path:
    """Write weights and metadata; the file appears whole or not at all."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in student.state_dict().items()}
    return write_bytes(path, save(tensors, metadata={METADATA_KEY: metadata.to_json()}))


def load_checkpoint(path: str | Path) -> tuple[norse.SequentialState, CheckpointMetadata]:
    """A student in evaluation mode, and its metadata.

    Shapes are compared with the architecture before any tensor is read.

    Raises:
        InputFileError: no safetensors file, no snn2chip metadata, or tensors that do not fit the
            architecture (all of them in one message).
    """
    path = Path(path)
    with _open(path) as file:
        text = (file.metadata() or {}).get(METADATA_KEY)
        if text is None:
            raise InputFileError(
                f"{path}: no {METADATA_KEY!r} entry in its header",
                needs="a checkpoint that snn2chip wrote",
                remedy="weights of your own module: snn2chip export --model module:factory",
            )
        metadata = CheckpointMetadata.from_json(text, str(path))
        student = _layout(path, metadata)
        expected = student.state_dict()
        check_names(path, {k: tuple(file.get_slice(k).get_shape()) for k in file.keys()}, expected)  # noqa: SIM118
        tensors = {name: _read(path, file, name, expected[name].dtype) for name in expected}
    student.load_state_dict(tensors, assign=True)
    return student.eval(), metadata


def _layout(path: Path, metadata: CheckpointMetadata) -> norse.SequentialState:
    """The module without memory for its tensors."""
    try:
        with torch.device("meta"):
            return build_student(metadata.architecture, metadata.discretization.dt)
    except InputFileError as error:
        raise InputFileError(
            f"{path}: {error.what}", needs=error.needs, has=error.has, remedy=error.remedy
        ) from error
    except (RuntimeError, ValueError) as error:
        raise InputFileError(f"{path}: layers that torch cannot hold: {error}") from error


def check_runs(
    path: str | Path, student: norse.SequentialState, metadata: CheckpointMetadata
) -> int:
    """Refuse a student that cannot be run as its metadata say: one sample goes through it.

    Returns:
        the number of its outputs.

    Raises:
        InputFileError: the file does not say how values become spikes or how long a sample is, or
            its layers do not fit each other or the samples.
    """
    encoding = metadata.encoding
    if encoding.kind == "none" or encoding.steps is None:
        raise InputFileError(
            f"{path}: its metadata do not say how long a sample is",
            needs="an encoding with a number of steps",
            has=f"encoding {encoding.kind!r}, steps {encoding.steps}",
            remedy="a checkpoint that `snn2chip distill` wrote",
        )
    try:
        with torch.no_grad():
            output, _ = student(torch.zeros(1, *metadata.input_shape), None)
        _, outputs = output.shape
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputFileError(
            f"{path}: its layers do not fit each other, or samples of shape "
            f"{list(metadata.input_shape)}",
            has=str(error).split("\n", 1)[0][:200],
            remedy="a checkpoint that `snn2chip distill` wrote",
        ) from error
    return int(outputs)


def check_names(
    path: str | Path, found: Mapping[str, tuple[int, ...]], expected: Mapping[str, Tensor]
) -> None:
    """Refuse tensors that do not fit a module, all of them at once.

    Args:
        found: name -> shape, in the file.
        expected: the module's state.

    Raises:
        InputFileError: listing missing, unexpected and mis-shaped names.
    """
    missing = sorted(set(expected) - set(found))
    unexpected = sorted(set(found) - set(expected))
    misshaped = [
        f"{name}: {list(found[name])}, needs {list(expected[name].shape)}"
        for name in sorted(set(found) & set(expected))
        if tuple(found[name]) != tuple(expected[name].shape)
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshaped}
    if any(kinds.values()):
        raise InputFileError(
            f"{path}: the tensors do not fit the network",
            has="; ".join(f"{kind}: {_listed(names)}" for kind, names in kinds.items() if names),
            remedy="the checkpoint and the module must come from the same code",
        )


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _open(path: Path) -> Any:
    try:
        size = path.stat().st_size
        if size > MAX_CHECKPOINT_BYTES:
            raise InputFileError(f"{path}: {size} bytes", needs="at most 1 GiB")
        return safe_open(path, framework="pt")
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise InputFileError(
            f"{path}: no safetensors file: {error}",
            needs="a checkpoint of snn2chip, which says its architecture itself",
            remedy=(
                "it is NIR: name the checkpoint that it was exported from (snn2chip export "
                "--format onnx takes NIR as well)"
                if path.suffix == ".nir"
                else "weights of your own module: snn2chip export --model module:factory"
            ),
        ) from error


def _read(path: Path, file: Any, name: str, dtype: torch.dtype) -> Tensor:
    tensor: Tensor = file.get_tensor(name)
    return as_finite(path, name, tensor, dtype)


def as_finite(path: str | Path, name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The tensor in the module's type.

    Raises:
        InputFileError: a value that is not finite, or whole numbers where weights belong.
    """
    if tensor.is_floating_point() != dtype.is_floating_point:
        raise InputFileError(f"{path}: {name} is {tensor.dtype}", needs=str(dtype))
    converted = tensor.to(dtype)
    if not bool(torch.isfinite(converted).all()):
        raise InputFileError(f"{path}: {name} has values that are not finite")
    return converted
