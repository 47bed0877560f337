"""The page of a study in a real headless Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn2chip.study.show import page
from tests.report.test_report_browser import CHROMIUM, LAYER, amount, chromium, screenshot
from tests.report.test_report_html import Page
from tests.study.synthetic import claims, made, study

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on the PATH")


def test_chromium_draws_every_setting_and_runs_nothing(tmp_path: Path) -> None:
    answer = made().answer(study(compare=claims()))
    path = tmp_path / "pareto.html"
    path.write_text(page.text(answer))
    done = chromium(path, "--dump-dom")
    assert "One against another" in Page(done.stdout).text
    assert "CONSOLE" not in done.stderr
    image = screenshot(path, height=2600)
    assert amount(image, LAYER) > 100
    wide = screenshot(path, width=420, height=4400)
    assert amount(wide, LAYER) > 50


def test_the_page_keeps_to_narrow_screens(tmp_path: Path) -> None:
    answer = made().answer(study(compare=claims()))
    path = tmp_path / "pareto.html"
    probe = "<script>document.title = document.documentElement.scrollWidth</script>"
    content = page.text(answer).replace("</body>", probe + "</body>")
    start = content.index('<meta http-equiv="Content-Security-Policy"')
    path.write_text(content[:start] + content[content.index("\n", start) :])
    done = chromium(path, "--window-size=500,900", "--dump-dom")
    title = done.stdout.split("<title>")[1].split("</title>")[0]
    assert int(title) <= 500
