from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from snn2chip.errors import ConfigError, InputFileError
from snn2chip.frontends.nir import nodes_of, read_graph, write_graph
from snn2chip.frontends.nir.metadata import KEY, Metadata, from_text, to_text
from snn2chip.graph import Encoding, ModuleSize, Readout
from snn2chip.neurons import from_preset
from snn2chip.neurons.presets import overrides_of

from ..graph.networks import DT, tiny
from .files import edit, replace_dataset

FULL = Metadata(
    dt=1e-3,
    preset="norse",
    overrides={"reset": "subtract"},
    encoding=Encoding("if", 32, 0.5, 2.0),
    readout=Readout("v_max"),
    classes=("zero", "één"),
    data="digits",
    split_seed=7,
    outputs=("out",),
    module=ModuleSize(12, 56),
)


@pytest.mark.parametrize("metadata", [Metadata(), FULL])
def test_the_text_says_everything(metadata: Metadata) -> None:
    assert from_text(to_text(metadata), "f") == metadata


def change(**entries: object) -> str:
    return json.dumps({**json.loads(to_text(FULL)), **entries})


DAMAGED = {
    "no JSON": "{",
    "a list": "[]",
    "null": "null",
    "deep": "[" * 100_000,
    "no schema": "{}",
    "dt is a word": change(dt="fast"),
    "dt is not positive": change(dt=-1.0),
    "dt is not finite": to_text(FULL).replace("0.001", "NaN"),
    "an unknown preset": change(preset="nest"),
    "a preset that is no word": change(preset=3),
    "an unknown option": change(discretization={"speed": "high"}),
    "an unknown value": change(discretization={"reset": "never"}),
    "an unknown encoding": change(encoding={**json.loads(change())["encoding"], "kind": "x"}),
    "encoding is no table": change(encoding=3),
    "an unknown readout": change(readout="smell"),
    "classes that are no words": change(classes=[1]),
    "data that is no word": change(data=[1]),
    "a module of no size": change(module={"parameters": 3}),
    "a module that is no table": change(module=3),
    "a module of less than nothing": change(module={"parameters": 3, "bytes": -1}),
    "no outputs": change(outputs=None),
    "a seed that is a word": change(split_seed="x"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_metadata_are_refused(case: str) -> None:
    with pytest.raises(InputFileError, match=r"net\.nir"):
        from_text(DAMAGED[case], "net.nir")


def test_metadata_of_another_version_say_so() -> None:
    with pytest.raises(InputFileError, match="snn2chip/nir/9"):
        from_text(change(schema="snn2chip/nir/9"), "f")


def test_overrides_are_what_differs_from_the_preset() -> None:
    assert overrides_of(from_preset("norse", DT)) == {}
    changed = from_preset("norse", DT, reset="subtract", fires=">=")
    assert overrides_of(changed) == {"reset": "subtract", "fires": ">="}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with dt, preset and one override in its metadata."""
    graph = tiny(discretization=from_preset("norse", DT, reset="subtract"))
    write_graph(graph, tmp_path / "net.nir")
    return tmp_path / "net.nir"


def test_flags_go_before_the_file(path: Path) -> None:
    plain = read_graph(path).discretization
    assert plain == from_preset("norse", DT, reset="subtract")
    assert read_graph(path, dt=2 * DT).discretization == plain.override(dt=2 * DT)
    assert read_graph(path, preset="norse").discretization == plain
    flags = {"reset": "zero", "fires": ">="}
    assert read_graph(path, overrides=flags).discretization == plain.override(**flags)


def test_mistyped_flags_are_the_users_fault(path: Path) -> None:
    with pytest.raises(ConfigError):
        read_graph(path, preset="nors")
    with pytest.raises(ConfigError):
        read_graph(path, overrides={"rest": "zero"})


def test_outputs_that_the_file_does_not_have(path: Path) -> None:
    text = nodes_of(tiny(outputs=("out",))).metadata[KEY].replace('["out"]', '["hidden"]')
    edit(path, lambda file: replace_dataset(file, f"node/metadata/{KEY}", text))
    with pytest.raises(InputFileError, match="names the outputs hidden"):
        read_graph(path)


def test_a_readout_that_the_output_cannot_give(path: Path) -> None:
    text = nodes_of(tiny(readout=Readout("spike_count"))).metadata[KEY]
    edit(path, lambda file: replace_dataset(file, f"node/metadata/{KEY}", text))
    with pytest.raises(InputFileError, match="never spikes"):
        read_graph(path)


def test_metadata_of_others_are_left_alone(path: Path) -> None:
    def more(file) -> None:  # type: ignore[no-untyped-def]
        file["node/metadata/author"] = "somebody"
        file["node/metadata/array"] = np.ones(3)
        file.create_group("node/metadata/group")

    before = read_graph(path)
    assert read_graph(edit(path, more)).discretization == before.discretization
