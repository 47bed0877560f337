"""Encoding, the two ways to run a sample, readouts, and the judgement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.data.encode import encode_if  # noqa: E402
from snn2chip.distill.sequence import (  # noqa: E402
    accuracy_of,
    encode_spikes,
    evaluate,
    readout_scores,
    run_layers,
    run_steps,
)
from snn2chip.graph import Encoding, Readout  # noqa: E402

SIXTEENTHS = np.arange(17) / 16.0


@given(
    steps=st.integers(1, 40),
    sixteenths=st.integers(1, 48),
    double=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_encoding_equals_the_reference(steps, sixteenths, double) -> None:
    """The encoder that training uses is the one that simulation uses, in either float type."""
    threshold = sixteenths / 16.0
    dtype = torch.float64 if double else torch.float32
    encoding = Encoding("if", steps=steps, threshold=threshold)
    spikes = encode_spikes(torch.tensor(SIXTEENTHS, dtype=dtype), encoding)
    assert spikes.dtype == dtype
    np.testing.assert_array_equal(spikes.numpy(), encode_if(SIXTEENTHS, steps, threshold))


def test_encoding_by_hand() -> None:
    x = torch.tensor([1.0, 0.5, 0.375, 0.0])
    spikes = encode_spikes(x, Encoding("if", steps=6))
    np.testing.assert_array_equal(
        spikes.T.numpy(),
        [[0, 1, 0, 1, 0, 1], [0, 0, 1, 0, 0, 1], [0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0]],
    )


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("neuron", ["lif", "iaf"])
@pytest.mark.parametrize("readout", ["spike_count", "v_last"])
def test_layers_equal_steps_in_float64(student_and_metadata, kind, neuron, readout) -> None:
    """Every spike and every membrane of the fast way is the slow way's."""
    student, _ = student_and_metadata(kind, student__neuron=neuron, student__readout=readout)
    student = student.double()
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            parameter.mul_(3.0 if name.endswith("weight") else 1.0)
        x = (torch.rand(9, 5, 1, 8, 8, generator=torch.Generator().manual_seed(3)) < 0.4).double()
        slow, fast = run_steps(student, x), run_layers(student, x)
    assert fast.output.shape == (9, 5, 10)
    torch.testing.assert_close(fast.output, slow, rtol=0.0, atol=1e-12)
    if readout == "spike_count":
        assert torch.equal(fast.output, slow)
    hidden = next(iter(fast.spikes.values()))
    assert 0.0 < float(hidden.mean()) < 1.0, "a silent network would prove nothing"


def test_spikes_and_drive_are_those_of_the_modules(student_and_metadata) -> None:
    student, _ = student_and_metadata("mlp")
    x = (torch.rand(7, 4, 1, 8, 8, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    seen: dict[int, list] = {2: [], 4: []}
    hooks = [
        student[i].register_forward_hook(lambda _m, _x, y, i=i: seen[i].append(y)) for i in seen
    ]
    with torch.no_grad():
        run_steps(student, x)
        for hook in hooks:
            hook.remove()
        result = run_layers(student, x)
    assert set(result.spikes) == {"hidden1", "out"}, "Flatten, Linear, LIF, Dropout, Linear, LIF"
    assert torch.equal(result.spikes["hidden1"], torch.stack([z for z, _ in seen[2]]))
    torch.testing.assert_close(result.drive, torch.stack(seen[4]))


def test_samples_do_not_depend_on_their_batch(student_and_metadata) -> None:
    student, _ = student_and_metadata("conv")
    student = student.double()
    x = (torch.rand(6, 8, 1, 8, 8, generator=torch.Generator().manual_seed(2)) < 0.5).double()
    with torch.no_grad():
        together = run_layers(student, x).output
        alone = torch.cat([run_layers(student, x[:, i : i + 1]).output for i in range(8)], dim=1)
    assert torch.equal(together, alone)


def test_dropout_leaves_out_the_same_values_at_all_steps(student_and_metadata) -> None:
    student, _ = student_and_metadata("mlp", student__dropout=0.5)
    dropout = student[3]
    dropout.train()
    from snn2chip.distill.sequence import _run_layer

    y = _run_layer(dropout, torch.ones(5, 6, 40), True)
    assert torch.equal(y, y[:1].expand_as(y))
    assert set(y.unique().tolist()) == {0.0, 2.0}


def test_readouts_by_hand() -> None:
    output = torch.tensor([[[0.0, 3.0]], [[2.0, 1.0]], [[1.0, -1.0]]])
    expected = {
        "spike_count": [3.0, 3.0],
        "v_last": [1.0, -1.0],
        "v_mean": [1.0, 1.0],
        "v_max": [2.0, 3.0],
    }
    for kind, scores in expected.items():
        assert readout_scores(output, Readout(kind)).tolist() == [scores]


def test_judgement_counts_what_the_student_does(student_and_metadata, few_digits) -> None:
    student, metadata = student_and_metadata("mlp")
    x, y = few_digits
    student.train()
    given = student, x, y, metadata.encoding, metadata.readout
    result = evaluate(*given)
    assert accuracy_of(*given) == result.accuracy
    assert student.training, "the mode of before is restored"
    student.eval()
    spikes = torch.tensor(encode_if(x, 6), dtype=torch.float32)
    with torch.no_grad():
        output = run_steps(student, spikes)
    counts = output.sum(0).numpy()
    np.testing.assert_array_equal(result.predictions, counts.argmax(1))
    assert result.accuracy == np.mean(counts.argmax(1) == y)
    assert result.spikes["input"] == pytest.approx(float(spikes.sum()) / len(y), rel=1e-12)
    assert result.spikes["out"] == pytest.approx(float(output.sum()) / len(y), rel=1e-12)
    assert result.neurons == {"input": 64, "hidden1": 12, "out": 10}
    ordered = np.sort(counts, axis=1)
    assert result.ties == pytest.approx(np.mean(ordered[:, -1] == ordered[:, -2]))


def test_the_lowest_class_wins_a_tie(student_and_metadata, few_digits) -> None:
    student, metadata = student_and_metadata("mlp")
    with torch.no_grad():
        student[4].weight.zero_()
        student[4].bias.copy_(torch.tensor([0.0, 0, 0, 9, 9, 0, 0, 9, 0, 0]))
    x, y = few_digits
    result = evaluate(student, x, y, metadata.encoding, metadata.readout)
    assert set(result.predictions) == {3}
    assert result.ties == 1.0
    assert result.accuracy == np.mean(y == 3)
