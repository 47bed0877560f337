"""``.net`` files in Lava itself through netx, against ours; and Lava that fails."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn2chip.backends.loihi.netx import bias_writes, read_net, with_resets
from snn2chip.backends.loihi.witness import Plan, compare_net, running
from snn2chip.errors import WitnessError
from snn2chip.witness import Engine, run_script
from tests.backends.loihi.netx.net_files import conv, cuba, dense, write_net

STEPS = 14
RNG = np.random.default_rng(4)
RUNNER = Path(running.__file__).with_name("run_net.py")
SLOW = {"decay_u": 300, "decay_v": 20}


def whole(low, high, *shape):
    return RNG.integers(low, high + 1, shape)


def rf(kind):
    layer = dense(
        np.zeros((5, 6)), {"type": kind, "sinDecay": 900, "cosDecay": 3900, "vThMant": 150}
    )
    parts = {part: whole(-90, 120, 5, 6) * 1.0 for part in ("real", "imag")}
    return {**layer, "weight": parts}


def sdnn(threshold, **more):
    return {"type": "SDNN", "activation": b"relu", "vThMant": threshold, **more}


CASES = {
    "resets, delays, an average": (
        [
            dense(whole(-60, 120, 5, 6), cuba(200, **SLOW), bias=whole(-3, 30, 5)),
            dense(whole(-60, 120, 4, 5), cuba(150, **SLOW), delay=whole(0, 5, 4, 5)),
            {"type": "average", "shape": np.array([2])},
        ],
        Plan(5, 2),
    ),
    "resonators": (
        [rf("RF_PHASE"), rf("RF_IZ") | {"weight": {"real": whole(-9, 60, 5, 5) * 1.0,
                                                  "imag": whole(-60, 9, 5, 5) * 1.0}}],
        Plan(),
    ),
    "images of biases that change": (
        [
            {"type": "input", "shape": np.array([2, 5, 4]), "neuron": cuba(25, 4096, 1024)},
            conv(whole(-30, 60, 3, 2, 2, 2), (3, 4, 3), cuba(40), bias=np.array([5, -9, 0])),
            {"type": "flatten", "shape": np.array([36])},
            dense(whole(-60, 99, 3, 36), cuba(90), weight_rec=whole(-60, 90, 3, 3)),
        ],
        Plan(),
    ),
    "sigma-delta": (
        [
            {"type": "input", "shape": np.array([6]), "neuron": sdnn(5)},
            dense(whole(-100, 120, 5, 6), sdnn(9), bias=whole(-40, 90, 5)),
            dense(whole(-60, 90, 3, 5), sdnn(9, sigma_output=True)),
        ],
        Plan(),
    ),
}  # fmt: skip


def case(name, folder):
    """(file, program, input [step, sample, *shape], plan) of two samples."""
    layers, plan = CASES[name]
    path = folder / "case.net"
    write_net(path, layers)
    program = read_net(path)
    if plan.reset_interval is not None:
        program = with_resets(program, plan.reset_interval, plan.reset_offset)
    shape = program.inputs[0].shape
    rng = np.random.default_rng(7)
    if program.encoding.kind == "direct":
        values = rng.integers(-50, 200, (2, STEPS, *shape))
        return path, program, bias_writes(values, True, STEPS, name), plan
    return path, program, rng.random((STEPS, 2, *shape)) < 0.4, plan


@pytest.mark.parametrize("name", CASES)
def test_lava_gives_the_same(name, lava, tmp_path):
    path, program, x, plan = case(name, tmp_path)
    found = running.run_net(lava, path, program, x, plan)
    rows = compare_net(program, x, found)
    assert [(row.population, row.mismatches, row.missing) for row in rows] == [
        (p.name, 0, ()) for p in program.populations if not p.is_input
    ]
    assert all(row.values > 0 for row in rows)
    assert any(row.spikes for row in rows)
    assert found.versions["lava-nc"] == "0.10.0"


def test_a_wrong_weight_of_ours_is_found(lava, tmp_path):
    path, program, x, plan = case("resets, delays, an average", tmp_path)
    found = running.run_net(lava, path, program, x, plan)
    first, *rest = program.projections
    weight = first.operator.weight.copy()
    weight[2, 3] += 2
    wrong = replace(first, operator=replace(first.operator, weight=weight))
    rows = compare_net(replace(program, projections=(wrong, *rest)), x, found)
    assert rows[0].mismatches > 0
    assert rows[0].first.neuron == (2,)


def test_what_netx_cannot_load_is_told(lava, tmp_path):
    write_net(tmp_path / "zero.net", [dense(np.zeros((2, 3)), cuba())])
    program = read_net(tmp_path / "zero.net")
    with pytest.raises(WitnessError, match="exit code 1") as error:
        running.run_net(
            lava, tmp_path / "zero.net", program, np.ones((3, 1, 3), bool), Plan(limit_s=60)
        )
    assert "OverflowError" in error.value.has


FAILS = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("run_net", {runner!r})
runner = module_from_spec(spec)
spec.loader.exec_module(runner)
from lava.proc.lif.models import PyLifModelBitAcc
def broken(self):
    raise RuntimeError("a process that fails")
PyLifModelBitAcc.run_spk = broken
runner.main()
"""


def test_a_process_that_fails_ends_all_at_once(lava, tmp_path, monkeypatch):
    """Without that, the others wait for it for ever."""
    path, program, x, plan = case("images of biases that change", tmp_path)
    script = tmp_path / "fails.py"
    script.write_text(FAILS.format(runner=str(RUNNER)))
    monkeypatch.setattr(
        running, "run_script", lambda engine, _, *rest: run_script(engine, script, *rest)
    )
    with pytest.raises(WitnessError, match="signal 9") as error:
        running.run_net(lava, path, program, x, replace(plan, limit_s=300))
    assert "a process that fails" in error.value.has


EXTENSION = '''
"""Stands for Intel's extension: adapters that hand on what they get, and a chip that is Lava's
fixed-point model on this processor."""
from lava.magma.core import run_configs
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Chip(run_configs.Loihi2SimCfg):
    def __init__(self):
        super().__init__(select_tag="fixed_pt")


run_configs.Loihi2HwCfg = Chip


class Adapter(AbstractProcess):
    def __init__(self, shape):
        super().__init__(shape=shape)
        self.inp, self.out = InPort(shape=shape), OutPort(shape=shape)


class PyToNxAdapter(Adapter):
    pass


class NxToPyAdapter(Adapter):
    pass


class Model(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int)

    def run_spk(self):
        self.out.send(self.inp.recv())


@implements(proc=PyToNxAdapter, protocol=LoihiProtocol)
@requires(CPU)
class In(Model):
    pass


@implements(proc=NxToPyAdapter, protocol=LoihiProtocol)
@requires(CPU)
class Out(Model):
    pass
'''


def test_on_hardware_the_last_layers_spikes_come_through_adapters(lava, tmp_path, monkeypatch):
    """With an extension that stands for Intel's, which is not public."""
    folder = tmp_path / "extension" / "lava" / "proc" / "embedded_io"
    folder.mkdir(parents=True)
    (folder / "spike.py").write_text(EXTENSION)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "extension"))
    path, program, x, plan = case("resets, delays, an average", tmp_path)
    theirs = Engine("Lava", lava.python, own=False)
    found = running.run_net(theirs, path, program, x, replace(plan, hardware=True))
    first, last = compare_net(program, x, found)
    assert (first.values, first.missing) == (0, ("spikes", "u", "v"))
    assert (last.states, last.mismatches, last.values) == (("spikes",), 0, 2 * STEPS * 4)
    assert last.spikes > 0


def test_the_runner_needs_nothing_of_ours():
    text = RUNNER.read_text()
    assert "snn2chip" not in text.replace("without snn2chip", "")
    spec = importlib.util.spec_from_file_location("run_net_here", RUNNER)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert os.access(RUNNER, os.R_OK)
