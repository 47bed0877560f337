"""Environments appear whole or not at all, once, and are made again where they broke."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from snn2chip.backends.loihi.witness import environment
from snn2chip.errors import WitnessError
from snn2chip.witness import Environment, cache_folder, find, make
from tests.witness.programs import MAKES, Programs

TOY = Environment("toy", "3.10", "toy==1.0\nother==2.5\n")


@pytest.fixture
def ready(programs: Programs) -> Programs:
    """uv and an interpreter are there."""
    programs.python()
    programs.uv()
    return programs


def listing(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.exists() else set()


def test_it_is_made_once_from_the_lock(ready: Programs) -> None:
    told: list[str] = []
    assert find(TOY) is None
    python = make(TOY, tell=told.append)
    assert python == TOY.folder / "bin" / "python"
    assert python.read_text() == "made\n"
    assert (ready.folder / "lock.txt").read_text() == TOY.lock
    assert any("--no-deps" in call for call in ready.calls())
    assert len(told) == 1
    before = ready.calls()
    assert make(TOY, tell=told.append) == find(TOY) == python
    assert ready.calls() == before
    assert len(told) == 1
    assert listing(cache_folder()) == {TOY.folder.name}


def test_the_folder_is_named_after_the_lock(programs: Programs) -> None:
    assert cache_folder() == programs.cache / "snn2chip" / "witness"
    assert re.fullmatch(r"toy-[0-9a-f]{12}", TOY.folder.name)
    others = {
        Environment("toy", "3.10", TOY.lock + "more==1\n").folder.name,
        Environment("toy", "3.9", TOY.lock).folder.name,
    }
    assert len({*others, TOY.folder.name}) == 3


def test_without_a_variable_the_cache_is_in_the_home(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == programs.home / ".cache" / "snn2chip" / "witness"


def test_several_at_once_leave_one(ready: Programs) -> None:
    ready.uv("sleep 0.2\n" + MAKES)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: make(TOY), range(4)))
    assert found == {TOY.folder / "bin" / "python"}
    assert listing(cache_folder()) == {TOY.folder.name}


def test_one_whose_interpreter_is_gone_is_made_again(ready: Programs) -> None:
    python = make(TOY)
    python.unlink()
    python.symlink_to("gone")
    assert find(TOY) is None
    assert make(TOY).read_text() == "made\n"
    assert listing(cache_folder()) == {TOY.folder.name}


@pytest.mark.parametrize("fails", ["venv", "pip"])
def test_a_failure_leaves_nothing_and_is_told(ready: Programs, fails: str) -> None:
    ready.uv(f'[ "$1" = {fails} ] && {{ echo "error: no such wheel"; exit 1; }}\n' + MAKES)
    with pytest.raises(WitnessError, match="could not be made") as error:
        make(TOY)
    assert "no such wheel" in error.value.has
    assert listing(cache_folder()) == set()
    ready.uv()
    assert make(TOY).exists()


def test_uv_that_makes_nothing_is_told(ready: Programs) -> None:
    ready.uv('[ "$1" = venv ] && mkdir -p "$last"; exit 0')
    with pytest.raises(WitnessError, match="no interpreter"):
        make(TOY)


def test_a_cache_that_cannot_be_written_to(ready: Programs) -> None:
    ready.cache.write_text("a file")
    with pytest.raises(WitnessError, match="cannot be written"):
        make(TOY)


def test_lavas_lock_has_exact_versions_only() -> None:
    lava = environment()
    lines = lava.lock.splitlines()
    assert lava.version == "3.10"
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)
    assert {"lava-nc==0.10.0", "lava-dl==0.6.0"} <= set(lines)
    assert not any(line.startswith("torch") for line in lines)
