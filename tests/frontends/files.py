"""NIR files made by nir itself, and by hand where nir would not make them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

DT = 2.0**-10


def lif(size: int | tuple[int, ...], **values: float) -> nir.LIF:
    shape = (size,) if isinstance(size, int) else size
    given = {"tau": 4 * DT, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    return nir.LIF(**{name: np.full(shape, value) for name, value in {**given, **values}.items()})


def probe(size: int | tuple[int, ...]) -> nir.LI:
    """An LI whose membrane is its input current: tau = dt, r = 1."""
    shape = (size,) if isinstance(size, int) else size
    return nir.LI(tau=np.full(shape, DT), r=np.ones(shape), v_leak=np.zeros(shape))


def source(*shape: int) -> nir.Input:
    return nir.Input({"input": np.array(shape)})


def sink(*shape: int) -> nir.Output:
    return nir.Output({"output": np.array(shape)})


def save(path: Path, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> Path:
    """A file of nir's own writer, without its checks."""
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    return path


def chain(path: Path, *nodes: Any, names: list[str] | None = None) -> Path:
    """A file whose nodes follow one another, named input, 0, 1, ..., output."""
    inner = names or [str(k) for k in range(len(nodes) - 2)]
    full = ["input", *inner, "output"]
    return save(path, dict(zip(full, nodes, strict=True)), list(pairwise(full)))


def simple(path: Path) -> Path:
    """input [3] -> Affine -> LIF [2] -> output."""
    affine = nir.Affine(np.arange(6.0).reshape(2, 3) / 4, np.array([0.5, 0.0]))
    return chain(path, source(3), affine, lif(2), sink(2), names=["fc", "lif"])


def edit(path: Path, change: Any) -> Path:
    """Lets ``change`` alter the open HDF5 file."""
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace_dataset(file: h5py.File, name: str, value: Any, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, data=value, **options)
