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
from snn2chip.distill.run import cross_validate, judge, load_samples  # noqa: E402
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
    assert "1 epochs" in table["training"]
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
    assert card.read_text().endswith("--folds 3\n")


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
