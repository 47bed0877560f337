"""The method ``sne``: its loss, its student dropout, and the fold, against plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.ensembles.members import (  # noqa: E402
    HEAD,
    MEMBERS,
    classifier_of,
    features_of,
    fold,
    set_means,
    teacher_features,
)
from snn2chip.distill.ensembles.preparing import correlations  # noqa: E402
from snn2chip.distill.methods.base import Context, Signals  # noqa: E402
from snn2chip.distill.recipe import recipe_from_dict  # noqa: E402
from snn2chip.distill.sequence import (  # noqa: E402
    encode_spikes,
    readout_scores,
    run_layers,
)
from snn2chip.distill.teachers.base import TeacherSignals  # noqa: E402
from snn2chip.distill.teachers.network import NetworkTeacher, teacher_recipe  # noqa: E402
from snn2chip.distill.training import Trainer, fit  # noqa: E402
from snn2chip.distill.training.fit import new_student  # noqa: E402
from snn2chip.errors import ConfigError  # noqa: E402
from snn2chip.graph import Readout  # noqa: E402

Tables = dict[str, Any]


def tables(**method: Any) -> Tables:
    return {
        "data": {"validation": 0.25},
        "encoding": {"steps": 6},
        "student": {"kind": "mlp", "widths": [10], "readout": "v_mean", "dropout": 0.0},
        "teacher": {"kind": "mlp", "widths": [12], "training": {"epochs": 2, "threads": 1}},
        "method": {"name": "sne", "members": 3, **method},
        "training": {"epochs": 2, "batch": 32, "threads": 1, "logit_scale": 0.5},
    }


@pytest.fixture(scope="module")
def taught(few_digits: Any) -> Any:
    """(samples, classes, a teacher of few epochs)."""
    x, y = few_digits
    recipe = recipe_from_dict(tables())
    return x, y, NetworkTeacher(fit(teacher_recipe(recipe), x, y).student)


@pytest.fixture
def prepared(taught: Any) -> Callable[..., Any]:
    """(recipe, prepared) of a method's options."""
    x, y, teacher = taught

    def make(student: Tables | None = None, **method: Any) -> Any:
        given = tables(**method)
        given["student"] |= student or {}
        recipe = recipe_from_dict(given)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return recipe, recipe.method.prepare(recipe, x, y, teacher)

    return make


def signals(recipe: Any, made: Any, x: Any, y: Any, generator: Any) -> Signals:
    """What a training step would show of some samples."""
    values = torch.as_tensor(x, dtype=torch.float32)
    result = run_layers(made.student, encode_spikes(values, recipe.encoding.to_graph()), (MEMBERS,))
    path, _ = classifier_of(made.teacher)
    taught: TeacherSignals = made.teacher.outputs(values, (path,))
    return Signals(
        scores=result.output.mean(0),
        logits=result.output,
        output=result.output,
        drive=result.drive,
        spikes=result.spikes,
        taps=result.taps,
        y=torch.as_tensor(y),
        teacher=taught,
        epoch=0,
        epochs=1,
        stage="train",
        generator=generator,
    )


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("readout", ["v_mean", "v_last"])
def test_the_loss_is_that_of_the_paper(prepared: Any, taught: Any, readout: str) -> None:
    x, y, teacher = taught
    recipe, made = prepared({"readout": readout}, dropout="none", teacher_weight=0.3,
                            feature_weight=0.7, label_weight=0.9, temperature=2.0)  # fmt: skip
    context = Context(recipe, made.student, made.teacher, torch.as_tensor(x[:2]).float(), 10)
    objective = recipe.method.objective(context)
    made.student.eval()
    seen = signals(recipe, made, x[:20], y[:20], torch.Generator())
    terms = objective(seen)
    parts = made.student.get_submodule(MEMBERS)
    tap = seen.taps[MEMBERS].detach().numpy()
    g = tap.mean(axis=0) if readout == "v_mean" else tap[-1]
    raw = seen.teacher.taps[classifier_of(teacher)[0]].numpy()  # type: ignore[union-attr]
    every = teacher_features(teacher, classifier_of(teacher)[0], torch.as_tensor(x).float()).numpy()
    spread = every.std(axis=0)
    f = (raw - every.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    f = f[:, parts.order.numpy()]
    expected, first = 0.0, 0
    for size in parts.sizes:
        expected += ((g - f)[:, first : first + size] ** 2).mean()
        first += size
    assert float(terms["feature"].value.detach()) == pytest.approx(expected, rel=1e-5)
    head = made.student.get_submodule(HEAD)
    z = 0.5 * (g @ head.weight.detach().numpy().T + head.bias.detach().numpy())
    ce = -np.log(softmax(z)[np.arange(20), y[:20]]).mean()
    assert float(terms["ce"].value.detach()) == pytest.approx(ce, rel=1e-5)
    p, q = softmax(seen.teacher.logits.numpy() / 2.0), softmax(z / 2.0)  # type: ignore[union-attr]
    kl = (p * np.log(p / q)).sum(axis=1).mean()
    assert float(terms["kd"].value.detach()) == pytest.approx(kl, rel=1e-4)
    assert [t.weight for t in terms.values()] == pytest.approx([0.7, 0.9, 0.3 * 4.0])


def test_the_head_begins_as_the_teachers_classifier(prepared: Any, taught: Any) -> None:
    """On the teacher's own features it gives the teacher's logits."""
    x, _, teacher = taught
    recipe, made = prepared()
    path, _ = classifier_of(teacher)
    values = torch.as_tensor(x).float()
    parts = made.student.get_submodule(MEMBERS)
    f = parts.standardised(teacher_features(teacher, path, values))
    z = made.student.get_submodule(HEAD)(f) * recipe.training.logit_scale
    torch.testing.assert_close(z, teacher.outputs(values).logits, atol=1e-4, rtol=1e-4)
    assert float(f.mean(0).abs().max()) < 1e-5
    moving = f.std(0, correction=0) > 0
    torch.testing.assert_close(f.std(0, correction=0)[moving], torch.ones(int(moving.sum())))


@pytest.mark.parametrize("dropout", ["nested", "independent"])
def test_left_out_members_leave_their_mean(prepared: Any, taught: Any, dropout: str) -> None:
    """Cross-entropy of logits with the same mask, drawn again from the same generator."""
    x, y, _ = taught
    recipe, made = prepared(dropout=dropout)
    context = Context(recipe, made.student, made.teacher, torch.as_tensor(x[:2]).float(), 10)
    objective = recipe.method.objective(context)
    parts = made.student.get_submodule(MEMBERS)
    parts.mean.copy_(torch.linspace(-1, 1, 12))
    made.student.eval()
    seen = signals(recipe, made, x[:40], y[:40], torch.Generator().manual_seed(5))
    found = float(objective(seen)["ce"].value.detach())
    kept = objective._kept(40, 3, torch.Generator().manual_seed(5)).numpy()
    g = seen.taps[MEMBERS].detach().mean(0).numpy()
    shown = np.tile(np.linspace(-1, 1, 12, dtype=np.float32), (40, 1))
    first = 0
    for member, size in enumerate(parts.sizes):
        for sample in range(40):
            if kept[sample, member]:
                shown[sample, first : first + size] = g[sample, first : first + size]
        first += size
    head = made.student.get_submodule(HEAD)
    z = 0.5 * (shown @ head.weight.detach().numpy().T + head.bias.detach().numpy())
    ce = -np.log(softmax(z)[np.arange(40), y[:40]]).mean()
    assert found == pytest.approx(ce, rel=1e-5)
    assert set(np.unique(kept)) == {0.0, 1.0}
    assert (kept.sum(axis=1) >= 1).all()
    if dropout == "nested":
        assert (np.diff(kept, axis=1) <= 0).all()
        assert set(kept.sum(axis=1)) == {1, 2, 3}


def test_the_running_mean_follows_the_members_in_training_only(prepared: Any, taught: Any) -> None:
    x, y, _ = taught
    recipe, made = prepared()
    context = Context(recipe, made.student, made.teacher, torch.as_tensor(x[:2]).float(), 10)
    objective = recipe.method.objective(context)
    parts = made.student.get_submodule(MEMBERS)
    made.student.eval()
    objective(signals(recipe, made, x, y, torch.Generator()))
    assert float(parts.mean.abs().max()) == 0.0
    made.student.train()
    seen = signals(recipe, made, x, y, torch.Generator())
    objective(seen)
    torch.testing.assert_close(parts.mean, 0.05 * seen.taps[MEMBERS].detach().mean(0).mean(0))


@pytest.mark.parametrize("readout", ["v_mean", "v_last"])
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_folded_members_add_up_to_the_whole(
    prepared: Any, taught: Any, readout: str, kind: str
) -> None:
    x, _, _ = taught
    widths = [10] if kind == "mlp" else [3]
    recipe, made = prepared({"readout": readout, "kind": kind, "widths": widths})
    set_means(made.student, recipe, x)
    made.student.eval()
    spikes = encode_spikes(torch.as_tensor(x).float(), recipe.encoding.to_graph())
    with torch.no_grad():
        whole = 0.5 * readout_scores(run_layers(made.student, spikes).output, Readout(readout))
        folded = fold(made.student, recipe)
        shares = [
            folded.gain * readout_scores(run_layers(s, spikes).output, Readout(readout)).double()
            + torch.as_tensor(offset)
            for s, offset in zip(folded.students, folded.offsets, strict=True)
        ]
    total = torch.as_tensor(folded.bias) + sum(shares)
    torch.testing.assert_close(total, whole.double(), atol=2e-5, rtol=1e-5)
    for share in shares:  # an absent member is zero: its share is zero in the mean
        assert float(share.mean(0).abs().max()) < 1e-4
    g = features_of(made.student, recipe, x)
    torch.testing.assert_close(
        made.student.get_submodule(MEMBERS).mean, g.mean(0), atol=1e-6, rtol=1e-5
    )


def test_fine_tuning_takes_the_parts_of_a_teacher_apart(prepared: Any, taught: Any) -> None:
    x, _, teacher = taught
    before = [p.clone() for p in teacher.module.parameters()]
    _, plain = prepared(partition="anti_correlation")
    _, tuned = prepared(partition="anti_correlation", teacher_epochs=10, decorrelation=20.0)
    assert all(map(torch.equal, before, teacher.module.parameters()))
    assert plain.teacher is teacher

    def between(made: Any) -> float:
        parts = made.student.get_submodule(MEMBERS)
        owner = torch.repeat_interleave(torch.arange(3), torch.tensor(parts.sizes))
        f = teacher_features(
            made.teacher, classifier_of(made.teacher)[0], torch.as_tensor(x).float()
        )
        return float(correlations(f[:, parts.order], (owner[:, None] != owner[None, :]).float()))

    assert between(tuned) < 0.8 * between(plain)


def test_correlations_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    f = rng.normal(size=(50, 5))
    apart = np.zeros((5, 5))
    apart[0, 1] = apart[1, 0] = apart[2, 4] = apart[4, 2] = 1.0
    r = np.corrcoef(f.T)
    found = correlations(torch.as_tensor(f), torch.as_tensor(apart))
    assert float(found) == pytest.approx((r[0, 1] ** 2 + r[2, 4] ** 2) / 2, rel=1e-6)


def test_gradients_reach_members_and_head(taught: Any) -> None:
    x, y, teacher = taught
    recipe = recipe_from_dict(tables())
    made = recipe.method.prepare(recipe, x, y, teacher)
    trainer = Trainer(recipe, made.student, x, y, made.teacher)
    before = {n: p.clone() for n, p in made.student.named_parameters()}
    trainer.epoch()
    still = [n for n, p in made.student.named_parameters() if torch.equal(p, before[n])]
    assert still == []
    assert {"feature", "ce"} <= set(trainer.figures)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"members": 0}, "members = 0"),
        ({"members": 65}, "members = 65"),
        ({"partition": "astrology"}, "partition"),
        ({"policy": "hope"}, "policy"),
        ({"dropout": "some"}, "dropout"),
        ({"keep": 0.0}, "keep"),
        ({"keep": 1.0}, "keep"),
        ({"policy": "budget", "setting": 2.5}, "setting = 2.5"),
        ({"policy": "budget", "setting": 4}, "setting = 4"),
        ({"policy": "margin", "setting": 1.5}, "setting"),
        ({"feature_weight": -1.0}, "feature_weight"),
        ({"temperature": 0.0}, "temperature"),
        ({"teacher_epochs": -1}, "teacher_epochs"),
        ({"idle": "asleep"}, "idle"),
        ({"treshold": 1.0}, "unknown key"),
    ],
)
def test_options_that_make_no_sense_are_refused(change: Tables, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        recipe_from_dict(tables(**change))


def test_a_method_without_a_teacher_is_refused() -> None:
    given = tables()
    del given["teacher"]
    with pytest.raises(ConfigError, match="without a teacher"):
        recipe_from_dict(given)


@pytest.mark.parametrize("readout", ["spike_count", "v_max"])
def test_readouts_that_are_not_linear_are_refused(prepared: Any, readout: str) -> None:
    with pytest.raises(ConfigError, match="real values"):
        prepared({"readout": readout})


def test_a_teacher_of_unknown_features_is_refused(taught: Any) -> None:
    x, y, _ = taught
    recipe = recipe_from_dict(tables())

    class Answers:
        module = None

        def outputs(self, x: Any, taps: Any = ()) -> TeacherSignals:
            return TeacherSignals(torch.zeros(len(x), 10))

    with pytest.raises(ConfigError, match="features"):
        recipe.method.prepare(recipe, x, y, Answers())


def test_other_methods_keep_their_own_student(few_digits: Any) -> None:
    x, y = few_digits
    given = tables()
    given["method"] = {"name": "ce"}
    recipe = recipe_from_dict(given)
    assert recipe.method.prepare(recipe, x, y, None) is None
    assert [n for n, _ in new_student(recipe, x, y).named_children()][-1] == "out"
