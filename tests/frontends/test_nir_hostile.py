"""Files that are damaged, foreign or hostile end in InputFileError, and quickly."""

from __future__ import annotations

import random
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from snn2chip.errors import InputFileError, Snn2chipError, UnsupportedError
from snn2chip.frontends.nir import read_graph
from snn2chip.frontends.nir.storage import datasets, reader

from .files import DT, edit, replace_dataset, simple

WEIGHT = "node/nodes/fc/weight"


def refusal(path: Path) -> str:
    """The message of the refusal, which names the file."""
    with pytest.raises(InputFileError) as caught:
        read_graph(path, "norse", DT)
    assert caught.value.exit_code == 3
    assert path.name in str(caught.value)
    return str(caught.value)


def edited(tmp_path: Path, change) -> str:  # type: ignore[no-untyped-def]
    return refusal(edit(simple(tmp_path / "net.nir"), change))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.nir")
    assert "no such file" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"x" * 5000])
def test_a_foreign_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.nir"
    path.write_bytes(content)
    assert "not an HDF5 file" in refusal(path)


def test_hdf5_that_is_no_nir(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    with h5py.File(path, "w") as file:
        file["layer"] = np.ones(3)
    assert "'node' is missing" in refusal(path)


def test_a_file_of_one_node(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        replace_dataset(file, "node/type", "LIF", dtype=h5py.string_dtype())

    assert "outermost node is 'LIF'" in edited(tmp_path, change)


MISSING = ["node/type", "node/edges", "node/nodes", "node/nodes/fc/type", WEIGHT, "node"]


@pytest.mark.parametrize("name", MISSING)
def test_parts_that_are_missing(tmp_path: Path, name: str) -> None:
    def change(file: h5py.File) -> None:
        del file[name]

    assert f"{name.split('/')[-1]}" in edited(tmp_path, change)


@pytest.mark.parametrize("name", ["node/type", "node/edges", WEIGHT])
def test_groups_where_data_are_expected(tmp_path: Path, name: str) -> None:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_group(name)

    assert "is not a data set" in edited(tmp_path, change)


VALUES = {
    "words for weights": (WEIGHT, "heavy", "the word 'heavy'|holds object"),
    "complex weights": (WEIGHT, np.ones((2, 3), complex), "holds complex128"),
    "records": (WEIGHT, np.zeros(3, [("a", "f4")]), "holds"),
    "no weights": (WEIGHT, h5py.Empty("f8"), "is empty"),
    "empty weights": (WEIGHT, np.zeros((0, 3)), "weight is empty"),
    "one axis": (WEIGHT, np.zeros(3), r"weight has shape \[3\]"),
    "numbers for edges": ("node/edges", np.zeros((2, 2)), "needs:  words"),
    "edges of three": ("node/edges", np.zeros((2, 3)), "edges have shape"),
    "numbers for a type": ("node/nodes/fc/type", 3, "needs:  words"),
    "two types": ("node/nodes/fc/type", [b"Affine", b"LIF"], "has 2 words"),
    "an unknown type": ("node/nodes/fc/type", b"Magic", "kind 'Magic'"),
    "a type that is no text": ("node/nodes/fc/type", b"\xff\xfe", "not UTF-8"),
    "a scalar parameter": ("node/nodes/lif/tau", 1.0, "one shape for all"),
    "a shape of halves": ("node/nodes/input/shape", [1.5], "whole numbers"),
    "a negative shape": ("node/nodes/input/shape", [-3], "whole numbers"),
    "no axes": ("node/nodes/input/shape", np.zeros(0), "empty"),
    "a huge shape": ("node/nodes/input/shape", [2**40], "at most"),
    "a huge image": ("node/nodes/input/shape", [2**20, 2**20], "at most"),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_of_the_wrong_kind(tmp_path: Path, case: str) -> None:
    name, value, message = VALUES[case]

    def change(file: h5py.File) -> None:
        replace_dataset(file, name, value)

    import re

    assert re.search(message, edited(tmp_path, change))


def test_every_parameter_may_be_of_any_real_type(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        for name, dtype in [(WEIGHT, ">f4"), ("node/nodes/lif/tau", "<f2")]:
            replace_dataset(file, name, file[name][()].astype(dtype))
        replace_dataset(file, "node/nodes/fc/bias", np.array([True, False]))

    graph = read_graph(edit(simple(tmp_path / "net.nir"), change), "norse", DT)
    np.testing.assert_array_equal(
        graph.projections[0].operator.weight,  # type: ignore[union-attr]
        np.arange(6.0).reshape(2, 3) / 4,
    )
    np.testing.assert_array_equal(graph.projections[0].bias, [1.0, 0.0])


def test_links_are_never_followed(tmp_path: Path) -> None:
    other = tmp_path / "secret.h5"
    with h5py.File(other, "w") as file:
        file["weight"] = np.ones((2, 3))

    def external(file: h5py.File) -> None:
        del file[WEIGHT]
        file[WEIGHT] = h5py.ExternalLink(str(other), "/weight")

    def soft(file: h5py.File) -> None:
        del file[WEIGHT]
        file[WEIGHT] = h5py.SoftLink("/node/nodes/lif/tau")

    for change in (external, soft):
        assert "link to elsewhere" in edited(tmp_path, change)


def test_data_in_other_files_are_not_read(tmp_path: Path) -> None:
    raw = tmp_path / "secret.bin"
    raw.write_bytes(np.ones((2, 3)).tobytes())

    def external(file: h5py.File) -> None:
        del file[WEIGHT]
        file.create_dataset(WEIGHT, (2, 3), "f8", external=[(str(raw), 0, 48)])

    def virtual(file: h5py.File) -> None:
        del file[WEIGHT]
        layout = h5py.VirtualLayout((2, 3), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "w", (2, 3))
        file.create_virtual_dataset(WEIGHT, layout)

    for change in (external, virtual):
        assert "lie in another file" in edited(tmp_path, change)


@pytest.mark.parametrize("options", [{}, {"chunks": (1000, 1000)}, {"compression": "gzip"}])
def test_sizes_that_the_file_does_not_hold(tmp_path: Path, options: dict[str, object]) -> None:
    """8 TB that were never written: refused before anything is allocated."""

    def change(file: h5py.File) -> None:
        del file[WEIGHT]
        file.create_dataset(WEIGHT, (10**6, 10**6), "f8", **options)

    assert "declares 8000000000000 bytes" in edited(tmp_path, change)


def test_what_expands_too_far_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(file: h5py.File) -> None:
        replace_dataset(file, WEIGHT, np.zeros((1000, 1000)), compression="gzip")

    monkeypatch.setattr(datasets.Budget.__init__, "__defaults__", (10**6,))
    assert "expands to more than 1000000 bytes" in edited(tmp_path, change)


def test_chunks_and_filters_are_bounded(tmp_path: Path) -> None:
    def chunks(file: h5py.File) -> None:
        options = {"chunks": (4096, 4096), "compression": "gzip"}
        replace_dataset(file, WEIGHT, np.zeros((4096, 4096)), **options)

    def words(file: h5py.File) -> None:
        replace_dataset(file, "node/edges", file["node/edges"][()], chunks=(1, 2))

    def scale_offset(file: h5py.File) -> None:
        replace_dataset(file, WEIGHT, np.zeros((2, 3), int), scaleoffset=0)

    assert "stored in chunks of 134217728 bytes" in edited(tmp_path, chunks)
    assert "words in chunks" in edited(tmp_path, words)
    assert "compressed with filter [6]" in edited(tmp_path, scale_offset)


def test_nesting_and_sharing_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that holds itself, and one whose hard links double at every level."""

    def itself(file: h5py.File) -> None:
        file["node/nodes/loop"] = file["node"]

    def doubling(file: h5py.File) -> None:
        node = file["node"]
        for _ in range(20):
            outer = file.create_group(f"level{_}")
            outer["type"] = "NIRGraph"
            outer["edges"] = np.zeros((0, 2), "S1")
            nodes = outer.create_group("nodes")
            nodes["a"], nodes["b"] = node, node
            node = outer
        file.move("node", "old")
        file["node"] = node

    def names_without_end(file: h5py.File) -> None:
        group = file.create_group("node/nodes/a")
        group["a"] = group

    def elsewhere(file: h5py.File) -> None:
        group = file.create_group("node/nodes/a")
        group["b"] = h5py.ExternalLink("/dev/stdin", "/node")

    assert "'type' is missing" in edited(tmp_path, elsewhere)  # never opened
    assert "nested deeper than 32" in edited(tmp_path, itself)
    assert "more than 32 slashes in the name of a node" in edited(tmp_path, names_without_end)
    monkeypatch.setattr(reader, "_OBJECTS", 2000)
    assert "more than 2000 nodes and parameters" in edited(tmp_path, doubling)


def test_a_word_whose_length_is_a_lie(tmp_path: Path) -> None:
    """libhdf5 would fill 4 GiB; the reference is length, address, index."""
    path = simple(tmp_path / "net.nir")
    with h5py.File(path) as file:
        offset = file["node/nodes/fc/type"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[offset : offset + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert "a word lies nowhere in the file" in refusal(path)


@pytest.mark.parametrize("address", [8, 2**62, 1])
def test_a_word_in_a_heap_that_is_not_there(tmp_path: Path, address: int) -> None:
    path = simple(tmp_path / "net.nir")
    with h5py.File(path) as file:
        offset = file["node/nodes/fc/type"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[offset + 4 : offset + 12] = address.to_bytes(8, "little")
    path.write_bytes(content)
    assert "a word lies nowhere in the file" in refusal(path)


def test_a_heap_without_end(tmp_path: Path) -> None:
    """A free space of size 0 keeps libhdf5 walking for ever."""
    path = simple(tmp_path / "net.nir")
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(content)
    started = time.monotonic()
    assert "a word lies nowhere in the file" in refusal(path)
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize("place", [13, 14, 24])
def test_unusual_superblocks(tmp_path: Path, place: int) -> None:
    path = simple(tmp_path / "net.nir")
    content = bytearray(path.read_bytes())
    content[place] = 4
    path.write_bytes(content)
    assert "unusual offsets" in refusal(path)


def test_newer_superblocks_are_read(tmp_path: Path) -> None:
    path = simple(tmp_path / "net.nir")
    newer = tmp_path / "newer.nir"
    with h5py.File(path) as old, h5py.File(newer, "w", libver="latest") as new:
        for name in old:
            old.copy(name, new)
    assert len(read_graph(newer, "norse", DT).populations) == 2


def mutations(content: bytes, count: int, seed: int) -> list[bytes]:
    """Truncated files, and files with a few wrong bytes."""
    made = []
    for k in range(count):
        rng = random.Random(f"{seed} {k}")
        if k % 3 == 0:
            made.append(content[: rng.randrange(len(content))])
            continue
        damaged = bytearray(content)
        for _ in range(rng.choice((1, 1, 4, 64))):
            damaged[rng.randrange(len(damaged))] = rng.choice((0, 255, rng.randrange(256)))
        made.append(bytes(damaged))
    return made


def check_mutations(path: Path, content: bytes, count: int, seed: int) -> None:
    codes = []
    for k, damaged in enumerate(mutations(content, count, seed)):
        path.write_bytes(damaged)
        try:
            graph = read_graph(path, "norse", 1e-4)
        except Snn2chipError as error:
            codes.append(error.exit_code)
        else:
            assert graph.populations, k
    assert set(codes) <= {2, 3, 4}
    assert 0 < len(codes) < count


def test_damaged_files_end_in_a_refusal_or_a_network(tmp_path: Path) -> None:
    content = simple(tmp_path / "whole.nir").read_bytes()
    check_mutations(tmp_path / "net.nir", content, 200, 1)


@pytest.mark.parametrize("name", ["braille_noDelay_bias_zero.nir", "lif_norse.nir"])
def test_damaged_files_of_others(tmp_path: Path, shared_fixtures: Path, name: str) -> None:
    content = (shared_fixtures / "nir" / name).read_bytes()
    check_mutations(tmp_path / "net.nir", content, 200, 2)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("lif_rockpool.nir", "node 'output' (Output): it states the shape [1, 1, 1]"),
        (
            "braille_noDelay_bias_zero_subgraph.nir",
            "graph 'lif1': the edge 'input' -> 'lif' names 'lif', which does not exist",
        ),
    ],
)
def test_malformed_files_of_others(shared_fixtures: Path, name: str, cause: str) -> None:
    with pytest.raises((InputFileError, UnsupportedError)) as caught:
        read_graph(shared_fixtures / "malformed" / name, "norse", 1e-4)
    assert cause in str(caught.value)
    assert caught.value.exit_code == 3
    assert caught.value.remedy
