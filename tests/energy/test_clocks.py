"""Time in cycles, one thing after the other, ticks and the check of real time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Mapping, Program
from snn2chip.energy import EnergyReport, count, late_ticks, price
from snn2chip.energy.time import model_time
from snn2chip.mapping import map_program
from snn2chip.targets import CostTable, load_target
from tests.energy.networks import mappings, programs, random_activity, two_layers
from tests.energy.oracle import tally
from tests.energy.test_price import COUNTS, priced, table, target

CYCLES = {
    "cycles_core_step": 1855.0, "cycles_neuron": 95.4, "cycles_packet_in": 500.0,
    "cycles_synop": 25.0,
}  # fmt: skip


def serial(**values: object) -> CostTable:
    included = ("t_packet_out", "t_barrier")
    return replace(table(**values), work="serial", included=included)  # type: ignore[arg-type]


def test_cycles_are_times_at_a_clock() -> None:
    slow = priced(table(cycles_neuron=4.0, cycles_synop=1.0, clock_mhz=500.0))
    plain = priced(table(t_neuron=8.0, t_synop=2.0))
    assert slow.step_ns == plain.step_ns
    assert slow.cycles == pytest.approx(sum(plain.step_ns) / 2)
    assert plain.cycles is None
    assert slow.bottleneck is not None
    assert slow.bottleneck.term == "cycles_synop"
    assert not any("cycles" in line or "t_synop" in line for line in slow.unpriced)


def test_a_serial_core_does_one_after_the_other() -> None:
    values = {"t_neuron": 10.0, "t_synop": 1.0, "t_packet_in": 2.0}
    report = priced(serial(**values))
    assert report.step_ns == (30 + 60 + 16, 30 + 40 + 8, 30)
    overlapping = priced(replace(serial(**values), work="overlapping"))
    assert overlapping.step_ns == (76, 48, 30)
    assert any("one after the other" in line for line in report.assumptions)


def test_a_serial_bottleneck_is_the_largest_term_of_both_sides() -> None:
    report = priced(serial(t_neuron=40.0, t_synop=1.0, t_packet_in=5.0))
    assert report.bottleneck is not None
    assert report.bottleneck.term == "t_neuron"


def oracle(program: Program, activity: Any, mapping: Mapping, mhz: float) -> np.ndarray:
    """Cycles of all cores [core, step, sample], counted one event at a time."""
    found = tally(program, activity, mapping)
    latest = max(p.latency for p in program.populations)
    cores = sorted({int(c) for numbers in mapping.assignment.values() for c in numbers})
    times = np.zeros((len(cores), activity.steps + latest, activity.samples))
    for index, core in enumerate(cores):
        neurons = sum(
            int((numbers == core).sum())
            for name, numbers in mapping.assignment.items()
            if not program.population(name).is_input
        )
        for step, sample in np.ndindex(*times.shape[1:]):
            key = (core, step, sample)
            events = sum(
                found.series[f"events_{kind}"].get(key, 0)
                for kind in ("dense", "conv", "identity", "sparse")
            )
            cycles = 1855 + 95.4 * neurons + 500 * found.series["packets_in"].get(key, 0)
            times[index, step, sample] = (cycles + 25 * events) * 1000 / mhz
    return times


@settings(max_examples=25, deadline=None)
@given(st.data(), st.integers(0, 99), st.sampled_from([3e3, 1.5e4, 1e6]))
def test_real_time_equals_a_count_of_single_events(data: Any, seed: int, tick: float) -> None:
    network = data.draw(programs())
    mapping = data.draw(mappings(network))
    activity = random_activity(network, 3, 2, seed)
    counts = count(network, activity, mapping)
    timing, lacking = model_time(counts, serial(**CYCLES, clock_mhz=200.0, t_tick=tick))
    expected = oracle(network, activity, mapping, 200.0)
    assert timing is not None
    assert lacking == []
    busy = expected.max(axis=0)
    np.testing.assert_allclose(timing.step_ns, np.maximum(busy, tick), rtol=1e-12)
    check = timing.real_time
    assert check is not None
    assert check.busiest_ns == pytest.approx(expected.max(), rel=1e-12)
    assert check.late == pytest.approx((expected > tick).mean())
    assert check.kept == (expected.max() <= tick)
    cores = sorted({int(c) for numbers in mapping.assignment.values() for c in numbers})
    assert expected[cores.index(check.core or 0)].max() == pytest.approx(expected.max())
    assert timing.cycles == pytest.approx(busy.sum() * 0.2 / 2, rel=1e-12)


def test_ticks_alone_give_the_latency_and_no_check() -> None:
    report = priced(table(e_synop=1.0, t_tick=1e6, p_static_chip=64.43, unknown=("t_synop",)))
    assert report.step_ns == (1e6,) * 3
    assert report.latency_us == 3000.0
    assert report.static_pj == pytest.approx(64.43 * 3e6)
    assert report.bottleneck is None
    assert all(layer.time_ns is None for layer in report.layers)
    assert report.real_time is not None
    assert report.real_time.kept is None
    assert late_ticks(report, target(table(t_tick=1e6))) == ()
    assert any("is not checked" in line and "t_synop" in line for line in report.assumptions)
    assert [line.split(":")[0] for line in report.unpriced if line.startswith("t_")] == ["t_synop"]


def late(tick: float) -> tuple[EnergyReport, CostTable]:
    costs = serial(t_neuron=10.0, t_synop=1.0, t_packet_in=2.0, t_tick=tick)
    return priced(costs), costs


def test_a_tick_with_more_work_is_a_broken_limit() -> None:
    report, costs = late(100.0)
    (found,) = late_ticks(report, target(costs))
    assert found.rule == "loihi1.real-time"
    assert "core 1" in found.object
    assert "'hidden'" in found.object
    assert found.needs.startswith("0.106 us")
    assert found.has == "ticks of 0.1 us"
    assert found.source == "a test"
    assert report.step_ns == (106.0, 100.0, 100.0)
    assert report.real_time is not None
    assert report.real_time.late == pytest.approx(1 / 6)
    assert late_ticks(*_at(late(106.0))) == ()


def _at(pair: tuple[EnergyReport, CostTable]) -> tuple[EnergyReport, Any]:
    return pair[0], target(pair[1])


def test_power_of_clocks_and_of_cores_in_use() -> None:
    costs = serial(t_neuron=10.0, t_synop=1.0, t_packet_in=2.0, p_static_chip=2.0,
                   p_clock_per_mhz=0.5, clock_mhz=10.0, p_active_core=3.0)  # fmt: skip
    report = priced(costs)
    assert report.static_pj == pytest.approx((2.0 + 5.0 + 2 * 3.0) * sum(report.step_ns))
    wide = replace(COUNTS, series=replace(COUNTS.series, cores=np.array([0, 17])))
    three = priced(costs, wide)
    assert three.static_pj == pytest.approx((3 * 7.0 + 2 * 3.0) * sum(report.step_ns))
    assert any("3 chips, a clock of 10 MHz, 2 cores in use" in a for a in three.assumptions)


def test_spinnaker_keeps_up_with_few_neurons_and_not_with_many() -> None:
    """110.6 cycles per neuron and 644 per tick: 1,802.5 neurons fill 200,000 cycles."""
    chip = load_target("spinnaker1")
    roomy = replace(
        chip,
        resources={**chip.resources, "neurons_per_core": replace(
            chip.resources["neurons_per_core"], value=3000)},
    )  # fmt: skip
    for hidden, kept in ((200, True), (1802, True), (1803, False)):
        network = two_layers(inputs=1, hidden=hidden, outputs=1)
        activity = random_activity(network, 2, 1, seed=0, rate=0.0)
        report = price(count(network, activity, map_program(network, roomy)[0]), roomy)
        assert report.real_time is not None
        assert report.real_time.kept is kept
        assert report.real_time.layer == "hidden"
        assert len(late_ticks(report, roomy)) == (not kept)
        assert report.step_ns[0] == pytest.approx(max(1e6, (644 + 110.6 * hidden) * 5))


def test_truenorth_takes_its_ticks() -> None:
    chip = load_target("truenorth")
    network = two_layers()
    counts = count(network, random_activity(network, 7, 3, seed=1), map_program(network, chip)[0])
    report = price(counts, chip)
    assert report.latency_us == counts.chip_steps * 1000.0
    assert report.static_pj == pytest.approx(64.43 * counts.chip_steps * 3 * 1e6)
