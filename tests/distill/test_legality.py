"""A student that a chip cannot run is refused before it is trained, all reasons at once."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.cli import main
from snn2chip.distill import distill
from snn2chip.errors import ConfigError, DoesNotFitError, UnsupportedError

RECIPE = """
targets = {targets}
[encoding]
kind = "{encoding}"
steps = 4
[student]
kind = "{kind}"
widths = [{width}]
reset = "{reset}"
[training]
epochs = 1
threads = 1
"""


def recipe(folder, targets="['loihi2']", more="", tuned="", **options):
    plain = {"encoding": "if", "kind": "mlp", "width": 6, "reset": "zero"}
    path = folder / "recipe.toml"
    text = RECIPE.format(targets=targets, **{**plain, **options})
    path.write_text(text.replace("[student]", f"[student]\n{more}") + tuned)
    return path


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    """Whoever gets as far as the training fails the test."""

    def fit(*_, **__):
        raise AssertionError("it was trained")

    monkeypatch.setattr("snn2chip.distill.run.fit", fit)


@pytest.mark.parametrize("options", [{"reset": "subtract"}, {"encoding": "direct"}])
def test_what_a_chip_has_not_is_refused(tmp_path, options):
    with pytest.raises(UnsupportedError) as caught:
        distill(recipe(tmp_path, **options), tmp_path / "out")
    assert "loihi2" in caught.value.what
    assert caught.value.remedy
    assert not (tmp_path / "out" / "student.safetensors").exists()


def test_limits_of_all_chips_are_named_at_once(tmp_path):
    with pytest.raises(DoesNotFitError) as caught:
        distill(recipe(tmp_path, "['loihi1', 'loihi2']", width=200_000), tmp_path / "out")
    text = str(caught.value)
    assert "breaks" in text
    assert "loihi1" in text
    assert "loihi2" in text
    assert "201 cores (128 cores" in text
    assert "synaptic-words-per-core" in text


def test_refusals_come_before_limits(tmp_path):
    path = recipe(tmp_path, "['loihi1', 'loihi2']", encoding="direct")
    with pytest.raises(UnsupportedError) as caught:
        distill(path, tmp_path / "out")
    assert "loihi1" in str(caught.value)
    assert "loihi2" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"reset": "subtract"}, 'student.reset = "zero" in the recipe, or'),
        (
            {"reset": "subtract", "encoding": "direct"},
            'student.reset = "zero" and encoding.kind = "if" in the recipe, or',
        ),
    ],
)
def test_the_remedy_is_one_of_the_recipe(tmp_path, options, remedy):
    with pytest.raises(UnsupportedError) as caught:
        distill(recipe(tmp_path, **options), tmp_path / "out")
    assert caught.value.remedy.startswith(remedy)


def test_targets_may_name_a_cost_table(tmp_path):
    with pytest.raises(AssertionError, match="it was trained"):
        distill(recipe(tmp_path, "['loihi1:sanafe_nahuku']"), tmp_path / "out")
    with pytest.raises(ConfigError, match="sanafe_nahaku"):
        distill(recipe(tmp_path, "['loihi1:sanafe_nahaku']"), tmp_path / "out")


def test_an_unknown_target_is_named(tmp_path):
    with pytest.raises(ConfigError, match="lohi2"):
        distill(recipe(tmp_path, "['lohi2']"), tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "code"),
    [({"reset": "subtract"}, 4), ({"width": 200_000}, 5), ({"targets": "['lohi2']"}, 2)],
)
def test_exit_codes(tmp_path, options, code, capsys):
    path = recipe(tmp_path, **options)
    assert main(["distill", str(path), "-o", str(tmp_path / "out")]) == code
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        {"more": 'neuron = "cubalif"'},
        {"kind": "resnet"},
        {"encoding": "direct"},
        {"reset": "subtract"},
    ],
)
def test_what_cannot_be_fine_tuned_is_refused_before_it_is_trained(tmp_path, options):
    tuned = '[quantization]\ntarget = "loihi2"\n'
    path = recipe(tmp_path, "[]", tuned=tuned, **options)
    with pytest.raises(UnsupportedError):
        distill(path, tmp_path / "out")
    with pytest.raises(AssertionError, match="it was trained"):
        distill(recipe(tmp_path, "[]", tuned=tuned), tmp_path / "out")


def test_a_legal_student_is_trained(tmp_path):
    with pytest.raises(AssertionError, match="it was trained"):
        distill(recipe(tmp_path), tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "label", "count"),
    [
        ({}, "chip-legal", 0),
        ({"reset": "subtract"}, "paper", 1),
        ({"encoding": "direct", "reset": "subtract"}, "paper", 2),
        ({"kind": "resnet", "reset": "subtract"}, "paper", 1),
        ({"more": 'neuron = "relu"'}, "paper", 1),
    ],
)
def test_labels(tmp_path, options, label, count):
    from snn2chip.distill import read_recipe
    from snn2chip.distill.describing import describe
    from snn2chip.distill.run import load_samples
    from snn2chip.distill.students.legality import label_of, paper_reasons

    read = read_recipe(recipe(tmp_path, "[]", **options))
    metadata = describe(read, load_samples(read))
    assert label_of(metadata) == label
    assert len(paper_reasons(metadata)) == count
