"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from snn2chip.backends.loihi.witness import LAVA_PYTHON, lava_engine
from snn2chip.errors import WitnessError
from snn2chip.witness import Engine
from tests.energy.sanafe.engine import sanafe_engine
from tests.examples import PROFILE

# The suite draws the same examples everywhere; HYPOTHESIS_PROFILE=explore draws new ones, and more.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile(PROFILE)

ROOT = Path(__file__).resolve().parent.parent

LONG = ("test_docs.py", "test_placing.py", "test_fuzz.py", "test_processes.py", "test_resume.py")
"""Files that take longest. They come first, so that no worker is left with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; the order within a file stays."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session")
def shared_fixtures() -> Path:
    """Folder with files that other projects made, beside the repository; skips where absent."""
    folder = ROOT.parent / "shared" / "fixtures"
    if not folder.is_dir():
        pytest.skip("files of other projects (../shared/fixtures) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def lava() -> Engine:
    """Lava: that of SNN2CHIP_LAVA_PYTHON, else the environment that ``verify`` makes."""
    try:
        return lava_engine(os.environ.get(LAVA_PYTHON))
    except WitnessError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def sanafe() -> Engine:
    """SANA-FE: that of SNN2CHIP_SANAFE_PYTHON, else the environment of ``make sanafe``."""
    try:
        return sanafe_engine()
    except WitnessError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root folder."""
    return ROOT
