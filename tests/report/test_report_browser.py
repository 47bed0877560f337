"""The page in a real headless Chromium: what it shows, that it runs nothing, and its colours."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from snn2chip.report import html
from snn2chip.report.build import build
from tests.report.synthetic_results import result
from tests.report.test_report_html import EVIL, Page

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on the PATH")

DARKEST = (0x11, 0x2D, 0x5F)
"""The upper end of the colour scale in the light style."""

LAYER = (0x3A, 0x72, 0xD8)
"""The colour of the second layer."""


def chromium(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Chromium without a network on one page."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--hide-scrollbars",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={page.parent / 'profile'}",
        "--enable-logging=stderr",
        *flags,
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def screenshot(page: Path, width: int = 1200, height: int = 5000) -> NDArray[np.uint8]:
    """Pixels [row, column, RGB] of a page."""
    image = page.with_suffix(".png")
    chromium(page, f"--window-size={width},{height}", f"--screenshot={image}")
    return pixels(image.read_bytes())


def pixels(png: bytes) -> NDArray[np.uint8]:
    """A PNG of 8 bits per channel, decoded by its specification (filters 0 to 4)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8
    channels = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * channels)
    filters, raw = rows[:, 0], rows[:, 1:].reshape(height, width, channels).astype(np.int16)
    out = np.zeros((height + 1, width + 1, channels), np.int16)
    for diagonal in range(width + height - 1):
        y = np.arange(max(0, diagonal - width + 1), min(height - 1, diagonal) + 1)
        x = diagonal - y
        left, above, corner = out[y + 1, x], out[y, x + 1], out[y, x]
        guesses = (0 * left, left, above, (left + above) // 2, _paeth(left, above, corner))
        guess = np.choose(filters[y, None], guesses)
        out[y + 1, x + 1] = (raw[y, x] + guess) % 256
    return out[1:, 1:, :3].astype(np.uint8)


def _paeth(
    left: NDArray[np.int16], above: NDArray[np.int16], corner: NDArray[np.int16]
) -> NDArray[np.int16]:
    guess = left + above - corner
    far_left, far_above, far = abs(guess - left), abs(guess - above), abs(guess - corner)
    nearest = np.where(far_above <= far, above, corner)
    return np.where((far_left <= far_above) & (far_left <= far), left, nearest)


def amount(image: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    """Pixels of exactly one colour."""
    return int((image == np.array(colour, np.uint8)).all(axis=-1).sum())


def test_chromium_shows_the_layers_and_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    html.write(build(result(names=("pixels", EVIL, "hidden", "classes"))), path)
    done = chromium(path, "--dump-dom")
    page = Page(done.stdout)
    for words in ("pixels", "hidden", "classes", EVIL, "2.34 µJ"):
        assert words in page.text
    assert "script" not in page.tags
    assert page.tags.count("rect") > 50
    assert "Content Security Policy" not in done.stderr
    assert "CONSOLE" not in done.stderr


def test_choosing_a_colouring_recolours_the_cores(tmp_path: Path) -> None:
    content = html.text(build(result()))
    shown = {}
    for letter in ("l", "e"):
        path = tmp_path / f"{letter}.html"
        page = content.replace('id="by-l" checked', 'id="by-l"')
        path.write_text(page.replace(f'id="by-{letter}"', f'id="by-{letter}" checked'))
        shown[letter] = screenshot(path)
    assert amount(shown["e"], DARKEST) > amount(shown["l"], DARKEST) + 300
    assert amount(shown["l"], LAYER) > amount(shown["e"], LAYER) + 300


def test_a_card_appears_only_when_a_core_is_pointed_at(tmp_path: Path) -> None:
    content = html.text(build(result()))
    pointed = content.replace(".tile b:hover span {", ".tile b:nth-child(2) span {")
    assert pointed != content
    images = []
    for name, page in (("away", content), ("pointed", pointed)):
        path = tmp_path / f"{name}.html"
        path.write_text(page)
        images.append(screenshot(path))
    away, over = images
    rows, columns = np.nonzero((away != over).any(axis=-1))
    assert 30 < np.ptp(rows) < 400
    assert 200 < np.ptp(columns) < 400


@pytest.mark.parametrize("width", [400, 760, 1600])
def test_no_page_is_wider_than_its_window(tmp_path: Path, width: int) -> None:
    path = tmp_path / "report.html"
    html.write(build(result(neurons_per_core=2)), path)
    image = screenshot(path, width, 9000 if width < 800 else 5000)
    margin = image[:, -3:].reshape(-1, 3)
    assert (margin == margin[0]).all()
