"""NIR files (HDF5, as nir 1.0.8 writes them) into plain node graphs.

Layout: ``/version``; ``/node`` is a graph; a graph has ``type`` = "NIRGraph", ``edges`` [n, 2],
``nodes/<name>`` and optionally ``metadata``; a node has ``type`` and one data set per parameter.
HDF5 takes a slash in a name for a path: a group without ``type`` that holds groups begins names.
Links to elsewhere are never followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from snn2chip.errors import InputFileError, Snn2chipError
from snn2chip.frontends.nir.metadata import KEY
from snn2chip.frontends.nir.nodes import Edge, NirGraph, NirNode, Param
from snn2chip.frontends.nir.storage.datasets import Budget, read_array, read_words
from snn2chip.frontends.nir.storage.heaps import Heaps
from snn2chip.frontends.nir.storage.names import unescape

_DEPTH = 32
"""Deepest nesting of graphs."""

_OBJECTS = 30_000
"""Most groups and data sets of a file: hard links can make a small file exponentially large, and
each takes a fraction of a millisecond."""

_PORT_TYPES = {"Input": "input_type", "Output": "output_type"}

_DATA, _GROUP = (h5py.Dataset,), (h5py.Group,)
_EITHER = _DATA + _GROUP

_WORDS = frozenset({"type", "padding"})
"""Parameters that may be words."""


def read_nodes(path: Path) -> NirGraph:
    """The node graph of a NIR file.

    Raises:
        InputFileError: no such file, no HDF5, no NIR, damaged, or hostile.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: no such file", needs="a NIR file")
    try:
        heaps = Heaps(path)
        budget = Budget(path.stat().st_size)
        with h5py.File(path, "r") as file:
            return _Reader(str(path), budget, heaps).root(file, path.stem)
    except Snn2chipError:
        raise
    except Exception as error:
        raise InputFileError(
            f"{path}: cannot be read as a NIR file",
            needs="an HDF5 file as nir.write makes it",
            has=f"{type(error).__name__}: {error}",
            remedy="the file is truncated, damaged or of another kind: export it again",
        ) from error


class _Reader:
    """Walks the groups of one file; remembers how much it has read."""

    def __init__(self, path: str, budget: Budget, heaps: Heaps) -> None:
        self.path = path
        self.heaps = heaps
        self.budget = budget
        self.objects = 0
        self.escaped = False

    def root(self, file: h5py.File, stem: str) -> NirGraph:
        version = "unknown"
        if "version" in file:
            version = self._text(file, "version", "version")
        members = set(file)
        if "node" not in members and {"nodes", "edges"} <= members:
            raise InputFileError(
                f"{self.path}: a list of nodes, as nir wrote before 0.1",
                needs="a file of nir 0.1 or later",
                remedy="read it with the nir that wrote it, and export it with a later one",
            )
        node = self._group(file, "node", "the file")
        kind = self._text(node, "type", "the outermost node")
        if kind != "NIRGraph":
            raise InputFileError(
                f"{self.path}: the outermost node is {kind!r}",
                needs="a NIRGraph",
                remedy="wrap the node in a nir.NIRGraph with an Input and an Output",
            )
        metadata = self._metadata(node) if "metadata" in node else {}
        self.escaped = KEY in metadata
        return self._graph(node, stem, "", version)

    def _graph(self, group: h5py.Group, name: str, prefix: str, version: str) -> NirGraph:
        where = f"{self.path}: graph {name!r}"
        if prefix.count("/") > _DEPTH:
            raise InputFileError(f"{where}: nested deeper than {_DEPTH} graphs")
        children = self._group(group, "nodes", where)
        nodes: dict[str, NirNode | NirGraph] = {}
        for key, child in self._children(children, "", where):
            full = prefix + key
            kind = self._text(child, "type", f"node {full!r}")
            if kind == "NIRGraph":
                nodes[key] = self._graph(child, full, full + "/", version)
            else:
                nodes[key] = NirNode(kind, self._params(child, full, _PORT_TYPES.get(kind)), full)
        metadata = self._metadata(group) if "metadata" in group else {}
        return NirGraph(nodes, self._edges(group, where), metadata, version, name)

    def _children(
        self, group: h5py.Group, prefix: str, where: str
    ) -> Iterator[tuple[str, h5py.Group]]:
        """(name, group) of every node."""
        if prefix.count("/") > _DEPTH:
            raise InputFileError(f"{where}: more than {_DEPTH} slashes in the name of a node")
        self._expect(2 * len(group))
        for link in group:
            child = self._group(group, link, where)
            if not self.escaped and self._begins_names(child):
                yield from self._children(child, f"{prefix}{link}/", where)
            else:
                yield prefix + (unescape(link) if self.escaped else link), child

    def _begins_names(self, group: h5py.Group) -> bool:
        """Whether it is no node: it holds groups of this file, and no type."""
        self._expect(len(group))
        members = [(name, group.get(name, getlink=True)) for name in group]
        return bool(members) and all(
            name != "type"
            and isinstance(link, h5py.HardLink)
            and group.get(name, getclass=True) is h5py.Group
            for name, link in members
        )

    def _params(self, group: h5py.Group, name: str, port: str | None) -> dict[str, Param]:
        """Parameters of a node.

        Args:
            port: what a port's shape may be called instead, as a data set or a group of one.
        """
        params: dict[str, Param] = {}
        self._expect(len(group) - 1)
        for key in group:
            if key in ("type", "metadata") or (key == port and "shape" in set(group)):
                continue
            where = f"{self.path}: node {name!r}: {key}"
            dataset = self._member(group, key, _EITHER if key == port else _DATA, f"node {name!r}")
            if key == port:
                if isinstance(dataset, h5py.Group):
                    inside = key.removesuffix("_type")
                    dataset = self._member(dataset, inside, _DATA, f"node {name!r}: {key}")
                key = "shape"
            if dataset.dtype.kind in "OS" and key in _WORDS:
                params[key] = read_words(dataset, self.budget, self.heaps, where)[0]
            else:
                params[key] = read_array(dataset, self.budget, where)
        return params

    def _edges(self, group: h5py.Group, where: str) -> tuple[Edge, ...]:
        dataset = self._member(group, "edges", _DATA, where)
        if dataset.shape is not None and 0 in dataset.shape:
            return ()
        if dataset.shape is None or dataset.ndim != 2 or dataset.shape[1] != 2:
            raise InputFileError(
                f"{where}: edges have shape {dataset.shape}", needs="one (source, target) per row"
            )
        if dataset.dtype.kind in "iu":  # of nodes that are called by their place in a list
            numbers = read_array(dataset, self.budget, f"{where}: edges").reshape(-1)
            words = [str(number) for number in numbers.tolist()]
        else:
            words = read_words(dataset, self.budget, self.heaps, f"{where}: edges")
        words = [unescape(word) for word in words] if self.escaped else words
        return tuple(zip(words[::2], words[1::2], strict=True))

    def _metadata(self, group: h5py.Group) -> dict[str, str]:
        """The words among a graph's metadata; what else other tools keep there is theirs."""
        members = self._group(group, "metadata", "metadata")
        found: dict[str, str] = {}
        self._expect(len(members))
        for key in members:
            if not isinstance(members.get(key, getlink=True), h5py.HardLink):
                continue
            item = members[key]
            is_words = isinstance(item, h5py.Dataset) and item.dtype.kind in "OS"
            if is_words and item.shape == ():
                found[key] = read_words(
                    item, self.budget, self.heaps, f"{self.path}: metadata {key!r}"
                )[0]
        return found

    def _text(self, group: h5py.Group, key: str, where: str) -> str:
        dataset = self._member(group, key, _DATA, where)
        words = read_words(dataset, self.budget, self.heaps, f"{self.path}: {where}: {key}")
        if len(words) != 1:
            raise InputFileError(f"{self.path}: {where}: {key} has {len(words)} words")
        return words[0]

    def _expect(self, more: int) -> None:
        """Refuses a file with ``more`` objects to come, before any of them is read."""
        if self.objects + more > _OBJECTS:
            raise InputFileError(
                f"{self.path}: more than {_OBJECTS} nodes and parameters",
                remedy="join neurons that share a model into one population",
            )

    def _group(self, group: h5py.Group, key: str, where: str) -> h5py.Group:
        return self._member(group, key, _GROUP, where)

    def _member(
        self, group: h5py.Group, key: str, kind: tuple[type, ...], where: str
    ) -> h5py.Dataset:
        """A member of a group, if it lies in this file and is of a kind expected."""
        self._expect(1)
        self.objects += 1
        link = group.get(key, getlink=True)
        wanted = "a group" if kind == _GROUP else "a data set"
        if link is None:
            raise InputFileError(f"{self.path}: {where}: {key!r} is missing", needs=wanted)
        if not isinstance(link, h5py.HardLink):
            raise InputFileError(
                f"{self.path}: {where}: {key!r} is a link to elsewhere",
                needs=f"{wanted} within the file",
                remedy="write the file again with nir.write",
            )
        member = group[key]
        if not isinstance(member, kind):
            raise InputFileError(f"{self.path}: {where}: {key!r} is not {wanted}")
        return member
