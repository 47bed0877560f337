"""Changes of HDF5 files that leave them HDF5: data, types, links, groups."""

from __future__ import annotations

import io
from random import Random
from typing import Any

import h5py
import numpy as np

from tests.fuzz import hostile_values as hostile
from tests.fuzz.mutate_text import change_json

_REFUSALS = (
    LookupError,
    TypeError,
    ValueError,
    OSError,
    RuntimeError,
    AttributeError,
    ArithmeticError,
)
_LARGEST = 2**26
"""Numbers that a change reads: an earlier one may have declared more than there is memory."""

_DEEP = 300
_MANY = 3000


def mutate(content: bytes, draw: Random) -> bytes:
    """One to three changes; those that HDF5 itself refuses are left out."""
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            change = draw.choice(_CHANGES)
            try:
                change(file, draw)
            except _REFUSALS:
                continue
    return stream.getvalue()


def _names(file: h5py.File, kind: type) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, x: found.append(name) if isinstance(x, kind) else None)
    return sorted(found)


def _dataset(file: h5py.File, draw: Random, kinds: str = "fiub") -> str:
    found = [n for n in _names(file, h5py.Dataset) if file[n].dtype.kind in kinds]
    return draw.choice([n for n in found if (file[n].size or 0) <= _LARGEST])


def _replace(file: h5py.File, name: str, value: Any, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, data=value, **options)


def _values(file: h5py.File, draw: Random) -> None:
    name = _dataset(file, draw)
    made = hostile.array(draw, np.asarray(file[name][()]))
    options = {"compression": "gzip"} if made.size and made.ndim and draw.random() < 0.3 else {}
    _replace(file, name, made, **options)


def _number(file: h5py.File, draw: Random) -> None:
    """One number among those that there are."""
    name = _dataset(file, draw)
    array = np.atleast_1d(file[name][()]).astype(np.float64 if draw.random() < 0.7 else np.int64)
    array.reshape(-1)[draw.randrange(array.size)] = hostile.number(draw)
    _replace(file, name, array.reshape(file[name].shape))


def _word(file: h5py.File, draw: Random) -> None:
    name = _dataset(file, draw, "OS")
    old = file[name][()]
    if isinstance(old, bytes) and old.startswith(b"{") and draw.random() < 0.9:
        _replace(file, name, change_json(old.decode(), draw).encode("utf-8", "surrogatepass"))
    elif isinstance(old, bytes):
        _replace(file, name, hostile.word(draw))
    else:
        words = np.array(old, dtype=object)
        words.reshape(-1)[draw.randrange(words.size)] = hostile.word(draw)
        _replace(file, name, words, dtype=h5py.string_dtype())


def _edges(file: h5py.File, draw: Random) -> None:
    name = draw.choice([n for n in _names(file, h5py.Dataset) if n.endswith("edges")])
    edges = [tuple(row) for row in file[name][()].astype(str)]
    nodes = sorted(file[name.removesuffix("edges") + "nodes"])
    match draw.randrange(6):
        case 0:
            edges.append((draw.choice(nodes), draw.choice(nodes)))
        case 1:
            edges.remove(draw.choice(edges))
        case 2:
            edges = [(b, a) for a, b in edges]
        case 3:
            edges += [(a, b) for a in nodes for b in nodes]
        case 4:
            edges *= draw.choice((2, 1000))
        case _:
            edges.append((hostile.name(draw), draw.choice(nodes)))
    _replace(file, name, np.array(edges, dtype=object), dtype=h5py.string_dtype())


def _type(file: h5py.File, draw: Random) -> None:
    """A type that is no number: compound, reference, enumeration, list, opaque."""
    name = _dataset(file, draw, "fiubOS")
    shape = file[name].shape
    kind = draw.choice(
        (np.dtype([("a", "f8"), ("b", "i4")]), h5py.ref_dtype, h5py.regionref_dtype,
         h5py.enum_dtype({"a": 0, "b": 1}), h5py.vlen_dtype(np.float64), h5py.string_dtype(),
         h5py.opaque_dtype(np.dtype("V8")), np.dtype(("f8", (3,))), h5py.string_dtype("ascii", 7))
    )  # fmt: skip
    del file[name]
    file.create_dataset(name, shape, kind)


def _huge(file: h5py.File, draw: Random) -> None:
    """A shape that is declared and not stored."""
    name = _dataset(file, draw)
    side = draw.choice((10**5, 10**6, 10**9, 2**40, 2**62))
    shape = tuple(side if k == 0 else draw.choice((1, side)) for k in range(draw.randint(1, 3)))
    chunks = tuple(min(s, draw.choice((1, 100, 2**12))) for s in shape)
    dtype = draw.choice(("f4", "f8", "i1"))
    del file[name]
    if draw.random() < 0.3:
        file.create_dataset(name, shape, dtype)
    else:
        file.create_dataset(
            name, shape, dtype, chunks=chunks, compression=draw.choice((None, "gzip"))
        )


def _bomb(file: h5py.File, draw: Random) -> None:
    """Zeros, or ones, that compress to a thousandth."""
    name = _dataset(file, draw)
    side = draw.choice((1000, 3000, 5000))
    shape = (side,) if draw.random() < 0.2 else (side, side)
    value = draw.choice((0, 1))
    _replace(file, name, np.full(shape, value, "i1"), compression="gzip", chunks=True)


def _empty(file: h5py.File, draw: Random) -> None:
    name = _dataset(file, draw, "fiubOS")
    dtype = file[name].dtype
    shape = draw.choice((None, (0,), (0, 0), (3, 0)))
    _replace(file, name, h5py.Empty(dtype) if shape is None else np.zeros(shape, dtype))


def _delete(file: h5py.File, draw: Random) -> None:
    del file[draw.choice(_names(file, h5py.HLObject))]


def _rename(file: h5py.File, draw: Random) -> None:
    old = draw.choice(_names(file, h5py.HLObject))
    parent = old.rpartition("/")[0]
    file.move(old, f"{parent}/{hostile.name(draw)}")


def _rename_node(file: h5py.File, draw: Random) -> None:
    """A node under a hostile name, in the edges as well, so that the file stays whole."""
    graphs = [n.removesuffix("/nodes") for n in _names(file, h5py.Group) if n.endswith("/nodes")]
    graph = file[draw.choice(graphs)]
    old = draw.choice(sorted(graph["nodes"]))
    new = hostile.name(draw).replace("/", draw.choice(("%2F", "_"))).replace("\0", "%00")
    graph["nodes"].move(old, new)
    edges = graph["edges"].astype(str)[()] if graph["edges"].dtype.kind == "O" else []
    renamed = [[new if end == old else end for end in edge] for edge in edges]
    _replace(graph, "edges", np.array(renamed, dtype=object), dtype=h5py.string_dtype())


def _link(file: h5py.File, draw: Random) -> None:
    name = draw.choice(_names(file, h5py.HLObject))
    parent = name.rpartition("/")[0] or "/"
    links = (
        h5py.SoftLink("/"), h5py.SoftLink("/" + name), h5py.SoftLink("/nowhere"),
        h5py.SoftLink(parent), h5py.ExternalLink("/etc/passwd", "/"),
        h5py.ExternalLink("net.nir", "/node"), file["/"], file[parent],
        file[draw.choice(_names(file, h5py.HLObject))],
    )  # fmt: skip
    link = draw.choice(links)
    del file[name]
    file[name] = link


def _elsewhere(file: h5py.File, draw: Random) -> None:
    """Data in another file."""
    name = _dataset(file, draw)
    shape = file[name].shape or (1,)
    del file[name]
    if draw.random() < 0.5:
        file.create_dataset(name, shape, "f8", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
    else:
        layout = h5py.VirtualLayout(shape, "f8")
        layout[...] = h5py.VirtualSource("/etc/passwd", "x", shape)
        file.create_virtual_dataset(name, layout)


def _swap_kinds(file: h5py.File, draw: Random) -> None:
    """A group where data belong, or data where a group belongs."""
    name = draw.choice(_names(file, h5py.HLObject))
    was_group = isinstance(file[name], h5py.Group)
    del file[name]
    if was_group:
        file[name] = draw.choice((1.0, "Affine", np.zeros((2, 2))))
    else:
        file.create_group(name)


def _deep(file: h5py.File, draw: Random) -> None:
    """Graphs within graphs, or groups within groups."""
    group = file[draw.choice(_names(file, h5py.Group))]
    for _ in range(draw.choice((20, 40, _DEEP))):
        group = group.require_group("nodes").require_group("deep")
        group["type"] = "NIRGraph"
        group.create_dataset("edges", (0, 2), h5py.string_dtype())


def _many(file: h5py.File, draw: Random) -> None:
    group = file[draw.choice(_names(file, h5py.Group))]
    names = sorted(group)
    for k in range(draw.choice((10, _MANY))):
        group[f"{k}"] = group[draw.choice(names)]


def _move(file: h5py.File, draw: Random) -> None:
    """An object of one place in another one."""
    names = _names(file, h5py.HLObject)
    source, target = draw.choice(names), draw.choice(names)
    if source != target and not target.startswith(source):
        del file[target]
        file.copy(source, target)


def _attribute(file: h5py.File, draw: Random) -> None:
    owner = file[draw.choice(_names(file, h5py.HLObject))]
    owner.attrs[hostile.name(draw) or "x"] = draw.choice((1.0, "x" * 30_000, np.zeros(5)))


_CHANGES = (_values, _values, _values, _number, _number, _number, _word, _word, _word, _edges,
            _edges, _type, _huge, _bomb, _empty, _delete, _delete, _rename, _rename_node,
            _rename_node, _link, _elsewhere, _swap_kinds, _deep, _many, _move, _move,
            _attribute)  # fmt: skip
