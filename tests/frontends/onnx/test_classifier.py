"""Classifiers of other tools: their logits in batches, or why they are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends import load
from snn2chip.frontends.onnx import open_classifier, write_onnx

from .networks import onnx, refused, two_inputs

FLOAT, INT64 = 1, 7


def classifier(path: Path, batch="n", inputs=1, outputs=1, element=FLOAT, shape=(2, 3), rank=2):
    """y = W flatten(x) + b, as PyTorch would export it."""
    helper = onnx.helper
    rng = np.random.default_rng(0)
    size = int(np.prod(shape))
    weight = rng.normal(size=(4, size)).astype(np.float32)
    bias = rng.normal(size=4).astype(np.float32)
    port = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["y"], transB=1),
        helper.make_node("ReduceSum", ["y"], ["total"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [port(name, element, [batch, *shape]) for name in ("x", "other")[:inputs]],
        [
            port("y", FLOAT, [batch, 4]),
            port("total", FLOAT, []),
        ][2 - rank if outputs == 1 and rank < 2 else 0 :][:outputs],
        [onnx.numpy_helper.from_array(weight, "w"), onnx.numpy_helper.from_array(bias, "b")],
    )
    if outputs == 1 and rank == 0:
        del graph.output[:]
        graph.output.append(port("total", FLOAT, []))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return lambda x: x.reshape(len(x), size) @ weight.T.astype(float) + bias


@pytest.mark.parametrize("batch", ["n", 3, 1, None])
@pytest.mark.parametrize("samples", [1, 7, 0])
def test_logits(tmp_path: Path, batch, samples: int) -> None:
    expected = classifier(tmp_path / "teacher.onnx", batch)
    teacher = open_classifier(tmp_path / "teacher.onnx")
    assert (teacher.shape, teacher.classes) == ((2, 3), 4)
    assert teacher.batch == (batch if isinstance(batch, int) else None)
    x = np.random.default_rng(1).normal(size=(samples, 2, 3))
    found = teacher.logits(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected(x), rtol=1e-5, atol=1e-5)


def test_many_samples_go_in_batches(tmp_path: Path) -> None:
    expected = classifier(tmp_path / "teacher.onnx")
    x = np.random.default_rng(1).normal(size=(700, 2, 3))
    found = open_classifier(tmp_path / "teacher.onnx").logits(x)
    np.testing.assert_allclose(found, expected(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"inputs": 2}, "input 'other'"),
        ({"outputs": 2}, "output 'total'"),
        ({"rank": 0}, "output 'total' tensor(float) []"),
        ({"shape": ("height", 3)}, "['n', 'height', 3]"),
    ],
    ids=["two inputs", "two outputs", "a number", "an open shape"],
)
def test_what_is_no_classifier(tmp_path: Path, options, said: str) -> None:
    shape = options.pop("shape", (2, 3))
    sizes = [s if isinstance(s, int) else 2 for s in shape]
    classifier(tmp_path / "teacher.onnx", shape=sizes, **options)
    model = onnx.load(tmp_path / "teacher.onnx")
    if shape != (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "height"
        onnx.save(model, tmp_path / "teacher.onnx")
    with pytest.raises(UnsupportedError) as caught:
        open_classifier(tmp_path / "teacher.onnx")
    assert said in caught.value.has
    assert caught.value.remedy


def test_whole_numbers_are_no_float_input(tmp_path: Path) -> None:
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Cast", ["x"], ["y"], to=FLOAT)],
        "g",
        [helper.make_tensor_value_info("x", INT64, ["n", 3])],
        [helper.make_tensor_value_info("y", FLOAT, ["n", 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "teacher.onnx")
    with pytest.raises(UnsupportedError) as caught:
        open_classifier(tmp_path / "teacher.onnx")
    assert "tensor(int64)" in caught.value.has


def test_a_step_of_a_spiking_network_is_no_classifier(tmp_path: Path) -> None:
    write_onnx(two_inputs(), tmp_path / "step.onnx")
    with pytest.raises(UnsupportedError, match="no classifier"):
        open_classifier(tmp_path / "step.onnx")


def test_a_classifier_is_no_spiking_network(tmp_path: Path) -> None:
    classifier(tmp_path / "teacher.onnx")
    with pytest.raises(UnsupportedError, match="without a spiking neuron") as caught:
        load(tmp_path / "teacher.onnx")
    assert "teacher" in caught.value.remedy
    assert "student" in caught.value.remedy


def test_weights_in_another_file(tmp_path: Path) -> None:
    classifier(tmp_path / "teacher.onnx")
    model = onnx.load(tmp_path / "teacher.onnx")
    onnx.save(
        model, tmp_path / "out.onnx", save_as_external_data=True, size_threshold=0, location="w.bin"
    )
    assert (tmp_path / "w.bin").exists()
    assert "in another file" in refused(open_classifier, tmp_path / "out.onnx")


@pytest.mark.parametrize("content", [b"", b"\x08\x08", b"no model", b"\x08\x08\x3a\x03abc"])
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "teacher.onnx").write_bytes(content)
    assert "onnxruntime cannot run it" in refused(open_classifier, tmp_path / "teacher.onnx")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """onnxruntime takes any bytes for a name, and fails where it is asked for it."""
    classifier(tmp_path / "teacher.onnx", batch="batch_axis")
    content = (tmp_path / "teacher.onnx").read_bytes()
    (tmp_path / "teacher.onnx").write_bytes(content.replace(b"batch_axis", b"batch_axi\xda"))
    assert "cannot run it" in refused(open_classifier, tmp_path / "teacher.onnx")


def test_no_file(tmp_path: Path) -> None:
    assert "no such file" in refused(open_classifier, tmp_path / "teacher.onnx")


@pytest.mark.parametrize(
    "x",
    [np.zeros((3, 2, 2)), np.zeros((3, 6)), np.full((3, 2, 3), np.nan), np.full((3, 2, 3), "a")],
    ids=["another shape", "flat", "nan", "words"],
)
def test_samples_that_do_not_fit(tmp_path: Path, x: np.ndarray) -> None:
    classifier(tmp_path / "teacher.onnx")
    with pytest.raises(ConfigError):
        open_classifier(tmp_path / "teacher.onnx").logits(x)


def test_logits_beyond_numbers(tmp_path: Path) -> None:
    classifier(tmp_path / "teacher.onnx")
    teacher = open_classifier(tmp_path / "teacher.onnx")
    assert "not finite" in refused(teacher.logits, np.full((2, 2, 3), 3e38))


def two_layers(path: Path, batch="n") -> np.ndarray:
    """y = W2 relu(W1 x), whose values between are taps; the first weight matrix."""
    helper, numpy = onnx.helper, onnx.numpy_helper
    rng = np.random.default_rng(3)
    first, second = (rng.normal(size=s).astype(np.float32) for s in ((3, 5), (5, 4)))
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w1"], ["before"]),
            helper.make_node("Relu", ["before"], ["hidden"]),
            helper.make_node("MatMul", ["hidden", "w2"], ["y"]),
            helper.make_node("Shape", ["x"], ["shape_of_x"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", FLOAT, [batch, 3])],
        [helper.make_tensor_value_info("y", FLOAT, [batch, 4])],
        [numpy.from_array(first, "w1"), numpy.from_array(second, "w2")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return first


@pytest.mark.parametrize("batch", ["n", 1, 300])
def test_taps_are_values_inside_the_model(tmp_path: Path, batch) -> None:
    first = two_layers(tmp_path / "teacher.onnx", batch)
    teacher = open_classifier(tmp_path / "teacher.onnx", taps=("hidden", "before"))
    x = np.random.default_rng(1).normal(size=(600, 3))
    logits, taps = teacher.outputs(x)
    assert list(taps) == ["hidden", "before"]
    np.testing.assert_allclose(taps["before"], x @ first, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(taps["hidden"], np.maximum(taps["before"], 0.0))
    np.testing.assert_array_equal(logits, open_classifier(tmp_path / "teacher.onnx").logits(x))


def test_a_tap_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    two_layers(tmp_path / "teacher.onnx")
    with pytest.raises(ConfigError, match="no value 'hiden'") as caught:
        open_classifier(tmp_path / "teacher.onnx", taps=("hiden",))
    assert "before, hidden, y" in caught.value.has
    assert "'hidden'" in caught.value.remedy


def test_a_tap_without_samples_is_refused(tmp_path: Path) -> None:
    two_layers(tmp_path / "teacher.onnx")
    teacher = open_classifier(tmp_path / "teacher.onnx", taps=("shape_of_x",))
    assert "'shape_of_x' of shape [2] for 7 samples" in refused(teacher.outputs, np.zeros((7, 3)))
