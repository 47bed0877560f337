"""``ensemble.json``: what is written is read again, and hostile files are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from snn2chip.errors import ConfigError, InputFileError
from snn2chip.frontends.ensemble import (
    FILE,
    GATE,
    ensemble_text,
    find_ensemble,
    read_ensemble,
    write_ensemble,
)
from snn2chip.frontends.load import load
from snn2chip.graph import Encoding, Ensemble, Graph, Policy, equal, validate
from tests.pipeline.ensembles.ensembles import ensemble, gate

POLICIES = (
    Policy("budget", 2),
    Policy("confidence", threshold=0.9),
    Policy("margin", threshold=0.25),
    Policy("entropy", threshold=0.5),
    Policy("gate", threshold=-1.0, gate=gate()),
)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.kind)
def test_what_is_written_is_read(policy: Policy, tmp_path: Path) -> None:
    made = ensemble(3, policy, order=(2, 0, 1), idle="gated")
    files = write_ensemble(made, tmp_path)
    assert {f.name for f in files} == {p.name for p in tmp_path.iterdir()}
    assert find_ensemble(tmp_path) == tmp_path / FILE
    found = read_ensemble(tmp_path / FILE, load)
    assert ensemble_text(found) == ensemble_text(made)
    assert found.order == made.order
    for ours, its in zip(made.members, found.members, strict=True):
        assert equal(replace(ours.graph, name=its.graph.name), its.graph)
        np.testing.assert_array_equal(ours.offset, its.offset)
        assert ours.gain == its.gain
    if policy.gate is not None:
        assert found.policy.gate is not None
        for one, other in zip(policy.gate.layers, found.policy.gate.layers, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


def test_the_same_ensemble_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_ensemble(ensemble(3, POLICIES[-1]), tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_the_joined_network_has_every_member_once() -> None:
    made = ensemble(3)
    validate(made.graph)
    assert [p.name for p in made.graph.inputs] == ["input"]
    for k, member in enumerate(made.members):
        own = {p.name for p in member.graph.populations if not p.is_input}
        assert {n.removeprefix(f"m{k}/") for n in made.populations(k)} == own
        for projection in member.graph.projections:
            (joint,) = [
                p
                for p in made.graph.incoming(f"m{k}/{projection.target}")
                if p.source.removeprefix(f"m{k}/") == projection.source
            ]
            assert joint.operator is projection.operator
    assert made.graph.outputs == ("m0/out", "m1/out", "m2/out")


def test_exceptions_of_a_member_stay_its_own() -> None:
    made = ensemble(2)
    changed = made.members[1].graph
    odd = replace(changed, discretization=changed.discretization.override(**{"out.reset": "none"}))
    joint = replace(made, members=(made.members[0], replace(made.members[1], graph=odd))).graph
    assert joint.discretization.of("m1/out").reset == "none"
    assert joint.discretization.of("m0/out").reset == "zero"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_ensemble(ensemble(3, Policy("gate", threshold=0.0, gate=gate())), tmp_path)
    return tmp_path / FILE


def refused(path: Path) -> str:
    with pytest.raises(InputFileError) as caught:
        read_ensemble(path, load)
    return str(caught.value)


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return refused(path)


def setter(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: Any) -> None:
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (setter("schema", value="snn2chip/ensemble/2"), "schema"),
        (setter("shema", value=1), "unknown key 'shema'"),
        (setter("members", 0, "weight", value=1), "unknown key 'weight'"),
        (setter("policy", "treshold", value=1), "did you mean 'threshold'"),
        (setter("members", value=[]), "1 to 64"),
        (setter("members", value=[{}] * 65), "1 to 64"),
        (setter("members", value={"a": 1}), "1 to 64"),
        (setter("members", 0, value=None), "no object"),
        (setter("members", 0, "name", value="../m"), "a member called"),
        (setter("members", 0, "name", value="m1"), "order"),
        (setter("members", 0, "name", value=7), "a member called"),
        (setter("members", 0, "file", value="../../etc/passwd"), "outside the folder"),
        (setter("members", 0, "file", value="/etc/passwd"), "outside the folder"),
        (setter("members", 0, "file", value="."), "outside the folder"),
        (setter("members", 0, "file", value="gone.nir"), "is missing"),
        (setter("members", 0, "file", value="a\0b"), "a word"),
        (setter("members", 0, "file", value=FILE), "no network"),
        (setter("members", 0, "gain", value="1"), "gain: a number"),
        (setter("members", 0, "gain", value=1e999), "not finite"),
        (setter("members", 0, "offset", value=[0.0] * 3), "3 offsets of 4 classes"),
        (setter("members", 0, "offset", value=[0.0, 0.0, 0.0, True]), "offset: a number"),
        (setter("bias", value=[float("nan")] * 4), "finite"),
        (setter("bias", value=[0.0] * 5), "of 5 classes"),
        (setter("bias", value="1234"), "bias: a list"),
        (setter("order", value=["m0", "m1"]), "order"),
        (setter("order", value=["m0", "m1", "m1"]), "order"),
        (setter("order", value=[["m0"], "m1", "m2"]), "order"),
        (setter("idle", value="off"), "neither clocked nor gated"),
        (setter("idle", value=["clocked"]), "neither clocked nor gated"),
        (setter("policy", "kind", value="hope"), "policy"),
        (setter("policy", "kind", value=["gate"]), "policy"),
        (setter("policy", "kind", value="confidence"), "gate network"),
        (setter("policy", "threshold", value="x"), "threshold: a number"),
        (setter("policy", "members", value=2), "no members"),
        (setter("policy", "members", value=1.5), "whole number"),
        (setter("policy", value={"kind": "budget", "members": 4}), "budget of 4"),
        (setter("policy", value={"kind": "budget", "members": 0}), "at least 1"),
        (setter("policy", value={"kind": "margin", "threshold": 2.0}), "0 to 1"),
        (setter("policy", value=[]), "no object"),
        (setter("name", value=""), "a word"),
    ],
)
def test_damaged_files_are_refused(written: Path, change: Any, said: str) -> None:
    assert said in changed(written, change)


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "null", "1" * 5000, "[" * 100_000, '{"a":1,"a":2}']
)
def test_what_is_no_ensemble_is_refused(written: Path, content: str) -> None:
    written.write_text(content)
    assert "damaged ensemble" in refused(written)


def test_a_file_without_its_keys_is_refused(written: Path) -> None:
    for key in ("name", "members", "bias", "policy"):
        document = json.loads(written.read_text())
        del document[key]
        short = written.with_name(f"{key}.json")
        short.write_text(json.dumps(document))
        assert key in refused(short)


def test_links_out_of_the_folder_are_refused(written: Path, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "m0.nir"
    (written.parent / "m0.nir").rename(outside)
    (written.parent / "m0.nir").symlink_to(outside)
    assert "outside the folder" in refused(written)


def layers(**arrays: Any) -> bytes:
    return save({name.replace("_", "."): np.asarray(a, float) for name, a in arrays.items()})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no safetensors"),
        (b"\xff" * 64, "no safetensors"),
        (layers(**{"0_weight": np.ones((3, 6))}), "other tensors"),
        (layers(weight=np.ones((3, 6)), bias=np.ones(3)), "other tensors"),
        (layers(**{"0_weight": np.ones((3, 6)), "0_bias": np.ones(2)}), "no matrix"),
        (layers(**{"0_weight": np.ones(3), "0_bias": np.ones(3)}), "no matrix"),
        (layers(**{"0_weight": np.ones((0, 6)), "0_bias": np.ones(0)}), "no matrix"),
        (layers(**{"0_weight": np.full((3, 6), np.nan), "0_bias": np.ones(3)}), "not finite"),
        (layers(**{"0_weight": np.ones((3, 5)), "0_bias": np.ones(3)}), "5 inputs"),
        (layers(**{"0_weight": np.ones((2, 6)), "0_bias": np.ones(2)}), "2 scores"),
        (
            layers(
                **{"0_weight": np.ones((2, 6)), "0_bias": np.ones(2)},
                **{"1_weight": np.ones((3, 3)), "1_bias": np.ones(3)},
            ),
            "layer 1 takes 3 values of 2",
        ),
    ],
)
def test_damaged_gates_are_refused(written: Path, content: bytes, said: str) -> None:
    (written.parent / GATE).write_bytes(content)
    assert said in refused(written)


def with_graph(change: Callable[[Graph], Graph]) -> None:
    made = ensemble(2)
    odd = replace(made.members[1], graph=change(made.members[1].graph))
    replace(made, members=(made.members[0], odd))


def test_members_that_differ_are_named_with_every_reason() -> None:
    def change(graph: Graph) -> Graph:
        return replace(graph, encoding=Encoding("if", steps=3), data="digits")

    with pytest.raises(InputFileError, match=r"'m1' differs from 'm0' in its encoding.*its data"):
        with_graph(change)


def test_names_that_no_file_can_have_are_refused(tmp_path: Path) -> None:
    made = ensemble(2)
    odd: Ensemble = replace(
        made, members=(replace(made.members[0], name="a/b"), made.members[1]), order=()
    )
    with pytest.raises(ConfigError, match="letters"):
        write_ensemble(odd, tmp_path)
    assert list(tmp_path.iterdir()) == []
