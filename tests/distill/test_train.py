"""Training: deterministic, it learns, and every option does what its name says."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill.recipe import AugmentationConfig  # noqa: E402
from snn2chip.distill.sequence import evaluate  # noqa: E402
from snn2chip.distill.training import fit  # noqa: E402
from snn2chip.distill.training.augment import augment  # noqa: E402
from snn2chip.distill.training.fit import new_student  # noqa: E402
from snn2chip.distill.training.trainer import Trainer, batches  # noqa: E402
from snn2chip.errors import ConfigError  # noqa: E402
from snn2chip.graph import Readout  # noqa: E402


def weights(fitted) -> dict[str, torch.Tensor]:
    return fitted.student.state_dict()


def same(a, b) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(weights(a).values(), weights(b).values(), strict=True)
    )


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_the_same_seed_gives_the_same_weights(tiny_recipe, few_digits, kind) -> None:
    recipe = tiny_recipe(kind, student__dropout=0.2)
    torch.manual_seed(1)
    first = fit(recipe, *few_digits)
    torch.manual_seed(2)
    second = fit(recipe, *few_digits)
    assert same(first, second)
    assert first.losses == second.losses
    assert not same(
        first, fit(tiny_recipe(kind, student__dropout=0.2, training__seed=1), *few_digits)
    )


def test_torch_is_left_as_it_was(tiny_recipe, few_digits) -> None:
    torch.manual_seed(11)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    fit(tiny_recipe("mlp", training__epochs=1, training__threads=threads + 1), *few_digits)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("readout", "options"),
    [
        ("spike_count", {}),
        ("v_last", {"student__tau_out": 0.016, "training__logit_scale": 5.0}),
        ("v_max", {"student__tau_out": 0.008, "training__logit_scale": 5.0}),
    ],
)
def test_it_learns(tiny_recipe, few_digits, readout, options) -> None:
    """96 samples can be learned by heart; chance is 10 %."""
    recipe = tiny_recipe(
        "mlp",
        student__readout=readout,
        student__widths=[48],
        student__alpha=1.0,
        training__epochs=25,
        training__lr=0.04,
        training__augmentation={"share": 0.0},
        encoding__steps=10,
        **options,
    )
    fitted = fit(recipe, *few_digits)
    judged = evaluate(fitted.student, *few_digits, recipe.encoding.to_graph(), Readout(readout))
    assert judged.accuracy >= 0.9
    assert fitted.losses[-1] < 0.5 * fitted.losses[0]
    assert not fitted.student.training


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_bfloat16_products_leave_neurons_and_losses_in_float32(
    tiny_recipe, few_digits, kind
) -> None:
    """An autocast reaches products alone; the same seed gives the same weights."""
    made = []

    class Watching(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                made.append((func.name(), out.dtype))
            return out

    recipe = tiny_recipe(kind, training__epochs=2, training__precision="bfloat16")
    with Watching():
        first = fit(recipe, *few_digits)
    names = {name for name, dtype in made if dtype == torch.bfloat16}
    assert any("mm" in name or "convolution" in name for name in names)
    assert not any("loss" in name or "softmax" in name for name in names)
    assert all(value.dtype != torch.bfloat16 for value in weights(first).values())
    assert same(first, fit(recipe, *few_digits))
    assert not same(first, fit(tiny_recipe(kind, training__epochs=2), *few_digits))


def test_the_rate_penalty_makes_students_quieter(tiny_recipe, few_digits) -> None:
    spikes = {}
    for penalty in (0.0, 20.0):
        recipe = tiny_recipe(
            "mlp", training__epochs=10, penalty=[{"kind": "rate", "weight": penalty}]
        )
        student = fit(recipe, *few_digits).student
        judged = evaluate(student, *few_digits, recipe.encoding.to_graph(), Readout())
        spikes[penalty] = judged.spikes["hidden1"]
    assert spikes[20.0] < 0.5 * spikes[0.0]


def test_progress_tells_every_epoch(tiny_recipe, few_digits) -> None:
    seen = []
    recipe = tiny_recipe("mlp", training__epochs=3)
    fitted = fit(recipe, *few_digits, stage="fold 2/5", progress=seen.append)
    assert [(p.stage, p.epoch, p.epochs) for p in seen] == [("fold 2/5", i, 3) for i in (1, 2, 3)]
    assert tuple(p.loss for p in seen) == fitted.losses
    assert all(p.accuracy is None for p in seen)
    assert fitted.epoch == 3


def test_validation_keeps_the_best_epoch(tiny_recipe, few_digits) -> None:
    seen = []
    recipe = tiny_recipe(
        "mlp", training__epochs=8, training__lr=0.3, data__validation=0.4, training__batch=16
    )
    fitted = fit(recipe, *few_digits, progress=seen.append)
    accuracies = [p.accuracy for p in seen]
    best = max(accuracies)
    assert fitted.epoch == max(i for i, a in enumerate(accuracies, 1) if a == best)
    held_out = round_per_class(few_digits[1], 0.4)
    assert all(a * held_out == pytest.approx(round(a * held_out)) for a in accuracies)
    assert len(set(accuracies)) > 1, "epochs that do not differ would prove nothing"


def round_per_class(y: np.ndarray, share: float) -> int:
    return sum(round(share * int((y == label).sum())) for label in np.unique(y))


def test_a_training_that_diverges_is_an_error(tiny_recipe, few_digits) -> None:
    x, y = few_digits
    recipe = tiny_recipe("mlp", student__readout="v_last", training__lr=1e38, training__epochs=6)
    with pytest.raises(ConfigError, match="diverged"):
        fit(recipe, x, y)


def test_augmentation_off_changes_nothing() -> None:
    x = torch.rand(5, 1, 8, 8)
    assert augment(x, AugmentationConfig(share=0.0), torch.Generator()) is x
    still = AugmentationConfig(share=0.9, rotate_deg=0, shift_px=0, zoom=0, shear=0, brightness=0)
    sixteenths = (x * 16).round() / 16
    same_images = augment(sixteenths, still, torch.Generator().manual_seed(0))
    torch.testing.assert_close(same_images, sixteenths, rtol=0.0, atol=0.0)


def test_augmentation_changes_its_share_and_stays_in_range() -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(400, 1, 8, 8, generator=generator) * 16).round() / 16
    y = augment(x, AugmentationConfig(share=0.25), generator)
    changed = changed_in(x, y).float().mean()
    assert 0.18 < float(changed) < 0.32
    assert float(y.min()) >= 0.0
    assert float(y.max()) <= 1.0
    assert torch.equal(y * 16, (y * 16).round()), "grey levels stay those of the digits"
    bytes_ = augment(x, AugmentationConfig(share=0.25, levels=255), generator)
    assert torch.equal(
        bytes_[changed_in(x, bytes_)] * 255, (bytes_[changed_in(x, bytes_)] * 255).round()
    )
    assert not torch.equal(bytes_ * 16, (bytes_ * 16).round())


def changed_in(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x != y).flatten(1).any(1)


def test_shifts_move_images_by_at_most_their_size() -> None:
    """One bright pixel in the middle: its centre of mass moves by no more than shift_px."""
    x = torch.zeros(300, 1, 8, 8)
    x[:, 0, 3, 4] = 1.0
    config = AugmentationConfig(
        share=0.99, rotate_deg=0.0, shift_px=1.0, zoom=0.0, shear=0.0, brightness=0.0
    )
    y = augment(x, config, torch.Generator().manual_seed(0))[:, 0]
    rows = (y.sum(2) * torch.arange(8.0)).sum(1) / y.sum((1, 2))
    columns = (y.sum(1) * torch.arange(8.0)).sum(1) / y.sum((1, 2))
    assert float((rows - 3.0).abs().max()) <= 1.1
    assert float((columns - 4.0).abs().max()) <= 1.1
    assert float((rows - 3.0).std()) > 0.4, "and it does move"


@pytest.mark.parametrize("readout", ["spike_count", "v_mean"])
def test_weights_that_are_not_finite_end_the_training(tiny_recipe, few_digits, readout) -> None:
    """Membranes that are no numbers never fire, and the loss of silence is finite."""
    recipe = tiny_recipe(student__readout=readout, training__lr=1e38, training__epochs=2)
    with pytest.raises(ConfigError, match="diverged") as caught:
        fit(recipe, *few_digits)
    assert "lr" in caught.value.remedy


def test_a_single_sample_that_is_left_over_joins_the_batch_before() -> None:
    order = torch.arange(9)
    assert [len(part) for part in batches(order, 4)] == [4, 5]
    assert [len(part) for part in batches(order, 3)] == [3, 3, 3]
    assert [len(part) for part in batches(order, 1)] == [1] * 9
    assert [len(part) for part in batches(order[:1], 4)] == [1]
    for size in range(1, 12):
        assert torch.equal(torch.cat(list(batches(order, size))), order)


def test_a_training_with_such_a_batch_ends_as_planned(tiny_recipe, few_digits) -> None:
    """As many steps as the schedule has."""
    x, y = few_digits
    recipe = tiny_recipe(training__batch=16, training__epochs=2)
    trainer = Trainer(recipe, new_student(recipe, x, y), x[:33], y[:33])
    trainer.epoch()
    trainer.epoch()
    assert trainer.schedule.last_epoch == trainer.schedule.total_steps == 2 * 2


@pytest.mark.parametrize("shape", [(64,), (1, 1, 8, 8)])
def test_augmentation_is_of_images(tiny_recipe, few_digits, shape) -> None:
    x, y = few_digits
    recipe = tiny_recipe(training__augmentation={"share": 0.5})
    with pytest.raises(ConfigError, match="augmentation"):
        fit(recipe, x.reshape(-1, *shape), y)


@pytest.mark.parametrize(("share", "needs"), [(0.001, "at least one"), (0.99, "every class")])
def test_a_validation_share_holds_some_out_and_leaves_some(
    tiny_recipe, few_digits, share, needs
) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(tiny_recipe(data__validation=share), *few_digits)
    assert needs in caught.value.needs
