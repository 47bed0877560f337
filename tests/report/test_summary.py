"""The verdict in sentences: static energy before the costliest layer, and words for constants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snn2chip.energy.types import Bottleneck
from snn2chip.report import html, summary
from snn2chip.report.build import build
from snn2chip.report.types import Report
from tests.report.synthetic_results import result


def with_static(report: Report, share: float) -> Report:
    """The report with static energy of such a share of its total."""
    dynamic = report.totals.energy_pj.total
    assert dynamic is not None
    total = dynamic / (1.0 - share)
    return replace(report, totals=replace(report.totals, static_pj=total - dynamic, total_pj=total))


@pytest.mark.parametrize(("share", "words"), [(0.87, "87.0"), (0.99995, "> 99.9"), (0.2, "20.0")])
def test_static_comes_before_the_costliest_layer(report: Report, share: float, words: str) -> None:
    found = with_static(report, share)
    assert summary.costliest_sentence(found) == (
        f"Static {words} %; of the dynamic rest, conv is costliest: 78.2 %, mostly synaptic events."
    )
    card = html.text(found).split('id="costliest"')[1].split("</div>")[0]
    assert card.index(words.replace(">", "&gt;")) < card.index("static") < card.index("78.2 %")


def test_without_static_energy_the_layer_is_of_the_dynamic_part() -> None:
    report = build(result(static_mw=None))
    said = summary.costliest_sentence(report)
    assert said.startswith("Of the dynamic energy, conv is costliest: 78.2 %")
    card = html.text(report).split('id="costliest"')[1].split("</div>")[0]
    assert "static" not in card


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("t_synop_conv", "synaptic events of conv"),
        ("cycles_synop", "synaptic events of conv"),
        ("t_neuron_update_extra", "neuron updates of conv"),
        ("t_packet_in", "packets received by conv"),
        ("t_core_step", "what every step takes on a core of conv"),
    ],
)
def test_the_bottleneck_has_no_name_of_a_constant(report: Report, term: str, words: str) -> None:
    found = replace(report, bottleneck=Bottleneck(3, "conv", term))
    assert summary.bottleneck(found) == f"core 3: {words}"
