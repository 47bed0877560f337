"""Which options of the discretization a CUBA neuron can follow, and which are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from snn2chip.backends.fold import fold
from snn2chip.backends.loihi.formats import formats_of
from snn2chip.backends.loihi.realise import realise
from snn2chip.backends.loihi.realise.scales import CUBA
from snn2chip.errors import UnsupportedError
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import initial_state, step
from snn2chip.targets import load_target
from tests.networks import NORSE, chain, cuba, integrate, lif

FORMATS = formats_of(load_target("loihi2"))


def net(neuron, **options):
    return chain(
        np.random.default_rng(0), neuron, bias=True, discretization=NORSE.override(**options)
    )


@pytest.mark.parametrize(
    ("neuron", "options", "message"),
    [
        pytest.param(lif, {"reset": "multi"}, "several spikes in a step", id="multi"),
        pytest.param(lif, {"reset": "none"}, "resets by nothing", id="none"),
        pytest.param(lif, {"reset_time": "fire"}, "reset_time is 'fire'", id="time"),
        pytest.param(
            cuba, {"cuba_reset_time": "fire"}, "cuba_reset_time is 'fire'", id="cuba-time"
        ),
        pytest.param(lif, {"v_floor": "zero"}, "v_floor is 'zero'", id="floor"),
        pytest.param(
            integrate, {"if_floor": "threshold"}, "if_floor is 'threshold'", id="if-floor"
        ),
        pytest.param(lif, {"output_latency": 1}, "output_latency is 1", id="late"),
    ],
)
def test_what_a_cuba_neuron_has_not_is_refused_for_every_population(neuron, options, message):
    with pytest.raises(UnsupportedError) as caught:
        realise(net(neuron, **options), FORMATS)
    text = str(caught.value)
    assert message in text
    assert "'hidden0'" in text
    assert "'out'" in text
    name = next(iter(options))
    assert "--reset zero" in text or f"--preset-set {name}=" in text


def test_all_options_that_a_population_has_wrong_are_said_at_once():
    """snnTorch's defaults break two of them; the remedy names the flags for both."""
    with pytest.raises(UnsupportedError) as caught:
        realise(net(lif, reset="subtract", reset_time="fire"), FORMATS)
    text = str(caught.value)
    assert text.count("resets by subtraction, reset_time is 'fire'") == 2
    assert text.count("--reset zero --preset-set reset_time=spike") == 2
    assert realise(net(lif, reset="zero", reset_time="spike"), FORMATS).populations


@pytest.mark.parametrize("time", ["leak", "both"])
def test_resets_to_a_value_at_another_time_fire_the_same(time):
    """The membrane that is shown differs, the spikes do not; so the program is the same."""
    other = net(lif, reset_time=time)
    spikes = (np.random.default_rng(1).random((40, 3, 6)) < 0.3).astype(float)
    expected = run_graph(net(lif), spikes)
    found = run_graph(other, spikes)
    assert expected["out"].sum() > 0
    np.testing.assert_array_equal(found["out"], expected["out"])
    ours, plain = realise(other, FORMATS), realise(net(lif), FORMATS)
    for mine, theirs in zip(ours.populations, plain.populations, strict=True):
        for name, value in mine.parameters.items():
            np.testing.assert_array_equal(value, theirs.parameters[name])


OPTIONS = [
    pytest.param(lif, {}, id="matched"),
    pytest.param(lif, {"input_gain": "one"}, id="gain-one"),
    pytest.param(lif, {"integrator": "exact", "input_gain": "one"}, id="exact-one"),
    pytest.param(integrate, {"input_gain": "one"}, id="if-one"),
    pytest.param(integrate, {"if_gain": "dt"}, id="if-dt"),
    pytest.param(cuba, {"synapse_gain": "one"}, id="synapse-one"),
    pytest.param(cuba, {"synapse_gain": "decay", "input_gain": "one"}, id="synapse-decay"),
    pytest.param(cuba, {"bias_path": "membrane"}, id="bias-membrane"),
]


@pytest.mark.parametrize(("neuron", "options"), OPTIONS)
def test_the_folded_neuron_is_the_graphs(neuron, options):
    """u, v in floats by the fold's factors, beside the plain step of the graph's neuron."""
    network = net(neuron, **options)
    population = network.populations[-1]
    folded, d = fold(network, population, CUBA), network.discretization
    bias = network.projections[-1].bias
    if isinstance(population.neuron, type(cuba((1,)))) and d.bias_path == "synapse":
        bias = np.zeros_like(bias)
        folded = fold(chain(np.random.default_rng(0), neuron, discretization=d), population, CUBA)
    state = initial_state(population.neuron, (1, *population.shape), d)
    u, v = np.zeros(population.shape), folded.v0
    rng = np.random.default_rng(2)
    for _ in range(12):
        current = rng.normal(0, 0.02, population.shape)
        _, state = step(population.neuron, state, current[None], d, bias)
        u = (1 - folded.loss_u) * u + folded.factor * current
        v = (1 - folded.loss_v) * v + u + folded.bias
        shown = np.where(v > 1, 0.0, v)
        np.testing.assert_allclose(folded.offset + folded.theta * shown, state.v[0], atol=1e-12)
        v = shown


def test_options_of_one_population_are_its_own():
    network = net(lif, **{"out.reset": "subtract"})
    with pytest.raises(UnsupportedError) as caught:
        realise(network, FORMATS)
    assert "'out'" in str(caught.value)
    assert "'hidden0'" not in str(caught.value)
