"""The answer of a study as one web page that works offline: no scripts, no network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from snn2chip.report import numbers
from snn2chip.report.html.page import nice
from snn2chip.study.answer.types import Answer
from snn2chip.study.show import draw, words

if TYPE_CHECKING:
    from jinja2 import Environment


def text(answer: Answer) -> str:
    """The page; names from outside are escaped and cannot act."""
    content = (
        _environment()
        .get_template("pareto.html.j2")
        .render(
            a=answer,
            n=numbers,
            w=words,
            d=draw,
            colours=draw.colours(answer),
            plots=draw.plots(answer),
            forest=draw.forest(answer.claims),
        )
    )
    return content.encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loaders = [
        PackageLoader("snn2chip.study.show", "templates"),
        PackageLoader("snn2chip.report.html", "templates"),
    ]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["nice"] = nice
    environment.filters["shown"] = numbers.shown
    return environment
