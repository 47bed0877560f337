"""What was judged as JUnit XML, which continuous integration shows beside the tests.

One test case that the network fits, or one for every broken limit of the chip, and one for every
limit that the user set. The form is what Jenkins, GitLab and GitHub's readers agree on: testsuites,
testsuite, testcase with name and classname, failure with message, type and text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from snn2chip.core import Violation
from snn2chip.errors import Snn2chipError
from snn2chip.files import write_text
from snn2chip.pipeline.results.thresholds import Judgement, named
from snn2chip.report.numbers import shown


def text(judgement: Judgement, violations: Sequence[Violation]) -> str:
    """The XML document."""
    name = shown(f"snn2chip: {judgement.network} on {judgement.target}")
    failed = len(violations) + len(judgement.errors)
    tests = max(1, len(violations)) + len(judgement.verdicts)
    counts = {"tests": str(tests), "failures": str(failed), "errors": "0"}
    whole = ElementTree.Element("testsuites", {"name": "snn2chip", **counts})
    suite = ElementTree.SubElement(whole, "testsuite", {"name": name, **counts, "skipped": "0"})
    if not violations:
        _case(suite, f"fits {judgement.target}", "snn2chip.limits")
    for found in violations:
        case = _case(suite, f"{found.rule}: {found.object}", "snn2chip.limits")
        lines = [f"{found.object}: breaks {found.rule}", f"  needs:  {found.needs}"]
        lines += [f"  has:    {found.has} ({found.source})", f"  change: {found.remedy}"]
        _failure(case, lines[0], "Violation", "\n".join(lines))
    for verdict in judgement.verdicts:
        case = _case(suite, named(verdict), "snn2chip.thresholds")
        if verdict.error is not None:
            error: Snn2chipError = verdict.error
            _failure(case, f"{error.what}: {error.has}", type(error).__name__, str(error))
    ElementTree.indent(whole)
    body = ElementTree.tostring(whole, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def write(judgement: Judgement, violations: Sequence[Violation], path: str | Path) -> None:
    """Write the XML document to ``path``."""
    write_text(path, text(judgement, violations))


def _case(suite: ElementTree.Element, name: str, group: str) -> ElementTree.Element:
    words = {"name": shown(name), "classname": group, "time": "0"}
    return ElementTree.SubElement(suite, "testcase", words)


def _failure(case: ElementTree.Element, message: str, kind: str, lines: str) -> None:
    failure = ElementTree.SubElement(case, "failure", {"message": shown(message), "type": kind})
    failure.text = "\n".join(shown(line) for line in lines.split("\n"))
