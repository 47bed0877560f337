"""What the engine cannot carry is refused by name, on every target, before anything runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.errors import UnsupportedError
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Encoding, Population
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import Input
from snn2chip.pipeline import Options, check, open_network, run
from tests.networks import cuba_li, graph, li, lif
from tests.whole_networks import layer, link


@pytest.fixture
def membranes(tmp_path):
    """LI and CubaLI populations that feed others with their membranes."""
    rng = np.random.default_rng(0)
    net = graph(
        [
            Population("in", Input(), (5,)),
            layer("slow", li, 4),
            layer("slower", cuba_li, 4),
            layer("out", lif, 3),
        ],
        [
            link(rng, "in", "slow", (5, 4)),
            link(rng, "slow", "slower", (4, 4)),
            link(rng, "slower", "out", (4, 3)),
        ],
    )
    write_graph(replace(net, encoding=Encoding("none")), tmp_path / "net.nir")
    return open_network(tmp_path / "net.nir", Options())


@pytest.mark.parametrize("target", ["reference", "loihi1", "loihi2"])
def test_membranes_between_populations_are_refused(membranes, target):
    """In NIR a leaky integrator sends its membrane; a run that sends nothing would be wrong."""
    sent = run_graph(membranes.graph, np.ones((6, 1, 5)))
    assert sent["slow"].any()
    options = Options(target=target, data="random", steps=4)
    for action in (check, run):
        with pytest.raises(UnsupportedError) as caught:
            action(membranes, options)
        assert "'slow': LI neurons that feed 'slower'" in str(caught.value)
        assert "'slower': CubaLI neurons that feed 'out'" in str(caught.value)
