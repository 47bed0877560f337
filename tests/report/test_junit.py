"""JUnit XML, read back with the standard parser."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from snn2chip.core import Violation
from snn2chip.pipeline import Thresholds, judge
from snn2chip.report import junit
from tests.report.synthetic_results import VIOLATION, result

LIMITS = Thresholds(max_energy_nj=0.0, min_accuracy=0.5, max_drift=1.0)


def parsed(violations: tuple[Violation, ...], **changes: str) -> ElementTree.Element:
    run = result()
    run = replace(run, graph=replace(run.graph, **changes))  # type: ignore[arg-type]
    return ElementTree.fromstring(junit.text(judge(run, LIMITS), violations).encode())


def test_a_case_for_every_limit() -> None:
    whole = parsed(())
    (suite,) = whole
    assert (whole.tag, suite.tag) == ("testsuites", "testsuite")
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [
        "fits loihi2",
        "--max-energy-nj 0",
        "--min-accuracy 0.5",
        "--max-drift 1",
    ]
    assert [len(case) for case in cases] == [0, 1, 0, 0]
    for element in (whole, suite):
        assert (element.get("tests"), element.get("failures")) == ("4", "1")
    (failure,) = cases[1]
    assert failure.get("type") == "ThresholdError"
    assert "needs:  at most 0 nJ (--max-energy-nj)" in (failure.text or "")


def test_a_case_for_every_broken_limit() -> None:
    other = replace(VIOLATION, object="other")
    (suite,) = parsed((VIOLATION, other))
    names = [case.get("name") for case in suite]
    assert names[:2] == ["loihi2.neurons-per-core: hidden", "loihi2.neurons-per-core: other"]
    assert (suite.get("tests"), suite.get("failures")) == ("5", "3")
    assert all(case.find("failure") is not None for case in suite[:2])


@pytest.mark.parametrize("name", ["<&\"'>]]>", "\x00\x1b\ud800\ufffe", "a\nb", "ü漢"])
def test_names_from_outside(name: str) -> None:
    (suite,) = parsed((replace(VIOLATION, object=name),), name=name)
    assert suite.get("tests") == "4"
    assert suite[0].get("name", "").startswith("loihi2.neurons-per-core: ")
    if name.isprintable():
        assert name in (suite.get("name") or "")
