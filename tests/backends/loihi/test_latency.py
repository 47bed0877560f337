"""Latencies of cycles: exact where the graph leaves time, refused where not, longer on request."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from snn2chip.backends.latency import allow_latency, chip_latencies
from snn2chip.errors import UnsupportedError
from snn2chip.graph import Delay, Population
from snn2chip.neurons import Input
from tests.networks import dense, graph, lif


def ring(size, delay):
    """input -> p0 -> p1 -> ... -> p0, all without delay but the last projection."""
    rng = np.random.default_rng(size)
    names = [f"p{k}" for k in range(size)]
    populations = [Population("input", Input(), (2,))]
    populations += [Population(name, lif((2,)), (2,)) for name in names]
    weight = rng.normal(size=(2, 2))
    forward = [("input", "p0"), *pairwise(names)]
    projections = [dense(a, b, weight, (2,), (2,)) for a, b in forward]
    back = dense(names[-1], "p0", weight, (2,), (2,), delay=Delay(np.array(delay)))
    return graph(populations, [*projections, back])


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_ring_needs_a_step_of_delay_per_synapse(size):
    expected = {"input": 0, **{f"p{k}": k + 1 for k in range(size)}}
    assert chip_latencies(ring(size, size)) == expected
    assert chip_latencies(ring(size, size + 3)) == expected
    with pytest.raises(UnsupportedError, match="--allow-latency") as caught:
        chip_latencies(ring(size, size - 1))
    for k in range(size):
        assert f"'p{k}'" in str(caught.value)


@pytest.mark.parametrize(("size", "delay"), [(1, 0), (2, 1), (3, 1), (5, 2)])
def test_allowed_latency_delays_only_what_leads_back(size, delay):
    net = ring(size, delay)
    relaxed, notes = allow_latency(net)
    assert chip_latencies(relaxed)
    assert relaxed.projections[:-1] == net.projections[:-1]
    assert relaxed.projections[-1].delay.largest == size
    (note,) = notes
    assert f"{size - delay} step" in note
    assert net.projections[-1].name in note


def test_a_graph_with_time_enough_stays_as_it_is():
    net = ring(3, 3)
    relaxed, notes = allow_latency(net)
    assert relaxed is net
    assert notes == ()
