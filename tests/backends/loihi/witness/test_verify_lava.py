"""The comparison with Lava itself: for real where there is one, and that it would notice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from snn2chip.backends.loihi.witness import LAVA_PYTHON
from snn2chip.errors import WitnessError
from snn2chip.witness import Engine

from . import verify_lava
from .random_networks import BUILD, random_network
from .verify_lava import main, mismatches, run_here, run_in_lava, verify


def in_lavas_order(found):
    """Recordings are in Lava's order, which is ours reversed."""
    return {key: v.transpose(0, *range(v.ndim - 1, 0, -1)).copy() for key, v in found.items()}


def test_random_networks_equal_lava(lava):
    """A few networks in Lava's own run time."""
    assert verify(lava, count=10, seed=99, tell=lambda line: None) == []


def test_networks_of_a_seed_are_always_the_same():
    for family in BUILD:
        (one, arrays), (other, again) = (random_network("n", [4, 2], 9, family) for _ in range(2))
        assert one == other
        assert arrays.keys() == again.keys()
        assert all((arrays[key] == again[key]).all() for key in arrays)


@pytest.mark.parametrize("family", BUILD)
def test_a_recording_that_differs_is_told_with_its_step(family):
    network, arrays = random_network("n", [5, 1], 12, family)
    lava = in_lavas_order(run_here(network, arrays))
    assert mismatches(network, arrays, lava) == []
    lava["n/b.spikes"][7] += 1
    assert mismatches(network, arrays, lava) == ["n/b.spikes from step 8"]
    del lava["n/b.spikes"]
    assert "n/b.spikes" in mismatches(network, arrays, lava)[0]


def test_no_lava_ends_with_8(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv(LAVA_PYTHON, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("snn2chip.witness.interpreters._installed_uv", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 8
    assert "no uv" in capsys.readouterr().err


def test_an_interpreter_without_lava_ends_with_8(capsys):
    assert main(["--lava-python", sys.executable, "--networks", "1"]) == 8
    assert "No module named 'lava'" in capsys.readouterr().err


def test_an_interpreter_that_is_none_ends_with_8(tmp_path, capsys):
    assert main(["--lava-python", str(tmp_path / "python"), "--networks", "1"]) == 8
    assert "cannot be run" in capsys.readouterr().err


def test_a_failure_of_lava_is_told(tmp_path):
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho broken; exit 3\n")
    Path(script).chmod(0o755)
    network, arrays = random_network("n", 1)
    with pytest.raises(WitnessError, match="broken"):
        run_in_lava(Engine("Lava", script, own=False), [network], arrays)


def test_a_mismatch_ends_with_6(monkeypatch, capsys):
    """Lava is replaced by the engine with one spike more."""

    def other(engine, networks, arrays):
        (network,) = networks
        lava = in_lavas_order(run_here(network, arrays))
        next(iter(lava.values()))[3] += 1
        return lava

    monkeypatch.setattr(verify_lava, "run_in_lava", other)
    assert main(["--lava-python", "unused", "--networks", "1"]) == 6
    assert "from step 4" in capsys.readouterr().out
