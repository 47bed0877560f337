"""What a comparison with the firmware says: of equal recordings, and of one value that differs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from snn2chip.backends.spinnaker.arithmetic import SpinnakerArithmetic
from snn2chip.backends.spinnaker.realise import realise
from snn2chip.backends.spinnaker.witness import FirmwareNetwork, FirmwareRecordings, comparing
from snn2chip.core import Program
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import WitnessError
from snn2chip.witness import Compared, Engine
from tests.networks import chain, spikes_for

STEPS = 12
NOBODY = Engine("sPyNNaker", Path(sys.executable), own=False)
Given = dict[str, NDArray[np.bool_]]


@pytest.fixture
def case() -> tuple[Program, Given]:
    rng = np.random.default_rng(2)
    net = chain(rng, bias=True)
    return realise(net), spikes_for(net, rng, steps=STEPS, samples=3)


def recorded(program: Program, given: Given) -> FirmwareRecordings:
    """Our own run as cores would record it: membranes before each step's update."""
    options = RunOptions(trace=True, trace_state=True)
    _, trace = simulate(program, given, SpinnakerArithmetic(), options)
    assert trace is not None
    names = [p.name for p in program.populations if not p.is_input]
    return FirmwareRecordings(
        v={n: np.roll(trace.arrays[f"{n}.v"].astype(np.int64), 1, axis=1) for n in names},
        fired={n: trace.arrays[n] != 0 for n in names},
        shifts={n: _shifts(program, n) for n in names},
        versions={},
    )


def _shifts(program: Program, name: str) -> tuple[int, int]:
    parameters = program.population(name).parameters
    return int(parameters["shift_e"]), int(parameters["shift_i"])


def compare(
    monkeypatch: pytest.MonkeyPatch, program: Program, given: Given, theirs: FirmwareRecordings
) -> dict[str, Compared]:
    asked: list[FirmwareNetwork] = []

    def run(
        engine: Engine, network: FirmwareNetwork, fired: Given, limit_s: float
    ) -> FirmwareRecordings:
        asked.append(network)
        return theirs

    monkeypatch.setattr(comparing, "run_firmware", run)
    rows, _ = comparing.compare_firmware(NOBODY, program, given, 1.0)
    assert asked[0].steps == STEPS + program.max_latency
    return {row.population: row for row in rows}


def test_equal_recordings(monkeypatch: pytest.MonkeyPatch, case: tuple[Program, Given]) -> None:
    program, given = case
    rows = compare(monkeypatch, program, given, recorded(program, given))
    assert set(rows) == {"hidden0", "out"}
    for row in rows.values():
        assert (row.mismatches, row.first) == (0, None)
        assert row.states == ("spikes", "v")
    assert rows["hidden0"].spikes > 0
    # Spikes of all steps, and membranes behind all but the last.
    assert rows["out"].values == 3 * 3 * (STEPS + STEPS - 1)


def test_one_membrane_that_differs_is_named(
    monkeypatch: pytest.MonkeyPatch, case: tuple[Program, Given]
) -> None:
    program, given = case
    theirs = recorded(program, given)
    latency = program.population("hidden0").latency
    theirs.v["hidden0"][1, latency + 1 + 4, 2] += 7
    rows = compare(monkeypatch, program, given, theirs)
    assert rows["out"].mismatches == 0
    first = rows["hidden0"].first
    assert isinstance(first, comparing.Difference)
    assert (first.state, first.sample, first.step, first.neuron) == ("v", 1, 4, (2,))
    assert first.firmware == first.ours + 7
    assert str(first).startswith("v at step 4, sample 1, neuron [2]: firmware")


def test_one_spike_too_many_is_named(
    monkeypatch: pytest.MonkeyPatch, case: tuple[Program, Given]
) -> None:
    program, given = case
    theirs = recorded(program, given)
    latency = program.population("out").latency
    silent = np.argwhere(~theirs.fired["out"][:, latency : latency + STEPS])[0]
    theirs.fired["out"][silent[0], latency + silent[1], silent[2]] = True
    row = compare(monkeypatch, program, given, theirs)["out"]
    assert row.mismatches == 1
    assert isinstance(row.first, comparing.Difference)
    assert (row.first.state, row.first.firmware, row.first.ours) == ("spikes", 1, 0)


def test_other_shifts_are_not_compared(
    monkeypatch: pytest.MonkeyPatch, case: tuple[Program, Given]
) -> None:
    program, given = case
    theirs = recorded(program, given)
    theirs.shifts["out"] = (13, 13)  # type: ignore[index]
    with pytest.raises(WitnessError, match="'out': sPyNNaker shifts its ring buffers by"):
        compare(monkeypatch, program, given, theirs)
