"""SpiNNaker 2 by the engine: against scalars, the trace of py-spinnaker2, and the chip's spikes."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.backends.spinnaker2.arithmetic import Spinnaker2Arithmetic, arithmetic_name
from snn2chip.backends.spinnaker2.realise import Formats, realise
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.engine import RunOptions, simulate
from snn2chip.frontends import load
from snn2chip.graph import Dense, Encoding, Readout
from tests.examples import examples
from tests.networks import NORSE, chain, cuba, integrate, lif

from .oracle import run_dense

OWN = Formats(weight=8, delayed=5)
STEPS = 12


@settings(max_examples=examples(20), deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([lif, integrate, cuba]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 5),
)
def test_the_engine_equals_scalars(
    seed: int, neuron: object, bias: bool, subtracts: bool, block: int
) -> None:
    rng = np.random.default_rng(seed)
    discretization = replace(NORSE, reset="subtract") if subtracts else NORSE
    graph = chain(rng, neuron, (6, 5), bias, discretization)
    program = realise(graph, OWN, arithmetic_name("chip"))
    spikes = rng.random((STEPS, 3, 6)) < 0.4
    options = RunOptions(trace=True, trace_state=True, batch=2, block_steps=block)
    _, trace = simulate(program, {"input": spikes}, Spinnaker2Arithmetic(), options)
    assert trace is not None
    out = program.population("out")
    weight = program.incoming("out")[0].operator.weight
    assert abs(weight).max() == 127
    for sample in range(3):
        fired, v = run_dense(out, weight, spikes[:, sample])
        window = slice(out.latency, out.latency + STEPS)
        np.testing.assert_array_equal(trace.arrays["out"][sample, window], fired)
        np.testing.assert_array_equal(trace.arrays["out.v"][sample, window], v)


def test_py_spinnaker2s_own_simulation_to_1e_12(shared_fixtures: Path) -> None:
    """The trace that its Brian2 back end left: a weight of 102.02, which it rounds."""
    folder = shared_fixtures / "nir"
    spikes, v, fired = np.loadtxt(folder / "lif_spinnaker2.csv", delimiter=",").T
    scale = 102.02
    neuron = ProgramPopulation(
        "1",
        "lif_no_delay",
        "LIF",
        (1,),
        {
            "alpha": np.float32([0.96]),
            "i_offset": np.zeros(1),
            "v_init": np.zeros(1),
            "threshold": np.array([0.1 * scale * 24.995]),
            "subtracts": np.array(0),
        },
    )
    program = Program(
        name="lif",
        arithmetic=arithmetic_name("brian2"),
        populations=(ProgramPopulation("input", "input", "input", (1,)), neuron),
        projections=(ProgramProjection("input", "1", Dense(np.array([[102]]), (1,), (1,))),),
        outputs=("1",),
        readout=Readout("spike_count"),
        encoding=Encoding("none"),
    )
    options = RunOptions(trace=True, trace_state=True)
    given_spikes = {"input": (spikes > 0).reshape(-1, 1, 1)}
    _, trace = simulate(program, given_spikes, Spinnaker2Arithmetic("brian2"), options)
    assert trace is not None
    np.testing.assert_array_equal(trace.arrays["1"].reshape(-1), fired > 0)
    assert (fired > 0).sum() == 4
    np.testing.assert_allclose(trace.arrays["1.v"].reshape(-1) / scale, v, rtol=0, atol=1e-12)


CHIP = [
    # (file, its reset, spikes of the hidden population, their digest): s2_activity_*.npy in
    # paper/03_rnn of github.com/neuromorphs/NIR, which s2_apply.py there wrote from a chip
    ("braille_noDelay_bias_zero.nir", "zero", 119, "ae007b1eb029eecb"),
    ("braille_noDelay_noBias_subtract.nir", "subtract", 119, "8f9cdf7280fc7fdc"),
]


@pytest.mark.parametrize(("name", "reset", "count", "expected"), CHIP)
def test_the_spikes_of_a_chip(
    shared_fixtures: Path, name: str, reset: str, count: int, expected: str
) -> None:
    """A recurrent network with synaptic currents: every spike of 256 steps."""
    folder = shared_fixtures / "nir"
    sample = np.load(folder / "braille_sample0.npy")[:, None] > 0
    if not (folder / name).exists():
        if "NIR_PAPER" not in os.environ:
            pytest.skip("NIR_PAPER names no copy of the NIR paper's networks")
        folder = Path(os.environ["NIR_PAPER"])
    graph = load(folder / name, "spinnaker2", 1e-4, {"reset": reset})
    program = realise(graph, OWN, arithmetic_name("chip"))
    _, trace = simulate(program, {"input": sample}, Spinnaker2Arithmetic(), RunOptions(trace=True))
    assert trace is not None
    latency = program.population("lif1.lif").latency
    raster = trace.arrays["lif1.lif"][0, latency : latency + 256]
    assert raster.sum() == count
    assert sha256(np.packbits(raster > 0).tobytes()).hexdigest()[:16] == expected
