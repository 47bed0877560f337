"""Encodings and bytes from a file to the chip: every target is given the same input spikes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snn2chip
from snn2chip.data import Keys, encode
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Encoding
from snn2chip.graph.equality import differences
from tests.networks import chain
from tests.whole_networks import write_network

STEPS = 9


def network(folder: Path, encoding: Encoding, sizes: tuple[int, ...] = (6, 5, 3)) -> Path:
    graph = replace(chain(np.random.default_rng(0), sizes=sizes), encoding=encoding)
    write_graph(graph, folder / "net.nir")
    return folder / "net.nir"


def saved(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def pixels(x: np.ndarray) -> np.ndarray:
    """Bytes as torchvision's ToTensor makes them values."""
    return x.astype(np.float32) / np.float32(255)


def inputs(path: Path, target: str, data: Path, **options: object) -> np.ndarray:
    """Input spikes [step, sample, neuron] of a run."""
    run = snn2chip.simulate(path, target, data=data, trace=True, **options)
    return np.moveaxis(run.result.trace.arrays["input"], 1, 0)[:STEPS]


@pytest.mark.parametrize("kind", ["if", "rate", "latency"])
@pytest.mark.parametrize("seed", [0, 5])
def test_every_target_is_given_the_same_spikes(tmp_path: Path, kind: str, seed: int) -> None:
    encoding = Encoding(kind, steps=STEPS, gain=0.9)
    path = network(tmp_path, encoding)
    x = np.random.default_rng(1).random((7, 6))
    data = saved(tmp_path, x=x)
    expected = encode(x, encoding, STEPS, Keys(seed))
    assert expected.any()
    for target in ("reference", "loihi2", "loihi1"):
        np.testing.assert_array_equal(inputs(path, target, data, seed=seed), expected)
    first = inputs(path, "loihi2", data, seed=seed, samples=3, batch=2)
    np.testing.assert_array_equal(first, expected[:, :3])


def test_inputs_of_one_network_draw_apart(tmp_path: Path) -> None:
    path = write_network(tmp_path, "two_inputs")
    names = [p.name for p in snn2chip.load(path).graph.inputs]
    shapes = {p.name: p.shape for p in snn2chip.load(path).graph.inputs}
    x = {f"x.{name}": np.full((4, *shapes[name]), 0.5) for name in names}
    run = snn2chip.simulate(
        path, "loihi2", data=saved(tmp_path, **x), trace=True, encoding="rate", steps=STEPS, seed=3
    )
    for channel, name in enumerate(names):
        expected = encode(x[f"x.{name}"], Encoding("rate"), STEPS, Keys(3, channel=channel))
        found = np.moveaxis(run.result.trace.arrays[name], 1, 0)[:STEPS]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["if", "rate", "latency", "direct"])
@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_an_encoding_travels_in_the_file(tmp_path: Path, kind: str, scale: float) -> None:
    encoding = Encoding(kind, steps=STEPS, threshold=0.75, gain=1.25, byte_scale=scale)
    path = network(tmp_path, encoding)
    opened = snn2chip.load(path).graph
    assert opened.encoding == encoding
    again = tmp_path / "again.nir"
    write_graph(opened, again)
    assert not list(differences(opened, snn2chip.load(again).graph))
    assert (b"byte_scale" in path.read_bytes()) == (scale != 1.0)


def test_bytes_stand_for_what_the_network_says(tmp_path: Path) -> None:
    x = np.random.default_rng(2).integers(0, 256, (5, 6), np.uint8)
    encoding = Encoding("if", steps=STEPS, byte_scale=255.0)
    path = network(tmp_path, encoding)
    expected = encode(pixels(x), Encoding("if"), STEPS)
    np.testing.assert_array_equal(inputs(path, "loihi2", saved(tmp_path, x=x)), expected)
    floats = saved(tmp_path, x=pixels(x))  # values that are no bytes are taken as they are
    np.testing.assert_array_equal(inputs(path, "loihi2", floats), expected)


def test_bytes_are_values_where_the_network_says_nothing(tmp_path: Path) -> None:
    x = np.random.default_rng(2).integers(0, 2, (5, 6), np.uint8)
    path = network(tmp_path, Encoding("if", steps=STEPS, threshold=2.0))
    expected = encode(x.astype(float), Encoding("if", threshold=2.0), STEPS)
    np.testing.assert_array_equal(inputs(path, "reference", saved(tmp_path, x=x)), expected)


def test_a_compiled_folder_keeps_the_byte_scale(tmp_path: Path) -> None:
    x = np.random.default_rng(2).integers(0, 256, (5, 6), np.uint8)
    path = network(tmp_path, Encoding("if", steps=STEPS, byte_scale=255.0))
    data = saved(tmp_path, x=x, y=np.arange(5) % 3)
    folder = tmp_path / "compiled"
    snn2chip.compile(path, folder, "loihi2")
    whole = snn2chip.simulate(folder, data=data).report.to_dict()["layers"]
    assert whole == snn2chip.simulate(path, "loihi2", data=data).report.to_dict()["layers"]
    assert whole[0]["spikes"] == encode(pixels(x), Encoding("if"), STEPS).sum()


def test_grey_images_need_no_channel_axis(tmp_path: Path) -> None:
    path = write_network(tmp_path, "images")
    shape = snn2chip.load(path).graph.inputs[0].shape
    assert shape[0] == 1
    name = snn2chip.load(path).graph.inputs[0].name
    x = np.random.default_rng(3).random((4, *shape))
    traces = [
        snn2chip.simulate(
            path, data=saved(tmp_path, x=given), encoding="if", steps=STEPS, trace=True
        ).result.trace.arrays[name]
        for given in (x, x[:, 0])
    ]
    np.testing.assert_array_equal(*traces)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("rate", "above 1 and spike at every step"), ("latency", "above 1 and spike in the first")],
)
def test_values_that_a_code_cannot_tell_apart_are_counted(
    tmp_path: Path, kind: str, words: str
) -> None:
    path = network(tmp_path, Encoding(kind, steps=STEPS))
    x = np.array([[0.5, 1.5, 2.0, -1.0, 0.25, 1.0]])
    notes = snn2chip.simulate(path, "loihi2", data=saved(tmp_path, x=x)).report.to_dict()
    said = str(notes)
    assert "33.3% of the values lie " + words in said
    assert "16.7% of the values are negative" in said
