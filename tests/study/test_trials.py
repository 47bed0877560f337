"""Real students of tiny studies: trained, measured, kept, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip import pipeline
from snn2chip.distill import evaluate, load_checkpoint, read_recipe
from snn2chip.distill.run import load_samples
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.pipeline import Options, open_network
from snn2chip.study.config import StudyConfig, read_study
from snn2chip.study.trials.figures import figures_of, seen_of
from snn2chip.study.trials.grid import base_tables, grid_trials
from snn2chip.study.trials.running import Ran, run_study
from snn2chip.study.trials.runs import REFERENCE, StudentRuns
from snn2chip.study.trials.store import StudyFolder
from snn2chip.study.types import FLOAT, SPLITS
from tests.study.conftest import BASE, STUDY

TARGETS = ("loihi2",)
Write = Callable[..., Path]


def run(study: StudyConfig, folder: Path, **more: Any) -> Ran:
    given = {"targets": TARGETS, **more}
    return run_study(study, base_tables(study), StudyFolder(folder), **given)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyConfig:
    place = tmp_path_factory.mktemp("study")
    (place / "base.toml").write_text(BASE)
    (place / "small.toml").write_text(STUDY)
    return read_study(place / "small.toml")


@pytest.fixture(scope="module")
def folder(study: StudyConfig) -> Path:
    return Path(study.recipe).parent / "out"


@pytest.fixture(scope="module")
def ran(study: StudyConfig, folder: Path) -> Ran:
    return run(study, folder)


def test_every_setting_is_trained_at_every_seed(ran: Ran, folder: Path) -> None:
    assert not ran.failures
    assert len(ran.trials) == len(ran.outcomes) == 4
    assert [(t.tables["method"]["name"], t.seed) for t in ran.trials] == [
        ("ce", 0),
        ("ce", 1),
        ("kd", 0),
        ("kd", 1),
    ]
    assert len({trial.setting for trial in ran.trials}) == 2
    assert len(list((folder / "teachers").glob("*.safetensors"))) == 1
    for trial in ran.trials:
        own = read_recipe(StudyFolder(folder).trial(trial.key) / "recipe.toml")
        assert own.to_dict() == trial.tables


def test_figures_are_those_of_the_student_itself(ran: Ran, folder: Path) -> None:
    trial = ran.trials[2]
    outcome = ran.outcomes[trial.key]
    place = StudyFolder(folder).trial(trial.key)
    student, metadata = load_checkpoint(place / "student.safetensors")
    split = load_samples(read_recipe(place / "recipe.toml"))
    alone = evaluate(student, split.x_test, split.y_test, metadata.encoding, metadata.readout)
    in_float = outcome.figures[FLOAT]["test"]
    assert in_float.accuracy == alone.accuracy
    assert in_float.samples == len(split.y_test)
    everything = in_float.input_spikes + in_float.hidden_spikes + in_float.output_spikes
    assert everything == pytest.approx(sum(alone.spikes.values()))
    assert outcome.parameters == sum(p.numel() for p in student.parameters())
    assert outcome.epoch in (1, 2)
    assert outcome.training_s > 0


def test_figures_on_a_target_are_those_of_the_whole_chain(ran: Ran, folder: Path) -> None:
    trial = ran.trials[0]
    checkpoint = StudyFolder(folder).trial(trial.key) / "student.safetensors"
    found = ran.outcomes[trial.key].figures["loihi2"]["test"]
    options = Options(target="loihi2")
    result = pipeline.run(open_network(checkpoint, options), options)
    layers = {layer.counts.name: layer.counts for layer in result.energy.layers}
    hidden, output = (list(layers.values())[k] for k in (1, 2))
    assert found.accuracy == result.accuracy
    assert found.hidden_spikes == hidden.spikes / found.samples
    assert found.output_spikes == output.spikes / found.samples
    events = sum(layer.synaptic_events for layer in layers.values())
    assert found.synaptic_events == events / found.samples
    assert found.total_nj == pytest.approx(result.energy.energy_per_inference_nj)
    assert found.differing == result.drift[0].predictions_differing / found.samples
    assert ran.outcomes[trial.key].cost_tables["loihi2"] == result.energy.table


def test_what_is_kept_of_each_sample_agrees_with_the_means(ran: Ran, folder: Path) -> None:
    for trial in ran.trials:
        for place in (FLOAT, "loihi2"):
            correct, spikes = StudyFolder(folder).per_sample(trial.key, place)
            figures = ran.outcomes[trial.key].figures[place]["test"]
            assert correct.mean() == pytest.approx(figures.accuracy)
            assert spikes.mean() == pytest.approx(figures.spikes, rel=1e-6)


def test_validation_samples_are_held_out_of_the_training_part(ran: Ran) -> None:
    splits = ran.outcomes[ran.trials[0].key].figures["loihi2"]
    assert splits["validation"].samples == pytest.approx(0.2 * 0.6 * 1797, abs=10)
    assert splits["test"].samples == pytest.approx(0.4 * 1797, abs=1)


def test_a_second_run_does_nothing_again(
    study: StudyConfig, ran: Ran, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it is done")

    monkeypatch.setattr("snn2chip.study.trials.running.run_trial", never)
    again = run(study, folder)
    assert again.outcomes == ran.outcomes
    collected = run(study, folder.parent / "nowhere", only_done=True)
    assert (len(collected.trials), collected.outcomes, collected.failures) == (4, {}, {})


def test_another_target_is_measured_without_training(
    study: StudyConfig, ran: Ran, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ran.trials[0].key
    few = replace(study, grids=({"method": ({"name": "ce"},)},), seeds=(0,))
    before = (StudyFolder(folder).trial(key) / "student.safetensors").stat().st_mtime_ns
    wider = run(few, folder, targets=("loihi2", "loihi1:sanafe_nahuku"))
    outcome = wider.outcomes[key]
    assert outcome.cost_tables["loihi1:sanafe_nahuku"] == "sanafe_nahuku"
    assert outcome.figures["loihi2"] == ran.outcomes[key].figures["loihi2"]
    after = (StudyFolder(folder).trial(key) / "student.safetensors").stat().st_mtime_ns
    assert before == after
    assert outcome.training_s == ran.outcomes[key].training_s


def test_a_trial_that_fails_is_named_and_the_others_go_on(
    study: StudyConfig, ran: Ran, folder: Path
) -> None:
    kd = {"name": "kd", "temperature_teacher": 2.0}
    gone = {"method": (kd,), "teacher": ({"file": "gone.safetensors"},)}
    broken = replace(study, grids=(gone, {"method": (kd,)}), seeds=(0,))
    again = run(broken, folder)
    ((key, (code, reason)),) = again.failures.items()
    assert code in (2, 3)
    assert "gone.safetensors" in reason
    assert [outcome.key for outcome in again.outcomes.values()] == [ran.trials[2].key]
    (line,) = again.failure_lines()
    assert line.startswith("method.name = kd, method.temperature_teacher = 2, teacher.file = gone")
    assert not (StudyFolder(folder).trial(key) / "result.json").exists()


def test_damaged_results_are_named(study: StudyConfig, ran: Ran, folder: Path) -> None:
    path = StudyFolder(folder).trial(ran.trials[0].key) / "result.json"
    whole = path.read_bytes()
    for content in (b"", b"{}", b"[]", b'{"schema": "snn2chip/trial/2"}', whole[:-40]):
        path.write_bytes(content)
        with pytest.raises(InputFileError, match="no result of a trial"):
            run(study, folder, only_done=True)
    document = json.loads(whole)
    for name, value in (("accuracy", "0.9"), ("accuracy", None), ("accuracy", 2), ("samples", 0.5)):
        broken = deepcopy(document)
        broken["figures"][FLOAT]["validation"][name] = value
        path.write_text(json.dumps(broken))
        with pytest.raises(InputFileError, match="no result of a trial"):
            run(study, folder, only_done=True)
    for name, value in (("parameters", "3"), ("total_s", float("inf")), ("samples", 4)):
        path.write_text(json.dumps({**document, name: value}))
        with pytest.raises(InputFileError, match="no result of a trial"):
            run(study, folder, only_done=True)
    path.write_bytes(whole)
    samples = path.with_name("samples.npz")
    kept = samples.read_bytes()
    samples.write_bytes(kept[:100])
    with pytest.raises(InputFileError, match=r"samples\.npz"):
        StudyFolder(folder).per_sample(ran.trials[0].key, FLOAT)
    samples.write_bytes(kept)


def test_two_runs_do_not_share_a_folder(study: StudyConfig, folder: Path) -> None:
    pytest.importorskip("fcntl")
    with (
        StudyFolder(folder).locked(),
        pytest.raises(ConfigError, match="another run"),
    ):
        run(study, folder)


def test_recipes_without_validation_samples_are_refused(write_study: Write) -> None:
    path = write_study(base=BASE.replace("validation = 0.2", "validation = 0.0"))
    study = read_study(path)
    with pytest.raises(ConfigError, match=r"data\.validation = 0"):
        grid_trials(study, base_tables(study))


def test_settings_that_are_no_recipe_are_named_before_training(write_study: Write) -> None:
    path = write_study(STUDY.replace("temperature_teacher", "temperature_techer"))
    study = read_study(path)
    with pytest.raises(ConfigError) as caught:
        grid_trials(study, base_tables(study))
    assert "temperature_techer" in str(caught.value)
    assert "did you mean 'temperature_teacher'" in str(caught.value)


def test_a_recipe_that_comes_up_twice_is_one_trial(write_study: Write) -> None:
    path = write_study(
        STUDY + '\n[[grid]]\n"training.lr" = [0.02, 0.01]\nmethod = [{name = "ce"}]\n'
    )
    study = read_study(path)
    trials = grid_trials(study, base_tables(study))
    assert len(trials) == len({trial.key for trial in trials}) == 6


def test_relative_paths_lead_to_the_same_files(write_study: Write, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 1, 4, 4), dtype=np.float32), np.arange(60) % 3
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x[:30], y_test=y[:30])
    base = BASE.replace("[data]", '[data]\nname = "data.npz"').split("[teacher]")[0]
    path = write_study(
        'recipe = "base.toml"\n', base + "[training]\nepochs = 1\nthreads = 1\nbatch = 32\n"
    )
    ran = run(read_study(path), tmp_path / "deep" / "out", targets=())
    (outcome,) = ran.outcomes.values()
    assert set(outcome.figures) == {FLOAT}
    assert [outcome.figures[FLOAT][split].samples for split in SPLITS] == [12, 30]


def test_other_samples_under_the_same_name_are_trained_on_anew(
    write_study: Write, tmp_path: Path
) -> None:
    from snn2chip.data.digits import load_digits_split

    digits = load_digits_split(0, 0.4)
    parts = {key: getattr(digits, key) for key in ("x_train", "y_train", "x_test", "y_test")}
    base = BASE.replace("[data]", '[data]\nname = "own.npz"')
    path = write_study('recipe = "base.toml"\ntargets = ["loihi2"]\n', base=base)

    def figures(**changed: Any) -> Any:
        np.savez(tmp_path / "own.npz", **{**parts, **changed})
        (outcome,) = run(read_study(path), tmp_path / "out").outcomes.values()
        return outcome

    first, again = figures(), figures()
    assert again == first
    other = figures(x_test=1 - parts["x_test"])
    assert other.samples != first.samples
    dark, bright = (found.figures[FLOAT]["test"].input_spikes for found in (first, other))
    assert bright > 2 * dark
    assert figures(x_train=1 - parts["x_train"]).figures[FLOAT] != first.figures[FLOAT]


def test_an_error_that_is_none_of_ours_fails_its_trial_alone(
    write_study: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snn2chip.study.trials import running

    real = running.run_trial

    def broken(work: Any, *more: Any) -> Any:
        if work.trial.seed == 0:
            raise RuntimeError("out of luck")
        return real(work, *more)

    monkeypatch.setattr(running, "run_trial", broken)
    study = read_study(
        write_study(STUDY.replace(', { name = "kd", temperature_teacher = 2.0 }', ""))
    )
    ran = run(study, tmp_path / "out")
    assert list(ran.failures.values()) == [(1, "RuntimeError: out of luck")]
    assert len(ran.outcomes) == 1


ENSEMBLES = """
recipe = "base.toml"
targets = ["loihi2"]
seeds = [0]

[[grid]]
method = [
  { name = "sne", members = 3, policy = "budget", setting = 3 },
  { name = "sne", members = 3, policy = "budget", setting = 1 },
  { name = "sne", members = 3, policy = "confidence", setting = 0.3 },
]
"""


def test_ensembles_are_measured_by_their_own_policy(write_study: Write, tmp_path: Path) -> None:
    base = BASE.replace("dropout = 0.0", 'dropout = 0.0\nreadout = "v_mean"')
    study = read_study(
        write_study(ENSEMBLES, base=base.replace("epochs = 2\nbatch", "epochs = 6\nbatch"))
    )
    ran = run(study, tmp_path / "out")
    assert not ran.failures
    figures = [ran.outcomes[trial.key].figures["loihi2"]["test"] for trial in ran.trials]
    every, one, sure = figures
    assert one.spikes < sure.spikes <= every.spikes
    assert one.synaptic_events < every.synaptic_events
    assert one.total_nj is not None
    assert every.total_nj is not None
    assert one.total_nj < every.total_nj
    assert len({outcome.parameters for outcome in ran.outcomes.values()}) == 1
    for trial in ran.trials:
        for place in (FLOAT, "loihi2"):
            correct, spikes = StudyFolder(tmp_path / "out").per_sample(trial.key, place)
            found = ran.outcomes[trial.key].figures[place]["test"]
            assert correct.mean() == pytest.approx(found.accuracy)
            assert spikes.mean() == pytest.approx(found.spikes, rel=1e-6)
    again = run(study, tmp_path / "out")
    assert again.outcomes == ran.outcomes


def test_ensembles_that_only_answer_differently_are_trained_once(
    write_study: Write, tmp_path: Path
) -> None:
    base = BASE.replace("dropout = 0.0", 'dropout = 0.0\nreadout = "v_mean"')
    last = '  { name = "sne", members = 3, policy = "confidence", setting = 0.3 },\n'
    head, tail = ENSEMBLES.split("method = [\n")[0], "]\n"
    trained: list[str] = []

    def tell(stage: str, done: int, total: int) -> None:
        trained.append(stage)

    together = run(read_study(write_study(ENSEMBLES, base=base)), tmp_path / "all", tell=tell)
    assert not together.failures
    assert trained.count("train") == 2  # epochs, of one training
    alone = run(
        read_study(write_study(head + "method = [\n" + last + tail, base=base)), tmp_path / "one"
    )
    (key,) = alone.outcomes
    assert alone.outcomes[key].figures == together.outcomes[key].figures


@pytest.mark.parametrize(
    "student",
    [
        'kind = "mlp"\nwidths = [12]',
        'kind = "conv"\nwidths = [3, 4]\nreadout = "v_mean"',
        'kind = "conv"\nwidths = [3, 4]\nkernel = 5\nstrides = [2, 1]\npools = []',
        'kind = "resnet"\nwidths = [3]',
    ],
)
@pytest.mark.parametrize("encoding", ["if", "direct"])
def test_counts_in_pytorch_are_those_of_the_float_graph(
    write_study: Write, tmp_path: Path, student: str, encoding: str
) -> None:
    base = BASE.replace('kind = "mlp"\nwidths = [12]', student, 1)
    base = base.replace("steps = 4", f'steps = 4\nkind = "{encoding}"')
    path = write_study('recipe = "base.toml"\ntargets = []\nseeds = [0]\n', base=base)
    ran = run(read_study(path), tmp_path / "out", targets=())
    assert not ran.failures
    place = StudyFolder(tmp_path / "out").trial(ran.trials[0].key)
    runs = StudentRuns(
        place / "student.safetensors", load_samples(read_recipe(place / "recipe.toml"))
    )
    (found, (right, spikes)), graph = runs.in_float(), runs.on(REFERENCE)
    expected = figures_of(graph)
    for name in ("accuracy", "samples", "input_spikes", "hidden_spikes", "output_spikes"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-12), name
    assert found.synaptic_events == expected.synaptic_events > 0
    expected_right, expected_spikes = seen_of(graph)
    np.testing.assert_array_equal(right, expected_right)
    np.testing.assert_array_equal(spikes, expected_spikes)
