"""The ``detailed`` time: equal to its oracle, to figures by hand, and without numba."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Activity, Mapping, Place, PopulationActivity, Raster, Slice
from snn2chip.energy import congestion as room
from snn2chip.energy import count, price
from snn2chip.energy.congestion import congestion
from snn2chip.energy.kernels import mesh
from snn2chip.energy.types import Run
from snn2chip.engine.kernels.accelerate import SWITCH
from snn2chip.errors import ConfigError
from snn2chip.targets import Constant, CostTable, load_target
from tests.energy.congestion_oracle import Simulation
from tests.energy.networks import (
    dense,
    mappings,
    population,
    program,
    programs,
    project,
    random_activity,
)

LOIHI = load_target("loihi1")
TABLE = LOIHI.costs["sanafe_nahuku"]
SEND, RECEIVE, SYNOP = 5.1, 16.0, 3.8


@settings(max_examples=40)
@given(st.data())
def test_equals_the_oracle(data: st.DataObject) -> None:
    network = data.draw(programs())
    mapping = data.draw(mappings(network))
    activity = random_activity(network, 2, 2, data.draw(st.integers(0, 99)), 0.6)
    buffer = data.draw(st.sampled_from([1, 2, 16]))
    table = priced(link_buffer=buffer)
    found = congestion(Run(network, activity, mapping), LOIHI, table)
    oracle = Simulation(network, activity, mapping, table)
    assert found.step_ns.shape == (2 + network.max_latency, 2)
    for step, sample in np.ndindex(*found.step_ns.shape):
        assert found.step_ns[step, sample] == pytest.approx(oracle.step(step, sample), rel=1e-9)


def burst(inputs: int, targets: int, to: Place) -> Run:
    """One step in which every input on core 0 fires into neurons on core 99.

    A neuron without synapses is the last one on core 0.
    """
    network = program(
        [
            population("input", (inputs,)),
            population("hidden", (targets,)),
            population("last", (1,)),
        ],
        [project("input", "hidden", dense((inputs,), (targets,)))],
    )
    populations = {}
    for p in network.populations:
        raster = Raster.pack(np.full((1, 1, *p.shape), p.is_input), p.shape)
        populations[p.name] = PopulationActivity(raster, raster)
    slices = {
        "input": [Slice(0, inputs - 1, 0)],
        "hidden": [Slice(0, targets - 1, 99)],
        "last": [Slice(0, 0, 0)],
    }
    mapping = Mapping.from_slices("loihi1", slices, {0: Place(0, 0, 0), 99: to})
    return Run(network, Activity("test", 1, 1, populations, np.zeros((1, 1))), mapping)


def priced(**values: float) -> CostTable:
    """SANA-FE's table with other constants."""
    changed = {name: Constant(value, "derived", "a test") for name, value in values.items()}
    return replace(TABLE, constants={**TABLE.constants, **changed})


@pytest.mark.parametrize(
    ("place", "travel"), [(Place(0, 0, 0), 0.0), (Place(6, 1, 2), 4.1 + 2 * 6.5)]
)
def test_one_message(place: Place, travel: float) -> None:
    found = congestion(burst(1, 10, place), LOIHI, TABLE)
    assert found.step_ns[0, 0] == pytest.approx(max(60.0, SEND + travel + RECEIVE + 10 * SYNOP))
    assert found.slowest.tolist() == [[99]]


def test_messages_are_taken_in_one_after_the_other() -> None:
    found = congestion(burst(5, 10, Place(0, 0, 0)), LOIHI, TABLE)
    assert found.step_ns[0, 0] == pytest.approx(SEND + 5 * (RECEIVE + 10 * SYNOP))


def test_a_full_link_holds_the_sender_up() -> None:
    """In one tile every message on its way loads the sender's link with a half."""
    length, visit = RECEIVE + 10 * SYNOP, 1e5
    taken: list[float] = []
    now = free = waited = 0.0
    for _ in range(60):
        now += SEND
        load = sum(t > now for t in taken) / 2
        waits = max(0.0, load - 16) * length
        now, waited = now + waits, waited + waits
        taken.append(max(free, now + load * length))
        free = taken[-1] + length
    assert waited > 0
    run = burst(60, 10, Place(0, 0, 0))
    assert congestion(run, LOIHI, TABLE).step_ns[0, 0] == pytest.approx(free)
    slow = congestion(run, LOIHI, priced(t_neuron_access=visit))
    assert slow.step_ns[0, 0] == pytest.approx(max(now + visit, 10 * visit))
    last = congestion(burst(60, 1, Place(0, 0, 0)), LOIHI, priced(t_neuron_access=visit))
    assert last.slowest.tolist() == [[0]], "its last neuron is visited after it sent everything"


def test_neurons_that_are_visited_take_time() -> None:
    run = burst(1, 1000, Place(0, 0, 0))
    silent = {}
    for name, p in run.activity.populations.items():
        none = Raster.pack(np.zeros((1, 1, *p.spikes.shape), bool), p.spikes.shape)
        silent[name] = replace(p, spikes=none, updated=none)
    activity = replace(run.activity, populations=silent)
    found = congestion(run._replace(activity=activity), LOIHI, TABLE)
    assert found.step_ns[0, 0] == pytest.approx(1000 * 6.0)


def plain(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The kernels as numba is left out."""
    monkeypatch.setenv(SWITCH, "0")
    spec = importlib.util.spec_from_file_location("plain_mesh", mesh.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@given(st.data())
def test_the_same_without_numba(data: st.DataObject) -> None:
    network = data.draw(programs())
    mapping = data.draw(mappings(network))
    activity = random_activity(network, 2, 1, data.draw(st.integers(0, 99)), 0.6)
    fast = congestion(Run(network, activity, mapping), LOIHI, TABLE)
    with pytest.MonkeyPatch.context() as patch:
        module = plain(patch)
        patch.setattr(room, "_loops", lambda: module)
        slow = congestion(Run(network, activity, mapping), LOIHI, TABLE)
    np.testing.assert_array_equal(fast.step_ns, slow.step_ns)
    np.testing.assert_array_equal(fast.slowest, slow.slowest)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    burst_run = burst(20, 10, Place(6, 1, 2))
    run = burst_run._replace(activity=random_activity(burst_run.program, 7, 3, 1))
    whole = congestion(run, LOIHI, TABLE)
    monkeypatch.setattr(room, "BLOCK", 1)
    np.testing.assert_array_equal(congestion(run, LOIHI, TABLE).step_ns, whole.step_ns)


def test_a_table_without_link_times_is_refused() -> None:
    with pytest.raises(ConfigError, match="no t_packet_out, t_packet_in, link_buffer"):
        congestion(burst(1, 1, Place(0, 0, 0)), LOIHI, LOIHI.costs["davies2018"])


def test_a_chip_without_a_mesh_is_refused() -> None:
    flat = replace(LOIHI, mesh=replace(LOIHI.mesh, cores_per_tile=0))
    with pytest.raises(ConfigError, match="has no mesh"):
        congestion(burst(1, 1, Place(0, 0, 0)), flat, TABLE)


def test_price_names_its_model_and_adds_the_barrier() -> None:
    run = burst(3, 10, Place(6, 1, 2))
    counts = count(*run)
    report = price(counts, LOIHI, "sanafe_nahuku", timing="detailed")
    assert report.timing == "detailed"
    assert report.step_ns[0] == pytest.approx(congestion(run, LOIHI, TABLE).step_ns[0, 0] + 1000.0)
    assert any("wait for links" in line for line in report.assumptions)
    simple = price(counts, LOIHI, "sanafe_nahuku")
    assert (simple.timing, simple.dynamic_pj) == ("simple", report.dynamic_pj)
    assert not any("wait for links" in line for line in simple.assumptions)


def test_price_refuses_other_models_and_counts_without_a_run() -> None:
    counts = count(*burst(3, 10, Place(6, 1, 2)))
    with pytest.raises(ConfigError, match="timing 'exact'"):
        price(counts, LOIHI, timing="exact")
    with pytest.raises(ConfigError, match="without their run"):
        price(replace(counts, run=None), LOIHI, "sanafe_nahuku", timing="detailed")
