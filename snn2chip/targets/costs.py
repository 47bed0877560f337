"""Strict reading of cost tables: no event is priced twice, nothing added to an all-in price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

from snn2chip.errors import did_you_mean
from snn2chip.targets import vocabulary
from snn2chip.targets.schema import Reader
from snn2chip.targets.types import CostTable, Formula, Scope, Work

_WORDS: dict[str, tuple[str, ...]] = {
    "scope": get_args(Scope),
    "formula": get_args(Formula),
    "work": get_args(Work),
}
_OPTIONAL = {"formula": "events", "work": "overlapping"}
_LISTS = ("unknown", "included")


def read_costs(reader: Reader, document: Mapping[str, Any], default: str) -> dict[str, CostTable]:
    """[costs.<table>], and whether the default names one of them."""
    tables = reader.table(document, ("costs",))
    costs = {name: _cost_table(reader, tables, name) for name in tables}
    if default and default not in costs:
        hint = did_you_mean(default, tuple(costs)) if costs else "the file has no costs"
        reader.report(("chip", "default_costs"), f"no table costs.{default}; {hint}")
    if costs and not default:
        reader.report(("chip", "default_costs"), "missing; the file has costs")
    return costs


def _cost_table(reader: Reader, tables: Mapping[str, Any], name: str) -> CostTable:
    path = ("costs", name)
    table = reader.table(tables, path)
    label = reader.text(table, (*path, "label"))
    words = {word: _word(reader, table, (*path, word)) for word in _WORDS}
    extra = ("label", *_WORDS, *_LISTS)
    constants = reader.constants(table, path, vocabulary.COSTS, extra)
    unknown, included = (
        reader.names(table, (*path, key), tuple(vocabulary.COSTS)) for key in _LISTS
    )
    for key, fault in _faults(table, words, unknown, included):
        reader.report((*path, key), fault)
    return CostTable(
        name,
        label,
        cast("Scope", words["scope"]),
        constants,
        unknown,
        included,
        cast("Formula", words["formula"]),
        cast("Work", words["work"]),
    )


def _word(reader: Reader, table: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """One of the words that the key may hold; the first of them after a mistake."""
    key = path[-1]
    known = _WORDS[key]
    if key in _OPTIONAL and key not in table:
        return _OPTIONAL[key]
    word = reader.text(table, path)
    if word and word not in known:
        reader.report(path, f"unknown {word!r}; one of: {', '.join(sorted(known))}")
    return word if word in known else known[0]


def _faults(
    table: Mapping[str, Any],
    words: Mapping[str, str],
    unknown: tuple[str, ...],
    included: tuple[str, ...],
) -> Iterator[tuple[str, str]]:
    """Keys that contradict others, and what is wrong with each."""
    for group, other in vocabulary.EXCLUSIVE:
        both = [next((key for key in keys if key in table), "") for keys in (group, other)]
        if all(both):
            yield both[1], f"counts the same event as {both[0]}; leave one out"
    for users, needed in vocabulary.NEEDS:
        user = next((key for key in users if key in table), None)
        if user is not None and needed not in table:
            yield user, f"needs {needed}, which is missing"
    for name in included:
        if name in unknown:
            yield "included", f"{name!r} is listed as unknown too"
    if words["scope"] == "all_in":
        for key in vocabulary.ENERGIES:
            if key in table and key != "e_synop":
                yield key, "must not be added to an all-in e_synop; leave it out"
    if words["formula"] == "memory":
        for key in vocabulary.MEMORY_FORMULA:
            if key not in table:
                yield key, 'missing; formula = "memory" needs it'
        for key in vocabulary.ENERGIES:
            if key in table:
                yield key, 'prices an event; formula = "memory" counts operations and accesses'
