"""The card of an ensemble: accuracy by who answers, in float and on each chip."""

from __future__ import annotations

from dataclasses import dataclass

from snn2chip.data import Split
from snn2chip.distill.card import (
    HEADER,
    network_rows,
    options_text,
    reproduced,
    table_row,
    versions_text,
)
from snn2chip.distill.checkpoint import CheckpointMetadata
from snn2chip.distill.methods.sne import SpikingEnsemble
from snn2chip.graph import Ensemble
from snn2chip.pipeline import EnsemblePoint, Result


@dataclass(frozen=True, eq=False)
class CardFigures:
    """Everything a card shows; accuracies are on the test split.

    Attributes:
        accuracy, active: by the policy, and its mean number of active members.
        all_accuracy: of all members together.
        metadata: of a member.
        results: the chain on each target of the recipe.
        files: that the recipe names, beside which it lay.
    """

    name: str
    ensemble: Ensemble
    method: SpikingEnsemble
    metadata: CheckpointMetadata
    data: Split
    data_name: str
    accuracy: float
    all_accuracy: float
    active: float
    validation: float | None
    teacher: float | None
    parameters: int
    seconds: float
    epoch: int
    results: tuple[Result, ...]
    files: tuple[str, ...] = ()


def render_card(figures: CardFigures) -> str:
    """The card's text, with a curve for each target."""
    ensemble, method = figures.ensemble, figures.method
    members = len(ensemble.members)
    rows = {
        "float accuracy by the policy, test split": f"{_percent(figures.accuracy)} "
        f"({figures.active:.2f} of {members} members active in the mean)",
        "float accuracy of all members, test split": _percent(figures.all_accuracy),
        "samples": f"{len(figures.data.y_train)} training, {len(figures.data.y_test)} test",
    }
    if figures.validation is not None:
        rows["float accuracy of all members, validation share"] = _percent(figures.validation)
    if figures.teacher is not None:
        rows["teacher's accuracy, test split"] = _percent(figures.teacher)
    rows |= {
        "policy": f"{ensemble.policy.sentence}, "
        + ("as the recipe says" if method.setting is not None else "tuned on the validation share"),
        "order": ", ".join(ensemble.names[k] for k in ensemble.order),
        "idle members": ensemble.idle,
        "partition": method.partition,
        "student dropout": method.dropout,
        "teacher": f"fine-tuned for {method.teacher_epochs} epochs"
        if method.teacher_epochs
        else "frozen",
        "parameters": f"{figures.parameters} of {members} members",
        **network_rows(figures.metadata),
        "method": options_text(figures.metadata.recipe["method"], "name"),
        "training": f"{figures.seconds:.0f} s (epoch {figures.epoch} kept)",
        "versions": versions_text(figures.metadata),
    }
    lines = [f"# {figures.name}", "", f"Spiking students for {figures.data_name} that answer "
             "together.", "", *HEADER, *(table_row(*row) for row in rows.items())]  # fmt: skip
    for result in figures.results:
        lines += ["", *_curve(result)]
    return "\n".join([*lines, "", *reproduced(figures.files)])


def _curve(result: Result) -> list[str]:
    """Accuracy and energy by who answers, as the chip's program has them."""
    assert result.ensemble is not None
    name, table = result.target.name, result.energy.table
    layers, samples = [layer.counts for layer in result.energy.layers], result.activity.samples
    spikes = sum(layer.spikes for layer in layers if layer.kind != "input") / samples
    events = sum(layer.synaptic_events for layer in layers) / samples
    rows = [
        f"On {name} ({table}), by who answers; * marks the ensemble's own policy, by which a "
        f"sample takes {spikes:.1f} spikes without input and {events:.0f} synaptic events:",
        "",
        "| policy | active members | accuracy | dynamic nJ | static nJ | latency us |",
        "|---|---|---|---|---|---|",
    ]
    for point in result.ensemble.curve:
        numbers = (point.dynamic_nj, point.static_nj, point.latency_us)
        cells = (
            _setting(point),
            f"{point.members:.2f}",
            "" if point.accuracy is None else _percent(point.accuracy),
            *("unknown" if x is None else f"{x:.1f}" for x in numbers),
        )
        rows.append(table_row(*cells))
    return rows


def _setting(point: EnsemblePoint) -> str:
    return f"{point.policy} {point.setting:.6g}" + (" *" if point.own else "")


def _percent(accuracy: float) -> str:
    return f"{100.0 * accuracy:.2f} %"
