"""The terms of an energy: which count is multiplied with which constant of a cost table.

A cost table names its constants as in ``snn2chip.targets.vocabulary``. Families of prices that
count the same event in different ways (Davies' active and inactive neurons, SANA-FE's access and
update) exclude each other there, so here they may simply all be added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snn2chip.energy.types import LayerCounts
from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.targets.types import CostTable, Target
from snn2chip.targets.vocabulary import COSTS

NO_COSTS = CostTable("none", "the target has no cost table", "per_term", {}, ())


def unpriced_name(names: tuple[str, ...], table: CostTable) -> str:
    """The name that the table lists as unknown, or the most specific one."""
    return next((name for name in names if name in table.unknown), names[0])


@dataclass(frozen=True, slots=True)
class Term:
    """One count and the constants that may price it, the most specific first."""

    names: tuple[str, ...]
    count: Callable[[LayerCounts], int]

    def constant(self, table: CostTable) -> str | None:
        """The name of the constant that prices this term, or None."""
        return next((name for name in self.names if name in table.constants), None)

    def name_in(self, table: CostTable) -> str:
        """What the term is called where it has no price: as the table calls it, if it does."""
        return unpriced_name(self.names, table)

    def included(self, table: CostTable) -> bool:
        """Whether another price of the table holds this term."""
        return any(name in table.included for name in self.names)


@dataclass(frozen=True, slots=True)
class Group:
    """Terms that make one column of the report.

    Attributes:
        each: every term that counts something needs a price; otherwise one priced term is enough,
            unless the table itself says that another is unknown.
    """

    terms: tuple[Term, ...]
    each: bool


def synop_names(prefix: str, kind: str) -> tuple[str, ...]:
    """Constants that price a synaptic event of an operator; an identity is stored sparsely."""
    return f"{prefix}_synop_{'sparse' if kind == 'identity' else kind}", f"{prefix}_synop"


KINDS = ("dense", "conv", "identity", "sparse")


def _events(kind: str) -> Callable[[LayerCounts], int]:
    return lambda layer: layer.events_by_operator.get(kind, 0)


def _inactive(layer: LayerCounts) -> int:
    return layer.neuron_steps - layer.neuron_updates


def _synapse_steps(layer: LayerCounts) -> int:
    """Synapses, each in every step of every sample; neurons without synapses have none."""
    return layer.synapses * layer.neuron_steps // layer.neurons if layer.neurons else 0


def _spikes(layer: LayerCounts) -> int:
    """Spikes of neurons; those of inputs are made outside of the cores."""
    return layer.spikes if layer.neuron_steps else 0


ENERGY: dict[str, Group] = {
    "synapse": Group(tuple(Term(synop_names("e", kind), _events(kind)) for kind in KINDS), True),
    "neuron": Group(
        (
            Term(("e_neuron",), lambda layer: layer.neuron_steps),
            Term(("e_neuron_access",), lambda layer: layer.neuron_steps),
            Term(("e_neuron_update_extra",), lambda layer: layer.neuron_updates),
            Term(("e_spike_out_extra",), _spikes),
            Term(("e_neuron_active",), lambda layer: layer.neuron_updates),
            Term(("e_neuron_inactive",), _inactive),
        ),
        False,
    ),
    "packet": Group(
        (
            Term(("e_packet_out",), lambda layer: layer.packets_sent),
            Term(("e_packet_in",), lambda layer: layer.packets),
            Term(("e_spike_tile",), lambda layer: layer.packets_within_tile),
        ),
        False,
    ),
    "hop": Group(
        (
            Term(("e_hop_ew",), lambda layer: layer.hops_x),
            Term(("e_hop_ns",), lambda layer: layer.hops_y),
            Term(("e_chip_hop",), lambda layer: layer.chip_hops),
        ),
        True,
    ),
}


_EVERY_SYNAPSE = Group((Term(("e_synapse_step",), _synapse_steps),), True)


def groups(table: CostTable) -> dict[str, Group]:
    """The groups that a table prices: its synapses by event, or each in every step."""
    if table.scope == "all_in":
        return {"synapse": ENERGY["synapse"]}
    if "e_synapse_step" in table.constants:
        return {**ENERGY, "synapse": _EVERY_SYNAPSE}
    return ENERGY


def energy(layer: LayerCounts, group: Group, table: CostTable) -> tuple[float | None, list[str]]:
    """Energy of a group in pJ, and the names of terms that count something without a price.

    None where nothing that counts has a price of its own: an unknown energy is not 0. A term that
    another price of the table includes is not lacking.
    """
    priced = [
        (term.count(layer), table.value(name))
        for term in group.terms
        if (name := term.constant(table)) is not None
    ]
    lacking = [
        term.name_in(table)
        for term in group.terms
        if term.constant(table) is None
        and not term.included(table)
        and term.count(layer)
        and (group.each or not priced or term.name_in(table) in table.unknown)
    ]
    if not priced and not group.each:
        held = any(term.included(table) for term in group.terms)
        lacking = [] if held else lacking[:1]
    if not priced or (lacking and not any(number for number, _ in priced)):
        return None, lacking
    return sum(number * (value or 0.0) for number, value in priced), lacking


def table_of(target: Target, name: str | None) -> CostTable:
    """A cost table of a target, its default one where ``name`` is None.

    Raises:
        ConfigError: no such table.
    """
    wanted = target.default_costs if name is None else name
    if wanted in target.costs:
        return target.costs[wanted]
    if not wanted and not target.costs:
        return NO_COSTS
    known = tuple(target.costs)
    raise ConfigError(
        f"target {target.name!r} has no cost table {wanted!r}",
        has=", ".join(known) or "no cost tables",
        remedy=did_you_mean(wanted, known) if known else "leave the table out",
    )


def meaning(name: str) -> str:
    """One line on a constant, for lists of unpriced terms."""
    return f"{name}: {COSTS[name].meaning}"
