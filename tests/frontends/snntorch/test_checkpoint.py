"""``snn2chip export`` of a user's snnTorch checkpoint, and what its reader finds in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.cli import main
from snn2chip.frontends.nir import read_graph
from snn2chip.frontends.torch.walk import walk

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("snntorch", reason="the front end of snnTorch modules")
nn = torch.nn

from tests.frontends.snntorch.networks import proven, spikes  # noqa: E402

CODE = """
import snntorch as snn
from torch import nn

def make(reset="subtract"):
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 12),
        snn.Leaky(beta=0.9, init_hidden=True, reset_mechanism=reset),
        nn.Linear(12, 10),
        snn.Synaptic(alpha=0.5, beta=0.8, init_hidden=True, output=True),
    )

def other():
    return make("zero")
"""


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "snntorch_net.py").write_text(CODE)
    import snntorch_net

    torch.save(snntorch_net.make().state_dict(), tmp_path / "net.pt")
    return tmp_path / "net.pt"


def export(checkpoint: Path, factory: str) -> int:
    options = ["--data", "digits", "--encoding", "if", "--steps", "20", "--samples", "4"]
    return main(["export", str(checkpoint), "--model", f"snntorch_net:{factory}", *options])


def test_a_checkpoint_is_exported(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --dt and --preset: snnTorch counts steps, and the reset stands in the cells."""
    assert export(checkpoint, "make") == 0
    assert "are equal to PyTorch's" in " ".join(capsys.readouterr().out.split())
    read = read_graph(checkpoint.with_suffix(".nir"))
    d = read.discretization
    assert (d.preset, d.dt, d.reset, d.reset_time) == ("snntorch", 1.0, "subtract", "fire")
    weight = torch.load(checkpoint)["1.weight"].double().numpy()
    np.testing.assert_array_equal(read.projections[0].operator.weight, weight)


def test_a_checkpoint_of_another_reset_is_refused(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its numbers fit, but snnTorch would run a mixture of both."""
    assert export(checkpoint, "other") == 4
    said = capsys.readouterr().err
    assert "'2' (Leaky) was built with reset 'zero' and has 'subtract' now" in said
    assert not checkpoint.with_suffix(".nir").exists()


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(3, 4), nn.Linear(5, 4)
        self.cell = snn.RLeaky(beta=0.9, linear_features=4, threshold=0.3)

    def forward(self, image: Any, sound: Any, spk: Any = None, mem: Any = None) -> Any:
        spk, mem = self.cell(self.left(image) + self.right(sound), spk, mem)
        return spk, spk, mem


def test_several_inputs(tmp_path: Path) -> None:
    x: Any = {"image": spikes(0, 3), "sound": spikes(1, 5)}
    assert proven(TwoInputs(), x, tmp_path).spikes > 0
    shapes = {"image": (3,), "sound": (5,)}
    assert walk(TwoInputs(), shapes, 1.0).cells == {"cell": "cell"}
