"""From a recipe to a folder, and the card in it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.data.digits import load_digits_split  # noqa: E402
from snn2chip.distill import add_rows, distill, load_checkpoint, read_recipe  # noqa: E402
from snn2chip.distill.run import (  # noqa: E402
    cross_validate,
    judge,
    judging_samples,
    load_samples,
    replaced,
)
from snn2chip.errors import ConfigError, InputFileError  # noqa: E402

RECIPE = """
[encoding]
steps = 5

[student]
kind = "mlp"
widths = [10]
dropout = 0.0

[training]
epochs = 1
batch = 256
threads = 1
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One tiny student with three folds: result, recipe path, progress."""
    folder = tmp_path_factory.mktemp("distill")
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE)
    seen: list = []
    return distill(recipe, folder / "tiny", folds=3, progress=seen.append), recipe, seen


def rows(card: str) -> dict[str, str]:
    lines = [line.split("|") for line in card.splitlines() if line.startswith("| ")]
    return {cells[1].strip(): cells[2].strip() for cells in lines[1:]}


def test_the_folder_holds_what_was_promised(made) -> None:
    result, recipe, _ = made
    names = sorted(path.name for path in result.card.parent.iterdir())
    assert names == ["card.md", "last.safetensors", "recipe.toml", "student.safetensors"]
    assert result.recipe.read_bytes() == recipe.read_bytes()
    assert result.name == "tiny"


def test_the_checkpoint_gives_the_accuracy_of_the_result(made) -> None:
    result, path, _ = made
    student, metadata = load_checkpoint(result.checkpoint)
    recipe = read_recipe(path)
    split = load_digits_split(metadata.data.split_seed, metadata.data.test_size)
    again = judge(recipe, student, split.x_test, split.y_test)
    assert again.accuracy == result.evaluation.accuracy
    assert again.spikes == result.evaluation.spikes
    assert metadata.recipe == json.loads(json.dumps(recipe.to_dict()))


def test_progress_names_training_and_folds(made) -> None:
    assert [p.stage for p in made[2]] == ["train", "fold 1/3", "fold 2/3", "fold 3/3"]


def test_the_card_shows_what_was_measured(made) -> None:
    result, _, _ = made
    card = result.card.read_text()
    table = rows(card)
    accuracy = result.evaluation.accuracy
    right = round(accuracy * 719)
    assert table["float accuracy, test split"] == f"{100 * accuracy:.2f} % ({right} of 719 samples)"
    assert table["each fold"] == ", ".join(f"{100 * fold:.2f} %" for fold in result.folds)
    mean, spread = np.mean(result.folds), np.std(result.folds, ddof=1)
    validation = table["float accuracy, cross-validation"]
    assert validation.startswith(
        f"{100 * mean:.2f} % (standard deviation {100 * spread:.2f} points"
    )
    assert "1797 samples" in validation
    assert table["parameters"] == str(64 * 10 + 10 + 10 * 10 + 10) == str(result.parameters)
    spikes = result.evaluation.spikes
    assert table["spikes per sample, input"] == f"{spikes['input']:.1f} of 64 neurons"
    assert table["spikes per sample, hidden1 (lif)"] == f"{spikes['hidden1']:.1f} of 10 neurons"
    assert table["spikes per sample, all populations"] == f"{sum(spikes.values()):.1f}"
    assert f"torch {torch.__version__.split('+')[0]}" in table["versions"]
    assert "1 epoch (epoch 1 kept)" in table["training"]
    assert "seed 0" in table["training"]
    assert "snn2chip distill recipe.toml -o . --folds 3" in card
    assert "flatten, linear 64>10, lif, linear 10>10, lif" in card


def test_values_of_a_direct_input_are_no_spikes(tmp_path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE.replace("steps = 5", 'steps = 5\nkind = "direct"'))
    result = distill(recipe, tmp_path / "out")
    table = rows(result.card.read_text())
    split = load_digits_split(0, 0.4)
    values = 5 * np.count_nonzero(split.x_test) / len(split.x_test)
    assert result.evaluation.spikes["input"] == values
    assert table["values per sample that are not 0, input"] == f"{values:.1f} of 64 inputs"
    assert "spikes per sample, input" not in table
    own = sum(count for name, count in result.evaluation.spikes.items() if name != "input")
    assert table["spikes per sample, all populations"] == f"{own:.1f}"


def test_without_folds_the_card_says_so(tmp_path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE)
    result = distill(recipe, tmp_path / "out")
    card = result.card.read_text()
    assert result.folds == ()
    assert rows(card)["float accuracy, cross-validation"] == "not measured"
    assert "--folds" not in card


def test_the_same_recipe_gives_the_same_checkpoint(made, tmp_path) -> None:
    result, recipe, _ = made
    again = distill(recipe, tmp_path / "again")
    assert again.checkpoint.read_bytes() == result.checkpoint.read_bytes()


def test_a_recipe_may_be_trained_in_its_own_folder(made, tmp_path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    result = distill(tmp_path / "recipe.toml", tmp_path)
    assert result.recipe.read_text() == RECIPE
    assert result.checkpoint.read_bytes() == made[0].checkpoint.read_bytes()


@pytest.mark.parametrize("folds", [-1, 1])
def test_senseless_folds(made, tmp_path, folds) -> None:
    with pytest.raises(ConfigError, match="folds"):
        distill(made[1], tmp_path / "out", folds=folds)
    assert not (tmp_path / "out").exists()


def test_a_bad_recipe_writes_nothing(tmp_path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE + "epoch = 3\n")
    with pytest.raises(ConfigError, match=r"training\.epoch"):
        distill(recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folds_judge_every_sample_once(made, monkeypatch) -> None:
    recipe = read_recipe(made[1])
    split = load_samples(recipe)
    trained, judged = [], []

    class Fitted:
        student = None

    class Judged:
        accuracy = 0.5

    def fit(fold, x, y, stage, progress, teacher):
        trained.append((fold.training.seed, len(y)))
        return Fitted

    def judge_fold(fold, student, x, y):
        judged.append(x)
        assert np.bincount(y).min() >= 0.9 * np.bincount(y).max() - 1
        return Judged

    monkeypatch.setattr("snn2chip.distill.run.fit", fit)
    monkeypatch.setattr("snn2chip.distill.run.judge", judge_fold)
    assert list(cross_validate(recipe, split, 4)) == [0.5] * 4
    assert [seed for seed, _ in trained] == [0, 1, 2, 3]
    total = np.concatenate([split.x_train, split.x_test]).reshape(-1, 64)
    seen = np.concatenate(judged).reshape(-1, 64)
    assert all(n + len(x) == len(total) for (_, n), x in zip(trained, judged, strict=True))
    np.testing.assert_array_equal(np.sort(seen, axis=0), np.sort(total, axis=0))


TAUGHT = """
[data]
validation = 0.25

[teacher]
kind = "mlp"
widths = [6]

[teacher.training]
epochs = 1
batch = 256
threads = 1

[method]
name = "kd"
"""


def test_folds_have_teachers_that_have_not_seen_them(tmp_path, monkeypatch) -> None:
    """Whatever teaches a fold was trained on the samples that train the fold's student."""
    import snn2chip.distill.run as module
    import snn2chip.distill.teachers.making as making

    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE + TAUGHT)
    recipe = read_recipe(path)
    trained: list = []
    plain = module.fit

    def fit(plan, x, y, name, progress, teacher=None):
        trained.append((name, len(y), x.sum(), teacher))
        return plain(plan, x, y, name, progress, teacher)

    monkeypatch.setattr(module, "fit", fit)
    monkeypatch.setattr(making, "fit", fit)
    given = object()
    assert len(list(cross_validate(recipe, load_samples(recipe), 2, teacher=given))) == 2
    names = [name for name, *_ in trained]
    assert names == ["fold 1/2, teacher", "fold 1/2", "fold 2/2, teacher", "fold 2/2"]
    for teacher, student in (trained[:2], trained[2:]):
        assert teacher[1:3] == student[1:3]
        assert student[3] is not given


@pytest.mark.parametrize(
    ("folds", "seed", "share", "said"),
    [
        (176, 0, 0.0, "rarest class"),
        (3, 2**32 - 1, 0.0, "training.seed"),
        (2, 0, 0.0053, "validation = 0.0053 of 89"),  # of all samples it would be one of each class
    ],
)
def test_folds_that_cannot_be_are_refused_before_training(
    tmp_path, folds, seed, share, said
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE + f"seed = {seed}\n[data]\nvalidation = {share}\n")
    with pytest.raises(ConfigError) as caught:
        distill(path, tmp_path / "out", folds=folds)
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_damaged_teacher_says_what_to_do(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE + TAUGHT)
    distill(path, tmp_path / "out")
    (tmp_path / "out" / "teacher.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputFileError) as caught:
        distill(path, tmp_path / "out")
    assert caught.value.remedy == "remove the file: the teacher is trained again"


def test_restart_begins_shared_teachers_anew(tmp_path) -> None:
    path, shared = tmp_path / "recipe.toml", tmp_path / "teachers"
    path.write_text(RECIPE + TAUGHT)
    distill(path, tmp_path / "out", teachers=shared)
    (teacher,) = shared.glob("*.safetensors")
    teacher.unlink()
    teacher.with_suffix(".resume").write_bytes(b"damaged")
    with pytest.raises(InputFileError):
        distill(path, tmp_path / "out", teachers=shared)
    distill(path, tmp_path / "out", teachers=shared, restart=True)
    assert teacher.exists()


def test_a_teacher_that_nothing_asks_is_not_trained(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE + TAUGHT.replace('"kd"', '"ce"'))
    made = distill(path, tmp_path / "out")
    assert not (tmp_path / "out" / "teacher.safetensors").exists()
    assert "teacher" not in made.card.read_text()


def test_the_card_of_a_tuned_student_has_its_own_validation(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    tuning = '[quantization]\ntarget = "loihi2"\nweight_bits = 2\nepochs = 1\n'
    longer = RECIPE.replace("epochs = 1\nbatch = 256", "epochs = 10\nbatch = 64")
    path.write_text(longer + TAUGHT + tuning)
    made = distill(path, tmp_path / "out")
    recipe, split = read_recipe(path), load_samples(read_recipe(path))
    found = {}
    for name in ("student", "float"):
        student, _ = load_checkpoint(tmp_path / "out" / f"{name}.safetensors")
        _, x, y = judging_samples(recipe, split)
        found[name] = judge(recipe, student, x, y).accuracy
    assert found["student"] != found["float"], "else the test tells nothing"
    assert made.validation == found["student"]
    row = rows(made.card.read_text())["float accuracy, validation share"]
    assert row.startswith(f"{100 * found['student']:.2f} %")
    assert "program of loihi2 there decides" in row


def test_the_card_says_how_its_student_learned(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    pruned = '[[penalty]]\nkind = "magnitude"\nshare = 0.5\n'
    path.write_text('targets = ["loihi1:sanafe_nahuku"]\n' + RECIPE + TAUGHT + pruned)
    card = distill(path, tmp_path / "out").card.read_text()
    table = rows(card)
    assert table["method"].startswith("kd (")
    assert "alpha 0.7" in table["method"]
    assert table["penalties"].startswith("magnitude (share 0.5")
    assert table["teacher"] == "mlp, widths 6"
    assert "integer accuracy on loihi1:sanafe_nahuku, test split" in table
    assert "--drop-zeros" in card


def test_the_card_names_files_beside_the_recipe(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE + TAUGHT)
    distill(path, tmp_path / "first")
    file = '[teacher]\nfile = "first/teacher.safetensors"\n[method]\nname = "kd"\n'
    path.write_text(RECIPE + file)
    assert "beside the recipe" not in distill(path, tmp_path).card.read_text()
    card = distill(path, tmp_path / "out").card.read_text()
    assert "names first/teacher.safetensors beside the recipe" in card
    assert rows(card)["teacher"] == "first/teacher.safetensors"


def test_a_student_of_another_recipe_is_told_apart(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    out = tmp_path / "out"
    assert replaced(path, out) == ""
    distill(path, out)
    assert replaced(path, out) == ""
    path.write_text(RECIPE.replace("steps = 5", "steps = 6"))
    assert replaced(path, out) == "encoding.steps 5 -> 6"
    (out / "student.safetensors").write_bytes(b"damaged")
    assert replaced(path, out) == ""


def test_a_student_of_an_earlier_version_is_of_the_same_recipe(repository) -> None:
    """Its checkpoint says nothing of keys that came later; they have their defaults."""
    folder = repository / "models" / "digits-mlp"
    _, metadata = load_checkpoint(folder / "student.safetensors")
    assert "gain" not in metadata.recipe["encoding"]
    assert replaced(folder / "recipe.toml", folder) == ""


def test_a_compiled_folder_is_no_place_for_a_student(tmp_path) -> None:
    path, out = tmp_path / "recipe.toml", tmp_path / "compiled"
    path.write_text(RECIPE)
    out.mkdir()
    (out / "manifest.json").write_text("{}")
    with pytest.raises(ConfigError, match="compiled folder"):
        distill(path, out)


def test_rows_are_added_and_replaced(made, tmp_path) -> None:
    card = tmp_path / "card.md"
    card.write_text(made[0].card.read_text())
    before = rows(card.read_text())
    add_rows(card, {"loihi2, test accuracy": "97.1 %", "parameters": "5"})
    add_rows(card, {"loihi2, test accuracy": "97.2 %", "a | b": "c\nd"})
    after = rows(card.read_text())
    assert after == {
        **before,
        "parameters": "5",
        "loihi2, test accuracy": "97.2 %",
        "a / b": "c d",
    }
    assert card.read_text().startswith("# tiny\n")
    assert "-o . --folds 3\n" in card.read_text()


def test_rows_need_a_card(tmp_path) -> None:
    with pytest.raises(InputFileError, match="no card"):
        add_rows(tmp_path / "absent.md", {})
    (tmp_path / "other.md").write_text("# other\n")
    with pytest.raises(InputFileError, match="no card"):
        add_rows(tmp_path / "other.md", {"a": "b"})


def test_without_torch_the_message_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import snn2chip.distill\n"
        "from snn2chip.errors import ConfigError\n"
        "try:\n    snn2chip.distill.load_checkpoint\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "torch is not installed" in done.stdout
    assert "snn2chip[train]" in done.stdout


def test_every_public_name_is_there() -> None:
    import snn2chip.distill as room

    for name in room.__all__:
        assert getattr(room, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = room.distil
