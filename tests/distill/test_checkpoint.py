"""Checkpoints: what goes in comes out; what is damaged, foreign or hostile is refused."""

from __future__ import annotations

import json
import struct
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="checkpoints hold torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from safetensors.torch import load_file, save_file  # noqa: E402

from snn2chip.distill.checkpoint import (  # noqa: E402
    METADATA_KEY,
    CheckpointMetadata,
    load_checkpoint,
    save_checkpoint,
)
from snn2chip.distill.sequence import run_steps  # noqa: E402
from snn2chip.errors import InputFileError  # noqa: E402


@pytest.fixture
def saved(student_and_metadata, tmp_path):
    """Maker of a checkpoint: its path, its student, its metadata."""

    def make(kind: str = "mlp", **changes):
        student, metadata = student_and_metadata(kind, **changes)
        return (
            save_checkpoint(tmp_path / "student.safetensors", student, metadata),
            student,
            metadata,
        )

    return make


def rewrite(path, tensors=None, change=None, text=None) -> None:
    """Write a checkpoint again with other tensors, changed metadata or another metadata text."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        tables = json.loads(file.metadata()[METADATA_KEY])
    if change is not None:
        change(tables)
    header = {METADATA_KEY: json.dumps(tables) if text is None else text}
    save_file(load_file(path) if tensors is None else tensors, path, metadata=header)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("readout", ["spike_count", "v_max"])
def test_round_trip(saved, kind, readout) -> None:
    path, student, metadata = saved(kind, student__readout=readout)
    loaded, read = load_checkpoint(path)
    assert read == metadata
    assert not loaded.training
    assert list(loaded.state_dict()) == list(student.state_dict())
    for name, tensor in student.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    x = (torch.rand(6, 3, 1, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    with torch.no_grad():
        assert torch.equal(run_steps(loaded, x), run_steps(student, x))


def test_a_loaded_student_can_be_trained_on(saved) -> None:
    loaded, _ = load_checkpoint(saved("conv")[0])
    loaded.train()
    run_steps(loaded, torch.ones(4, 2, 1, 8, 8)).sum().backward()
    gradients = [p.grad for p in loaded.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)


def test_the_same_student_gives_the_same_bytes(saved) -> None:
    path, student, metadata = saved()
    before = path.read_bytes()
    assert save_checkpoint(path, student, metadata).read_bytes() == before


def test_the_header_is_readable_without_snn2chip(saved) -> None:
    path, _, _ = saved()
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    tables = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["snn2chip"])
    assert tables["schema"] == "snn2chip/checkpoint/1"
    assert tables["discretization"] == {"preset": "norse", "dt": 1e-3}
    assert tables["encoding"] == {"kind": "if", "steps": 6, "threshold": 1.0, "gain": 1.0}
    assert tables["readout"] == "spike_count"
    assert tables["input_shape"] == [1, 8, 8]
    assert tables["class_names"] == [str(i) for i in range(10)]
    assert tables["data"] == {"name": "digits", "split_seed": 0, "test_size": 0.4}
    assert tables["recipe"]["training"]["seed"] == 0
    assert set(tables["trained_with"]) >= {"python", "torch", "norse"}


def test_all_mismatches_in_one_message(saved) -> None:
    path, _, _ = saved("conv")
    tensors = load_file(path)
    del tensors["conv1_weight.weight"], tensors["conv1_norm.running_var"]
    tensors["extra.weight"] = torch.zeros(3)
    tensors["out_weight.weight"] = torch.zeros(10, 3)
    rewrite(path, tensors)
    with pytest.raises(InputFileError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert "missing: conv1_norm.running_var, conv1_weight.weight" in message
    assert "unexpected: extra.weight" in message
    assert "of another shape: out_weight.weight: [10, 3], needs [10, 16]" in message
    assert str(path) in message


def test_long_lists_are_cut(saved) -> None:
    path, _, _ = saved()
    rewrite(path, {f"w{i}": torch.zeros(1) for i in range(40)})
    with pytest.raises(InputFileError, match="and 28 more"):
        load_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(saved, value) -> None:
    path, _, _ = saved()
    tensors = load_file(path)
    tensors["hidden1_weight.weight"][2, 3] = value
    rewrite(path, tensors)
    with pytest.raises(
        InputFileError, match=r"hidden1_weight\.weight has values that are not finite"
    ):
        load_checkpoint(path)


def test_float64_weights_fit_and_whole_numbers_do_not(saved) -> None:
    path, student, _ = saved()
    rewrite(path, {k: v.double() for k, v in load_file(path).items()})
    loaded, _ = load_checkpoint(path)
    assert loaded[1].weight.dtype == torch.float32
    assert torch.equal(loaded[1].weight, student[1].weight)
    tensors = load_file(path)
    rewrite(
        path, {**tensors, "hidden1_weight.weight": tensors["hidden1_weight.weight"].to(torch.int8)}
    )
    with pytest.raises(InputFileError, match=r"hidden1_weight\.weight is torch\.int8"):
        load_checkpoint(path)


@pytest.mark.parametrize("keep", [0, 4, 8, 40, 400, -1])
def test_truncated_files(saved, keep) -> None:
    path, _, _ = saved()
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputFileError, match="no safetensors file"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "remedy"), [("net.nir", "--format onnx"), ("weights.pt", "--model module:factory")]
)
def test_files_of_other_kinds_are_told_what_to_do(tmp_path, name, remedy) -> None:
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(InputFileError, match="no safetensors file") as caught:
        load_checkpoint(tmp_path / name)
    assert remedy in caught.value.remedy


def test_foreign_files(tmp_path, saved) -> None:
    path, _, _ = saved()
    with pytest.raises(InputFileError, match="cannot be read"):
        load_checkpoint(tmp_path / "absent.safetensors")
    with pytest.raises(InputFileError, match="cannot be read"):
        load_checkpoint(tmp_path)
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(InputFileError, match="no 'snn2chip' entry") as caught:
        load_checkpoint(path)
    assert "--model module:factory" in str(caught.value)
    torch.save({"w": torch.zeros(2)}, path)
    with pytest.raises(InputFileError, match="no safetensors file"):
        load_checkpoint(path)


def test_a_huge_header_or_file_is_not_allocated(saved) -> None:
    path, _, _ = saved()
    path.write_bytes(struct.pack("<Q", 1 << 62) + path.read_bytes()[8:])
    with pytest.raises(InputFileError, match="no safetensors file"):
        load_checkpoint(path)
    with path.open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(InputFileError, match="1 GiB"):
        load_checkpoint(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"schema": "snn2chip/checkpoint/9"}'])
def test_metadata_of_another_kind(saved, text) -> None:
    path, _, _ = saved()
    rewrite(path, text=text)
    with pytest.raises(InputFileError, match="metadata"):
        load_checkpoint(path)


KEYS = ["architecture", "discretization", "encoding", "readout", "input_shape", "class_names"]


@pytest.mark.parametrize("key", [*KEYS, "data", "recipe", "trained_with"])
@pytest.mark.parametrize("value", ["absent", 7, [3], {"a": 1}, None])
def test_damaged_metadata(saved, key, value) -> None:
    """Every entry, missing or of another type, ends in a message that names the file."""
    path, _, _ = saved()

    def damage(tables) -> None:
        if value == "absent":
            del tables[key]
        else:
            tables[key] = value

    fits = {("class_names", "[3]"), ("class_names", "{'a': 1}")}
    fits |= {("input_shape", "[3]"), ("recipe", "{'a': 1}"), ("trained_with", "{'a': 1}")}
    rewrite(path, change=damage)
    if (key, str(value)) in fits:
        load_checkpoint(path)
        return
    with pytest.raises(InputFileError) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)


def test_a_hostile_architecture_allocates_nothing(saved) -> None:
    """Layers of 2^24 x 2^24 are compared with the file by shape, never built."""
    path, _, _ = saved()

    def grow(tables) -> None:
        tables["architecture"][1].update(inputs=1 << 24, outputs=1 << 24)

    rewrite(path, change=grow)
    with pytest.raises(InputFileError, match=r"needs \[16777216, 16777216\]"):
        load_checkpoint(path)


def test_an_architecture_beyond_all_memory(saved) -> None:
    path, _, _ = saved("conv")

    def grow(tables) -> None:
        tables["architecture"][0].update(inputs=1 << 24, outputs=1 << 24, kernel=1 << 24)

    rewrite(path, change=grow)
    with pytest.raises(InputFileError, match="layers that torch cannot hold") as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("repeat", [0, 200])
def test_no_layers_and_too_many(saved, repeat) -> None:
    path, _, _ = saved()

    def change(tables) -> None:
        tables["architecture"] *= repeat

    rewrite(path, change=change)
    with pytest.raises(InputFileError, match="layers"):
        load_checkpoint(path)


def test_a_layer_that_does_not_exist(saved) -> None:
    path, _, _ = saved()
    rewrite(path, change=lambda tables: tables["architecture"][2].update(kind="lfi"))
    with pytest.raises(InputFileError, match="layer 2: kind 'lfi'") as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)


def test_metadata_and_their_text(student_and_metadata) -> None:
    _, metadata = student_and_metadata("conv", encoding__threshold=0.9375)
    text = metadata.to_json()
    assert CheckpointMetadata.from_json(text, "x") == metadata
    assert CheckpointMetadata.from_json(text, "x").to_json() == text


def test_overrides_of_the_preset_are_kept(student_and_metadata) -> None:
    _, metadata = student_and_metadata("mlp")
    other = replace(metadata, discretization=metadata.discretization.override(reset="subtract"))
    tables = json.loads(other.to_json())["discretization"]
    assert tables == {"preset": "norse", "dt": 1e-3, "reset": "subtract"}
    assert CheckpointMetadata.from_json(other.to_json(), "x") == other


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "x", [], None])
@pytest.mark.parametrize(("table", "key"), [("data", "split_seed"), ("encoding", "threshold")])
def test_numbers_that_are_none(saved, table, key, value) -> None:
    path, _, _ = saved()

    def damage(tables) -> None:
        tables[table][key] = value

    rewrite(path, change=damage)
    with pytest.raises(InputFileError, match="damaged metadata"):
        load_checkpoint(path)
