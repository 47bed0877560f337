"""The public API: the same chain as the command line, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip import pipeline
from snn2chip.core import Drift, Violation
from snn2chip.data import encode
from snn2chip.energy import EnergyReport, Layer
from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.torch.prove import ExportReport, export_module
from snn2chip.graph import Encoding, Readout
from snn2chip.pipeline import (
    Check,
    Judgement,
    Network,
    Options,
    Progress,
    Result,
    Thresholds,
    WidthTable,
)
from snn2chip.pipeline.opening import COMPILING, OPENING, RESETTING, given_options
from snn2chip.report import Report, build, csvfile, html, jsonfile
from snn2chip.report.comparison import Changes, Comparison, changes_of, comparison_of
from snn2chip.report.folder import write_compiled, write_run
from snn2chip.report.html import notebook
from snn2chip.targets import load_target

FIELDS = tuple(field.name for field in fields(Options))
LIMITS = tuple(field.name for field in fields(Thresholds))


@dataclass(frozen=True, eq=False)
class Run:
    """A simulated network with its report; shows itself in notebooks.

    Attributes:
        result: everything that the chain gave.
        network, options: what was run, and how; None of a run that was opened.
    """

    result: Result
    network: Network | None = None
    options: Options | None = None

    def __repr__(self) -> str:
        scored = "" if self.accuracy is None else f", accuracy {self.accuracy:.2%}"
        names = f"{self.result.graph.name} on {self.result.target.name}"
        return f"<Run of {names}: {self.result.activity.samples} samples{scored}>"

    @cached_property
    def report(self) -> Report:
        """The report: ``report.to_dict()`` is the JSON."""
        return build(self.result)

    @property
    def accuracy(self) -> float | None:
        """Share of right predictions, or None without labels."""
        return self.result.accuracy

    @property
    def predictions(self) -> NDArray[np.int64]:
        """Class index per sample."""
        return self.result.activity.predictions

    @property
    def drift(self) -> tuple[Drift, ...]:
        """What each lossy stage changed."""
        return self.result.drift

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Limits of the target that the network breaks; empty where it fits."""
        return self.result.violations

    @property
    def energy(self) -> EnergyReport:
        """Counts and prices."""
        return self.result.energy

    @property
    def layers(self) -> tuple[Layer, ...]:
        """One row per population: counts, energy in pJ over all samples, time in ns."""
        return self.result.energy.layers

    def spikes(self, population: str) -> NDArray[np.bool_]:
        """Spikes of a population in graph time, [step, sample, *shape]."""
        activity = self.result.activity
        if population not in activity.populations:
            known = list(activity.populations)
            raise ConfigError(
                f"no population {population!r} in {self.result.graph.name!r}",
                remedy=did_you_mean(population, known),
            )
        return activity.populations[population].spikes.unpack()

    def price(
        self,
        costs: str | None = None,
        target: str | Path | None = None,
        mapping: str | Path | None = None,
        timing: str | None = None,
    ) -> Run:
        """The same activity at other prices, without simulating again.

        Args:
            costs: name of a cost table of the target; None takes its default one.
            target: another chip, which gets a mapping of its own, or another file of this chip.
            mapping: a ``mapping.json`` of the chip that is priced.
            timing: model of time, ``simple`` or ``detailed``; None keeps that of this run.
        """
        chip = None if target is None else load_target(target)
        result = pipeline.reprice(self.result, costs, chip, mapping, timing=timing)
        return replace(self, result=result)

    def judge(self, thresholds: Thresholds | None = None, **limits: Any) -> Judgement:
        """Whether the run keeps limits: ``run.judge(max_energy_nj=50).check()`` raises if not.

        Args:
            thresholds: limits from elsewhere, for example ``Thresholds`` of a file.
            limits: fields of ``Thresholds``, which go before.

        Raises:
            ConfigError: a limit that is none.
        """
        for name in limits:
            if name not in LIMITS:
                raise ConfigError(f"no limit {name!r}", remedy=did_you_mean(name, LIMITS))
        given = Thresholds(**limits)
        return pipeline.judge(self.result, given if thresholds is None else given.over(thresholds))

    def changes_since(self, before: Run, max_regression: float | None = None) -> Changes:
        """What changed from another run to this one; ``.check()`` raises where it got worse.

        Args:
            max_regression: how much worse a figure may be, in per cent, or points of a share.
        """
        names = before.result.graph.name, self.result.graph.name
        return changes_of(before.report, self.report, names, max_regression)

    def save(self, out: str | Path) -> tuple[Path, ...]:
        """Writes program, mapping, activity and reports into a folder, which ``open_run`` reads.

        Raises:
            ConfigError: a run that was opened, or a folder that holds something else.
            UnsupportedError: a run of a ``.net`` file.
        """
        if self.network is None or self.options is None:
            raise ConfigError(
                f"{self!r}: is saved already", remedy="copy the folder that it was opened from"
            )
        return write_run(Path(out), self.network, self.result, self.options)

    def to_json(self, path: str | Path) -> None:
        """Writes the report as JSON (schema ``snn2chip/report/1``)."""
        jsonfile.write(self.report, path)

    def to_csv(self, path: str | Path) -> None:
        """Writes one row per layer."""
        csvfile.write(self.report, path)

    def to_html(self, path: str | Path) -> None:
        """Writes a single file that works offline."""
        html.write(self.report, path)

    def _repr_html_(self) -> str:
        return notebook.render(self.report)


def load(network: str | Path | None = None, **options: Any) -> Network:
    """Opens a network: a file, a compiled folder, or the name of a bundled student.

    Args:
        options: fields of ``Options`` that concern the network: ``preset``, ``dt``,
            ``preset_set``, ``reset``, ``encoding``, ``reset_interval``, ``reset_offset``.

    Raises:
        Snn2chipError: with the exit code that the command line would end with.
    """
    return pipeline.open_network(network, _options(options, (*OPENING, *RESETTING)))


def check(network: Network | str | Path, target: str | Path | None = None, **options: Any) -> Check:
    """Every limit of the target that the network breaks; nothing is simulated.

    Args:
        target: a bundled target or a ``.toml``; None takes what a compiled folder was compiled
            for, else ``loihi2``.
        options: fields of ``Options``.
    """
    return pipeline.check(*_opened(network, target, options))


def simulate(
    network: Network | str | Path | None = None,
    target: str | Path | None = None,
    data: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Run:
    """The whole chain: quantize, simulate, map, count and price on the data.

    Args:
        target: a bundled target or a ``.toml``; None takes what a compiled folder was compiled
            for, else ``loihi2``.
        data: a named data set, ``random``, or an ``.npz`` file; None takes the network's own.
        options: fields of ``Options``.
    """
    opened, chosen = _opened(network, target, {"data": data, **options})
    return Run(pipeline.run(opened, chosen, progress), opened, chosen)


def compare(
    network: Network | str | Path,
    targets: Sequence[str],
    data: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Comparison:
    """The network on several targets: simulated once per arithmetic, priced once per target.

    Targets of which only prices are known take the spikes of the float network, and say so.

    Args:
        targets: bundled ones or ``.toml`` files; ``loihi1:sanafe_nahuku`` names a cost table too.
        options: fields of ``Options``, of every run.

    Returns:
        A row per target; ``to_dict()`` is the JSON.
    """
    opened, chosen = _opened(network, None, {"data": data, **options})
    return comparison_of(pipeline.compare_targets(opened, targets, chosen, progress))


def open_run(folder: str | Path) -> Run:
    """A run that was saved: ``simulate -o``, ``compile`` with data, or ``Run.save``.

    Nothing is simulated again; ``price`` takes it to other prices, chips and mappings.

    Raises:
        InputFileError: no run, or a damaged one.
    """
    return Run(pipeline.open_run(folder))


def quantize_table(
    network: Network | str | Path | None = None,
    target: str | Path | None = None,
    data: str | None = None,
    bits: Sequence[int] | int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> WidthTable:
    """Accuracy, drift, synaptic memory and dynamic energy by the width of the weights.

    Args:
        bits: widths, the sign included; None takes all that the target has.
        options: fields of ``Options``, for example ``calibration`` and ``granularity``.

    Returns:
        A row for the float graph and one per width; ``to_dict()`` is the JSON.
    """
    opened, chosen = _opened(network, target, {"data": data, **options})
    return pipeline.quantize_table(opened, chosen, bits, progress)


def compile(
    network: Network | str | Path,
    out: str | Path,
    target: str | Path | None = None,
    **options: Any,
) -> tuple[Path, ...]:
    """Writes program, mapping, network, report and manifest into a folder; returns its files."""
    opened, chosen = _opened(network, target, options)
    compilation = pipeline.compile_network(opened, chosen)
    return write_compiled(Path(out), opened, compilation, chosen)


def export(
    module: Any,
    path: str | Path,
    x: NDArray[Any] | Mapping[str, NDArray[Any]],
    *,
    dt: float | None = None,
    encoding: Encoding | None = None,
    readout: str | None = None,
    classes: Sequence[str] = (),
) -> ExportReport:
    """Writes a PyTorch module as NIR, proven against the module on real samples.

    Args:
        module: with cells of Norse, snnTorch or SpikingJelly. Its ``forward`` computes one step and
            hands its cells' states on, as ``forward(x, state=None)`` that returns (output, state);
            cells that keep their states themselves, and modules over time, need no such argument.
            Or it loops over time itself, over x[t], x[:, t] or an input that is always the same.
        x: values [sample, *input shape] for the encoding, or spikes [sample, step, *input shape]
            without one; of several inputs one array each, by the names that ``forward`` gives them.
        dt: the step that the cells were built with, in the unit of their time constants; may be
            left out where the library counts time in steps.
        encoding: how values become spikes; travels in the file.
        readout: ``spike_count``, ``v_last``, ``v_max`` or ``v_mean``; by default what a loop of the
            module's own computes of its outputs, else what suits the last cells.

    Returns:
        What the proof compared.

    Raises:
        DriftError: the written network would give other spikes; nothing is written then.
        UnsupportedError: a module or function that NIR cannot hold, by its path, type and line.
        ConfigError: no dt, no samples, or the module's own code fails.
    """
    chosen = encoding or Encoding()
    if isinstance(x, Mapping):
        spikes: Any = {name: _spikes(array, chosen) for name, array in x.items()}
    else:
        spikes = _spikes(x, chosen)
    metadata = Metadata(
        dt=dt,
        encoding=chosen,
        readout=None if readout is None else Readout(readout),  # type: ignore[arg-type]
        classes=tuple(classes),
    )
    return export_module(module, metadata, spikes, path)


def _spikes(x: NDArray[Any], encoding: Encoding) -> NDArray[Any]:
    """Input spikes [step, sample, *shape] of an export's samples."""
    if encoding.kind == "none":
        return np.moveaxis(np.asarray(x), 1, 0)
    return np.asarray(encode(x, encoding, encoding.steps or 1))


def _opened(
    network: Network | str | Path | None, target: str | Path | None, given: dict[str, Any]
) -> tuple[Network, Options]:
    """The network, and the options with the target: the caller's, the folder's, or the default."""
    options = _options(given, FIELDS)
    if isinstance(network, Network):
        opened = network
        late = given_options(
            options, (*OPENING, *RESETTING, *(COMPILING if network.program else ()))
        )
        if late:
            raise ConfigError(
                f"network {network.graph.name!r} is opened already: " + ", ".join(late),
                needs="options that say what a network is before it is opened or compiled",
                remedy="compile the network again with them"
                if network.program
                else "give them to load()",
            )
    else:
        opened = pipeline.open_network(network, options)
    return opened, replace(options, target=str(target or opened.own_target or options.target))


def _options(given: dict[str, Any], known: Sequence[str]) -> Options:
    """The options of a call.

    Raises:
        ConfigError: a name that is none of the known ones, or a value that makes no sense.
    """
    for name in given:
        if name not in known:
            raise ConfigError(f"no option {name!r} here", remedy=did_you_mean(name, known))
    return Options(**given)
