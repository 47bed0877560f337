"""Weights drawn by torch are the same in every run."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _seeded() -> None:
    pytest.importorskip("torch", reason="the front end of PyTorch modules").manual_seed(1)
