"""Limits of a target as named rules. Every rule runs; each returns what breaks it.

A violation names its object, what that needs, what the chip has and where the limit comes from.
Where several cores break a rule in the same way, the worst one is given with the number of the
others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from snn2chip.core import Limit, Mapping, Program, Violation
from snn2chip.errors import counted
from snn2chip.mapping.memory import memory_of, words_of_a_neuron
from snn2chip.mapping.partition.needs import fan_ins
from snn2chip.mapping.use import (
    Used,
    axons_used,
    least_cores,
    neurons_used,
    populations_used,
    synapses_used,
    thresholds_used,
    words_used,
)
from snn2chip.targets.types import Target

Rule = Callable[[Program, Target, Mapping], Iterator[Violation]]

CORES = Limit(
    "cores",
    "cores",
    "the network takes no more cores than the chips have together",
    "--objective cores, by which layers share cores; --chips with more chips; fewer neurons or "
    "synapses, or a larger chip",
)
NEURONS = Limit(
    "neurons-per-core",
    "neurons_per_core",
    "a core holds so many neurons, inputs included",
    "spread them over more cores",
)
WORDS = Limit(
    "synaptic-words-per-core",
    "synaptic_words_per_core",
    "the synapses into a core's neurons fit its memory, in the chip's own words; a convolution's "
    "kernel counts once per core",
    "fewer inputs per neuron, fewer weight bits, or fewer neurons on the core",
)
SINGLE = Limit(
    "single-neuron",
    "synaptic_words_per_core",
    "the synapses of one neuron alone fit a core",
    "fewer inputs per neuron, or a layer in between",
)
SYNAPSES = Limit(
    "synapses-per-core",
    "synapses_per_core",
    "the neurons of a core have so many synapses together, each convolution's unrolled",
    "fewer inputs per neuron, or fewer neurons on the core",
)
FAN_IN = Limit(
    "fan-in-per-neuron",
    "fan_in_per_neuron",
    "a neuron has so many incoming synapses",
    "sparser connections, smaller kernels, or a layer in between",
)
AXONS_IN = Limit(
    "axons-in-per-core",
    "axons_in_per_core",
    "so many distinct source neurons reach a core; those of convolutions are not counted",
    "fewer neurons per core, or sparser connections",
)
AXONS_OUT = Limit(
    "axons-out-per-core",
    "axons_out_per_core",
    "a core's neurons have so many routes, one per neuron and destination core; those through "
    "convolutions are not counted",
    "fewer neurons per core, or sparser connections",
)
THRESHOLDS = Limit(
    "thresholds-per-core",
    "thresholds_per_core",
    "the neurons of a core have so many distinct thresholds",
    "fewer distinct thresholds: --granularity layer gives a population one",
)
POPULATIONS = Limit(
    "populations-per-core",
    "populations_per_core",
    "the neurons of a core are those of so many populations",
    "a --mapping in which fewer populations share cores, or none",
)
LIMITS = (
    CORES,
    NEURONS,
    WORDS,
    SINGLE,
    SYNAPSES,
    FAN_IN,
    AXONS_IN,
    AXONS_OUT,
    THRESHOLDS,
    POPULATIONS,
)
"""Every rule of this module, in the order of the documentation."""


def cores(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """The highest core number must lie on one of the chips."""
    each = target.limit("cores")
    needed = max(mapping.places, default=-1) + 1
    chips = max((place.chip for place in mapping.places.values()), default=0) + 1
    if each is not None and needed > each * chips:
        enough = -(-needed // each)
        share = "--objective cores, " if least_cores(program, target) <= each * chips else ""
        remedy = f"{share}--chips {enough}, fewer neurons or synapses, or a larger chip"
        yield replace(CORES, remedy=remedy).broken(
            target.name,
            f"network {program.name!r}",
            counted(needed, "core"),
            counted(each * chips, "core") + (f" of {chips} chips" if chips > 1 else ""),
            target.resources["cores"].source,
        )


def neurons_per_core(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """Neurons of each core, inputs included."""
    yield from _worst(target, mapping, neurons_used(mapping), NEURONS, "neurons")


def synaptic_memory(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """Words of synaptic memory of each core."""
    memory = memory_of(target)
    if memory is not None:
        used = words_used(program, memory, mapping)
        yield from _worst(target, mapping, used, WORDS, "words of synaptic memory")


def single_neuron(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """The synapses of one neuron alone must fit a core."""
    memory, limit = memory_of(target), target.limit("synaptic_words_per_core")
    if memory is None or limit is None:
        return
    for population in program.populations:
        words = words_of_a_neuron(memory, program.incoming(population.name))
        if words > limit:
            yield SINGLE.broken(
                target.name,
                f"population {population.name!r}",
                f"{words} words of synaptic memory for a single neuron",
                f"{limit} words per core",
                target.resources[SINGLE.key].source,
            )


def synapses(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """Synapses of each core's neurons, and of the neuron that has most."""
    most = target.limit(FAN_IN.key)
    for population in program.populations if most is not None else ():
        largest = int(fan_ins(program, population).max(initial=0))
        if most is not None and largest > most:
            yield FAN_IN.broken(
                target.name,
                f"population {population.name!r}",
                f"{largest} synapses into one neuron",
                f"{most} per neuron",
                target.resources[FAN_IN.key].source,
            )
    if target.limit(SYNAPSES.key) is not None:
        used = synapses_used(program, mapping)
        yield from _worst(target, mapping, used, SYNAPSES, "synapses")


def axons(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """Source neurons that reach each core, and routes that leave it; see ``reach.OWN_AXONS``."""
    if target.limit("axons_in_per_core") is None and target.limit("axons_out_per_core") is None:
        return
    arriving, leaving = axons_used(program, mapping)
    yield from _worst(target, mapping, arriving, AXONS_IN, "input axons")
    yield from _worst(target, mapping, leaving, AXONS_OUT, "output axons")


def thresholds(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """Distinct thresholds of the neurons of each core."""
    if target.limit("thresholds_per_core") is None:
        return
    used = thresholds_used(program, mapping)
    yield from _worst(target, mapping, used, THRESHOLDS, "distinct thresholds")


def populations(program: Program, target: Target, mapping: Mapping) -> Iterator[Violation]:
    """Populations that share each core."""
    if target.limit("populations_per_core") is None:
        return
    used = populations_used(mapping)
    yield from _worst(target, mapping, used, POPULATIONS, "populations")


RULES: tuple[Rule, ...] = (
    cores,
    neurons_per_core,
    single_neuron,
    synaptic_memory,
    synapses,
    axons,
    thresholds,
    populations,
)


def violations(program: Program, target: Target, mapping: Mapping) -> tuple[Violation, ...]:
    """Everything that breaks a limit of the target, rule by rule."""
    return tuple(found for rule in RULES for found in rule(program, target, mapping))


def _worst(
    target: Target, mapping: Mapping, used: Used, rule: Limit, unit: str
) -> Iterator[Violation]:
    """One violation per set of populations that share a core: its worst core."""
    limit = target.limit(rule.key)
    if limit is None:
        return
    over: dict[tuple[str, ...], list[int]] = {}
    for core in sorted(core for core, amount in used.items() if amount > limit):
        over.setdefault(_populations_on(mapping, core), []).append(core)
    for populations, broken in over.items():
        worst = max(broken, key=lambda core: used[core])
        others = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        plural = "population" if len(populations) == 1 else "populations"
        yield rule.broken(
            target.name,
            f"{plural} " + ", ".join(repr(p) for p in populations),
            f"{used[worst]} {unit} on core {worst}{others}",
            f"{limit} per core",
            target.resources[rule.key].source,
        )


def _populations_on(mapping: Mapping, core: int) -> tuple[str, ...]:
    return tuple(name for name, numbers in mapping.assignment.items() if core in numbers)
