"""Every method's loss, put together in plain numpy from its formula."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.errors import ConfigError  # noqa: E402

TEACHER = {"mlp": {"kind": "mlp", "widths": [12]}, "conv": {"kind": "conv", "widths": [5, 6]}}


def total(made) -> float:
    terms = made.objective(made.signals)
    return sum(float(term.weight) * float(term.value.detach()) for term in terms.values())


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def ce(z: np.ndarray, y: np.ndarray) -> float:
    p = softmax(z)
    return float(np.mean([-np.log(p[..., b, y[b]]) for b in range(len(y))]))


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.sum(p * (np.log(p) - np.log(q)), axis=-1)


def arrays(made) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scores, logits of every step, teacher's logits, classes."""
    signals = made.signals
    return tuple(
        v.detach().double().numpy() if v.is_floating_point() else v.numpy()
        for v in (signals.scores, signals.logits, signals.teacher.logits, signals.y)
    )


@pytest.mark.parametrize("readout", ["spike_count", "v_mean"])
def test_conventional_and_heterogeneous_distillation(made, readout) -> None:
    for t_t, t_s in ((4.0, None), (4.0, 1.0)):
        method = {"name": "kd", "temperature_teacher": t_t, "alpha": 0.7}
        if t_s is not None:
            method["temperature_student"] = t_s
        m = made(method=method, teacher=TEACHER["mlp"], student__readout=readout)
        z, _, t, y = arrays(m)
        own = t_t if t_s is None else t_s
        expected = 0.3 * ce(z, y) + 0.7 * t_t * own * kl(softmax(t / t_t), softmax(z / own)).mean()
        assert total(m) == pytest.approx(expected, rel=1e-5)


def test_logits_by_squares(made) -> None:
    m = made(method={"name": "kd", "distance": "mse", "alpha": 0.4}, teacher=TEACHER["mlp"])
    z, _, t, y = arrays(m)
    assert total(m) == pytest.approx(0.6 * ce(z, y) + 0.4 * np.mean((z - t) ** 2), rel=1e-5)


def test_temporal_separation(made) -> None:
    method = {"name": "tser", "alpha": 0.6, "temperature": 3.0, "entropy": 0.2}
    m = made(method=method, teacher=TEACHER["mlp"])
    _, z, t, y = arrays(m)
    q = softmax(z / 3.0)
    entropy = np.mean(-np.sum(q * np.log(q), axis=-1))
    divergence = np.mean([kl(softmax(t / 3.0), step) for step in q])
    expected = 0.4 * ce(z / 3.0, y) + 0.6 * 9.0 * divergence - 0.2 * entropy
    assert total(m) == pytest.approx(expected, rel=1e-5)


def test_temporal_wise_distillation(made) -> None:
    method = {"name": "twsnn", "alpha": 0.2, "ensemble": 0.5, "temperature": 3.0}
    m = made(method=method, teacher=TEACHER["mlp"])
    _, z, t, y = arrays(m)
    q = softmax(z / 3.0)
    mean = softmax(z.mean(0) / 3.0)
    expected = (
        ce(z, y)
        + 0.2 * 9.0 * np.mean([kl(softmax(t / 3.0), step) for step in q])
        + 0.5 * 9.0 * np.mean([kl(mean, step) for step in q])
    )
    assert total(m) == pytest.approx(expected, rel=1e-5)


def test_head_and_tail(made) -> None:
    method = {"name": "hta_kl", "alpha": 0.7, "temperature": 2.0, "head": 0.5}
    m = made(method=method, teacher=TEACHER["mlp"])
    z, _, t, y = arrays(m)
    p, q = softmax(t / 2.0), softmax(z / 2.0)
    found = []
    for b in range(len(y)):
        order = np.argsort(-p[b], kind="stable")
        head = order[: int(np.searchsorted(np.cumsum(p[b][order]), 0.5)) + 1]
        gaps = np.abs(p[b] - q[b])
        share = gaps[head].sum() / gaps.sum()
        found.append(share * kl(p[b], q[b]) + (1.0 - share) * kl(q[b], p[b]))
    expected = 0.3 * ce(z, y) + 0.7 * 4.0 * np.mean(found)
    assert total(m) == pytest.approx(expected, rel=1e-4)


def normed(values: np.ndarray, module) -> np.ndarray:
    """A BatchNorm in training, of rates [sample, channel, ...]."""
    axes = (0, *range(2, values.ndim))
    mean, var = values.mean(axes, keepdims=True), values.var(axes, keepdims=True)
    return (values - mean) / np.sqrt(var + module.eps)


def pooled(values: np.ndarray, side: int) -> np.ndarray:
    b, c, h, w = values.shape
    return values.reshape(b, c, side, h // side, side, w // side).mean((3, 5))


@pytest.mark.parametrize("kind", ["conv", "mlp"])
def test_features(made, kind) -> None:
    from scipy.stats import truncnorm

    method = {"name": "kdsnn", "alpha": 0.5, "temperature": 2.0, "feature": 0.01}
    m = made(kind, method=method, teacher=TEACHER[kind])
    z, _, t, y = arrays(m)
    distances = []
    pairs = list(zip(m.objective.student_taps, m.objective.teacher_taps, strict=True))
    expected_pairs = {
        "conv": [("conv1", "conv1_norm"), ("conv2", "conv2_norm")],
        "mlp": [("hidden1", "hidden1_weight")],
    }
    assert pairs == expected_pairs[kind]
    for index, (mine, theirs) in enumerate(pairs):
        rate = m.signals.taps[mine].detach().double().numpy().mean(0)
        feature = m.signals.teacher.taps[theirs].double().numpy()
        layer = m.objective.layers[index]
        weight = layer.adapter[0].weight.detach().double().numpy().reshape(feature.shape[1], -1)
        adapted = normed(np.einsum("oc,bc...->bo...", weight, rate), layer.adapter[1])
        if kind == "conv":
            norm = dict(m.teacher.module.named_modules())[theirs]
            mean, std = norm.bias.detach().numpy(), np.abs(norm.weight.detach().numpy())
            margin = truncnorm.mean(-np.inf, -mean / std, loc=mean, scale=std)
        else:
            margin = np.array([c[c < 0].mean() if (c < 0).any() else 0.0 for c in feature.T])
        target = np.maximum(feature, margin.reshape(1, -1, *(1,) * (feature.ndim - 2)))
        wrong = (adapted > target) | (target > 0)
        squares = np.where(wrong, (adapted - target) ** 2, 0.0)
        distances.append(
            squares.reshape(len(y), -1).sum(1).mean() * 0.5 ** (len(pairs) - index - 1)
        )
    divergence = kl(softmax(t / 2.0), softmax(z / 2.0)).mean()
    expected = 0.5 * ce(z, y) + 0.5 * 4.0 * divergence + 0.01 * sum(distances)
    assert total(m) == pytest.approx(expected, rel=1e-4)


def test_residual_blocks_learn_from_the_sums_before_their_last_relu(made) -> None:
    """No module gives that sum; it is tapped as what goes into the ReLU."""
    resnet = {"kind": "resnet", "widths": [4], "blocks": [1]}
    m = made("conv", method={"name": "kdsnn", "alpha": 0.0}, teacher=resnet, student=resnet)
    taps = dict(zip(m.objective.student_taps, m.objective.teacher_taps, strict=True))
    assert taps == {
        "conv1": "conv1_norm",
        "block1.mid": "block1.mid_norm",
        "block1.out": "before block1.out",
    }
    network, x = m.teacher.module, m.context.x
    with torch.no_grad():
        inner = network.conv1(network.conv1_norm(network.conv1_weight(x)))
        block = network.block1
        y = block.out_norm(block.out_weight(block.mid(block.mid_norm(block.mid_weight(inner)))))
    torch.testing.assert_close(m.signals.teacher.taps["before block1.out"], y + inner)
    assert float(m.objective(m.signals)["feature"].value.detach()) > 0.0


def test_adapters_learn_and_are_no_part_of_the_student(made) -> None:
    m = made("conv", method={"name": "kdsnn"}, teacher=TEACHER["conv"])
    terms = m.objective(m.signals)
    terms["feature"].value.backward()
    extra = dict(m.objective.named_parameters())
    assert all(float(p.grad.abs().sum()) > 0.0 for n, p in extra.items() if "0.weight" in n)
    assert not set(map(id, extra.values())) & set(map(id, m.student.parameters()))
    assert float(m.student.conv1_weight.weight.grad.abs().sum()) > 0.0


def test_margins_of_layers_without_norm_follow_the_batches(made) -> None:
    """The first batch sets them; later ones move them by a tenth; they are part of the state."""
    m = made("mlp", method={"name": "kdsnn"}, teacher=TEACHER["mlp"])
    m.objective(m.signals)
    layer = m.objective.layers[0]
    first = layer.margin.clone()
    assert float(first.min()) < 0.0
    m.signals.teacher.taps["hidden1_weight"].mul_(2.0)
    m.objective(m.signals)
    torch.testing.assert_close(layer.margin, 1.1 * first)
    assert {"layers.0.margin", "layers.0.seen"} <= set(m.objective.state_dict())


def test_attention(made) -> None:
    method = {"name": "lasnn", "alpha": 0.0, "attention": 2.0}
    m = made("conv", method=method, teacher={"kind": "conv", "widths": [5, 6]})
    z, _, _, y = arrays(m)
    assert m.objective.student_taps == m.objective.teacher_taps == ("conv1", "conv2")

    def attention(f: np.ndarray) -> np.ndarray:
        q = (f**2).mean(1).reshape(len(f), -1)
        return q / np.linalg.norm(q, axis=1, keepdims=True)

    distances = 0.0
    for name in ("conv1", "conv2"):
        mine = attention(m.signals.taps[name].detach().double().numpy().mean(0))
        theirs = attention(m.signals.teacher.taps[name].double().numpy())
        distances += float(((mine - theirs) ** 2).sum(1).mean())
    assert total(m) == pytest.approx(ce(z, y) + 2.0 * distances, rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "teacher", "method", "said"),
    [
        ("mlp", {"kind": "conv", "widths": [3, 4]}, {"name": "kdsnn"}, "1 student taps and 2"),
        ("conv", {"kind": "mlp", "widths": [3, 4]}, {"name": "kdsnn"}, "two images"),
        ("mlp", {"kind": "mlp", "widths": [9]}, {"name": "lasnn", "start": "scratch"}, "as many"),
        ("mlp", TEACHER["mlp"], {"name": "kdsnn", "student_taps": ["hiden1"]}, "'hiden1'"),
        ("mlp", TEACHER["mlp"], {"name": "kdsnn", "teacher_taps": ["hiden1"]}, "'hiden1'"),
        ("mlp", None, {"name": "kdsnn"}, "without a teacher"),
        ("mlp", TEACHER["mlp"], {"name": "tser", "alpha": 1.5}, "alpha"),
        ("mlp", TEACHER["mlp"], {"name": "tser", "temperature": 0.0}, "temperature"),
        ("mlp", TEACHER["mlp"], {"name": "hta_kl", "head": 1.0}, "head"),
        ("mlp", TEACHER["mlp"], {"name": "lasnn", "percentile": 0.0}, "percentile"),
        ("mlp", TEACHER["mlp"], {"name": "lasnn", "start": "converted"}, "start"),
        ("mlp", TEACHER["mlp"], {"name": "tser", "gama": 1.0}, "gama"),
    ],
)
def test_what_does_not_go_together_is_refused(made, kind, teacher, method, said) -> None:
    changes = {} if teacher is None else {"teacher": teacher}
    with pytest.raises(ConfigError) as caught:
        made(kind, method=method, **changes)
    assert said in str(caught.value)
