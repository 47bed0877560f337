"""``.net`` files (HDF5, as lava-dl 0.6.0 writes them) into plain layers.

Layout: ``/layer/<i>`` in decimal; a layer has ``type`` and data sets; ``neuron`` is a group of more
data sets. Only what netx reads is read; links to elsewhere are never followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from snn2chip.errors import InputFileError, Snn2chipError
from snn2chip.frontends.nir.storage.datasets import Budget, read_array, read_words
from snn2chip.frontends.nir.storage.heaps import Heaps
from snn2chip.graph.operators import Array

EXPORT_AGAIN = "export the network again with lava-dl's export_hdf5"

_LAYERS = 4096
"""Most layers of a file."""

_MOST_BYTES = 2**28
"""33 million weights, more than a chip stores: each takes 8 bytes here, several times over."""

_LAYER_ARRAYS = ("shape", "weight", "weight_rec", "bias", "delay")
_PARTS = ("real", "imag")
_CONV_ARRAYS = ("stride", "padding", "dilation", "groups")
_NEURON_ARRAYS = ("iDecay", "vDecay", "vThMant", "sinDecay", "cosDecay", "sigma_output")


@dataclass(frozen=True, eq=False)
class NetNeuron:
    """The neurons of a layer.

    Attributes:
        kind: ``CUBA``, ``LOIHI``, ``SDNN`` or a name with ``RF``.
        arrays: ``iDecay``, ``vDecay``, ``vThMant``, ``sinDecay``, ``cosDecay``, ``sigma_output``,
            as far as the file has them.
    """

    kind: str
    arrays: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NetLayer:
    """One group ``/layer/<index>``.

    Attributes:
        kind: ``input``, ``dense``, ``dense_rec``, ``conv``, ``flatten``, ``average``, ...
        arrays: its data sets, as far as the file has them.
        is_complex: its weights are ``weight/real`` and ``weight/imag``.
    """

    index: int
    kind: str
    arrays: Mapping[str, Array] = field(default_factory=dict)
    neuron: NetNeuron | None = None
    is_complex: bool = False

    @property
    def name(self) -> str:
        return f"layer{self.index}"


def read_layers(path: Path) -> tuple[NetLayer, ...]:
    """The layers of a file in numeric order.

    Raises:
        InputFileError: no such file, no HDF5, no ``.net``, damaged, or hostile.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: no such file", needs="a .net file")
    try:
        heaps = Heaps(path)
        with h5py.File(path, "r") as file:
            return _Reader(str(path), Budget(path.stat().st_size, _MOST_BYTES), heaps).layers(file)
    except InputFileError as error:
        # The shared reading of HDF5 speaks of NIR's writer where it gives a remedy.
        needs = "" if "nir.write" in error.needs else error.needs
        remedy = EXPORT_AGAIN if "nir.write" in error.remedy else error.remedy
        raise InputFileError(error.what, needs=needs, has=error.has, remedy=remedy) from None
    except Snn2chipError:
        raise
    except Exception as error:
        raise InputFileError(
            f"{path}: cannot be read as a .net file",
            needs="an HDF5 file as lava-dl writes it",
            has=f"{type(error).__name__}: {error}",
            remedy="the file is truncated, damaged or of another kind: " + EXPORT_AGAIN,
        ) from error


class _Reader:
    """Walks the groups of one file."""

    def __init__(self, path: str, budget: Budget, heaps: Heaps) -> None:
        self._path = path
        self._budget = budget
        self._heaps = heaps

    def layers(self, file: h5py.File) -> tuple[NetLayer, ...]:
        if file.get("layer", getlink=True) is None:
            raise InputFileError(
                f"{self._path}: no group 'layer'",
                needs="a .net file as lava-dl writes it",
                remedy="a NIR file has the suffix .nir" if "node" in file else EXPORT_AGAIN,
            )
        group = self._member(file, "layer", "the file")
        count = len(group)
        if count > _LAYERS or count == 0:
            raise InputFileError(f"{self._path}: {count} layers", needs=f"1 to {_LAYERS} layers")
        return tuple(self._layer(group, index) for index in range(count))

    def _layer(self, layers: h5py.Group, index: int) -> NetLayer:
        name = f"layer{index}"
        group = self._member(layers, str(index), "layer", "layers numbered from 0 on")
        kind = self._word(group, "type", name)
        weight = group.get("weight", getlink=True)
        is_complex = isinstance(weight, h5py.HardLink) and isinstance(group["weight"], h5py.Group)
        keys = _LAYER_ARRAYS + (_CONV_ARRAYS if kind == "conv" else ())
        arrays = self._arrays(group, [k for k in keys if not (is_complex and k == "weight")], name)
        if is_complex:
            parts = self._arrays(self._member(group, "weight", name), _PARTS, name)
            arrays |= {f"weight/{part}": array for part, array in parts.items()}
        return NetLayer(
            index,
            kind,
            arrays,
            self._neuron(group, name),
            is_complex,
        )

    def _neuron(self, layer: h5py.Group, name: str) -> NetNeuron | None:
        if layer.get("neuron", getlink=True) is None:
            return None
        group = self._member(layer, "neuron", name)
        where = f"{name}: neuron"
        kind = self._word(group, "type", where)
        return NetNeuron(kind, self._arrays(group, _NEURON_ARRAYS, where))

    def _arrays(
        self, group: h5py.Group, keys: tuple[str, ...] | list[str], where: str
    ) -> dict[str, Array]:
        present = (key for key in keys if group.get(key, getlink=True) is not None)
        return {
            key: read_array(
                self._dataset(group, key, where), self._budget, f"{self._path}: {where}: {key}"
            )
            for key in present
        }

    def _word(self, group: h5py.Group, key: str, where: str) -> str:
        place = f"{self._path}: {where}: {key}"
        words = read_words(self._dataset(group, key, where), self._budget, self._heaps, place)
        if len(words) != 1:
            raise InputFileError(f"{place} has {len(words)} words", needs="one")
        return words[0]

    def _dataset(self, group: h5py.Group, key: str, where: str) -> h5py.Dataset:
        member = self._hard(group, key, where, "a data set")
        if not isinstance(member, h5py.Dataset):
            raise InputFileError(f"{self._path}: {where}: {key!r} is no data set")
        return member

    def _member(
        self, group: h5py.Group, key: str, where: str, needs: str = "a group"
    ) -> h5py.Group:
        member = self._hard(group, key, where, needs)
        if not isinstance(member, h5py.Group):
            raise InputFileError(f"{self._path}: {where}: {key!r} is no group", needs=needs)
        return member

    def _hard(self, group: h5py.Group, key: str, where: str, needs: str) -> object:
        """A member that lies in this file."""
        link = group.get(key, getlink=True)
        if link is None:
            raise InputFileError(f"{self._path}: {where}: {key!r} is missing", needs=needs)
        if not isinstance(link, h5py.HardLink):
            raise InputFileError(
                f"{self._path}: {where}: {key!r} is a link to elsewhere",
                needs="data within the file",
                remedy=EXPORT_AGAIN,
            )
        return group[key]


def layers_file(layers: Sequence[NetLayer]) -> bytes:
    """A ``.net`` file of these layers; the same bytes for the same layers."""
    with h5py.File("net", "w", driver="core", backing_store=False) as file:
        root = file.create_group("layer")
        for layer in layers:
            group = root.create_group(str(layer.index))
            _write(group, layer.kind, layer.arrays)
            if layer.neuron is not None:
                _write(group.create_group("neuron"), layer.neuron.kind, layer.neuron.arrays)
        file.flush()
        return bytes(file.id.get_file_image())


def _write(group: h5py.Group, kind: str, arrays: Mapping[str, Array]) -> None:
    # lava-dl writes types as one word of ten bytes, and its readers expect no other width.
    group.create_dataset("type", data=np.array([kind.encode("ascii")], "S10"))
    for key, values in arrays.items():
        packing = {"compression": "gzip"} if values.ndim > 1 else {}
        group.create_dataset(key, data=values, **packing)
