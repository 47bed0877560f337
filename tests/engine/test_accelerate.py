"""Kernels are compiled where they can be, and never needed; threads share a batch in order."""

from __future__ import annotations

import subprocess
import sys

import pytest

from snn2chip.engine import workers
from snn2chip.engine.kernels import accelerate


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Each test examines the installation anew."""
    monkeypatch.delenv(accelerate.SWITCH, raising=False)
    for examined in (accelerate._missing, accelerate.cache_folder):
        examined.cache_clear()
    yield
    for examined in (accelerate._missing, accelerate.cache_folder):
        examined.cache_clear()


def test_the_switch_leaves_kernels_out(monkeypatch):
    monkeypatch.setenv(accelerate.SWITCH, "0")
    assert accelerate.reason_against() == "SNN2CHIP_NUMBA=0"
    assert accelerate.kernels("snn2chip.engine.kernels.sums") is None
    assert workers.default_threads() == 1


def test_a_missing_numba_is_said(monkeypatch):
    monkeypatch.setattr(accelerate, "find_spec", lambda name: None)
    assert accelerate.reason_against() == "numba is not installed"


def test_a_numba_that_cannot_be_imported_is_said(monkeypatch):
    pytest.importorskip("numba")

    def refuse(name):
        raise ImportError("Numba needs NumPy 2.3 or less")

    monkeypatch.setattr(accelerate, "import_module", refuse)
    assert "NumPy 2.3 or less" in accelerate.reason_against()
    assert accelerate.kernels("snn2chip.engine.kernels.sums") is None


def test_the_cache_lies_in_the_users_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = accelerate.cache_folder()
    assert folder == tmp_path / "snn2chip" / "kernels"
    assert folder.is_dir()


def test_nowhere_to_write_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert accelerate.cache_folder() is None


def test_a_users_own_numba_cache_stays(monkeypatch):
    numba = pytest.importorskip("numba")
    with accelerate._cache_folder(numba.config):
        assert "snn2chip" in numba.config.CACHE_DIR
    assert numba.config.CACHE_DIR == ""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/elsewhere")
    with accelerate._cache_folder(numba.config):
        assert numba.config.CACHE_DIR == "/elsewhere"


def test_numba_is_not_imported_before_it_is_needed():
    code = "import snn2chip.engine, snn2chip.backends.loihi.arithmetic, sys; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "numba" not in said.stdout.split()


@pytest.mark.parametrize(("given", "count"), [("3", 3), ("1", 1)])
def test_threads_are_as_many_as_the_user_says(monkeypatch, given, count):
    pytest.importorskip("numba")
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert workers.default_threads() == count


@pytest.mark.parametrize("nonsense", ["", "0", "many", "-1"])
def test_threads_are_at_least_one(monkeypatch, nonsense):
    monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
    assert workers.default_threads() >= 1


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_shares_cover_a_batch_in_order(threads, count):
    with workers.Workers(threads) as team:
        shares = team.shares(10, 10 + count)
        covered = [k for share in shares for k in range(share.start, share.stop)]
        assert covered == list(range(10, 10 + count))
        assert len(shares) == min(threads, count)
        lengths = [share.stop - share.start for share in shares]
        assert max(lengths) - min(lengths) <= 1
        assert team.map(lambda share: share.start, shares) == [s.start for s in shares]


def test_a_batch_that_is_not_worth_all_threads_takes_fewer():
    with workers.Workers(4) as team:
        assert [s.stop - s.start for s in team.shares(0, 9, 2)] == [4, 5]
        assert len(team.shares(0, 9, 7)) == 4


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_is_raised(threads):
    def fail(item):
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"), workers.Workers(threads) as team:
        team.map(fail, [0, 1, 2])
