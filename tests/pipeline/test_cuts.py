"""Runs are cut by themselves where they would fill the memory, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.backends.reference.arithmetic import realise
from snn2chip.pipeline import Options, cuts, open_network, run, running
from tests.networks import chain, conv_net
from tests.pipeline.test_running import same_activity

DENSE = realise(chain(np.random.default_rng(0), sizes=(6, 50, 3)))
CONV = realise(conv_net(np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("program", "width"), [(DENSE, 50), (CONV, 9 * 16)], ids=["dense", "windows of a kernel"]
)
def test_a_block_fills_the_limit_and_no_more(monkeypatch, program, width):
    monkeypatch.setattr(cuts, "MOST_VALUES", 10 * 4 * width)
    assert cuts.block_steps(program, 4, 10) is None
    assert cuts.block_steps(program, 4, 11) == 10
    assert cuts.block_steps(program, 5, 11) == 8
    assert cuts.block_steps(program, 10**6, 11) == 1


def test_the_limit_bounds_long_runs_and_leaves_short_ones_whole():
    assert cuts.MOST_VALUES <= 2**26
    assert cuts.block_steps(DENSE, 256, 64) is None
    assert cuts.block_steps(DENSE, 256, 10**6) == cuts.MOST_VALUES // (256 * 50)


@pytest.mark.parametrize("target", ["loihi2", "reference"])
def test_automatic_equals_explicit_and_whole(monkeypatch, network, data, target):
    options = Options(target=target, data=str(data), trace=True, trace_state=True)
    opened = open_network(network, options)
    whole = run(opened, options)
    seen = []
    plain = running.simulate

    def simulate(program, spikes, arithmetic, settings=None, *rest):
        seen.append(settings)
        return plain(program, spikes, arithmetic, settings, *rest)

    monkeypatch.setattr(running, "simulate", simulate)
    monkeypatch.setattr(cuts, "MOST_VALUES", 5 * 8 * 30)
    automatic = run(opened, options)
    used = {settings.block_steps for settings in seen}
    assert used == ({5, None} if target == "loihi2" else {5}), "only calibration runs uncut"
    seen.clear()
    explicit = run(opened, replace(options, block_steps=3))
    assert 3 in {settings.block_steps for settings in seen}
    for other in (automatic, explicit):
        same_activity(whole.activity, other.activity)
        assert other.energy == whole.energy
        assert other.drift == whole.drift
        assert other.trace.arrays.keys() == whole.trace.arrays.keys()
        for name, array in whole.trace.arrays.items():
            np.testing.assert_array_equal(other.trace.arrays[name], array)
