"""What is there is of other samples, another teacher or another chip: it is not taken for this."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.study.config import StudyConfig, read_study
from snn2chip.study.trials import one
from snn2chip.study.trials.store import StudyFolder
from snn2chip.study.types import FLOAT, Outcome
from tests.study.conftest import small_study, write_samples
from tests.study.test_trials import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The seed of every training that is begun, in their order."""
    begun: list[str] = []
    real = one._train

    def train(work: Any, *more: Any) -> None:
        begun.append(str(work.trial.seed))
        real(work, *more)

    monkeypatch.setattr(one, "_train", train)
    return begun


def only(study: StudyConfig, folder: Path, **more: Any) -> Outcome:
    ran = run(study, folder, **more)
    assert not ran.failures
    (outcome,) = ran.outcomes.values()
    return outcome


def test_another_target_after_other_samples_is_of_a_student_of_those(
    tmp_path: Path, trained: list[str]
) -> None:
    study = read_study(small_study(tmp_path))
    first = only(study, tmp_path / "out", targets=())
    write_samples(tmp_path / "own.npz", turned=True)
    second = only(study, tmp_path / "out")
    assert trained == ["0", "0"]
    assert second.samples != first.samples
    assert second == replace(
        only(study, tmp_path / "fresh"), training_s=second.training_s, total_s=second.total_s
    )


def test_samples_that_changed_between_training_and_measuring(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(small_study(tmp_path))
    real = one.measure

    def measure(*arguments: Any) -> Any:
        write_samples(tmp_path / "own.npz", turned=True)
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(one, "measure", measure)
        ((code, reason),) = run(study, tmp_path / "out").failures.values()
    assert code == 3
    assert "own.npz: changed while the student was trained" in reason
    assert only(study, tmp_path / "out").figures == only(study, tmp_path / "fresh").figures
    assert trained == ["0", "0", "0"]


def test_a_training_of_other_samples_that_was_broken_off_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(small_study(tmp_path, epochs=3))

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "train" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "out", tell=stop)
    write_samples(tmp_path / "own.npz", turned=True)
    with pytest.raises(KeyboardInterrupt):
        run(study, tmp_path / "out", tell=stop)
    epochs: list[int] = []

    def count(stage: str, done: int, total: int) -> None:
        epochs.extend([done] if stage == "train" else [])

    resumed = only(study, tmp_path / "out", tell=count)
    assert epochs == [2, 3]  # it goes on with what began on the new samples
    assert resumed.figures == only(study, tmp_path / "fresh").figures


def test_results_of_earlier_versions_stay_what_they_are(tmp_path: Path, trained: list[str]) -> None:
    study = read_study(small_study(tmp_path))
    first = only(study, tmp_path / "out")
    place = StudyFolder(tmp_path / "out").trial(first.key)
    document = json.loads((place / "result.json").read_text())
    for name in ("files", "digests"):
        del document[name]
    notes = json.loads((place / "training.json").read_text())
    (place / "training.json").write_text(json.dumps({"seconds": 1.0, "epochs": 1, "epoch": 1}))
    assert set(notes) == {"samples", "files", "seconds", "epochs", "epoch"}
    (place / "result.json").write_text(json.dumps(document))
    assert only(study, tmp_path / "out").digests == {}
    wider = only(study, tmp_path / "out", targets=("loihi2", "loihi1"))
    assert set(wider.digests) == {"loihi2", "loihi1"}
    assert trained == ["0"]
    (place / "training.json").write_text("{}")
    document.pop("samples")
    (place / "result.json").write_text(json.dumps(document))
    write_samples(tmp_path / "own.npz", turned=True)
    assert only(study, tmp_path / "out").samples == ""
    assert trained == ["0"]


def test_a_target_that_changed_is_measured_anew_without_training(
    tmp_path: Path, trained: list[str]
) -> None:
    chip = tmp_path / "chip.toml"
    shutil.copy(ROOT / "targets" / "loihi1.toml", chip)
    study = read_study(small_study(tmp_path))
    first = only(study, tmp_path / "out", targets=(str(chip),))
    text = chip.read_text()
    price = "e_synop = { value = "
    assert price in text
    chip.write_text(text.replace(price, price + "1"))
    shown = only(study, tmp_path / "out", targets=(str(chip),), only_done=True)
    assert shown == first
    second = only(study, tmp_path / "out", targets=(str(chip),))
    before, after = (o.figures[str(chip)]["test"] for o in (first, second))
    assert None not in (before.dynamic_nj, after.dynamic_nj)
    assert (after.dynamic_nj or 0.0) > (before.dynamic_nj or 0.0)
    assert second.digests != first.digests
    assert only(study, tmp_path / "out", targets=(str(chip),)) == second
    assert trained == ["0"]


def test_a_teacher_in_another_file_teaches_anew(tmp_path: Path, trained: list[str]) -> None:
    made = read_study(small_study(tmp_path, method='name = "kd"', teacher='kind = "mlp"'))
    for seed in (0, 1):
        grid = {"training.seed": (0,), "teacher.training": ({"epochs": 1, "seed": seed},)}
        out = tmp_path / f"teacher{seed}"
        only(replace(made, seeds=(), grids=(grid,)), out, targets=())
        (file,) = (out / "teachers").glob("*.safetensors")
        shutil.copy(file, tmp_path / f"{seed}.safetensors")
    trained.clear()
    shutil.copy(tmp_path / "0.safetensors", tmp_path / "t.safetensors")
    study = read_study(
        small_study(tmp_path, method='name = "kd"', teacher='file = "t.safetensors"')
    )
    first = only(study, tmp_path / "out")
    assert only(study, tmp_path / "out") == first
    shutil.copy(tmp_path / "1.safetensors", tmp_path / "t.safetensors")
    second = only(study, tmp_path / "out")
    assert trained == ["0", "0"]
    assert second.files != first.files
    (tmp_path / "t.safetensors").unlink()
    assert only(study, tmp_path / "out") == second
    assert set(only(study, tmp_path / "out", targets=("loihi1",)).figures) == {FLOAT, "loihi1"}
    assert trained == ["0", "0"]


def test_a_chip_whose_prices_a_student_learned_teaches_anew(
    tmp_path: Path, trained: list[str]
) -> None:
    chip = tmp_path / "chip.toml"
    shutil.copy(ROOT / "targets" / "loihi1.toml", chip)
    path = small_study(tmp_path)
    base = tmp_path / "small-base.toml"
    penalty = f'[[penalty]]\nkind = "energy"\ntarget = "{chip.as_posix()}"\nweight = 0.1\n'
    base.write_text(base.read_text() + penalty)
    study = read_study(path)
    first = only(study, tmp_path / "out", targets=())
    assert only(study, tmp_path / "out", targets=()) == first
    chip.write_text(chip.read_text().replace("e_synop = { value = ", "e_synop = { value = 1"))
    assert only(study, tmp_path / "out", targets=()).files != first.files
    assert trained == ["0", "0"]


def test_ensembles_that_share_a_training_begin_it_anew_once(
    tmp_path: Path, trained: list[str]
) -> None:
    method = 'name = "sne"\nmembers = 2\npolicy = "budget"'
    path = small_study(
        tmp_path, method=method, student='readout = "v_mean"', teacher='kind = "mlp"'
    )
    path.write_text(path.read_text() + '[[grid]]\n"method.setting" = [1, 2]\n')
    study = read_study(path)
    assert not run(study, tmp_path / "out").failures
    write_samples(tmp_path / "own.npz", turned=True)
    epochs: list[str] = []

    def tell(stage: str, done: int, total: int) -> None:
        epochs.extend([stage] if stage == "train" else [])

    again, fresh = run(study, tmp_path / "out", tell=tell), run(study, tmp_path / "fresh")
    assert not again.failures
    assert len(epochs) == 1
    for key, outcome in again.outcomes.items():
        assert outcome.figures == fresh.outcomes[key].figures


def test_a_damaged_training_names_the_file_to_remove(tmp_path: Path) -> None:
    study = read_study(small_study(tmp_path))
    trial = next(iter(run(study, tmp_path / "out", only_done=True).trials))
    place = StudyFolder(tmp_path / "out").trial(trial.key)
    place.mkdir(parents=True)
    (place / "training.resume").write_bytes(b"no state")
    ((code, reason),) = run(study, tmp_path / "out").failures.values()
    assert code == 3
    assert f"change: remove {place / 'training.resume'}: " in reason
    (place / "training.resume").unlink()
    only(study, tmp_path / "out")


def test_a_folder_behind_a_link_finds_the_same_files(tmp_path: Path) -> None:
    study = read_study(small_study(tmp_path))
    far = tmp_path / "far" / "away" / "deep"
    far.mkdir(parents=True)
    (tmp_path / "link").symlink_to(far)
    first = only(study, tmp_path / "link", targets=())
    beside = tmp_path / "far" / "linked"
    beside.symlink_to(tmp_path)
    second = only(read_study(beside / "small.toml"), tmp_path / "second", targets=())
    assert first.figures == second.figures
