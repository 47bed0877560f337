from __future__ import annotations

import numpy as np
import pytest

from snn2chip.errors import ConfigError
from snn2chip.graph import Delay, Encoding, Readout

from .networks import tiny


def test_a_graph_finds_its_parts() -> None:
    graph = tiny()
    assert graph.population("hidden").size == 4
    assert [p.name for p in graph.inputs] == ["input"]
    assert [p.name for p in graph.incoming("out")] == ["hidden->out"]
    with pytest.raises(KeyError):
        graph.population("absent")


def test_delays_know_their_range() -> None:
    assert (Delay().largest, Delay().smallest) == (0, 0)
    delay = Delay(np.array([3, 1]), "source")
    assert (delay.largest, delay.smallest) == (3, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Readout("spikes"), "spike_count"),  # type: ignore[arg-type]
        (lambda: Encoding("rat"), "rate"),  # type: ignore[arg-type]
        (lambda: Encoding("if", 0), "a whole number from 1"),
    ],
)
def test_unknown_ways_to_run_are_refused_with_a_suggestion(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)
