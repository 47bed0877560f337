"""Case number ``index`` of ``seed``: always the same file and command."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz import mutate_arrays, mutate_bytes, mutate_hdf5, mutate_text
from tests.fuzz.judging import MARKUP
from tests.fuzz.kinds import IN, OUT, SHARES, Command, Seed, command_for

Mutator = Callable[[bytes, Random], bytes]

_BYTES_SHARE = 0.35
"""Of the cases whose bytes are changed without regard to the format."""

_ODD_NAME_SHARE = 0.04
_ODD_NAMES = (
    MARKUP.replace("/", ""),
    "<fuzz fuzz=1>",
    "\x1b[31mred",
    "a\nb",
    "\udc80",
    "-x",
    "x" * 200,
)


@dataclass(frozen=True)
class Case:
    """One file and one command.

    Attributes:
        place: of the mutated file, below the case's folder.
    """

    index: int
    kind: str
    name: str
    command: Command
    place: str
    content: bytes


def _mutator(seed: Seed) -> Mutator:
    match seed.kind:
        case "nir" | "net":
            return mutate_hdf5.mutate
        case "npz":
            return mutate_arrays.mutate_npz
        case "checkpoint" | "program" | "activity":
            return mutate_arrays.mutate_safetensors
        case "weights":
            structural = not seed.place.endswith(".pt")
            return mutate_arrays.mutate_safetensors if structural else mutate_bytes.mutate
        case "target" | "recipe":
            return mutate_text.mutate_toml
        case "onnx":
            from tests.fuzz import mutate_onnx

            return mutate_onnx.mutate
        case _:
            return mutate_text.mutate_json


def choose(seeds: Sequence[Seed], seed: int, index: int, kinds: Sequence[str]) -> Case:
    """The case, mutated."""
    draw = Random(f"{seed}/{index}")
    present = [kind for kind in SHARES if kind in kinds and any(s.kind == kind for s in seeds)]
    kind = draw.choices(present, [SHARES[kind] for kind in present])[0]
    chosen = draw.choice([s for s in seeds if s.kind == kind])
    mutate = mutate_bytes.mutate if draw.random() < _BYTES_SHARE else _mutator(chosen)
    content = mutate(chosen.content, draw)
    place = chosen.place
    if draw.random() < _ODD_NAME_SHARE and not place.startswith("in/made/"):
        place = f"{IN}/{draw.choice(_ODD_NAMES)}{Path(place).suffix}"
    name = f"{chosen.name} by {mutate.__module__.rpartition('.')[2]}.{mutate.__name__}"
    return Case(index, kind, name, command_for(chosen, place, draw), place, content)


def lay_out(case: Case, base: Path, folder: Path) -> None:
    """The case's folder: the companions, the mutated file, and an empty ``out``."""
    shutil.copytree(base, folder)
    (folder / OUT).mkdir()
    (folder / case.place).write_bytes(case.content)
    if case.kind in ("program", "mapping", "report", "activity") and case.place.startswith(
        "in/made/"
    ):
        _sign(folder / IN / "made", Path(case.place).name)


def _sign(made: Path, name: str) -> None:
    """The manifest with the mutated part's hash, so that the part is read."""
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256((made / name).read_bytes()).hexdigest()
    (made / "manifest.json").write_text(json.dumps(manifest))
