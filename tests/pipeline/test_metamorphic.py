"""Changes of a network whose effect on the whole chain is known beforehand."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from snn2chip.api import Run
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Dense, Encoding
from snn2chip.graph.operators import with_weights
from snn2chip.pipeline import Options, open_network, run
from tests.whole_networks import BUILDERS, SAMPLES, STEPS, write_spikes

LAYER_COUNTS = ("spikes", "spike_rate", "synaptic_events", "neuron_steps", "neuron_updates")
ROUTING = {"cores", "packets", "packets_sent", "hops", "time_ns"}


@pytest.fixture(scope="module", params=["branching", "recurrent", "delayed", "leaky_readout"])
def net(request):
    graph = BUILDERS[request.param](np.random.default_rng(5))
    return replace(graph, name=request.param, encoding=Encoding("none"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("metamorphic")


@pytest.fixture(scope="module")
def deploy(folder):
    """Runs a graph through files and gives the run; the data are those of the first inputs."""

    def through_files(graph, target="loihi1", **options):
        path = folder / "net.nir"
        write_graph(graph, path)
        chosen = Options(target=target, data=str(write_spikes(folder, graph)), **options)
        opened = open_network(path, chosen)
        return Run(run(opened, chosen))

    return through_files


@pytest.fixture(scope="module")
def before(net, deploy):
    return deploy(net)


def hidden_of(net):
    """The first population that is no input and no output."""
    return next(p for p in net.populations if not p.is_input and p.name not in net.outputs)


def parameters(neuron, change):
    """The neuron with every parameter array changed."""
    return type(neuron)(**{f.name: change(f.name, getattr(neuron, f.name)) for f in fields(neuron)})


def test_permuting_neurons_permutes_their_spikes_and_nothing_else(net, deploy, before):
    hidden = hidden_of(net)
    order = np.roll(np.arange(hidden.size)[::-1], 1)

    def turned(projection):
        weight, bias, delay = projection.operator.weight, projection.bias, projection.delay
        if projection.target == hidden.name:
            weight = weight[order]
            bias = None if bias is None else bias[order]
        if projection.source == hidden.name:
            weight = weight[:, order]
        return replace(
            projection, operator=with_weights(projection.operator, weight), bias=bias, delay=delay
        )

    after = deploy(replace(net, projections=tuple(map(turned, net.projections))))
    document = after.report.to_dict()
    expected = before.report.to_dict()
    for report in (document, expected):
        for drift in report["drift"]:
            first = drift.pop("first")
            assert first is None or first["population"] in {p.name for p in net.populations}
    assert document == expected
    for population in net.populations:
        seen, known = after.result.activity, before.result.activity
        one = seen.populations[population.name].spikes.unpack()
        other = known.populations[population.name].spikes.unpack()
        if population.name == hidden.name:
            other = other[..., order]
        np.testing.assert_array_equal(one, other, population.name)
    np.testing.assert_array_equal(after.result.activity.scores, before.result.activity.scores)


def test_doubled_weights_and_thresholds_change_no_number(net, deploy, before):
    """Everything but the membranes that a readout gives, which double."""
    doubled = ("v_threshold", "v_leak", "v_reset")
    populations = tuple(
        p
        if p.is_input
        else replace(p, neuron=parameters(p.neuron, lambda n, x: 2 * x if n in doubled else x))
        for p in net.populations
    )
    projections = tuple(
        replace(
            p,
            operator=with_weights(p.operator, 2 * p.operator.weight),
            bias=None if p.bias is None else 2 * p.bias,
        )
        for p in net.projections
    )
    after = deploy(replace(net, populations=populations, projections=projections))
    assert after.report.to_dict() == before.report.to_dict()
    factor = 1.0 if net.readout.kind == "spike_count" else 2.0
    np.testing.assert_array_equal(
        after.result.activity.scores, factor * before.result.activity.scores
    )


def test_new_names_rename_rows_only(net, deploy, before):
    """Names that need an escape somewhere and keep their order, which breaks ties of the layout."""
    names = {p.name: f"{p.name}/<&> e" for p in net.populations}
    renamed = replace(
        net,
        populations=tuple(replace(p, name=names[p.name]) for p in net.populations),
        projections=tuple(
            replace(p, source=names[p.source], target=names[p.target]) for p in net.projections
        ),
        outputs=tuple(names[name] for name in net.outputs),
    )
    after = deploy(renamed).report.to_dict()
    text = json.dumps(before.report.to_dict())
    for old, new in names.items():
        text = text.replace(json.dumps(old), json.dumps(new)).replace(f'"{old}:', f'"{new}:')
        for other, fresh in names.items():
            text = text.replace(f'"{old}->{other}', f'"{new}->{fresh}')
    assert after == json.loads(text)


def test_splitting_a_layer_changes_routing_terms_only(net, deploy, before, folder):
    hidden = hidden_of(net)
    mapping = before.result.mapping
    cores = {name: [list(part) for part in parts] for name, parts in mapping.cores.items()}
    last = hidden.size - 1
    cores[hidden.name] = [[0, 0, cores[hidden.name][0][2]], [1, 2, 90], [3, last, 127]]
    path = folder / "split.json"
    document = {"schema": "snn2chip/mapping/1", "target": "loihi1", "cores": cores}
    path.write_text(json.dumps(document))
    after = deploy(net, mapping=path)
    for name, population in before.result.activity.populations.items():
        other = after.result.activity.populations[name]
        np.testing.assert_array_equal(population.spikes.bits, other.spikes.bits)
        np.testing.assert_array_equal(population.updated.bits, other.updated.bits)
    rows = zip(before.report.to_dict()["layers"], after.report.to_dict()["layers"], strict=True)
    senders = {p.source for p in net.projections if p.target == hidden.name}
    for one, other in rows:
        kept = set(one) - ROUTING - {"energy_pj"}
        assert {key: one[key] for key in kept} == {key: other[key] for key in kept}
        for term in ("synapse", "neuron"):
            assert one["energy_pj"][term] == other["energy_pj"][term]
        routed = one["name"] in senders or one["name"] == hidden.name
        assert (one["hops"] != other["hops"]) == routed, one["name"]
        assert other["packets"] >= one["packets"]
        if one["name"] in senders and one["name"] != hidden.name:
            reached = {p.target for p in net.projections if p.source == one["name"]}
            assert other["packets"] == one["packets"] + 2 * one["spikes"], reached
    assert after.report.totals.cores_used == before.report.totals.cores_used + 2
    assert after.report.to_dict()["drift"] == before.report.to_dict()["drift"]


def test_a_silent_neuron_adds_its_own_terms_only(net, deploy, before):
    """A neuron without weights: its steps, and the events of spikes that its synapses receive."""
    hidden = hidden_of(net)

    def grown(projection):
        weight, bias = projection.operator.weight, projection.bias
        source, target = (projection.operator.source_shape, projection.operator.target_shape)
        if projection.target == hidden.name:
            weight = np.pad(weight, ((0, 1), (0, 0)))
            target = (hidden.size + 1,)
            bias = None if bias is None else np.append(bias, 0.0)
        if projection.source == hidden.name:
            weight = np.pad(weight, ((0, 0), (0, 1)))
            source = (hidden.size + 1,)
        return replace(projection, operator=Dense(weight, source, target), bias=bias)

    neuron = parameters(hidden.neuron, lambda _, x: np.append(x, x[-1]))
    bigger = replace(hidden, neuron=neuron, shape=(hidden.size + 1,))
    populations = tuple(bigger if p.name == hidden.name else p for p in net.populations)
    after = deploy(
        replace(net, populations=populations, projections=tuple(map(grown, net.projections)))
    )
    assert not after.spikes(hidden.name)[..., -1].any()
    target = after.result.target
    table = target.costs[target.default_costs].constants
    rows = zip(before.report.to_dict()["layers"], after.report.to_dict()["layers"], strict=True)
    spikes = {row.name: row.spikes for row in before.report.layers}
    arriving = sum(spikes[p.source] for p in net.projections if p.target == hidden.name)
    for one, other in rows:
        if one["name"] != hidden.name:
            kept = set(one) - {"time_ns", "synapses"}
            assert {key: one[key] for key in kept} == {key: other[key] for key in kept}
            continue
        for key in ("spikes", "packets", "packets_sent", "hops"):
            assert one[key] == other[key]
        assert other["neuron_steps"] == one["neuron_steps"] + STEPS * SAMPLES
        assert other["synaptic_events"] == one["synaptic_events"] + arriving
        updates = other["neuron_updates"] - one["neuron_updates"]
        assert 0 < updates <= min(arriving, STEPS * SAMPLES)
        energy = {t: other["energy_pj"][t] - one["energy_pj"][t] for t in ("synapse", "neuron")}
        assert energy["synapse"] == pytest.approx(arriving * table["e_synop"].value)
        active, inactive = (table[f"e_neuron_{kind}"].value for kind in ("active", "inactive"))
        own = updates * active + (STEPS * SAMPLES - updates) * inactive
        assert energy["neuron"] == pytest.approx(own)
    assert after.report.totals.latency_us >= before.report.totals.latency_us
    np.testing.assert_array_equal(after.result.activity.scores, before.result.activity.scores)


def test_more_samples_are_sums(net, deploy, before):
    """Samples do not meet: the counts of two runs add up to those of one."""
    first = deploy(net, samples=1)
    rows = zip(before.report.layers, first.report.layers, strict=True)
    window = {p.name: before.spikes(p.name)[:, :1] for p in net.populations if p.neuron.spiking}
    for whole, part in rows:
        if whole.name in window:
            assert part.spikes == int(window[whole.name].sum())
        assert part.neuron_steps * SAMPLES == whole.neuron_steps
    np.testing.assert_array_equal(first.result.activity.scores, before.result.activity.scores[:1])
