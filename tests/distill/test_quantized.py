"""Fine-tuning in integers: what is trained is what the chip holds, and it helps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.backends import find_backend  # noqa: E402
from snn2chip.distill import evaluate, finetune_quantized, load_checkpoint  # noqa: E402
from snn2chip.distill.quantized.finetune import closest  # noqa: E402
from snn2chip.distill.quantized.folding import fold_norms, sites, with_losses  # noqa: E402
from snn2chip.distill.quantized.integers import IntegerSide, chosen_chip  # noqa: E402
from snn2chip.distill.quantized.straight import attach, keep_inside, regrid, tensors  # noqa: E402
from snn2chip.distill.recipe import QuantizationConfig  # noqa: E402
from snn2chip.errors import ConfigError, UnsupportedError  # noqa: E402
from snn2chip.graph.operators import weights_of  # noqa: E402
from snn2chip.targets import load_target  # noqa: E402


def in_integers(graph, bits: int):
    """The program that loihi2 makes of a graph by itself."""
    target = load_target("loihi2")
    backend = find_backend("loihi").with_scales(target, weight_bits=bits)
    return backend.realise(graph, target)


@pytest.fixture
def fake(student_and_metadata, few_digits):
    """Maker of a fake-quantized student: (student, its layers, the integer side)."""

    def make(kind: str, bits: int, **changes):
        student, metadata = student_and_metadata(kind, **changes)
        config = QuantizationConfig("loihi2", bits)
        side = IntegerSide(chosen_chip(config), metadata, few_digits[0][:8])
        layers, folded = fold_norms(metadata.architecture, student, 1e-3)
        graph = side.graph(folded)
        reference = side.reference(graph)
        grids = side.grids(side.derived(graph, reference))
        losses = {name: float(grid.loss.flat[0]) for name, grid in grids.items()}
        layers, module = with_losses(layers, folded, 1e-3, losses)
        attach(module, sites(layers), closest(side, side.graph(module), reference))
        keep_inside(module)
        plain = with_tensors(layers, module, rounded=False)
        latent = side.derived(side.graph(plain), reference)
        regrid(module, side.grids(latent))
        return module.eval(), layers, side, latent

    return make


def with_tensors(layers, module, rounded):
    from snn2chip.distill.quantized.folding import built

    return built(layers, tensors(module, rounded=rounded), 1e-3)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_fake_weights_are_the_programs_weights(fake, kind, bits) -> None:
    """In evaluation mode each weight is the dequantized integer, and rounds to it again."""
    module, layers, side, latent = fake(kind, bits, student__tau=0.003)
    program, grids = latent.program, side.grids(latent)
    graph = side.graph(with_tensors(layers, module, rounded=True))
    for made, floats in zip(program.projections, graph.projections, strict=True):
        scale = grids[made.target].weight_scale.reshape(len(grids[made.target].weight_scale), -1)
        stored = weights_of(made.operator)
        column = scale[:, 0].reshape(-1, *(1,) * (stored.ndim - 1))
        np.testing.assert_allclose(weights_of(floats.operator), stored / column, rtol=1e-6)
        population = program.population(made.target)
        biases = population.parameters["bias_mant"] * 2.0 ** population.parameters["bias_exp"]
        np.testing.assert_allclose(floats.bias, biases / grids[made.target].bias_scale, rtol=1e-6)
    same_program(in_integers(graph, bits), program)


def same_program(one, other) -> None:
    for a, b in zip(one.projections, other.projections, strict=True):
        np.testing.assert_array_equal(weights_of(a.operator), weights_of(b.operator))
        assert a.parameters["exponent"] == b.parameters["exponent"]
    for a, b in zip(one.populations, other.populations, strict=True):
        for name, values in a.parameters.items():
            np.testing.assert_array_equal(values, b.parameters[name])


@pytest.fixture(scope="module")
def bundled(repository):
    """The bundled perceptron, its metadata and the digits."""
    from snn2chip.data.digits import load_digits_split

    student, metadata = load_checkpoint(repository / "models/digits-mlp/student.safetensors")
    split = load_digits_split(metadata.data.split_seed, metadata.data.test_size)
    return student, metadata, split


@pytest.fixture(scope="module")
def tuned(bundled):
    """It, fine-tuned for 2-bit weights for a few epochs."""
    student, metadata, split = bundled
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    seen: list = []
    config = QuantizationConfig("loihi2", 2, epochs=4)
    fit = finetune_quantized(student, metadata, split.x_train, split.y_train, config, seen.append)
    assert all(torch.equal(before[name], x) for name, x in student.state_dict().items())
    return fit, seen


def test_integer_accuracy_comes_back(bundled, tuned) -> None:
    """At 2 bits quantization after training loses several points; four epochs bring most back."""
    split, (fit, seen) = bundled[2], tuned
    before = fit.before.accuracy(split.x_test, split.y_test)
    after = fit.after.accuracy(split.x_test, split.y_test)
    assert before < 0.94
    assert after > before + 0.01
    assert len(fit.accuracies) == 5
    assert fit.accuracies[fit.epoch] == max(fit.accuracies)
    assert fit.epoch > 0
    assert [(p.stage, p.epoch, p.accuracy) for p in seen] == [
        ("fine-tune", k, fit.accuracies[k]) for k in range(1, 5)
    ]


def test_the_student_is_the_program_told_in_floats(bundled, tuned) -> None:
    """The back end's own scales give the integers again, and so does the search on data."""
    (fit, _), graph = tuned, tuned[0].after.graph
    again = in_integers(graph, 2)
    same_program(again, fit.after.program)
    for projection in again.projections:
        assert set(np.unique(weights_of(projection.operator))) <= {-256, -128, 0, 128}


def test_spikes_differ_only_where_states_are_truncated(bundled, tuned) -> None:
    """The float run of the fine-tuned student and its integers; the student before, beside it."""
    _, metadata, split = bundled
    fit, _ = tuned
    x, y = split.x_test[:256], split.y_test[:256]
    activity = fit.after.run(x)
    judged = evaluate(fit.student, x, y, metadata.encoding, metadata.readout)
    for name in ("hidden1", "out"):
        total = activity.populations[name].spikes.total() / len(y)
        assert total == pytest.approx(judged.spikes[name], rel=0.01)
    assert np.mean(activity.predictions == judged.predictions) > 0.98


def test_the_same_seed_gives_the_same_student(tiny_recipe, student_and_metadata, few_digits):
    """And torch's own random state does not matter."""
    student, metadata = student_and_metadata("conv")
    config = QuantizationConfig("loihi2", 3, epochs=2, lr=0.02)
    fits = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        fits.append(finetune_quantized(student, metadata, *few_digits, config))
    one, other = fits
    assert one.losses == other.losses
    assert one.accuracies == other.accuracies
    for a, b in zip(
        one.student.state_dict().values(), other.student.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)
    same_program(one.after.program, other.after.program)
    kinds = [layer["kind"] for layer in one.metadata.architecture]
    assert "batchnorm2d" not in kinds


def test_epochs_are_judged_by_what_the_training_held_out(student_and_metadata, few_digits):
    student, metadata = student_and_metadata("mlp", data__validation=0.25)
    config = QuantizationConfig("loihi2", 4, epochs=1, lr=0.02)
    fit = finetune_quantized(student, metadata, *few_digits, config)
    held = sum(round(0.25 * int((few_digits[1] == k).sum())) for k in range(10))
    assert all(a * held == pytest.approx(round(a * held)) for a in fit.accuracies)


@pytest.mark.parametrize("target", ["reference", "asic45"])
def test_targets_without_integers(student_and_metadata, few_digits, target) -> None:
    student, metadata = student_and_metadata("mlp")
    with pytest.raises(ConfigError, match="computes in integers"):
        finetune_quantized(student, metadata, *few_digits, QuantizationConfig(target))


def test_layers_in_another_order_are_refused(student_and_metadata, few_digits) -> None:
    from snn2chip.distill.students import build_student

    _, metadata = student_and_metadata("mlp")
    layers = [
        {"kind": "flatten"},
        {"kind": "linear", "inputs": 64, "outputs": 8, "bias": True},
        {"kind": "linear", "inputs": 8, "outputs": 10, "bias": True},
        metadata.architecture[-1],
    ]
    module = build_student(layers, 1e-3).eval()
    metadata = replace(metadata, architecture=tuple(layers))
    with pytest.raises(UnsupportedError, match="then one Linear or Conv2d"):
        finetune_quantized(module, metadata, *few_digits, QuantizationConfig("loihi2", 4))
