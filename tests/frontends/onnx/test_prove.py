"""A file appears only if onnxruntime gives the Graph's spikes on every sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn2chip.errors import ConfigError, DriftError
from snn2chip.frontends import load
from snn2chip.frontends.onnx import export_onnx
from snn2chip.frontends.onnx.prove import prove
from snn2chip.frontends.onnx.write import to_bytes
from snn2chip.graph import Graph, differences
from snn2chip.graph.operators import weights_of, with_weights
from snn2chip.pipeline import Options
from snn2chip.pipeline.samples import scored_samples

from .networks import spikes_for, two_inputs


def samples(graph: Graph) -> dict[str, np.ndarray]:
    return spikes_for(np.random.default_rng(0), graph, steps=20, samples=7)


@pytest.mark.parametrize(
    ("student", "outputs"), [("digits-mlp", 1_587_552), ("digits-conv", 13_367_648)]
)
def test_bundled_students_over_their_whole_test_set(
    tmp_path: Path, repository: Path, student: str, outputs: int
) -> None:
    graph = load(repository / "models" / student / "student.nir")
    spikes = scored_samples(graph, Options()).spikes
    proof = export_onnx(graph, spikes, tmp_path / "step.onnx")
    assert (proof.samples, proof.steps, proof.values) == (719, 16, outputs)
    assert proof.spikes > 100_000
    assert proof.largest_difference < 1e-12
    assert differences(graph, load(tmp_path / "step.onnx")) == []


def test_batches_give_the_same_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = two_inputs()
    whole = export_onnx(graph, samples(graph), tmp_path / "net.onnx")
    monkeypatch.setattr("snn2chip.frontends.onnx.prove._BATCH_VALUES", 20 * 11 * 2)
    assert export_onnx(graph, samples(graph), tmp_path / "net.onnx") == whole
    assert (whole.samples, whole.steps, whole.values) == (7, 20, 7 * 20 * 6)


def other(graph: Graph, projection: int, change) -> Graph:
    """The graph with other weights of one projection."""
    found = list(graph.projections)
    weights = change(weights_of(found[projection].operator).astype(float))
    found[projection] = replace(
        found[projection], operator=with_weights(found[projection].operator, weights)
    )
    return replace(graph, projections=tuple(found))


def test_the_first_difference_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of one network beside another one: neuron 2 of the population out is fed more."""

    def change(weights: np.ndarray) -> np.ndarray:
        weights[1] += 1.0
        return weights

    graph = two_inputs()
    first, *rest = graph.projections
    graph = replace(graph, projections=(replace(first, bias=None), *rest))
    x = {name: array * 0 for name, array in samples(graph).items()}
    x["left"][3, 5] = 1.0
    x["right"][3, 5] = 1.0
    content = to_bytes(other(graph, 4, change))
    for size in (2**24, 1):
        monkeypatch.setattr("snn2chip.frontends.onnx.prove._BATCH_VALUES", size)
        with pytest.raises(DriftError) as caught:
            prove(graph, x, content, Path("net.onnx"))
        said = caught.value.what
        assert "population 'out' differs in onnxruntime at step" in said
        assert "neuron [1], sample 5" in said


def test_a_spike_that_differs_is_enough(tmp_path: Path) -> None:
    graph = two_inputs()
    content = to_bytes(other(graph, 0, lambda weights: weights + 0.25))
    with pytest.raises(DriftError, match=r"population 'sum' differs .* at step 0"):
        prove(graph, samples(graph), content, tmp_path / "net.onnx")


def test_nothing_is_written_where_the_proof_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = two_inputs()
    wrong = to_bytes(other(graph, 0, lambda weights: weights + 0.25))
    monkeypatch.setattr("snn2chip.frontends.onnx.prove.to_bytes", lambda graph: wrong)
    (tmp_path / "net.onnx").write_bytes(b"what was there")
    with pytest.raises(DriftError):
        export_onnx(graph, samples(graph), tmp_path / "net.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_bytes() == b"what was there"


@pytest.mark.parametrize("shape", [(0, 3, 2), (4, 0, 2)])
def test_a_proof_on_nothing(tmp_path: Path, shape: tuple[int, ...]) -> None:
    x = {"left": np.zeros(shape), "right": np.zeros((*shape[:2], 3))}
    with pytest.raises(ConfigError, match="proof on inputs of shape"):
        export_onnx(two_inputs(), x, tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match="proof on inputs of shape"):
        export_onnx(two_inputs(), {}, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
