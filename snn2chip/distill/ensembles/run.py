"""From a recipe with the method ``sne`` to a folder: members, ``ensemble.json`` and a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from snn2chip.data import Keys, Split
from snn2chip.data.few import CALIBRATION_SAMPLES
from snn2chip.distill.checkpoint import CheckpointMetadata, save_checkpoint
from snn2chip.distill.describing import describe
from snn2chip.distill.ensembles.card import CardFigures, render_card
from snn2chip.distill.ensembles.members import Folded, fold, require_linear, set_means
from snn2chip.distill.ensembles.tuning import Judged, best_order, tuned_policy
from snn2chip.distill.folder import RunFolder
from snn2chip.distill.methods.sne import SpikingEnsemble
from snn2chip.distill.on_target import graph_of_student, samples_of
from snn2chip.distill.recipe import Recipe
from snn2chip.distill.sequence import encode_spikes, readout_scores, run_layers
from snn2chip.distill.teachers.making import teacher_accuracy
from snn2chip.distill.training import Fit, ProgressCallback, fit, hold_out, torch_state
from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.files import write_bytes, write_text
from snn2chip.frontends.ensemble import FILE, GATE, ensemble_text, gate_bytes
from snn2chip.graph import Ensemble, Graph, Member, Policy, Readout
from snn2chip.pipeline import Given, Network, Options, Result, run
from snn2chip.pipeline.ensembles.policies import decide

CARD_NAME, RECIPE_NAME = "card.md", "recipe.toml"

_BATCH = 256

Values = NDArray[np.floating]


class Answers(NamedTuple):
    """What an ensemble says of labelled samples.

    Attributes:
        members: mean number of active ones.
        ties: share of the samples whose two best logits are equal.
    """

    accuracy: float
    members: float
    predictions: NDArray[np.int64]
    ties: float


@dataclass(frozen=True, eq=False)
class MadeEnsemble:
    """A trained ensemble and where it lies.

    Attributes:
        file: its ``ensemble.json``; members' checkpoints lie beside it.
        answers: on the test split, by its policy, in float; ``all_answers`` with all members.
        results: the chain on each target of the recipe.
    """

    ensemble: Ensemble
    file: Path
    card: Path
    recipe: Path
    answers: Answers
    all_answers: Answers
    parameters: int
    seconds: float
    validation: float | None
    results: tuple[Result, ...]


def distill_ensemble(
    recipe_path: Path,
    recipe: Recipe,
    split: Split,
    folder: RunFolder,
    progress: ProgressCallback | None = None,
) -> MadeEnsemble:
    """Train the members of a recipe together, fold and gate them, and write them.

    Writes ``m0.safetensors``, ... as students of their own, ``ensemble.json``, ``card.md`` and the
    recipe. A training that was broken off goes on.

    Raises:
        ConfigError: the recipe makes no sense for an ensemble.
        UnsupportedError: fine-tuning in integers.
    """
    method = recipe.method
    assert isinstance(method, SpikingEnsemble)
    _check(recipe, method)
    teacher = folder.teacher(recipe, split, recipe_path.parent, progress)
    fitted = fit(
        recipe,
        split.x_train,
        split.y_train,
        progress=progress,
        teacher=teacher,
        state=folder.resume,
    )
    ensemble, folded = made_ensemble(recipe, split, fitted)
    scored = judged_samples(folded, recipe, split.x_test, split.y_test)
    by_all = answers(ensemble.with_policy(Policy("budget", method.members)), scored)
    by_policy = answers(ensemble, scored)
    results = tuple(
        run_on(ensemble, split, target, drop_zeros=recipe.drops_zeros) for target in recipe.targets
    )
    path = folder.path
    for student, layers, name in zip(
        folded.students, folded.architectures, ensemble.names, strict=True
    ):
        metadata = _metadata(recipe, split, layers)
        save_checkpoint(path / f"{name}.safetensors", student, metadata)
    if ensemble.policy.gate is not None:
        write_bytes(path / GATE, gate_bytes(ensemble.policy.gate))
    parameters = sum(p.numel() for student in folded.students for p in student.parameters())
    figures = CardFigures(
        name=path.resolve().name,
        ensemble=ensemble,
        method=method,
        metadata=folder.metadata,
        files=folder.missing(recipe),
        data=split,
        data_name=Path(recipe.data.name).name,
        accuracy=by_policy.accuracy,
        all_accuracy=by_all.accuracy,
        active=by_policy.members,
        validation=fitted.validation,
        teacher=None if teacher is None else teacher_accuracy(teacher, split),
        parameters=parameters,
        seconds=fitted.seconds,
        epoch=fitted.epoch,
        results=results,
    )
    made = MadeEnsemble(
        ensemble=ensemble,
        file=write_text(path / FILE, ensemble_text(ensemble, ".safetensors")),
        card=write_text(path / CARD_NAME, render_card(figures)),
        recipe=write_bytes(path / RECIPE_NAME, recipe_path.read_bytes()),
        answers=by_policy,
        all_answers=by_all,
        parameters=parameters,
        seconds=fitted.seconds,
        validation=fitted.validation,
        results=results,
    )
    folder.finish(several=True)
    return made


def made_ensemble(recipe: Recipe, split: Split, fitted: Fit) -> tuple[Ensemble, Folded]:
    """Means of the features, folded members, their order, and the tuned policy."""
    method = recipe.method
    assert isinstance(method, SpikingEnsemble)
    with torch_state(recipe.training):
        inner, judge = hold_out(recipe.data, split.y_train)
        x, y = split.x_train, split.y_train
        set_means(fitted.student, recipe, x[inner])
        folded = fold(fitted.student, recipe)
        judged = judged_samples(folded, recipe, x[judge], y[judge])
        trained = judged_samples(folded, recipe, x[inner], y[inner])
        order = tuple(range(method.members))
        if method.dropout != "nested":
            order = best_order(folded.bias, judged if judge.any() else trained)
        graphs = member_graphs(folded, recipe, split)
        members = tuple(
            Member(f"m{k}", graph, folded.gain, offset)
            for k, (graph, offset) in enumerate(zip(graphs, folded.offsets, strict=True))
        )
        name = Path(recipe.data.name).stem + "-sne"
        every = Policy("budget", len(members))
        ensemble = Ensemble(name, members, folded.bias, every, order, method.idle)
        seed = recipe.training.seed
        policy = tuned_policy(ensemble, method, judged, trained, seed)
    return ensemble.with_policy(policy), folded


def member_graphs(folded: Folded, recipe: Recipe, split: Split) -> list[Graph]:
    """Each member as a graph of its own."""
    return [
        graph_of_student(student, _metadata(recipe, split, layers), f"m{k}")
        for k, (student, layers) in enumerate(
            zip(folded.students, folded.architectures, strict=True)
        )
    ]


def judged_samples(folded: Folded, recipe: Recipe, x: Values, y: NDArray[np.int64]) -> Judged:
    """What folded members say of samples, in float32."""
    readout, encoding = Readout(recipe.student.readout), recipe.encoding.to_graph()
    classes = folded.bias.size
    logits: list[list[NDArray[np.float64]]] = [[] for _ in folded.students]
    rates = []
    with torch.no_grad():
        parts = torch.split(torch.as_tensor(x, dtype=torch.float32), _BATCH)
        for number, part in enumerate(parts):
            first = number * _BATCH
            keys = Keys(samples=np.arange(first, first + len(part)))
            spikes = encode_spikes(part, encoding, keys)
            rates.append(spikes.mean(0).flatten(1).double().numpy())
            for k, student in enumerate(folded.students):
                scores = readout_scores(run_layers(student, spikes).output, readout)
                logits[k].append(folded.gain * scores.double().numpy() + folded.offsets[k])
    if not len(y):
        inputs = int(np.prod(x.shape[1:]))
        return Judged(np.zeros((len(logits), 0, classes)), np.zeros((0, inputs)), y)
    return Judged(np.stack([np.concatenate(each) for each in logits]), np.concatenate(rates), y)


def answers(ensemble: Ensemble, judged: Judged) -> Answers:
    """What an ensemble says by its own policy."""
    gate = ensemble.policy.gate
    scores = None if gate is None else gate.scores(judged.rates)
    decision = decide(ensemble, judged.logits, scores)
    found = decision.logits.argmax(axis=1)
    ordered = np.sort(decision.logits, axis=1)
    return Answers(
        accuracy=float((found == judged.labels).mean()),
        members=float(decision.active.sum(axis=1).mean()),
        predictions=found,
        ties=float((ordered[:, -1] == ordered[:, -2]).mean()),
    )


def run_on(
    ensemble: Ensemble,
    split: Split,
    target: str,
    costs: str | None = None,
    drop_zeros: bool = False,
) -> Result:
    """The whole chain for an ensemble in memory, scored on the test part of its split.

    Arguments as of ``run_on_target``.
    """
    x_train, y_train = split.x_train[:CALIBRATION_SAMPLES], split.y_train[:CALIBRATION_SAMPLES]
    graph = ensemble.graph
    given = Given(
        samples_of(graph, graph.data, split.x_test, split.y_test),
        samples_of(graph, graph.data, x_train, y_train),
    )
    network = Network(graph, "an ensemble in memory", ensemble=ensemble)
    options = Options(target=target, costs=costs, drop_zeros=drop_zeros)
    return run(network, options, given=given)


def _metadata(recipe: Recipe, split: Split, layers: Sequence[object]) -> CheckpointMetadata:
    return replace(describe(recipe, split), architecture=tuple(layers))  # type: ignore[arg-type]


def _check(recipe: Recipe, method: SpikingEnsemble) -> None:
    """Refuse what has no meaning for several students, before anything is trained."""
    require_linear(recipe)
    if recipe.quantization is not None:
        raise UnsupportedError(
            "[quantization] of an ensemble",
            needs="one student",
            remedy="leave it out: members are quantized as they are",
        )
    if recipe.training.drive_weight:
        raise ConfigError(
            f"training.drive_weight = {recipe.training.drive_weight:g} of an ensemble",
            needs="0: the members' outputs are features, not classes",
        )
    if method.setting is None and not recipe.data.validation:
        raise ConfigError(
            f"method sne: the policy {method.policy} without a setting",
            needs="samples to tune it on",
            remedy="validation = 0.1 in [data], or setting = ... in [method]",
        )
