"""Every method that picks scales, on what it may see, and the table over weight widths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.backends import find_backend
from snn2chip.engine import simulate
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.graph.operators import weights_of
from snn2chip.mapping import total_words
from snn2chip.mapping.memory import memory_of, slice_words
from snn2chip.pipeline import (
    Options,
    Quantization,
    compile_network,
    open_network,
    quantize_table,
    run,
)
from snn2chip.pipeline.running import runs
from snn2chip.pipeline.samples import calibration_samples
from snn2chip.quantize import GRANULARITIES, METHODS

GAIN = 1e-3 / 5e-3
"""dt / tau of the small network's neurons, which stands in the weights of a chip."""

EVERY = [(method, granularity) for method in METHODS for granularity in GRANULARITIES]


@pytest.fixture
def options(data):
    return Options(data=str(data))


@pytest.fixture
def opened(network, options):
    return open_network(network, options)


def integers(program):
    """Every integer of a program."""
    weights = {p.name: weights_of(p.operator) for p in program.projections}
    return weights | {
        f"{p.name}.{name}": value
        for p in program.populations
        for name, value in p.parameters.items()
    }


def same(one, other):
    ours, theirs = integers(one), integers(other)
    assert set(ours) == set(theirs)
    return all(np.array_equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.parametrize(("method", "granularity"), EVERY)
def test_scored_samples_and_their_labels_reach_no_scale(
    opened, options, tmp_path, data, method, granularity
):
    arrays = dict(np.load(data))
    arrays["x_test"] = 1.0 - arrays["x_test"]
    arrays["y_test"] = 2 - arrays["y_test"]
    np.savez(tmp_path / "other.npz", **arrays)
    chosen = replace(options, calibration=method, granularity=granularity)
    one = run(opened, chosen)
    other = run(opened, replace(chosen, data=str(tmp_path / "other.npz")))
    assert same(one.program, other.program)
    assert one.quantization == Quantization(
        method, 99.9 if method == "percentile" else None, granularity, 8
    )
    assert one.violations == ()
    assert all(
        any(note.startswith(f"{name}: integer threshold") for note in one.program.notes)
        for name in ("hidden0", "out")
    )


def test_spikes_is_the_method_where_there_are_samples(opened, options):
    default = run(opened, options)
    assert default.quantization == Quantization("spikes", None, "layer", 8)
    assert same(default.program, run(opened, replace(options, calibration="spikes")).program)


def test_max_is_the_method_where_there_are_none(opened, tmp_path):
    np.savez(tmp_path / "plain.npz", x=np.random.default_rng(3).random((10, 6)))
    options = Options(data=str(tmp_path / "plain.npz"))
    default = run(opened, options)
    assert default.quantization.calibration == "max"
    assert default.calibrated_on == "the weights' maxima (plain.npz has no training split)"
    for method in ("max", "percentile", "mse"):
        found = run(opened, replace(options, calibration=method))
        assert found.quantization.calibration == method
        assert ("alone" in found.calibrated_on) is (method != "max")


@pytest.mark.parametrize("method", ["spikes", "accuracy"])
def test_a_method_without_its_samples_names_the_others(opened, method):
    with pytest.raises(ConfigError, match=f"--calibration {method}") as caught:
        compile_network(opened, Options(calibration=method))
    error = caught.value
    assert "calibration samples" in error.needs
    assert "no calibration data" in error.has
    assert "--calibration mse, percentile or max" in error.remedy


def test_accuracy_without_labels_names_the_others(opened, tmp_path):
    rng = np.random.default_rng(3)
    np.savez(tmp_path / "unlabelled.npz", x_train=rng.random((9, 6)), x_test=rng.random((4, 6)))
    options = Options(data=str(tmp_path / "unlabelled.npz"))
    with pytest.raises(ConfigError, match="--calibration accuracy") as caught:
        run(opened, replace(options, calibration="accuracy"))
    assert caught.value.needs == "calibration samples with labels"
    assert "without labels" in caught.value.has
    assert "spikes, mse, percentile or max" in caught.value.remedy
    assert run(opened, replace(options, calibration="spikes")).quantization


def test_labels_that_are_no_class_are_refused(opened, tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.random((9, 6)), rng.integers(0, 2, 9)
    np.savez(tmp_path / "wrong.npz", x_train=x, y_train=y + 100, x_test=x, y_test=y)
    with pytest.raises(InputFileError, match="y_train"):
        run(opened, Options(data=str(tmp_path / "wrong.npz"), calibration="accuracy"))


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_accuracy_answers_best_of_all_on_the_calibration_samples(opened, options, bits, data):
    """It begins with what ``spikes`` finds, so that it is never worse there."""
    samples, _ = calibration_samples(opened.graph, options)
    right = {}
    for method in ("spikes", "accuracy"):
        chosen = replace(options, calibration=method, weight_bits=bits)
        program = run(opened, chosen).program
        arrays = dict(np.load(data))
        # The program's answers on the calibration samples, by another road: they are scored now.
        np.testing.assert_array_equal(samples.labels, arrays["y_train"])
        arithmetic = find_backend("loihi").arithmetic(opened.graph)
        activity, _ = simulate(program, samples.spikes, arithmetic)
        right[method] = int((activity.predictions == samples.labels).sum())
    assert right["accuracy"] >= right["spikes"]


def test_a_percentile_of_100_is_the_maximum(opened, options):
    one = run(opened, replace(options, calibration="max"))
    other = run(opened, replace(options, calibration="percentile", percentile=100))
    assert same(one.program, other.program)
    low = run(opened, replace(options, calibration="percentile", percentile=60))
    assert any("weights cut" in note for note in low.program.notes)
    assert low.quantization.percentile == 60.0


def test_mse_errs_less_than_max(opened, options):
    """In thresholds, weighted by the spikes of the calibration run."""
    samples, _ = calibration_samples(opened.graph, options)
    exact = opened.graph.projections[0].operator.weight * GAIN
    arriving = samples.spikes["input"].sum(axis=(0, 1))
    errors = []
    for method in ("mse", "max"):
        program = run(opened, replace(options, calibration=method, weight_bits=3)).program
        projection = program.projections[0]
        restored = projection.operator.weight * 2.0 ** int(projection.parameters["exponent"])
        restored /= float(program.population("hidden0").parameters["vth"])
        errors.append(float((arriving * (exact - restored) ** 2).sum()))
    assert errors[0] < errors[1]


def test_runs_share_what_does_not_depend_on_the_scales(opened, options):
    choices = [replace(options, weight_bits=bits) for bits in (8, 4)]
    one, other = runs(opened, choices)
    assert one.reference is other.reference
    for choice, result in zip(choices, (one, other), strict=True):
        alone = run(opened, choice)
        assert same(alone.program, result.program)
        assert alone.drift == result.drift


def test_each_width_of_the_table_is_a_run_of_its_own(opened, options):
    told = []
    table = quantize_table(
        opened,
        replace(options, calibration="mse", granularity="neuron"),
        (8, 3),
        lambda *call: told.append(call),
    )
    assert (table.samples, table.steps, table.quantization.calibration) == (30, 16, "mse")
    assert [row.weight_bits for row in table.rows] == [None, 8, 3]
    assert ("widths", 2, 2) in told
    first = table.rows[0]
    for row in table.rows[1:]:
        alone = run(
            opened,
            replace(options, calibration="mse", granularity="neuron", weight_bits=row.weight_bits),
        )
        (drift,) = alone.drift
        assert first.accuracy == drift.accuracy_before
        assert row.accuracy == alone.accuracy
        assert row.predictions_differing == drift.predictions_differing
        assert row.output_spikes_differing == drift.output_spikes_differing
        assert row.cores == alone.mapping.cores_used
        assert row.synaptic_words == total_words(alone.program, alone.target, alone.mapping)
        assert row.synaptic_kib == row.synaptic_words * 8 / 1024
        energy = sum(layer.energy_pj.total for layer in alone.energy.layers)
        assert row.dynamic_nj == pytest.approx(energy / 30 / 1000)


def test_words_of_a_program_are_those_of_its_slices(opened, options):
    result = run(opened, options)
    memory = memory_of(result.target)
    expected = sum(
        slice_words(memory, projection, part.first, part.last)
        for projection in result.program.projections
        for part in result.mapping.cores[projection.target]
    )
    assert total_words(result.program, result.target, result.mapping) == expected > 0


def test_fewer_bits_take_no_more_memory(opened, options):
    table = quantize_table(opened, options)
    words = [row.synaptic_words for row in table.rows[1:]]
    assert [row.weight_bits for row in table.rows[1:]] == list(range(1, 9))
    assert words == sorted(words)
    assert words[0] < words[-1]


@pytest.mark.parametrize("bits", [(0,), (9,), (8, 12), (), (-1,)])
def test_widths_that_the_target_has_not_are_refused(opened, options, bits):
    with pytest.raises(ConfigError, match="on loihi2") as caught:
        quantize_table(opened, options, bits)
    assert caught.value.needs == "widths from 1 to 8"
    assert "weight_bits = 8" in caught.value.has


def test_a_table_needs_a_target_with_widths(opened, options):
    with pytest.raises(ConfigError, match="reference"):
        quantize_table(opened, replace(options, target="reference"))
    with pytest.raises(ConfigError, match="table over widths"):
        quantize_table(opened, replace(options, weight_bits=4))


def test_a_program_has_no_widths_left(opened, options):
    made = compile_network(opened, options)
    with pytest.raises(UnsupportedError, match="integers already"):
        quantize_table(replace(opened, program=made.check.program, target="loihi2"), options)


def test_thresholds_per_neuron_fit_loihi_1_only_in_eights(opened, options):
    """A core of Loihi 1 has eight threshold profiles; Loihi 2's number is published nowhere."""
    chosen = replace(options, target="loihi1", granularity="neuron")
    assert run(opened, chosen).violations == ()
    student = Options(target="loihi1", granularity="neuron", calibration="max", samples=1)
    found = run(open_network("digits-mlp", student), student)
    assert found.violations == ()
    neurons = np.bincount(found.mapping.assignment["hidden1"])
    assert neurons.max() >= 8, "profiles that neurons share"
    spread = found.mapping.cores_used
    plain = run(open_network("digits-mlp", student), replace(student, granularity="layer"))
    assert spread > plain.mapping.cores_used
