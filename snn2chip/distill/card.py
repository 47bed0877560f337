"""Cards: what was measured about a student, as a short Markdown file beside its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from snn2chip.distill.checkpoint import CheckpointMetadata
from snn2chip.distill.on_target import TargetFigures
from snn2chip.distill.sequence import Evaluation
from snn2chip.distill.students import names
from snn2chip.distill.students.legality import label_of, paper_reasons
from snn2chip.errors import InputFileError
from snn2chip.files import write_bytes
from snn2chip.report.numbers import energy, plural

HEADER = ("| figure | value |", "|---|---|")
NOT_MEASURED = "not measured"
MOST_NJ = 1e5
"""Energies above are told in larger units."""

SAME_MACHINE = (
    "The same processor and versions give the same weights; others round differently, and end in "
    "another student of the same recipe."
)
PRUNED = (
    "Figures on chips are those of programs without the synapses that were pruned: "
    "`snn2chip simulate student.safetensors --drop-zeros`."
)


@dataclass(frozen=True, slots=True)
class QuantizedFigures:
    """What fine-tuning for a target did; accuracies on the test split.

    Attributes:
        weight_bits: of a stored weight.
        float_before: of the student before, in float.
        before, after: in the target's integers: quantized after its training, and fine-tuned.
        epoch: that was kept, of ``epochs``.
        seconds: wall time of the fine-tuning.
        start: checkpoint that it began with, or None where the recipe trained the student.
    """

    target: str
    weight_bits: int
    float_before: float
    before: float
    after: float
    epoch: int
    epochs: int
    seconds: float
    start: str | None = None


@dataclass(frozen=True, slots=True)
class CardFigures:
    """Everything a card shows.

    Attributes:
        evaluation: on the held-out test split.
        samples: of the training and of the test split.
        folds: accuracy of every fold of the cross-validation, or empty.
        seconds: wall time of the one training run that made the checkpoint.
        quantized: where the student was fine-tuned for a target, else None.
        flags: of the command that made the student, behind its recipe and folder.
        validation: accuracy of the kept epoch on the validation share.
        teacher: its accuracy on the test split.
        targets: the student on each chip that its recipe names.
        drops_zeros: these are figures without synapses of weight 0.
        files: that the recipe names, beside which it lay.
    """

    name: str
    metadata: CheckpointMetadata
    evaluation: Evaluation
    samples: tuple[int, int]
    parameters: int
    seconds: float
    epoch: int
    folds: Sequence[float] = ()
    quantized: QuantizedFigures | None = None
    flags: str = ""
    validation: float | None = None
    teacher: float | None = None
    targets: tuple[TargetFigures, ...] = ()
    drops_zeros: bool = False
    files: tuple[str, ...] = ()


def render_card(figures: CardFigures, extra_rows: Mapping[str, str] | None = None) -> str:
    """The card's text; ``extra_rows`` (figure -> value) follow the measured ones."""
    rows = {**_accuracy_rows(figures), **_network_rows(figures), **_training_rows(figures)}
    if figures.quantized is not None:
        rows.update(quantized_rows(figures.quantized))
    for target in figures.targets:
        rows.update(target_rows(target))
    rows.update(extra_rows or {})
    flag = (f" --folds {len(figures.folds)}" if figures.folds else "") + figures.flags
    return "\n".join(
        [
            f"# {figures.name}",
            "",
            f"A spiking student for {figures.metadata.data.name}: {_layers(figures)}.",
            "",
            *HEADER,
            *(table_row(figure, value) for figure, value in rows.items()),
            "",
            *([PRUNED, ""] if figures.drops_zeros else []),
            *reproduced(figures.files, flag),
        ]
    )


def reproduced(files: Sequence[str], flags: str = "") -> list[str]:
    """Lines on how a student is trained again.

    Args:
        files: that its recipe names, which are missing beside the copy of it.
        flags: of the command, behind its recipe and folder.
    """
    missing = f"`recipe.toml` names {', '.join(files)} beside the recipe: copy that here first."
    return [
        *([missing, ""] if files else []),
        "Reproduced, in this folder, by",
        "",
        f"    snn2chip distill recipe.toml -o .{flags}",
        "",
        SAME_MACHINE,
        "",
    ]


def add_rows(card: str | Path, rows: Mapping[str, str]) -> Path:
    """Add figures to a card, such as those of an integer program; known figures are replaced.

    Raises:
        InputFileError: the file is no card.
    """
    card = Path(card)
    try:
        lines = card.read_text(encoding="utf-8").splitlines()
        start = lines.index(HEADER[0]) + len(HEADER)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputFileError(f"{card}: no card with a table {HEADER[0]!r}") from error
    end = start
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    table = {line.split("|")[1].strip(): line for line in lines[start:end]}
    table.update({_clean(figure): table_row(figure, value) for figure, value in rows.items()})
    text = "\n".join([*lines[:start], *table.values(), *lines[end:], ""])
    return write_bytes(card, text.encode())


def table_row(*cells: str) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(map(_clean, cells)) + " |"


def _clean(cell: str) -> str:
    """A cell that cannot break the table."""
    return " ".join(cell.replace("|", "/").split())


def _percent(accuracy: float) -> str:
    return f"{100.0 * accuracy:.2f} %"


def _accuracy_rows(figures: CardFigures) -> dict[str, str]:
    data, samples = figures.metadata.data, figures.samples
    right = round(figures.evaluation.accuracy * samples[1])
    rows = {
        "float accuracy, test split": f"{_percent(figures.evaluation.accuracy)} "
        f"({right} of {samples[1]} samples)",
        "test samples with tied best scores": _percent(figures.evaluation.ties),
        "split": f"{samples[0]} training, {samples[1]} test samples "
        + (
            f"(test_size {data.test_size:g}, stratified, seed {data.split_seed})"
            if data.name == "digits"
            else f"(of {data.name}; validation share drawn with seed {data.split_seed})"
        ),
    }
    if figures.validation is not None:
        rows["float accuracy, validation share"] = (
            f"{_percent(figures.validation)} ({100 * data_share(figures):g} % of the training "
            f"samples; {_whose(figures)} there decides which epoch is kept)"
        )
    if figures.teacher is not None:
        rows["teacher's accuracy, test split"] = _percent(figures.teacher)
    folds = figures.folds
    label = "float accuracy, cross-validation"
    if not folds:
        return {**rows, label: NOT_MEASURED}
    spread = stdev(folds) if len(folds) > 1 else 0.0
    rows[label] = (
        f"{_percent(mean(folds))} (standard deviation {100.0 * spread:.2f} points; "
        f"{len(folds)} folds of all {sum(samples)} samples, {_trained_anew(figures)})"
    )
    rows["each fold"] = ", ".join(_percent(fold) for fold in folds)
    return rows


def _whose(figures: CardFigures) -> str:
    if figures.quantized is None:
        return "the accuracy"
    return f"that of the program of {figures.quantized.target}"


def _trained_anew(figures: CardFigures) -> str:
    """What of a student and its teacher each fold trained."""
    teacher = figures.metadata.recipe.get("teacher")
    parts = ["each trained anew"]
    if figures.teacher is not None and teacher is not None:
        parts += ["by the same teacher" if teacher.get("file") else "with its teacher"]
    return " ".join(parts) + ("" if figures.quantized is None else ", and not fine-tuned")


def quantized_rows(figures: QuantizedFigures) -> dict[str, str]:
    """What fine-tuning for a target did, figure -> value."""
    place = f"on {figures.target}, {figures.weight_bits}-bit weights"
    start = "" if figures.start is None else f", from {figures.start}"
    return {
        "float accuracy before fine-tuning, test split": _percent(figures.float_before),
        f"integer accuracy {place}, quantized after training, test split": _percent(figures.before),
        f"integer accuracy {place}, fine-tuned, test split": _percent(figures.after),
        "fine-tuning": f"{figures.seconds:.0f} s, {figures.epochs} epochs "
        f"(epoch {figures.epoch} kept){start}",
    }


def data_share(figures: CardFigures) -> float:
    """The validation share of the recipe."""
    return float(figures.metadata.recipe["data"]["validation"])


def target_rows(figures: TargetFigures) -> dict[str, str]:
    """What the student does on a chip, figure -> value."""
    on = f"on {figures.target}"
    if figures.refused:
        return {on: f"cannot run there: {figures.refused}"}
    rows = {}
    if figures.accuracy is not None:
        kind = "integer accuracy" if figures.simulated else "accuracy (float network)"
        rows[f"{kind} {on}, test split"] = _percent(figures.accuracy)
    if figures.spikes is not None and figures.float_spikes is not None:
        change = figures.spikes / figures.float_spikes - 1.0 if figures.float_spikes else 0.0
        rows[f"spikes per sample {on}, without input"] = (
            f"{figures.spikes:.1f} ({change:+.1%} beside the float network)"
        )
    rows[f"synaptic events per sample {on}"] = f"{figures.synaptic_events or 0.0:.0f}"
    for name, value in (("dynamic", figures.dynamic_nj), ("static", figures.static_nj)):
        known = "unknown" if value is None else f"{_energy(value)} per sample, {figures.costs}"
        rows[f"{name} energy {on}"] = known
    parts = {
        "spikes": figures.spikes_nj,
        "input": figures.inputs_nj,
        "updates and idle neurons": figures.neurons_nj,
    }
    if figures.spikes_nj is not None:
        text = ", ".join(f"{name} {_energy(value)}" for name, value in parts.items())
        rows[f"dynamic energy {on}, by what it follows"] = f"{text} per sample"
    if figures.violations:
        rows[f"limits broken {on}"] = str(figures.violations)
    return rows


def _network_rows(figures: CardFigures) -> dict[str, str]:
    metadata, evaluation = figures.metadata, figures.evaluation
    encoding = metadata.encoding
    kinds = {
        name: layer["kind"]
        for name, layer in zip(names(metadata.architecture), metadata.architecture, strict=True)
    }
    rows = {"parameters": str(figures.parameters), **network_rows(metadata)}
    spikes = dict(evaluation.spikes)
    if encoding.kind == "direct":  # values are no spikes, though each one meets synapses
        rows["values per sample that are not 0, input"] = (
            f"{spikes.pop('input'):.1f} of {evaluation.neurons['input']} inputs"
        )
    for name, count in spikes.items():
        label = f"{name} ({kinds[name]})" if name in kinds else name
        rows[f"spikes per sample, {label}"] = f"{count:.1f} of {evaluation.neurons[name]} neurons"
    rows["spikes per sample, all populations"] = f"{sum(spikes.values()):.1f}"
    return rows


def _energy(value_nj: float | None) -> str:
    """Tenths of nJ, as far as they can be read; another unit beyond."""
    if value_nj is None or value_nj < MOST_NJ:
        return "unknown" if value_nj is None else f"{value_nj:.1f} nJ"
    return energy(value_nj)


def network_rows(metadata: CheckpointMetadata) -> dict[str, str]:
    """What a network is, beside its layers, figure -> value."""
    encoding = metadata.encoding
    return {
        "label": ": ".join([label_of(metadata), *_reasons(metadata)]),
        "readout": metadata.readout.kind,
        "encoding": f"{encoding.kind}, {plural(encoding.steps or 0, 'step')} of "
        f"{metadata.discretization.dt:g} s, threshold {encoding.threshold:g}",
    }


def versions_text(metadata: CheckpointMetadata) -> str:
    """What it was trained with."""
    return ", ".join(f"{name} {version}" for name, version in metadata.trained_with.items())


def _reasons(metadata: CheckpointMetadata) -> list[str]:
    """Why a student is one on paper, in one piece, or nothing."""
    found = paper_reasons(metadata)
    return ["; ".join(found)] if found else []


def _training_rows(figures: CardFigures) -> dict[str, str]:
    recipe = figures.metadata.recipe
    training = recipe["training"]
    if figures.quantized is not None and figures.quantized.start is not None:
        return {"versions": versions_text(figures.metadata)}
    rows = {"method": options_text(recipe["method"], "name")}
    if penalties := recipe.get("penalty"):
        rows["penalties"] = "; ".join(options_text(penalty, "kind") for penalty in penalties)
    if figures.teacher is not None and (teacher := recipe.get("teacher")) is not None:
        rows["teacher"] = teacher.get("file") or f"{teacher['kind']}, " + ", ".join(
            f"{name} {_short(teacher[name])}" for name in ("widths", "dense") if teacher[name]
        )
    return rows | {
        "training": f"{figures.seconds:.0f} s on {plural(training['threads'], 'thread')}, "
        f"{plural(training['epochs'], 'epoch')} (epoch {figures.epoch} kept), "
        f"seed {training['seed']}",
        "versions": versions_text(figures.metadata),
    }


def options_text(table: Mapping[str, object], name: str) -> str:
    """A table of a recipe in one piece: ``kd (alpha 0.7, temperature_teacher 4)``."""
    options = ", ".join(
        f"{key} {_short(value)}" for key, value in table.items() if key != name and value != []
    )
    return f"{table[name]} ({options})" if options else str(table[name])


def _short(value: object) -> str:
    """A value of a recipe: ``8-16`` of a list, ``4`` of 4.0, ``true``."""
    if isinstance(value, list):
        return "-".join(map(_short, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _layers(figures: CardFigures) -> str:
    """The architecture in one line, such as ``linear 64>128, lif``."""
    names = []
    for layer in figures.metadata.architecture:
        size = f" {layer['inputs']}>{layer['outputs']}" if "inputs" in layer else ""
        if "kernel" in layer:
            size += f" {layer['kernel']}x{layer['kernel']}"
        names.append(layer["kind"] + size)
    return ", ".join(names)
