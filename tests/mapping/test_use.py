"""Use of limits: what the cores hold, never below what the network needs at the least."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.mapping import map_program
from snn2chip.mapping.use import LimitUse, limit_use
from snn2chip.targets import Constant, Target, load_target
from tests.energy.networks import mappings, programs, two_layers


def limited(**limits: int) -> Target:
    """loihi1 with limits of a test."""
    target = load_target("loihi1")
    changed = {name: Constant(value, "vendor", "a test") for name, value in limits.items()}
    return replace(target, resources={**target.resources, **changed})


def by_limit(uses: tuple[LimitUse, ...]) -> dict[str, LimitUse]:
    return {use.limit: use for use in uses}


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 9), st.integers(1, 40))
def test_no_mapping_uses_less_than_the_least(data: st.DataObject, neurons: int, words: int) -> None:
    network = data.draw(programs())
    mapping = data.draw(mappings(network))
    target = limited(neurons_per_core=neurons, synaptic_words_per_core=words)
    uses = limit_use(network, target, mapping)
    for use in uses:
        if use.needed is not None:
            assert sum(use.used.values()) >= use.needed
            assert use.required_cores == -(-use.needed // use.per_core)
            assert [layer.layer for layer in use.layers] == [p.name for p in network.populations]
    found = by_limit(uses)
    assert sum(found["neurons_per_core"].used.values()) == sum(p.size for p in network.populations)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 9), st.integers(30, 200))
def test_a_mapping_within_the_limits_has_at_least_the_required_cores(
    data: st.DataObject, neurons: int, words: int
) -> None:
    network = data.draw(programs())
    target = limited(neurons_per_core=neurons, synaptic_words_per_core=words, cores=10**6)
    mapping, broken = map_program(network, target)
    for use in limit_use(network, target, mapping):
        over = [core for core, used in use.used.items() if used > use.per_core]
        rule = f"{target.name}.{use.limit.replace('_', '-')}"
        assert bool(over) == (rule in {violation.rule for violation in broken})
        if use.required_cores is not None and not over:
            assert use.required_cores <= mapping.cores_used
            assert max(layer.required_cores for layer in use.layers) <= mapping.cores_used


def test_by_hand() -> None:
    # 6 inputs, 5 hidden and 3 output neurons, each population on a core of its own
    network = two_layers()
    target = limited(neurons_per_core=6)
    mapping, _ = map_program(network, target)
    use = by_limit(limit_use(network, target, mapping))
    neurons = use["neurons_per_core"]
    assert sorted(neurons.used.values()) == [3, 5, 6]
    assert (neurons.needed, neurons.required_cores) == (14, 3)
    assert [layer.required_cores for layer in neurons.layers] == [1, 1, 1]
    # every one of 6 axons has a header and 5 synapses, every one of 5 has 3; each fits few words
    words = use["synaptic_words_per_core"]
    assert words.needed == sum(words.used.values())
    arriving = use["axons_in_per_core"]
    assert (arriving.needed, arriving.required_cores, arriving.layers) == (None, None, ())
    assert sorted(arriving.used.values()) == [5, 6]
    assert sorted(use["axons_out_per_core"].used.values()) == [5, 6]


def test_synapses_are_counted_one_by_one() -> None:
    # 6 x 5 and 5 x 3 synapses, each population on a core of its own
    network = two_layers()
    target = limited(synapses_per_core=40)
    mapping, _ = map_program(network, target)
    use = by_limit(limit_use(network, target, mapping))["synapses_per_core"]
    assert (use.needed, use.required_cores) == (45, 2)
    assert [layer.needed for layer in use.layers] == [0, 30, 15]
    assert sorted(use.used.values()) == [0, 15, 30]


def test_distinct_thresholds_are_counted_by_core() -> None:
    network = two_layers()
    hidden = replace(network.population("hidden"), parameters={"vth": np.array([1, 2, 2, 3, 1])})
    populations = tuple(hidden if p.name == "hidden" else p for p in network.populations)
    target = limited(thresholds_per_core=8)
    mapping, _ = map_program(network, target)
    use = by_limit(limit_use(replace(network, populations=populations), target, mapping))
    assert list(use["thresholds_per_core"].used.values()) == [3]
    assert use["thresholds_per_core"].required_cores is None


def test_limits_that_no_one_knows_are_left_out() -> None:
    network, target = two_layers(), replace(load_target("loihi1"), resources={})
    mapping, _ = map_program(network, target)
    assert limit_use(network, target, mapping) == ()
