"""The chain: calibrate, quantize, simulate, map, count, price, and compare with the float graph."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from snn2chip.backends import Backend, find_backend
from snn2chip.backends.driven import require_static
from snn2chip.backends.reference import ReferenceBackend
from snn2chip.core import Activity, Program
from snn2chip.engine import RunOptions, simulate
from snn2chip.engine.devices.device import find_device
from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.graph import Graph
from snn2chip.pipeline.cuts import block_steps
from snn2chip.pipeline.devices import on_device
from snn2chip.pipeline.ensembles.running import check_ensemble, run_ensemble
from snn2chip.pipeline.placing import placed_on
from snn2chip.pipeline.quantizing import Calibration, configured, loaded, noted, quantize
from snn2chip.pipeline.results.finish import Recorded, finish
from snn2chip.pipeline.samples import Given, Samples, calibration_samples, scored_samples
from snn2chip.pipeline.types import (
    PRICES_ONLY,
    Check,
    Compilation,
    Network,
    Options,
    Progress,
    Quantization,
    Result,
)
from snn2chip.targets import load_target
from snn2chip.targets.types import Target

_UNCALIBRATED = (
    "scales by max, without samples; compile and simulate pick them on calibration data, so that "
    "their thresholds may differ"
)


class _Clock:
    """Wall seconds per stage, and the progress of each."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a block under ``name``."""
        begun = time.perf_counter()
        self.tell(name, 0, 1)
        yield
        self.tell(name, 1, 1)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun

    def tell(self, name: str, done: int, total: int) -> None:
        """Passes progress on."""
        if self._progress is not None:
            self._progress(name, done, total)


def check(network: Network, options: Options) -> Check:
    """Realises and maps without simulating; every violation at once.

    Raises:
        UnsupportedError: the target has no such thing; all of them at once.
    """
    if network.ensemble is not None:
        return check_ensemble(network, options, check)
    target = chosen_target(network, options)
    network, backend = backend_for(network, target, options)
    graph, notes = _chip_graph(network, backend, options)
    if backend.scale_candidates:
        notes = (*notes, _UNCALIBRATED)
    program = network.program or loaded(noted(backend.realise(graph, target), notes), options)
    mapping, violations = placed_on(network, program, backend, target, options)
    return Check(network.graph, target, program, mapping, violations)


def run(
    network: Network,
    options: Options,
    progress: Progress | None = None,
    given: Given | None = None,
) -> Result:
    """The whole chain on the samples that the options name, or on those that are ``given``.

    Of an ensemble, for every member.
    """
    if network.ensemble is not None:
        return run_ensemble(network, options, lambda one, own: run(one, own, progress, given))
    return next(runs(network, (options,), progress, given))


def runs(
    network: Network,
    choices: Sequence[Options],
    progress: Progress | None = None,
    given: Given | None = None,
) -> Iterator[Result]:
    """The whole chain for options that differ in nothing but how they quantize.

    Samples, calibration and the float reference are made once.

    Args:
        choices: at least one.
        given: samples in memory, instead of those that the options name.
    """
    clock, options = _Clock(progress), choices[0]
    graph, target = network.graph, chosen_target(network, options)
    network, backend = backend_for(network, target, options)
    device = find_device(options.device)
    with clock.stage("read samples"):
        samples = (
            scored_samples(graph, options, free=network.family is not None)
            if given is None
            else given.scored
        )
    calibration = _calibration(network, backend, options, clock, given)
    reference = None
    for options in choices:
        _, backend = backend_for(network, target, options)
        program, calibrated_on, chosen = _quantize(
            network, backend, target, options, calibration, clock
        )
        require_static(program, samples.spikes)
        cuts = _cuts(program, samples, options)
        settings = replace(
            cuts,
            trace=options.trace,
            trace_state=options.trace_state,
            running_scores=options.steps_curve,
        )
        arithmetic, settings, notes = on_device(
            device, program, backend.arithmetic(graph), settings
        )
        with clock.stage("simulate"):
            activity, trace = simulate(
                program,
                samples.spikes,
                arithmetic,
                settings,
                lambda a, b: clock.tell("simulate", a, b),
            )
        needs_none = network.family is not None or isinstance(backend, ReferenceBackend)
        if reference is None and not needs_none:
            with clock.stage("float reference"):
                kept = replace(cuts, running_scores=options.steps_curve)
                reference = _reference_run(graph, samples, kept)
        recorded = Recorded(
            graph=graph,
            program=program,
            activity=activity,
            reference=reference,
            labels=samples.labels,
            data=samples.name,
            calibrated_on=calibrated_on,
            quantization=chosen,
            seed=options.seed,
            synthetic=samples.synthetic,
            notes=(*samples.notes, *notes),
        )
        with clock.stage("map and price"):
            placed = placed_on(network, program, backend, target, options, activity)
            result = finish(
                *(recorded, target, backend.fidelity(program), placed, options.costs),
                timing=options.timing,
                curve=options.steps_curve,
            )
        yield replace(result, trace=trace, wall_times=dict(clock.seconds))


def compile_network(
    network: Network, options: Options, progress: Progress | None = None
) -> Compilation:
    """Program and mapping, with a run on the network's data where it has any.

    Raises:
        UnsupportedError: the file holds a chip's integers already, or it is an ensemble.
    """
    require_one(network, "compile")
    if network.family is not None:
        raise UnsupportedError(
            f"{network.origin}: nothing to compile",
            needs="a network in floats",
            has=f"integers for {network.family} already, which Lava's netx loads as they are",
            remedy="`snn2chip simulate` and `snn2chip check` run and place it",
        )
    if load_target(options.target).family == PRICES_ONLY:
        raise ConfigError(
            f"target {options.target!r} holds limits and prices only",
            needs="a chip whose arithmetic is known",
            remedy="--target loihi2; `snn2chip simulate` prices the network on this one",
        )
    if options.arithmetic not in (None, "chip"):
        raise ConfigError(
            f"--arithmetic {options.arithmetic} of a compilation",
            needs="a program on which every arithmetic of the chip agrees",
            remedy="leave the option out; `snn2chip simulate` of the folder takes it",
        )
    if options.data or network.graph.data:
        result = run(network, options, progress)
        found = Check(
            result.graph, result.target, result.program, result.mapping, result.violations
        )
        family = find_backend(result.target.family)
        artefacts = family.artefacts(result.program, result.target, result.mapping)
        return Compilation(found, result, result.calibrated_on, artefacts, result.wall_times)
    clock = _Clock(progress)
    target = chosen_target(network, options)
    network, backend = backend_for(network, target, options)
    calibration = _calibration(network, backend, options, clock)
    program, calibrated_on, _ = _quantize(network, backend, target, options, calibration, clock)
    with clock.stage("map and price"):
        mapping, violations = placed_on(network, program, backend, target, options)
    found = Check(network.graph, target, program, mapping, violations)
    return Compilation(
        found, None, calibrated_on, backend.artefacts(program, target, mapping), clock.seconds
    )


def require_one(network: Network, command: str) -> None:
    """Refuse an ensemble.

    Raises:
        UnsupportedError: with the members' own files as the remedy.
    """
    if network.ensemble is not None:
        raise UnsupportedError(
            f"{network.origin}: {command} of an ensemble",
            needs="one network",
            has="members " + ", ".join(network.ensemble.names),
            remedy=f"snn2chip {command} of a member's own .nir file",
        )


def chosen_target(network: Network, options: Options) -> Target:
    """The user's target; a compiled folder runs on the one it was compiled for only."""
    target = load_target(options.target)
    if network.family not in (None, target.family):
        raise UnsupportedError(
            f"{network.origin}: a .net file is integers for {network.family} already",
            needs=f"a target of the family {network.family}",
            has=f"--target {target.name} of the family {target.family}",
            remedy="--target loihi2, or export the trained network from PyTorch as NIR",
        )
    if network.target is not None and target.name != network.target:
        raise ConfigError(
            f"{network.origin}: compiled for {network.target}",
            needs=f"target {network.target}",
            has=f"--target {options.target}",
            remedy="compile the network for that target",
        )
    return target


def backend_for(network: Network, target: Target, options: Options) -> tuple[Network, Backend]:
    """The target's back end in the arithmetic of the user or of the program, which it states.

    Raises:
        InputFileError: a compiled program in other numbers.
        ConfigError: the target has no such arithmetic.
    """
    backend, program = find_backend(target.family), network.program
    if program is not None and program.arithmetic not in backend.arithmetics:
        raise InputFileError(
            f"{network.origin}: a program of arithmetic {program.arithmetic!r}",
            needs=f"arithmetic {backend.arithmetics[0]!r}, which is that of {target.name}",
            remedy="compile the network again",
        )
    mode = options.arithmetic or (program.arithmetic if program is not None else None)
    backend = backend if mode is None else backend.in_mode(mode)
    if program is not None:
        stated = replace(program, arithmetic=backend.arithmetic(network.graph).name)
        return replace(network, program=stated), backend
    return network, configured(backend, target, options)


def _calibration(
    network: Network,
    backend: Backend,
    options: Options,
    clock: _Clock,
    given: Given | None = None,
) -> Calibration:
    """What scales may be picked from, with the float run on it."""
    if network.program is not None:
        made = "the compiled folder" if network.family is None else "the .net file"
        return Calibration(None, made, None)
    if not backend.scale_candidates:
        return Calibration(None, "not quantized", None)
    with clock.stage("quantize"):
        graph, _ = _chip_graph(network, backend, options)
        samples, sentence = (
            calibration_samples(graph, options)
            if given is None
            else (given.calibration, given.sentence)
        )
        reference = (
            None if samples is None else _reference_run(network.graph, samples, RunOptions())
        )
        return Calibration(samples, sentence, reference)


def _quantize(
    network: Network,
    backend: Backend,
    target: Target,
    options: Options,
    calibration: Calibration,
    clock: _Clock,
) -> tuple[Program, str, Quantization | None]:
    """The program, what its scales come from, and how they were picked."""
    if network.program is not None:
        return network.program, calibration.sentence, None
    graph, notes = _chip_graph(network, backend, options)
    with clock.stage("quantize"):
        if not backend.scale_candidates:
            program = noted(backend.realise(graph, target), notes)
            return loaded(program, options), calibration.sentence, None
        program, sentence, chosen = quantize(
            graph,
            backend,
            target,
            options,
            calibration,
            lambda done, total: clock.tell("quantize", done, total),
        )
        return loaded(noted(program, notes), options), sentence, chosen


def _chip_graph(
    network: Network, backend: Backend, options: Options
) -> tuple[Graph, tuple[str, ...]]:
    """The graph that the chip runs: the network's own, unless longer delays are allowed.

    Returns:
        The graph, and what was changed in it and in its file or is unlike a chip, one sentence
        each.
    """
    graph, notes = backend.relax(network.graph) if options.allow_latency else (network.graph, ())
    return graph, (*network.repair_notes, *notes)


def _cuts(program: Program, samples: Samples, options: Options) -> RunOptions:
    """How a run is cut: as the user says, else so that its arrays stay small."""
    if options.block_steps is not None:
        return RunOptions(options.batch, options.block_steps)
    steps, count = next(iter(samples.spikes.values())).shape[:2]
    together = min(options.batch, count)
    return RunOptions(options.batch, block_steps(program, together, steps))


def _reference_run(graph: Graph, samples: Samples, cuts: RunOptions) -> Activity:
    """The float graph on the same spikes.

    Calibration always cuts it the same way, because float sums may round differently otherwise.
    """
    backend = ReferenceBackend()
    activity, _ = simulate(backend.program(graph), samples.spikes, backend.arithmetic(graph), cuts)
    return activity
