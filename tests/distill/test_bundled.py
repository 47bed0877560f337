"""The bundled students: their accuracy is measured here again, and their cards agree."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.data.digits import load_digits_split  # noqa: E402
from snn2chip.distill import (  # noqa: E402
    evaluate,
    load_checkpoint,
    read_recipe,
    recipe_from_dict,
)
from snn2chip.distill.checkpoint import METADATA_KEY  # noqa: E402
from snn2chip.distill.students import SPIKING  # noqa: E402
from snn2chip.pipeline import Options, list_models, open_network, run  # noqa: E402

FLOORS = {"digits-mlp": 0.965, "digits-conv": 0.98}


METHODS = (
    "ce",
    "kd",
    "heterogeneous",
    "kdsnn",
    "lasnn",
    "conversion",
    "tser",
    "twsnn",
    "hta-kl",
)
"""Digits students of every method, by their recipes in recipes/digits."""

ENSEMBLE = "digits-sne"

MICROJOULE = "mnist-conv"
"""At least 98.5 % of MNIST for at most 1 uJ of dynamic energy per image on loihi2."""


def test_all_students_are_tested_here() -> None:
    methods = {f"digits-{name}" for name in METHODS}
    assert set(list_models()) == {*FLOORS, *methods, ENSEMBLE, MICROJOULE}


@pytest.fixture(scope="module", params=FLOORS)
def bundled(request, repository):
    """Name, folder, student, metadata and its judgement on the test split."""
    folder = repository / "models" / request.param
    student, metadata = load_checkpoint(folder / "student.safetensors")
    split = load_digits_split(metadata.data.split_seed, metadata.data.test_size)
    judged = evaluate(student, split.x_test, split.y_test, metadata.encoding, metadata.readout)
    return request.param, folder, student, metadata, judged


def test_accuracy_on_the_test_split(bundled) -> None:
    name, _, _, metadata, judged = bundled
    assert len(judged.predictions) == 719
    assert metadata.data.test_size == 0.4
    assert judged.accuracy >= FLOORS[name]


def test_the_card_shows_the_measured_figures(bundled) -> None:
    name, folder, student, _, judged = bundled
    card = (folder / "card.md").read_text()
    right = round(judged.accuracy * 719)
    assert card.startswith(f"# {name}\n")
    assert f"| float accuracy, test split | {100 * judged.accuracy:.2f} % ({right} of 719" in card
    parameters = sum(p.numel() for p in student.parameters())
    assert f"| parameters | {parameters} |" in card
    for population, spikes in judged.spikes.items():
        row = next(
            r for r in card.splitlines() if r.startswith(f"| spikes per sample, {population}")
        )
        assert float(row.split("|")[2].split()[0]) == pytest.approx(spikes, abs=0.11)


def test_cross_validation_on_the_card(bundled) -> None:
    name, folder, *_ = bundled
    card = (folder / "card.md").read_text().splitlines()
    row = next(line for line in card if line.startswith("| each fold |"))
    folds = [float(cell.strip().removesuffix(" %")) for cell in row.split("|")[2].split(",")]
    assert len(folds) == 5
    assert sum(folds) / 5 >= 100 * FLOORS[name]
    mean = next(line for line in card if line.startswith("| float accuracy, cross-validation |"))
    assert float(mean.split("|")[2].split()[0]) == pytest.approx(sum(folds) / 5, abs=0.01)


@pytest.mark.parametrize("name", METHODS)
def test_students_of_methods_are_as_their_cards_say(name, repository) -> None:
    folder = repository / "models" / f"digits-{name}"
    student, metadata = load_checkpoint(folder / "student.safetensors")
    recipe = read_recipe(folder / "recipe.toml")
    assert recipe_from_dict(metadata.recipe) == recipe
    assert recipe == read_recipe(repository / "recipes" / "digits" / f"{name}.toml")
    split = load_digits_split(metadata.data.split_seed, metadata.data.test_size)
    judged = evaluate(student, split.x_test, split.y_test, metadata.encoding, metadata.readout)
    card = (folder / "card.md").read_text()
    assert f"| float accuracy, test split | {100 * judged.accuracy:.2f} %" in card
    options = Options(target="loihi2")
    found = run(open_network(f"digits-{name}", options), options)
    assert f"| integer accuracy on loihi2, test split | {100 * found.accuracy:.2f} % |" in card
    assert found.violations == ()


def test_the_ensemble_is_as_its_card_says(repository) -> None:
    folder = repository / "models" / ENSEMBLE
    assert read_recipe(folder / "recipe.toml") == read_recipe(
        repository / "recipes" / "digits" / "sne.toml"
    )
    options = Options(target="loihi2")
    found = run(open_network(ENSEMBLE, options), options)
    assert found.ensemble is not None
    assert f"{100 * found.accuracy:.2f} %" in (folder / "card.md").read_text()


@pytest.mark.parametrize("name", [*FLOORS, MICROJOULE])
def test_it_was_trained_by_the_recipe_beside_it(name, repository) -> None:
    folder = repository / "models" / name
    _, metadata = load_checkpoint(folder / "student.safetensors")
    assert recipe_from_dict(metadata.recipe) == read_recipe(folder / "recipe.toml")


def test_every_chip_can_run_it(bundled) -> None:
    """Reset to zero, leak to zero, decays exact in 12 bits, the deterministic encoding."""
    _, _, student, metadata, _ = bundled
    assert metadata.encoding.kind == "if"
    for cell in (module for module in student if isinstance(module, SPIKING)):
        assert float(cell.p.v_reset) == 0.0
        assert float(cell.p.v_leak) == 0.0
        steps = 4096.0 * cell.dt * float(cell.p.tau_mem_inv)
        assert steps == pytest.approx(round(steps), abs=1e-9)


def test_no_pickle_in_the_folder(bundled) -> None:
    """Neither a pickle nor a zip archive, in which torch hides one."""
    _, folder, *_ = bundled
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {"recipe.toml", "student.safetensors", "card.md"} <= set(files)
    for name, content in files.items():
        assert name.endswith((".toml", ".safetensors", ".md", ".nir")), name
        assert not content.startswith((b"\x80", b"PK")), name
    assert METADATA_KEY.encode() in files["student.safetensors"][:65536]


def test_weights_are_fit_for_8_bits(bundled) -> None:
    """Rounded to 8 bits with one scale per layer, at most half a point of accuracy is lost."""
    _, folder, _, metadata, judged = bundled
    student, _ = load_checkpoint(folder / "student.safetensors")
    modules = list(student)
    with torch.no_grad():
        for module, following in zip(modules, [*modules[1:], None], strict=True):
            if hasattr(module, "weight") and module.weight.ndim > 1:
                factor = torch.ones(len(module.weight))
                if isinstance(following, torch.nn.BatchNorm2d):
                    factor = following.weight / (following.running_var + following.eps).sqrt()
                factor = factor.reshape(-1, *[1] * (module.weight.ndim - 1))
                folded = module.weight * factor
                scale = folded.abs().max() / 127.0
                module.weight.copy_((folded / scale).round() * scale / factor)
    split = load_digits_split(metadata.data.split_seed, metadata.data.test_size)
    rounded = evaluate(student, split.x_test, split.y_test, metadata.encoding, metadata.readout)
    assert rounded.accuracy >= judged.accuracy - 0.005


def test_the_program_for_mnist_costs_less_than_a_microjoule(repository) -> None:
    data = repository.parent / "shared" / "data" / "mnist.npz"
    if not data.is_file():
        pytest.skip("MNIST (../shared/data) is not on this machine")
    options = Options(target="loihi2", data=str(data))
    found = run(open_network(MICROJOULE, options), options)
    assert found.energy.table == "loihi2_from_loihi1"
    assert found.energy.samples == 10_000
    assert found.accuracy >= 0.985
    assert found.energy.dynamic_pj / found.energy.samples <= 1e6
    card = (repository / "models" / MICROJOULE / "card.md").read_text()
    assert f"| integer accuracy on loihi2, test split | {100 * found.accuracy:.2f} % |" in card
