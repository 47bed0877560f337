"""Distillation methods and penalties: one file each, found by name when a recipe asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from snn2chip.distill.tables import from_table
from snn2chip.errors import ConfigError, did_you_mean

METHODS = {
    "ce": "cross_entropy:CrossEntropy",
    "kd": "response:ResponseDistillation",
    "sne": "sne:SpikingEnsemble",
    "kdsnn": "kdsnn:KDSNN",
    "lasnn": "lasnn:LaSNN",
    "conversion": "conversion:Conversion",
    "tser": "tser:TSER",
    "twsnn": "twsnn:TWSNN",
    "hta_kl": "hta_kl:HTAKL",
}
"""Name in ``[method]`` -> module and class below this room."""

PENALTIES = {
    "energy": "penalties.energy:EnergyPenalty",
    "rate": "penalties.rate:RatePenalty",
    "logits": "penalties.logits:LogitsPenalty",
    "synops": "penalties.synops:SynOpsPenalty",
    "magnitude": "penalties.magnitude:MagnitudePruning",
}
"""Kind in ``[[penalty]]`` -> module and class below this room."""


def method_from_table(table: Any, source: str) -> Any:
    """The method of a table ``[method]``: its ``name``, and the options of that method.

    Raises:
        ConfigError: no such method, or options that it does not have.
    """
    return _named(METHODS, "name", table, source, "method")


def penalty_from_table(table: Any, source: str, path: str) -> Any:
    """The penalty of a table ``[[penalty]]``: its ``kind``, and the options of that kind.

    Raises:
        ConfigError: no such penalty, or options that it does not have.
    """
    return _named(PENALTIES, "kind", table, source, path)


def name_of(kind: type[Any]) -> str:
    """What recipes call a method's or penalty's class."""
    entry = f"{kind.__module__.removeprefix(__name__ + '.')}:{kind.__name__}"
    return next(n for n, e in {**METHODS, **PENALTIES}.items() if e == entry)


def _named(known: Mapping[str, str], key: str, table: Any, source: str, path: str) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{source}: {path} is no table", needs=f"[{path}] with {key} = ...")
    options = dict(table)
    name = options.pop(key, None)
    if not isinstance(name, str) or name not in known:
        raise ConfigError(
            f"{source}: {path}.{key} = {name!r}",
            has=", ".join(known),
            remedy=did_you_mean(str(name), tuple(known)),
        )
    module, kind = known[name].split(":")
    found = getattr(import_module(f"{__name__}.{module}"), kind)
    return from_table(found, options, source, path)
