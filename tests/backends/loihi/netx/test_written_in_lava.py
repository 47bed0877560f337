"""Files that we write, in Lava itself: netx loads them and computes what the program does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from hypothesis import given, settings

from snn2chip.backends.loihi import witness
from snn2chip.backends.loihi.netx import read_net, with_resets
from snn2chip.backends.loihi.netx.writing.write import FILE, net_artefacts
from snn2chip.backends.loihi.witness.comparing import compare_net, compare_program
from snn2chip.backends.loihi.witness.running import Plan, run_net

from .chain_programs import chains

STEPS = 12
LOAD = """
import sys, warnings
sys.path.insert(0, sys.argv[1])
import run_net
hdf5 = run_net.netx()
with warnings.catch_warnings():
    warnings.simplefilter("error")
    hdf5.Network(net_config=sys.argv[2])
"""


def in_lava(program, lava, folder):
    """Rows of the file against our run of it, and of the program's windows."""
    made = net_artefacts(program)
    net = made.manifest["net"]
    (folder / FILE).write_bytes(made.files[FILE])
    read = read_net(folder / FILE)
    steps = STEPS + max(net["latency"].values())
    shape, own = read.inputs[0].shape, program.inputs[0].shape
    x = np.random.default_rng(3).random((STEPS, 2, *own)) < 0.4
    whole = np.zeros((steps, 2, *shape), bool)
    whole[:STEPS] = x.reshape(STEPS, 2, *shape)
    plan = Plan(reset_interval=steps, reset_offset=net["reset_offset"])
    read = with_resets(read, steps, net["reset_offset"])
    found = run_net(lava, folder / FILE, read, whole, plan)
    rows = compare_net(read, whole, found)
    return (*rows, *compare_program(program, net["layers"], net["latency"], x, found))


@settings(max_examples=5)
@given(program=chains())
def test_random_programs_are_the_same_in_netx(lava, tmp_path_factory, program):
    rows = in_lava(program, lava, tmp_path_factory.mktemp("net"))
    assert [(row.population, row.first) for row in rows if row.mismatches] == []
    assert sum(row.values for row in rows) > 0


@settings(max_examples=4)
@given(program=chains())
def test_netx_loads_them_without_a_warning(lava, tmp_path_factory, program):
    path = tmp_path_factory.mktemp("net") / FILE
    path.write_bytes(net_artefacts(program).files[FILE])
    words = (lava.python, "-c", LOAD, str(Path(witness.__file__).parent), str(path))
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stdout
