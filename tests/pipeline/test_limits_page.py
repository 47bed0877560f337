"""docs/limits.md is what the rules say, and no rule is missing from it."""

from __future__ import annotations

import re
from pathlib import Path

import snn2chip
from snn2chip.pipeline.limits_page import page

PACKAGE = Path(snn2chip.__file__).parent
DOCS = PACKAGE.parent / "docs" / "limits.md"


def test_the_page_is_up_to_date() -> None:
    assert DOCS.read_text("utf-8") == page(), "make docs"


def test_every_rule_of_the_package_is_on_the_page() -> None:
    """Violations are made by documented rules only."""
    text = page()
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text("utf-8")
        if path.name != "mapping.py":
            assert "Violation(" not in source.replace("class Violation(", ""), path
        for rule in re.findall(r'Limit\(\s*"([a-z-]+)"', source):
            assert f"| `{rule}` |" in text
