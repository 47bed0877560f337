"""A program as populations and lists of synapses, as PyNN takes them: convolutions are unrolled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.fixed import BITS, ONE, Integers
from snn2chip.backends.spinnaker.loaded import MODELS, RECEPTORS
from snn2chip.backends.spinnaker.witness import (
    FirmwareNetwork,
    FirmwarePopulation,
    FirmwareProjection,
)
from snn2chip.backends.unrolled import delays_of, synapses
from snn2chip.core import Program, ProgramPopulation, ProgramProjection

BIAS = "bias of "
"""Begins the name of a source that fires at every step."""

_SHIFTS = dict(zip(RECEPTORS, ("shift_e", "shift_i"), strict=True))
_ALWAYS = dict(zip(RECEPTORS, ("always_e", "always_i"), strict=True))
_TOLD = {
    "rest": "v_rest",
    "reset": "v_reset",
    "threshold": "v_thresh",
    "offset": "i_offset",
    "tau_m": "tau_m",
    "cm": "cm",
}
"""Parameters in s16.15, and PyNN's names of them."""


def firmware_network(
    program: Program, steps: int, currents: Mapping[str, Integers] | None = None
) -> FirmwareNetwork:
    """What sPyNNaker is to map so that cores compute the program.

    Args:
        steps: of the graph; the cores run longer by the largest latency.
        currents: of populations that values drive, in 2^-15 nA [*shape], beside their own.
    """
    driven = currents or {}
    populations: list[FirmwarePopulation] = []
    projections: list[FirmwareProjection] = []
    for p in program.populations:
        if p.is_input:
            if not program.on_host(p.name):
                populations.append(FirmwarePopulation(p.name, p.size))
            continue
        populations.append(_population(p, driven.get(p.name)))
        if bias := tuple(_bias(p)):
            populations.append(FirmwarePopulation(BIAS + p.name, 1))
            projections += bias
    for projection in program.projections:
        projections += _projection(program, projection)
    return FirmwareNetwork(tuple(populations), tuple(projections), steps + program.max_latency)


def spikes_of_sources(
    program: Program, network: FirmwareNetwork, fired: Mapping[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    """Spikes of all sources [sample, step, neuron], those that always fire too.

    Args:
        fired: of the program's inputs [step, sample, *shape].
    """
    steps, samples = next(iter(fired.values())).shape[:2]
    found = {}
    for p in network.populations:
        if p.model is not None:
            continue
        spikes = np.zeros((samples, network.steps, p.size), np.bool_)
        if p.name.startswith(BIAS):  # it acts a step later, in the population's window
            first = program.population(p.name.removeprefix(BIAS)).latency - 1
            spikes[:, first : first + steps] = True
        else:
            spikes[:, :steps] = fired[p.name].swapaxes(0, 1).reshape(samples, steps, -1)
        found[p.name] = spikes
    return found


def _population(p: ProgramPopulation, current: Integers | None) -> FirmwarePopulation:
    values = {told: _each(p, name) / ONE for name, told in _TOLD.items()}
    if current is not None:
        values["i_offset"] = values["i_offset"] + current.reshape(-1) / ONE
    values["tau_refrac"] = _each(p, "hold").astype(np.float64)
    if "tau_syn" in p.parameters:
        tau = _each(p, "tau_syn") / ONE
        values |= {"tau_syn_E": tau, "tau_syn_I": tau}
    expected = [_expected(int(p.parameters[name])) for name in _SHIFTS.values()]
    return FirmwarePopulation(
        name=p.name,
        size=p.size,
        model=next(model for model in MODELS if model == p.model),
        parameters=values,
        v=_each(p, "v0") / ONE,
        max_expected=(expected[0], expected[1]),
    )


def _each(p: ProgramPopulation, name: str) -> Integers:
    """A parameter of every neuron, flat."""
    found: Integers = np.broadcast_to(p.parameters[name], p.shape).reshape(-1)
    return found


def _expected(shift: int) -> float:
    """Summed weights in nA for which sPyNNaker takes this shift: ceil(log2)."""
    return float(0.75 * 2.0**shift)


def _bias(p: ProgramPopulation) -> Iterator[FirmwareProjection]:
    for receptor, name in _ALWAYS.items():
        always = _each(p, name)
        (targets,) = np.nonzero(always)
        if len(targets):
            yield FirmwareProjection(
                source=BIAS + p.name,
                target=p.name,
                receptor=receptor,
                sources=np.zeros_like(targets),
                targets=targets,
                weights=_nanoamperes(always[targets], p, receptor),
                delays=np.ones_like(targets),
            )


def _projection(program: Program, projection: ProgramProjection) -> Iterator[FirmwareProjection]:
    target = program.population(projection.target)
    sources, targets, words = synapses(projection.operator)
    delays = delays_of(program, projection, sources, targets)
    for receptor, mine in zip(RECEPTORS, (words > 0, words < 0), strict=True):
        if mine.any():
            yield FirmwareProjection(
                source=projection.source,
                target=projection.target,
                receptor=receptor,
                sources=sources[mine],
                targets=targets[mine],
                weights=_nanoamperes(np.abs(words[mine]), target, receptor),
                delays=delays[mine],
            )


def _nanoamperes(words: Integers, target: ProgramPopulation, receptor: str) -> NDArray[np.float64]:
    shift = int(target.parameters[_SHIFTS[receptor]])
    return np.asarray(words * 2.0 ** (shift - BITS), np.float64)
