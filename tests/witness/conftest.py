"""Stand-ins for uv and for interpreters, as shell scripts, and a cache that is empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.witness.programs import Programs


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """An empty PATH, cache and home; no uv of this installation."""
    made = Programs(tmp_path / "bin", tmp_path / "cache", tmp_path / "home")
    made.isolate(monkeypatch)
    return made
