"""Limits of SpiNNaker's numbers, as named rules that return violations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snn2chip.backends import multicast
from snn2chip.backends.base import formats_of
from snn2chip.backends.latency import DELAY, late_projections
from snn2chip.backends.multicast import Chip
from snn2chip.backends.spinnaker.emit.unrolled import BIAS
from snn2chip.backends.spinnaker.loaded import RECEPTORS as _RECEPTORS
from snn2chip.backends.spinnaker.neurons import BEYOND, FULL
from snn2chip.core import (
    Activity,
    Limit,
    Mapping,
    Program,
    ProgramPopulation,
    Violation,
    chip_delay,
)
from snn2chip.graph.operators import weights_of
from snn2chip.mapping.reach import reach
from snn2chip.targets.types import Target

_HEADER_WORDS, _WORD_BYTES, _SLOT_BYTES = 3, 4, 2
"""Of a row of synapses, and of a slot of a ring buffer: formats of sPyNNaker 1!7.4.1."""

CORE_BYTES, NEURON_BYTES = 1_400, 116
"""Of all its other regions of a core with neurons, without recordings: what it makes of a network
is below that, and not by a tenth (`tests/backends/multicast/test_pacman.py`)."""

RING = Limit(
    "ring-buffer",
    "ring_buffer_bits",
    "what arrives in a step stays in a slot of the ring buffer, which saturates",
    "calibration data that are as active as these (--calibrate), or a quieter network",
)
STATE = Limit(
    "membrane-drive",
    "state_bits",
    "currents times R stay in s16.15",
    "calibration data that are as active as these (--calibrate), or shorter time constants",
)
SDRAM = Limit(
    "sdram-per-chip",
    "sdram_bytes_per_chip",
    "what a chip's cores hold fits its memory: rows of synapses (12 bytes, and 4 for each synapse, "
    f"of every source neuron, core and receptor), {CORE_BYTES:,} bytes for a core and "
    f"{NEURON_BYTES} for a neuron",
    "--chips with more chips, fewer inputs per neuron, or a layer in between",
)
DTCM = Limit(
    "dtcm-per-core",
    "dtcm_bytes_per_core",
    "the ring buffers of a core fit its data memory: 2 bytes for each neuron, receptor and slot, "
    "with neurons and slots rounded up to a power of two",
    "fewer neurons on a core, or shorter delays",
)
BIASES = Limit(
    "cores-of-biases",
    "cores",
    "the network's cores, and one for the source of each population's biases, are no more than the "
    "chips have together",
    "--chips with more chips, or a layer less with biases",
)
LIMITS = (DELAY, RING, STATE, SDRAM, DTCM, BIASES, *multicast.LIMITS)
"""Every rule of this module, in the order of the documentation."""


def violations(
    program: Program, target: Target, activity: Activity | None = None
) -> tuple[Violation, ...]:
    """Every limit that the program breaks, or broke in a run."""
    found = list(late_projections(program, target))
    if activity is not None:
        for population in program.populations:
            found += _counted(population, target, activity)
    return tuple(found)


def of_a_board(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """What chips, cores and routers do not hold of a mapping."""
    yield from multicast.violations(program, target, mapping, sources_of_biases(program, mapping))
    yield from _cores_of_biases(program, target, mapping)
    seats = multicast.seats_of(mapping, target)
    of_chips = sdram_by_chip(program, target, mapping)
    yield from _beyond(target, SDRAM, {f"chip {x}, {y}": n for (x, y), n in of_chips.items()})
    of_cores = dtcm_by_core(program, target, mapping)
    named = {
        core: f"core {seats[core][1]} of chip {seats[core][0][0]}, {seats[core][0][1]}"
        for core in of_cores
    }
    yield from _beyond(target, DTCM, {named[core]: n for core, n in of_cores.items()})


def sources_of_biases(program: Program, mapping: Mapping) -> dict[str, list[int]]:
    """Biases are sources with cores of their own, beside the first core that listens to them."""
    return {
        BIAS + p.name: sorted({core for _, _, core in mapping.cores[p.name]})
        for p in program.populations
        if not p.is_input and np.any(p.parameters["always_e"] != p.parameters["always_i"])
    }


def _cores_of_biases(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """Where the network alone has cores enough; else that is the limit that is broken."""
    chips = max((place.chip for place in mapping.places.values()), default=0) + 1
    room, sources = target.limit("cores"), len(sources_of_biases(program, mapping))
    if room is None or mapping.cores_used > room * chips:
        return
    if mapping.cores_used + sources > room * chips:
        yield BIASES.broken(
            target.name,
            program.name,
            f"{mapping.cores_used} + {sources} cores",
            f"{room * chips} cores",
            target.resources["cores"].source,
        )


def sdram_by_chip(program: Program, target: Target, mapping: Mapping) -> dict[Chip, int]:
    """Bytes by chip: rows of synapses, and what neurons and their cores take."""
    seats = multicast.seats_of(mapping, target)
    found: dict[Chip, int] = {}
    for population in (p for p in program.populations if not p.is_input):
        for core, neurons in mapping.parts(population.name):
            chip, _ = seats[core]
            found[chip] = found.get(chip, 0) + CORE_BYTES + NEURON_BYTES * len(neurons)
    for projection in program.projections:
        reached = reach(projection.operator, mapping.assignment[projection.target])
        sources = np.bincount(reached.row_of, minlength=reached.synapses.shape[0])
        rows = reached.synapses.tocoo()
        receptors = 2 if (weights_of(projection.operator) < 0).any() else 1
        words = sources[rows.row] * (receptors * _HEADER_WORDS + rows.data)
        for column, count in zip(rows.col.tolist(), words.tolist(), strict=True):
            chip, _ = seats[int(reached.cores[column])]
            found[chip] = found.get(chip, 0) + _WORD_BYTES * count
    return found


def dtcm_by_core(program: Program, target: Target, mapping: Mapping) -> dict[int, int]:
    """Bytes of ring buffers by core."""
    found: dict[int, int] = {}
    for population in program.populations:
        if population.is_input:
            continue
        late = [int(chip_delay(program, p).max()) for p in program.incoming(population.name)]
        slots = 1 << max(0, max(late, default=1)).bit_length()
        for core, neurons in mapping.parts(population.name):
            rows = 1 << max(0, len(neurons) - 1).bit_length()
            found[core] = found.get(core, 0) + len(_RECEPTORS) * rows * slots * _SLOT_BYTES
    return found


def _beyond(target: Target, rule: Limit, used: dict[str, int]) -> Iterator[Violation]:
    """Every place that needs more bytes than it has."""
    limit = target.limit(rule.key)
    for place, count in used.items():
        if limit is not None and count > limit:
            yield rule.broken(
                target.name,
                place,
                f"{count:,} bytes",
                f"{limit:,} bytes",
                target.resources[rule.key].source,
            )


def _counted(
    population: ProgramPopulation, target: Target, activity: Activity
) -> Iterator[Violation]:
    """What the arithmetic counted in a run."""
    warnings = activity.populations[population.name].warnings
    for rule, name, what in (
        (RING, FULL, "sums beyond a slot of the ring buffer"),
        (STATE, BEYOND, "currents times R beyond s16.15"),
    ):
        if count := warnings.get(name, 0):
            bits = formats_of(target)[rule.key]
            yield rule.broken(
                target.name,
                population.name,
                f"{what}, {count} times in this run",
                f"{bits.value} bits",
                bits.source,
            )
