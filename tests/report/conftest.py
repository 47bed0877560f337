"""Reports that the tests of this room share."""

from __future__ import annotations

import pytest

from snn2chip.pipeline import Result
from snn2chip.report.build import build
from snn2chip.report.types import Report
from tests.report.synthetic_results import result


@pytest.fixture(scope="session")
def run() -> Result:
    """A small run with drift, violations none, everything priced."""
    return result()


@pytest.fixture(scope="session")
def report(run: Result) -> Report:
    """The report of that run."""
    return build(run)
