"""Cases written by hand, for what mutation does not reach."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from snn2chip.resources import targets_dir
from tests.fuzz import hostile_networks as networks
from tests.fuzz import hostile_values as hostile
from tests.fuzz import mutate_arrays as arrays
from tests.fuzz.cases import Case
from tests.fuzz.hostile_networks import File, utf8
from tests.fuzz.kinds import COMMANDS, Command
from tests.fuzz.seeds import NORSE, RECIPE


def hostile_cases(base: Path) -> list[Case]:
    """All of them, with every command that opens such a file; their indices count down from -1.

    Args:
        base: folder with valid files.
    """
    kinds: dict[str, Iterator[File]] = {
        "nir": networks.nir(base),
        "net": networks.net(),
        "program": _program(base),
        "npz": _npz(),
        "target": _targets(),
        "recipe": _recipes(),
        "mapping": _mappings(base),
        "report": _reports(base),
    }
    if find_spec("torch") and find_spec("norse"):
        kinds["checkpoint"] = _checkpoints()
    if find_spec("onnx"):
        kinds["onnx"] = networks.onnx()
    cases: list[Case] = []
    for kind, files in kinds.items():
        for name, place, content in files:
            flags = NORSE if kind == "nir" and name.startswith("plain") else ()
            for words in _commands(kind, name, len(cases)):
                command = (*(word.replace("{file}", place) for word in words), *flags)
                cases.append(Case(-len(cases) - 1, kind, name, command, place, content))
    return cases


def _commands(kind: str, name: str, turn: int) -> list[Command]:
    """Every command, but two in turn where a file differs from others in a name only."""
    given = list(COMMANDS[kind])
    if kind == "npz":  # long data take as long as they are
        given = [words for words in given if "--samples" in words]
    if name.startswith(("name", "beside", "title", "type")) or kind == "report":
        given = [given[turn % len(given)], given[(turn + len(given) // 2) % len(given)]]
    return given


def _npz() -> Iterator[File]:
    place = "in/samples.npz"

    def made(**entries: np.ndarray) -> bytes:
        stream = io.BytesIO()
        np.savez_compressed(stream, **entries)
        return stream.getvalue()

    yield "values", place, made(x=np.full((4, 6), np.nan))
    for steps in (10**9, 2**31 - 1, 2**62):  # a million takes as long as it is
        events = np.array([[0, 0, 0], [3, steps - 1, 5]])
        yield f"{steps} steps", place, made(events=events, steps=np.array(steps))
    yield "many samples", place, made(events=np.array([[2**40, 0, 0]]), steps=np.array(7))
    yield "no samples", place, made(x=np.zeros((0, 6)))
    yield "no steps", place, made(x=np.zeros((4, 0, 6)))
    for samples in (17_000_000, 300_000_000):
        yield f"{samples} samples", place, _zip({"x.npy": _zeros(samples)})
    yield "labels", place, made(x=np.zeros((4, 6)), y=np.full(4, 2**62))
    objects = np.empty((4, 6), object)
    objects[...] = arrays.Pickled()
    yield "objects", place, _zip({"x.npy": arrays.dumped(objects)})
    whole = arrays.dumped(np.zeros((4, 6)))
    for name in hostile.NAMES:
        yield f"beside {name[:20]!r}", place, _zip({"x.npy": whole, f"{name}.npy": whole})
    yield "sixty thousand entries", place, _zip({f"{k}.npy": b"" for k in range(60_000)})
    bomb = b"\0" * 2**20 * 128
    yield "a bomb for a header", place, _zip({"x.npy": b"\x93NUMPY\x02\0\xff\xff\xff\x07" + bomb})


def _zeros(samples: int) -> bytes:
    """So many samples of 6 zeros, one byte each."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": (samples, 6)}
    )
    return stream.getvalue() + bytes(6 * samples)


def _zip(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            safe = name.encode("utf-8", "replace").decode().split("\0")[0]
            archive.writestr(zipfile.ZipInfo(safe or "x"), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _tensors(header: object, data: bytes = b"", size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


def _headers() -> Iterator[tuple[str, bytes]]:
    """Safetensors that lie about themselves."""
    for size in (0, 2**31, 2**40, 2**63 - 1, 2**64 - 1):
        yield f"header of {size}", _tensors({}, size=size)
    for shape in ([2**31, 2**31], [10**9], [-1], [0, 2**62], [1] * 1000, [1.5], ["3"]):
        entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 8]}
        yield f"shape {str(shape)[:20]}", _tensors({"a": entry}, bytes(8))
    deep = b'{"a":' * 100_000
    yield "deep header", _tensors(deep)
    yield "deep metadata", _tensors({"__metadata__": {"snn2chip": "[" * 100_000}})
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    yield "many tensors", _tensors({f"{k}": entry for k in range(50_000)}, bytes(4))
    names = {utf8(name): entry for name in hostile.NAMES}
    yield "names", _tensors({"__metadata__": {"snn2chip": "{}"}, **names}, bytes(4))


def _checkpoints() -> Iterator[File]:
    for name, content in _headers():
        yield name, "in/student.safetensors", content
    layers = (
        [{"kind": "linear", "inputs": 2**24, "outputs": 2**24, "bias": True}],
        [{"kind": "conv2d", "inputs": 2**12, "outputs": 2**12, "kernel": 2**12, "padding": 0,
          "bias": False}],
        [{"kind": "flatten"}] * 1024,
        [{"kind": "lif", "tau": 5e-324, "v_threshold": 1.0, "surrogate": "circ", "alpha": 0.5}],
    )  # fmt: skip
    for k, architecture in enumerate(layers):
        tables = {
            "schema": "snn2chip/checkpoint/1",
            "architecture": architecture,
            "discretization": {"preset": "norse", "dt": 1e-3},
            "encoding": {"kind": "if", "steps": 2**31 - 1, "threshold": 1.0, "gain": 1.0},
            "readout": "spike_count",
            "input_shape": [2**24] * (1 if k == 0 else 3),
            "class_names": [utf8(name) for name in hostile.NAMES],
            "data": {"name": "digits", "split_seed": 0, "test_size": 0.4},
            "recipe": {},
            "trained_with": {},
        }
        header = {"__metadata__": {"snn2chip": json.dumps(tables)}}
        yield f"architecture {k}", "in/student.safetensors", _tensors(header)


def _program(base: Path) -> Iterator[File]:
    place = "in/made/program.safetensors"
    for name, content in _headers():
        yield name, place, content
    valid = (base / place).read_bytes()
    size = int.from_bytes(valid[:8], "little")
    for name in hostile.NAMES:
        header = json.loads(valid[8 : 8 + size])
        text = header["__metadata__"]["snn2chip"]
        quoted = json.dumps(name)
        header["__metadata__"]["snn2chip"] = text.replace('"hidden0"', quoted)
        yield f"name {name[:20]!r}", place, _tensors(header, valid[8 + size :])


def _mappings(base: Path) -> Iterator[File]:
    place = "in/made/mapping.json"
    document = json.loads((base / place).read_bytes())
    for core in (-1, 2**31, 2**62, 10**30, 1.5, "0", None, True, float("nan")):
        cores = {name: [[0, 0, core]] for name in document["cores"]}
        yield f"core {core}", place, json.dumps({**document, "cores": cores}).encode()
    slices = {name: [[k, k, k] for k in range(200_000)] for name in document["cores"]}
    yield "many slices", place, json.dumps({**document, "cores": slices}).encode()
    names = {name: [[0, 0, 0]] for name in hostile.NAMES}
    yield "names", place, json.dumps({**document, "cores": names}).encode()
    yield "deep", place, b"[" * 1_000_000


def _reports(base: Path) -> Iterator[File]:
    place = "in/made/report.json"
    text = (base / place).read_text()
    for name in hostile.NAMES:
        for old in ('"hidden0"', '"net"', '"loihi2"'):
            made = text.replace(old, json.dumps(name))
            if made != text:
                yield f"{old} as {name[:20]!r}", place, made.encode("utf-8", "replace")
    for value in ("NaN", "Infinity", "1e999", "-1", "9" * 5000, "null", "[]"):
        made = text.replace('"samples": ', f'"samples": {value}, "x": ')
        yield f"samples {value[:9]}", place, made.encode()
    yield "deep", place, b"[" * 1_000_000


def _targets() -> Iterator[File]:
    text = (targets_dir() / "loihi2.toml").read_text()
    for k, name in enumerate(hostile.NAMES):
        quoted = json.dumps(utf8(name))
        lines = [f"{line.partition('=')[0]}= {quoted}" if line.startswith(("title", "label"))
                 else line for line in text.split("\n")]  # fmt: skip
        yield f"title {k}", "in/mine.toml", "\n".join(lines).encode()
    yield "deep table", "in/mine.toml", b"[a" + b".a" * 100_000 + b"]"
    yield "deep list", "in/mine.toml", b"a = " + b"[" * 100_000
    yield "many tables", "in/mine.toml", b"".join(b"[t%d]\n" % k for k in range(50_000))
    yield "many keys", "in/mine.toml", b"".join(b"k%d = 1\n" % k for k in range(100_000))
    yield "two megabytes", "in/mine.toml", b"#" * 2**21
    yield "not text", "in/mine.toml", bytes(range(256))


def _recipes() -> Iterator[File]:
    yield "as it is", "in/recipe.toml", RECIPE.encode()
    for key, value in (("widths", "[1000000]"), ("epochs", "1000000"), ("steps", "1000000"),
                       ("batch", "1000000"), ("tau_out", "1e300"), ("dt", "1e300"),
                       ("test_size", "0.999999"), ("test_size", "1e-9"),
                       ("validation", "0.999"), ("lr", "1e300")):  # fmt: skip
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line
                 for line in RECIPE.split("\n")]  # fmt: skip
        yield f"{key} {value}", "in/recipe.toml", "\n".join(lines).encode()
