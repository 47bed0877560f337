"""Distillation methods and penalties: one file each, found by name when a recipe asks for them.

Other packages add theirs as entry points of the groups ``snn2chip.methods`` and
``snn2chip.penalties``; a name of ours is never theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
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


GROUPS = {"name": "snn2chip.methods", "kind": "snn2chip.penalties"}
"""Groups of entry points of installed packages, by the key that names their classes."""

_NAMES: dict[type[Any], str] = {}
"""Classes of other packages that were loaded -> the name in their entry point."""


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
    own = (n for n, e in {**METHODS, **PENALTIES}.items() if e == entry)
    return _NAMES.get(kind) or next(own)


def _installed(key: str) -> dict[str, EntryPoint]:
    """Classes of installed packages, by name."""
    return {point.name: point for point in entry_points(group=GROUPS[key])}


def _loaded(point: EntryPoint, source: str, path: str) -> type[Any]:
    """A class of an installed package, whose code is run.

    Raises:
        ConfigError: it cannot be imported, or is no method or penalty.
    """
    from snn2chip.distill.methods.base import Method, Penalty

    what = f"{source}: {path}: {point.name!r} of the entry points {point.group}"
    try:
        found = point.load()
    except Exception as error:  # whatever the code of another package does
        raise ConfigError(
            f"{what}: {type(error).__name__}: {error}", remedy=f"mend the package of {point.value}"
        ) from error
    wanted = Method if point.group == GROUPS["name"] else Penalty
    if not (isinstance(found, type) and issubclass(found, wanted) and is_dataclass(found)):
        raise ConfigError(
            f"{what}: {point.value}",
            needs=f"a frozen dataclass that is a snn2chip.distill.methods.base.{wanted.__name__}",
        )
    _NAMES.setdefault(found, point.name)
    return found


def _named(known: Mapping[str, str], key: str, table: Any, source: str, path: str) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(f"{source}: {path} is no table", needs=f"[{path}] with {key} = ...")
    options = dict(table)
    name = options.pop(key, None)
    if not isinstance(name, str) or name not in known:
        installed = _installed(key)
        if isinstance(name, str) and name in installed:
            return from_table(_loaded(installed[name], source, path), options, source, path)
        raise ConfigError(
            f"{source}: {path}.{key} = {name!r}",
            has=", ".join((*known, *installed)),
            remedy=did_you_mean(str(name), (*known, *installed)),
        )
    module, kind = known[name].split(":")
    found = getattr(import_module(f"{__name__}.{module}"), kind)
    return from_table(found, options, source, path)
