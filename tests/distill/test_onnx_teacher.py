"""ONNX classifiers as teachers, from a file of another tool to a distilled student."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")
onnx = pytest.importorskip("onnx", reason="the test writes the file with it")
pytest.importorskip("onnxruntime", reason="teachers run in it")

from snn2chip.cli import main  # noqa: E402
from snn2chip.data import Split, load_split  # noqa: E402
from snn2chip.distill.teachers.making import teacher_accuracy, teacher_in_file  # noqa: E402
from snn2chip.errors import ConfigError, InputFileError  # noqa: E402


@pytest.fixture(scope="module")
def digits() -> Split:
    return load_split("digits", 0, 0.4)


@pytest.fixture(scope="module")
def weights(digits) -> list[np.ndarray]:
    """A small network of scikit-learn, which knows nothing of torch."""
    from sklearn.neural_network import MLPClassifier

    x = digits.x_train.reshape(len(digits.x_train), -1)
    fitted = MLPClassifier((32,), random_state=0, max_iter=60).fit(x, digits.y_train)
    arrays = zip(fitted.coefs_, fitted.intercepts_, strict=True)
    return [a.astype(np.float32) for pair in arrays for a in pair]


def write(path: Path, weights, batch="n", softmax=False, classes=10, shape=(1, 8, 8)) -> Path:
    """Flatten, Gemm, Relu ("hidden"), Gemm ("logits"), and a Softmax where asked for."""
    helper, numpy = onnx.helper, onnx.numpy_helper
    w1, b1, w2, b2 = weights
    last = "logits"
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["before"]),
        helper.make_node("Relu", ["before"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["logits"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["y"], axis=1))
        last = "y"
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("x", 1, [batch, *shape])],
        [helper.make_tensor_value_info(last, 1, [batch, classes])],
        [
            numpy.from_array(w1, "w1"),
            numpy.from_array(b1, "b1"),
            numpy.from_array(w2[:, :classes].copy(), "w2"),
            numpy.from_array(b2[:classes].copy(), "b2"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("batch", ["n", 1])
def test_logits_and_taps(tmp_path, digits, weights, batch) -> None:
    teacher = teacher_in_file(write(tmp_path / "t.onnx", weights, batch), digits)
    assert teacher.module is None
    x = torch.as_tensor(digits.x_test[:9], dtype=torch.float32)
    found = teacher.outputs(x, ("hidden", "before"))
    w1, b1, w2, b2 = weights
    before = x.flatten(1).numpy() @ w1 + b1
    np.testing.assert_allclose(found.taps["before"], before, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        found.logits, np.maximum(before, 0.0) @ w2 + b2, rtol=1e-4, atol=1e-4
    )
    assert found.logits.dtype == torch.float32
    assert teacher_accuracy(teacher, digits) > 0.9


def test_probabilities_are_refused_or_become_logits_up_to_a_constant(
    tmp_path, digits, weights
) -> None:
    path = write(tmp_path / "t.onnx", weights, softmax=True)
    with pytest.raises(ConfigError, match="softmax") as caught:
        teacher_in_file(path, digits)
    assert 'gives = "probabilities"' in caught.value.remedy
    teacher = teacher_in_file(path, digits, "probabilities")
    plain = teacher_in_file(write(tmp_path / "plain.onnx", weights), digits)
    x = torch.as_tensor(digits.x_test[:50], dtype=torch.float32)
    found, expected = teacher.outputs(x).logits, plain.outputs(x).logits
    likely = torch.softmax(expected, 1) > 1e-6
    shift = (expected - found)[likely].std()
    difference = torch.log_softmax(expected, 1) - torch.log_softmax(found, 1)
    assert float(difference[likely].abs().max()) < 1e-2
    assert float(shift) > 0.1, "the constants of samples differ, and no softmax sees them"


def test_logits_are_no_probabilities(tmp_path, digits, weights) -> None:
    teacher = teacher_in_file(write(tmp_path / "t.onnx", weights), digits, "probabilities")
    with pytest.raises(InputFileError, match="no distribution"):
        teacher.outputs(torch.zeros(2, 1, 8, 8))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"classes": 9}, "9 classes"), ({"shape": (64,)}, r"shape \[64\]")],
)
def test_a_teacher_of_something_else(tmp_path, digits, weights, options, said) -> None:
    path = write(tmp_path / "t.onnx", weights, **options)
    with pytest.raises(ConfigError, match=said):
        teacher_in_file(path, digits)


RECIPE = """
targets = ["loihi2"]
[data]
validation = 0.2
[encoding]
steps = 6
[student]
kind = "mlp"
widths = [24]
alpha = 1.0
[teacher]
file = "teacher.onnx"
{teacher}
[method]
{method}
[training]
epochs = 3
threads = 1
"""


def run(tmp_path, weights, method: str, teacher: str = "", **options) -> int:
    write(tmp_path / "teacher.onnx", weights, **options)
    (tmp_path / "recipe.toml").write_text(RECIPE.format(method=method, teacher=teacher))
    return main(["distill", str(tmp_path / "recipe.toml"), "-o", str(tmp_path / "out")])


def test_a_student_learns_from_it(tmp_path, weights, capsys) -> None:
    assert run(tmp_path, weights, 'name = "kd"') == 0
    card = (tmp_path / "out" / "card.md").read_text()
    assert "teacher" in card
    assert (tmp_path / "out" / "student.safetensors").exists()


def test_features_by_the_names_of_the_file(tmp_path, weights) -> None:
    method = 'name = "kdsnn"\nteacher_taps = ["before"]'
    assert run(tmp_path, weights, method) == 0


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ('name = "kd"', {"softmax": True}, "its output is a softmax"),
        ('name = "kdsnn"', {}, "method.teacher_taps"),
        ('name = "kdsnn"\nteacher_taps = ["befor"]', {}, "no value 'befor'"),
        ('name = "lasnn"\nattention = 0.0', {}, "a teacher of PyTorch layers"),
        ('name = "kd"', {"classes": 9}, "a teacher of 9 classes"),
    ],
)
def test_what_the_recipe_and_the_file_do_not_share(
    tmp_path, weights, capsys, method, options, said
) -> None:
    assert run(tmp_path, weights, method, **options) == 2
    assert said in capsys.readouterr().err


def test_a_damaged_file(tmp_path, weights, capsys) -> None:
    run_folder = tmp_path / "recipe.toml"
    run_folder.write_text(RECIPE.format(method='name = "kd"', teacher=""))
    (tmp_path / "teacher.onnx").write_bytes(b"no model")
    assert main(["distill", str(run_folder), "-o", str(tmp_path / "out")]) == 3
