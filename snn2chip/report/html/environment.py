"""How pages are rendered: escaped, strict about names, with the filters that all pages share."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from snn2chip.report import numbers

if TYPE_CHECKING:
    from jinja2 import Environment

_MICRO = re.compile(r"(?<=\d )u(?=[sJ]\b)")
_UNIT = re.compile(r"(?<=\d) (?=(?:[pnµm]?J|[nµm]?s)\b|%)")


@cache
def environment(package: str | None = None) -> Environment:
    """Templates of a package before those that all pages share.

    Args:
        package: with a folder ``templates`` of its own, or None.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    packages = [name for name in (package, "snn2chip.report.html") if name is not None]
    made = Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["nice"] = nice
    made.filters["shown"] = numbers.shown
    return made


def nice(words: str) -> str:
    """Typographic signs for ASCII ones, and units that stay with their numbers."""
    words = _MICRO.sub("µ", words).replace("->", "→")
    return _UNIT.sub("\N{NO-BREAK SPACE}", words)
