"""The verdict in sentences, shared by the terminal, the web page and the notebook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snn2chip.core import Drift, PredictionChange
from snn2chip.energy.types import Bottleneck
from snn2chip.report.numbers import (
    UNKNOWN,
    accuracy,
    energy,
    percent,
    plural,
    ratio,
    share,
    shown,
    time,
)
from snn2chip.report.types import TERMS, LayerRow, Report

TERM_WORDS = {
    "synapse": "synaptic events",
    "neuron": "neuron updates",
    "packet": "packets",
    "hop": "hops",
}
_WORK = {
    "synop": "synaptic events of {}",
    "neuron_access": "visits to the neurons of {}",
    "neuron_inactive": "idle neurons of {}",
    "neuron": "neuron updates of {}",
    "spike_out": "spikes of {}",
    "packet_out": "packets sent by {}",
    "packet_in": "packets received by {}",
    "core_step": "what every step takes on a core of {}",
}
"""Constants of time by the beginning of their names, without ``t_`` or ``cycles_``, in words."""

WARNING_WORDS = {
    "u_wrapped": "the current left its 24 bits and wrapped (u_wrapped)",
    "v_saturated": "the membrane met the end of its 24 bits and stayed there (v_saturated)",
    "u_beyond_24_bits": "the current wrapped more than once (u_beyond_24_bits)",
}
"""Events of the arithmetics in words."""

GRADES = {
    "measured": "on silicon, published",
    "presilicon": "circuit simulation or synthesis by the chip's authors",
    "regressed": "a third party's fit to silicon",
    "derived": "arithmetic on published numbers",
    "vendor": "data sheet or marketing",
    "secondary": "quoted by another paper or tool; the original was not read",
    "memory": "recalled; to be verified",
    "assumed": "published nowhere: an assumption",
}
"""Grades of evidence, the strongest first."""


@dataclass(frozen=True, slots=True)
class Costliest:
    """The costliest layer, its share of the dynamic energy, and its costliest term."""

    layer: LayerRow
    share: float
    term: str


def fits(report: Report) -> bool:
    """Whether the network breaks no limit of the target."""
    return not report.violations


def verdict(report: Report) -> str:
    """``Fits`` or ``Does not fit``, and why not; a target without a size cannot be fitted."""
    broken = len(report.violations)
    if broken:
        return f"Does not fit: {plural(broken, 'limit')} broken"
    if report.target.cores is None:
        return "No limit broken"
    return "Fits" if formats_checked(report) else f"Fits by counts; {FORMATS_UNCHECKED}"


FORMATS_UNCHECKED = "number formats not checked"


def formats_checked(report: Report) -> bool:
    """Whether the network's numbers were held against the formats of the chip."""
    return report.target.simulated or bool(report.fidelity.bit_accurate)


def whose(report: Report) -> str:
    """``float network``: whose the accuracy is, or "" where it is the chip's own."""
    return "" if report.target.simulated else network_of(report.target.arithmetic)


def network_of(arithmetic: str) -> str:
    """What computes in an arithmetic, in words."""
    return "float network" if arithmetic == "float64" else f"network in {arithmetic}"


def right(report: Report) -> str:
    """``97.64 %``, of a chip that was not simulated ``97.64 % (float network)``."""
    value = report.run.accuracy
    marked = f" ({whose(report)})" if value is not None and whose(report) else ""
    return accuracy(value) + marked


def unsimulated(report: Report) -> str:
    """What must be said of the accuracy on a chip that was not simulated, else ""."""
    if report.target.simulated:
        return ""
    return f"accuracy is the {whose(report)}'s: this chip's arithmetic was not simulated"


def dynamic_only(report: Report) -> bool:
    """Whether the total is a dynamic energy alone, because static energy has no price."""
    totals = report.totals
    if totals.total_pj is None or totals.static_pj is not None:
        return False
    return any(line.startswith(("p_static_chip", "static energy")) for line in report.unpriced)


def available(report: Report) -> int | None:
    """Cores of all chips that are used, or None where the target does not say."""
    chips = 1 + max((core.chip for core in report.cores), default=0)
    return None if report.target.cores is None else report.target.cores * chips


def cores(report: Report) -> str:
    """``14 of 128 cores``, ``200 of 256 cores on 2 chips``."""
    used, there = report.totals.cores_used, available(report)
    if there is None or report.target.cores is None:
        return plural(used, "core")
    chips = there // report.target.cores
    return f"{used:,} of {plural(there, 'core')}" + (f" on {chips} chips" if chips > 1 else "")


def accuracy_before(report: Report) -> float | None:
    """Accuracy before the first lossy stage, where the run has labels."""
    known = [d.accuracy_before for d in report.drift if d.accuracy_before is not None]
    return known[0] if known else None


def accuracy_change(report: Report) -> str:
    """``before quantization 96.94 %, -0.55 points``, or "" where there is nothing to compare."""
    before, after = accuracy_before(report), report.run.accuracy
    if before is None or after is None:
        return ""
    points = 100.0 * (after - before)
    change = "unchanged" if abs(points) < 0.005 else f"{points:+.2f} points"
    return f"before quantization {accuracy(before)}, {change}"


def predictions_changed(report: Report) -> int | None:
    """Predictions that differ over all stages, or None where no stage was compared."""
    return sum(d.predictions_differing for d in report.drift) if report.drift else None


def costliest(report: Report) -> Costliest | None:
    """The layer with the largest energy, or None where nothing is priced."""
    total = report.totals.energy_pj.total
    priced = [row for row in report.layers if row.energy_pj.total is not None]
    if not total or not priced:
        return None
    layer = max(priced, key=lambda row: row.energy_pj.total or 0.0)
    term = max(TERMS, key=lambda name: layer.energy_pj.term(name) or 0.0)
    return Costliest(layer, (layer.energy_pj.total or 0.0) / total, term)


def static_share(report: Report) -> float | None:
    """Static energy over the total, or None where there is none or one of them is unknown."""
    static, total = report.totals.static_pj, report.totals.total_pj
    return static / total if static and total and report.totals.energy_pj.total else None


def costliest_sentence(report: Report) -> str:
    """The share of static energy, then the costliest layer of the rest; or that nothing is priced.

    ``Static 87 %; of the dynamic rest, hidden1 is costliest: 94 %, mostly synaptic events.``
    """
    top, static = costliest(report), static_share(report)
    if top is None:
        return "No event of this run has a price in this cost table."
    words = f"{share(top.share)} %, mostly {TERM_WORDS[top.term]}."
    name = shown(top.layer.name)
    if static is None:
        return f"Of the dynamic energy, {name} is costliest: {words}"
    return f"Static {share(static)} %; of the dynamic rest, {name} is costliest: {words}"


def versus_baseline(report: Report) -> str:
    """How the energy compares with the quantized ANN's, or "" where one of them is unknown.

    The baseline has no static part, so the dynamic energy is compared first.
    """
    layers, baseline = report.totals.energy_pj.total, report.baseline
    samples = report.run.samples
    if baseline is None or not layers or not samples or not baseline.energy_per_inference_nj:
        return ""
    reference = baseline.energy_per_inference_nj
    said = f"this network: {_times(layers / samples / 1000.0 / reference)} (dynamic)"
    if report.totals.static_pj and report.totals.energy_per_inference_nj:
        said += f", {_times(report.totals.energy_per_inference_nj / reference)} with static"
    return said


def _times(factor: float) -> str:
    if factor >= 1.0:
        return f"{ratio(factor)} as much"
    return f"{ratio(1.0 / factor)} less" if factor > 1e-9 else "next to nothing"


def parts(report: Report) -> str:
    """``415 nJ dynamic, 1.92 uJ static``, ``dynamic only``, or "" where neither can be said."""
    samples, totals = max(1, report.run.samples), report.totals
    if dynamic_only(report):
        return "dynamic only: static energy has no price"
    if totals.energy_pj.total is None or totals.static_pj is None:
        return ""
    dynamic, static = (v / samples / 1000.0 for v in (totals.energy_pj.total, totals.static_pj))
    return f"{energy(dynamic)} dynamic, {energy(static)} static"


def spread(report: Report) -> str:
    """``1.9 uJ to 3.2 uJ over the ranges of its constants``, or "" where none has a range."""
    found = report.totals.range
    if found is None or found.low.total_pj is None:
        return ""
    ends = (energy(end.energy_per_inference_nj) for end in (found.low, found.high))
    return " to ".join(ends) + " over the ranges of its constants"


def spread_of_time(report: Report) -> str:
    """``22.6 us to 58.0 us over the ranges of its constants``, or "" where no time has a range."""
    found = report.totals.range
    return "" if found is None else between(found.low.latency_us, found.high.latency_us, time)


def between(low: float | None, high: float | None, said: Callable[[float | None], str]) -> str:
    """Both ends of a range in words, or "" where there is none."""
    if low is None or high is None or low == high:
        return ""
    return f"{said(low)} to {said(high)} over the ranges of its constants"


def ticks(report: Report) -> str:
    """Whether the chip keeps up with its ticks, or "" where it has none."""
    check = report.totals.real_time
    if check is None:
        return ""
    tick = time(check.tick_ns / 1000.0)
    if check.busiest_ns is None or check.layer is None or check.late is None:
        return f"in ticks of {tick}; whether the cores keep up is not known"
    where = f"core {check.core} ({shown(check.layer)})"
    if check.kept:
        return f"in ticks of {tick}; {where} is busiest, {time(check.busiest_ns / 1000.0)} of one"
    return f"ticks of {tick} are too short: {where} needs {time(check.busiest_ns / 1000.0)}"


def quantized(report: Report) -> str:
    """``spikes, a scale per layer, weights of 8 bits``, or "" where nothing was quantized here."""
    return "" if report.run.quantization is None else report.run.quantization.sentence


def warnings(report: Report) -> tuple[str, ...]:
    """What the arithmetic warned of in each population, and how often."""
    return tuple(
        f"{shown(name)}: {WARNING_WORDS.get(event, shown(event))} {plural(times, 'time')}"
        for name, events in report.run.warnings.items()
        for event, times in events.items()
    )


def caveats(report: Report) -> tuple[str, ...]:
    """What must be said in the same breath as the energy."""
    said: list[str] = []
    if report.run.synthetic:
        said.append("synthetic input: the energy means nothing")
    if report.violations:
        said.append("as if it fitted")
    if report.unpriced:
        said.append(f"{plural(len(report.unpriced), 'term')} unpriced")
    return tuple(said)


def bottleneck(report: Report) -> str:
    """``core 3: synaptic events of hidden``, or "" where no time is modelled."""
    return working(report.bottleneck) if report.bottleneck else ""


def working(found: Bottleneck) -> str:
    """A core and what takes most of its time, in words."""
    name = found.term.removeprefix("t_").removeprefix("cycles_")
    words = next((said for begin, said in _WORK.items() if name.startswith(begin)), name + " of {}")
    return f"core {found.core}: {words.format(shown(found.layer))}"


def waiting(report: Report) -> str:
    """The slowest step, what it waits for, and the barrier's share, or "" without times."""
    times = report.latency
    if times is None:
        return ""
    slowest = max(times.steps, key=lambda row: row.time_ns)
    if all(row.slowest is None and row.time_ns == slowest.time_ns for row in times.steps):
        return f"Every step lasts {time(slowest.time_ns / 1000.0)}, whatever happens in it."
    said = f"Slowest step: {slowest.step}, {time(slowest.time_ns / 1000.0)}"
    if slowest.slowest is not None:
        said += f", waiting for {working(slowest.slowest)}"
    if times.barrier_share is not None:
        part = f"{percent(times.barrier_share)} % of the time"
        said += f". The barrier between steps takes {part}" if times.barrier_share else ""
    return f"{said}. Mean of {plural(report.run.samples, 'sample')}."


def waited(report: Report) -> tuple[str, ...]:
    """Layers that some step waits for, in the order of the layers."""
    rows = () if report.latency is None else report.latency.steps
    found = {row.slowest.layer for row in rows if row.slowest is not None}
    return tuple(row.name for row in report.layers if row.name in found)


def required(report: Report) -> str:
    """Cores that the network needs at the least, and by which limit, against those it has."""
    use = report.utilization
    if use.required_cores is None:
        return f"The mapping uses {plural(use.occupied_cores, 'core')}."
    decisive = max(use.limits, key=lambda row: row.required_cores or 0)
    said = (
        f"The network needs at least {plural(use.required_cores, 'core')}, by {decisive.unit}; "
        f"the mapping uses {use.occupied_cores:,}"
    )
    apart = use.required_apart
    if apart is not None and apart > use.required_cores:
        said += f", where {apart:,} is the least for layers that share no core"
    return said + "."


_LIMITS: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "max_energy_nj": ("energy per inference at most", energy),
    "max_latency_us": ("latency per inference at most", time),
    "min_accuracy": ("accuracy at least", accuracy),
    "max_cores": ("cores at most", lambda value: UNKNOWN if value is None else f"{value:,.0f}"),
    "max_drift": ("predictions changed at most", accuracy),
}
"""Limits of a user in words, and how their numbers are printed."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit of the user in words."""

    words: str
    limit: str
    measured: str
    kept: bool


def thresholds(report: Report) -> tuple[Threshold, ...]:
    """Every limit that the user set, with what was measured."""
    found = []
    for row in report.thresholds:
        words, say = _LIMITS[row.name]
        found.append(Threshold(words, say(row.limit), say(row.measured), row.kept))
    return tuple(found)


def evidence(report: Report) -> tuple[tuple[str, int], ...]:
    """(grade, number of cost constants), the strongest grade first."""
    grades = [price.grade for price in report.prices]
    return tuple((grade, grades.count(grade)) for grade in GRADES if grade in grades)


def drift_lines(report: Report, drift: Drift, most: int) -> list[tuple[str, list[str]]]:
    """(label, lines) of what one stage changed; at most ``most`` changed predictions by name."""
    samples = plural(drift.samples, "sample")
    rows = [
        ("accuracy", f"{accuracy(drift.accuracy_before)} -> {accuracy(drift.accuracy_after)}"),
        ("predictions", f"{drift.predictions_differing:,} of {samples} differ"),
        ("output spikes", f"{drift.output_spikes_differing:,} differ in {drift.steps:,} steps"),
        ("decisions", _decisions(drift)),
        ("first differs", _first(drift)),
        ("changed", _changed(report, drift, most)),
    ]
    if drift.accuracy_before is None and drift.accuracy_after is None:
        rows = rows[1:]
    return [(label, [line]) for label, line in rows if line]


def _decisions(drift: Drift) -> str:
    """Samples that other members of an ensemble answer, or "" of a network."""
    number = drift.decisions_differing
    return "" if number is None else f"{plural(number, 'sample')} answered by other members"


def _first(drift: Drift) -> str:
    first = drift.first
    if first is None:
        return "" if drift.output_spikes_differing else "no spike differs in any population"
    where = f"neuron {first.neuron} of {shown(first.population)}"
    return f"sample {first.sample}, step {first.step}, {where}"


def _changed(report: Report, drift: Drift, most: int) -> str:
    if not most:
        return ""
    lines = [change(report, item) for item in drift.changed[:most]]
    left = len(drift.changed) - len(lines)
    return ", ".join(lines) + (f" and {left:,} more" if left else "")


def change(report: Report, item: PredictionChange) -> str:
    """``#4 9 -> 4 (right)``: sample, prediction before and after, and what the label says."""
    before, after = class_name(report, item.before), class_name(report, item.after)
    return f"#{item.sample} {before} -> {after}" + (f" ({word})" if (word := judged(item)) else "")


def judged(item: PredictionChange) -> str:
    """Whether a changed prediction became right or wrong, or "" without a label."""
    if item.label is None:
        return ""
    if item.label == item.after:
        return "now right"
    return "now wrong" if item.label == item.before else "still wrong"


def class_name(report: Report, index: int | None) -> str:
    """The name of a class, or its number where it has none."""
    if index is None:
        return UNKNOWN
    classes = report.network.classes
    return shown(classes[index]) if 0 <= index < len(classes) else str(index)


def lead(report: Report) -> str:
    """The whole report in two or three sentences."""
    run, totals = report.run, report.totals
    samples = plural(run.samples, "sample")
    said = f"Run on {samples} of {plural(run.steps, 'step')}"
    if run.accuracy is not None:
        said = f"{accuracy(run.accuracy)} of {samples} are classified correctly"
        said += f" by the {whose(report)}" if whose(report) else ""
        before = accuracy_before(report)
        said += f", {accuracy(before)} before quantization" if before is not None else ""
    if totals.energy_per_inference_nj is not None:
        said += f". One inference costs {energy(totals.energy_per_inference_nj)}"
        said += " of dynamic energy alone" if dynamic_only(report) else ""
        said += f" and takes {time(totals.latency_us)}" if totals.latency_us is not None else ""
    return f"{said}. {costliest_sentence(report)}"
