"""``snn2chip export --model``: checkpoints of users' own modules, of every library."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Cli, is_four_part, listing

MODEL = """
import torch
from torch import nn

def loud(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, 0.3, 0.6)
    return module

class WithStates(nn.Module):
    def __init__(self, *cells):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 5), nn.Linear(5, 3)
        self.lif1, self.lif2 = cells

    def forward(self, x, mem1=None, mem2=None):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2

def norse():
    import norse.torch as snn
    return loud(WithStates(snn.LIFBoxCell(dt=1e-3), snn.LIFCell(dt=1e-3)))

def snntorch():
    import snntorch as snn
    return loud(WithStates(snn.Leaky(0.9), snn.Leaky(0.8, reset_mechanism="zero")))

def spikingjelly():
    from spikingjelly.activation_based import neuron
    return loud(nn.Sequential(nn.Linear(6, 5), neuron.LIFNode(), nn.Linear(5, 3), neuron.IFNode()))

class Looping(WithStates):
    def forward(self, x):
        mem1 = mem2 = None
        out = []
        for t in range(x.shape[0]):
            spk1, mem1 = self.lif1(self.fc1(x[t]), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            out.append(spk2)
        return torch.stack(out)

def looping():
    import norse.torch as snn
    return loud(Looping(snn.LIFBoxCell(dt=1e-3), snn.LIFBoxCell(dt=1e-3)))

class Failing(WithStates):
    def forward(self, x, mem1=None, mem2=None):
        raise RuntimeError("out of spikes")

def failing():
    import norse.torch as snn
    return loud(Failing(snn.LIFBoxCell(dt=1e-3), snn.LIFBoxCell(dt=1e-3)))
"""

DT = {"norse": ("--dt", "1e-3"), "looping": ("--dt", "1e-3"), "snntorch": (), "spikingjelly": ()}


@pytest.fixture
def nets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """export_nets.py of a user, and timed samples."""
    pytest.importorskip("torch")
    (folder / "export_nets.py").write_text(MODEL)
    monkeypatch.delitem(sys.modules, "export_nets", raising=False)
    monkeypatch.syspath_prepend(str(folder))
    np.savez(folder / "spikes.npz", x=np.random.default_rng(0).random((4, 20, 6)) < 0.5)
    return folder


def weights(folder: Path, factory: str) -> Path:
    import export_nets  # type: ignore[import-not-found]
    import torch

    path = folder / f"{factory}.pt"
    torch.save(getattr(export_nets, factory)().state_dict(), path)
    return path


def arguments(factory: str) -> tuple[str, ...]:
    return ("--model", f"export_nets:{factory}", "--input-shape", "6", "--data", "spikes.npz")


@pytest.mark.parametrize("library", DT)
def test_a_module_of_each_library(cli: Cli, nets: Path, library: str) -> None:
    pytest.importorskip("norse" if library == "looping" else library)
    path = weights(nets, library)
    done = cli("export", path, *arguments(library), *DT[library])
    assert done.code == 0, done.err
    assert "proven on 4 samples x 20 steps" in done.out
    assert "(0 spikes)" not in done.out
    shown = cli("info", f"{library}.nir", "--text")
    assert f"preset {library}" in shown.out or f"{library}" in shown.out
    assert cli("simulate", f"{library}.nir", "-t", "reference", "--data", "spikes.npz").code == 0


def test_norse_needs_a_dt(cli: Cli, nets: Path) -> None:
    pytest.importorskip("norse")
    done = cli("export", weights(nets, "norse"), *arguments("norse"))
    assert done.code == 2, done.err
    assert "length of a step is unknown" in done.err
    assert "--dt" in done.err


@pytest.mark.parametrize(
    ("factory", "code", "said"),
    [
        ("failing", 2, "out of spikes"),
    ],
)
def test_modules_that_cannot_be_exported(
    cli: Cli, nets: Path, factory: str, code: int, said: str
) -> None:
    pytest.importorskip("norse")
    path = weights(nets, factory)
    before = listing(nets)
    done = cli("export", path, *arguments(factory), "--dt", "1e-3")
    assert done.code == code, done.err
    assert is_four_part(done.err)
    assert said in done.err
    assert "export_nets.py:" in done.err
    assert listing(nets) == before


def test_keys_and_shapes_are_told_all_at_once(cli: Cli, nets: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("norse")
    path = weights(nets, "norse")
    state = torch.load(path, weights_only=True)
    state["fc1.weight"] = state["fc1.weight"].T
    state["head.bias"] = state.pop("fc2.bias")
    torch.save(state, path)
    done = cli("export", path, *arguments("norse"), "--dt", "1e-3")
    assert done.code == 3, done.err
    assert "fc2.bias" in done.err
    assert "head.bias" in done.err
    assert "fc1.weight" in done.err


def test_the_help_says_that_code_is_run(cli: Cli) -> None:
    said = " ".join(cli("export", "--help").out.split())
    assert "code" in said
    assert "nothing is sandboxed" in said
