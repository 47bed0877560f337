"""The answer of a study as one web page that works offline: no scripts, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snn2chip.report import numbers
from snn2chip.report.html.environment import environment
from snn2chip.study.answer.types import Answer
from snn2chip.study.show import draw, words

if TYPE_CHECKING:
    pass


def text(answer: Answer) -> str:
    """The page; names from outside are escaped and cannot act."""
    content = (
        environment("snn2chip.study.show")
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
