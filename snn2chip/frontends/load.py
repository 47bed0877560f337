"""Opening a network file of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snn2chip.errors import InputFileError
from snn2chip.frontends.nir.repair.types import Repair
from snn2chip.graph import Graph

ACCEPTED = (
    "a NIR file (.nir), a checkpoint of snn2chip (.safetensors), or a step that "
    "`snn2chip export --format onnx` wrote (.onnx)"
)

_HDF5 = b"\x89HDF\r\n\x1a\n"
_CHECKPOINTS = (".safetensors",)


def load(
    path: str | Path,
    preset: str | None = None,
    dt: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Graph:
    """The network in a file, whose kind its first bytes and its suffix tell.

    Args:
        preset, dt, overrides: of the discretization; they go before what the file states.

    Raises:
        InputFileError: no such file, a file of another kind, or a damaged one.
        UnsupportedError, ConfigError: as the front end of that kind says.
    """
    return _load(Path(path), preset, dt, overrides, repair=False)[0]


def load_repaired(
    path: str | Path,
    preset: str | None = None,
    dt: float | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Graph, tuple[Repair, ...]]:
    """As ``load``, but a malformed NIR file is repaired where there is one reading of it.

    Returns:
        The network, and what was changed: nothing in sound files and in those of other kinds.
    """
    return _load(Path(path), preset, dt, overrides, repair=True)


def _load(
    path: Path,
    preset: str | None,
    dt: float | None,
    overrides: Mapping[str, Any] | None,
    *,
    repair: bool,
) -> tuple[Graph, tuple[Repair, ...]]:
    if not path.is_file():
        raise InputFileError(f"{path}: no such file", needs=ACCEPTED)
    with path.open("rb") as file:
        head = file.read(16)
    if path.suffix == ".onnx":
        from snn2chip.frontends.onnx.read import read_onnx

        return read_onnx(path, preset, dt, overrides), ()
    if path.suffix in _CHECKPOINTS or head[8:9] == b"{":
        from snn2chip.frontends.checkpoint import graph_of_checkpoint

        return graph_of_checkpoint(path, preset, dt, overrides), ()
    if head.startswith(_HDF5) and path.suffix != ".net":
        from snn2chip.frontends.nir import read_graph, read_repaired

        if repair:
            return read_repaired(path, preset, dt, overrides)
        return read_graph(path, preset, dt, overrides), ()
    raise InputFileError(
        f"{path}: {_guess(path, head)}", needs=ACCEPTED, remedy=_remedy(path, head)
    )


def _guess(path: Path, head: bytes) -> str:
    if not head:
        return "the file is empty"
    if head.startswith(_HDF5):
        return "a lava-dl network is no continuous-time network"
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return "a pickled PyTorch file, which could run any code when it is opened"
    return "no network in a format that is known" + (f" ({path.suffix})" if path.suffix else "")


def _remedy(path: Path, head: bytes) -> str:
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return "save the weights as safetensors, or export the model with snn2chip.export()"
    if path.suffix == ".net":
        return "open it with snn2chip.load() or a command: it is a program for Loihi already"
    if path.suffix == ".nir":
        return "the file is damaged: export it again"
    return "export the network as NIR"
