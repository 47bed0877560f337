"""``drop_zeros``: nothing computes otherwise, and synapses of weight 0 have no events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Delay, Dense, Sparse
from snn2chip.graph.linear import apply
from snn2chip.graph.operators import weights_of, with_weights
from snn2chip.mapping.memory import core_words, memory_of
from snn2chip.pipeline import Options, check, compile_network, open_network, quantize_table, run
from snn2chip.pipeline.quantizing import loaded
from tests.networks import chain, conv_net

FAMILIES = ("loihi2", "loihi1", "spinnaker1", "spinnaker2", "reference", "truenorth")


def pruned(graph, seed=0):
    """The graph with half of every projection's weights set to 0."""
    rng = np.random.default_rng(seed)
    kept = [rng.random(weights_of(p.operator).shape) < 0.5 for p in graph.projections]
    projections = tuple(
        replace(p, operator=with_weights(p.operator, weights_of(p.operator) * mask))
        for p, mask in zip(graph.projections, kept, strict=True)
    )
    return replace(graph, projections=projections)


@pytest.fixture(scope="module", params=["dense", "images"])
def opened(request, tmp_path_factory):
    rng = np.random.default_rng(4)
    graph = chain(rng, sizes=(6, 8, 3), bias=True) if request.param == "dense" else conv_net(rng)
    path = tmp_path_factory.mktemp("pruned") / f"{request.param}.nir"
    write_graph(replace(pruned(graph), name=request.param), path)
    return open_network(path, Options())


@pytest.fixture(scope="module")
def samples(opened, tmp_path_factory):
    shape = opened.graph.inputs[0].shape
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("values") / "data.npz"
    np.savez(path, x_train=rng.random((20, *shape)), x=rng.random((12, *shape)))
    return str(path)


def events_by_hand(result):
    """Synapses of weights that are not 0, once per spike of their source."""
    total = 0
    for p in result.program.projections:
        spikes = result.activity.populations[p.source].spikes.unpack().astype(np.float64)
        ones = with_weights(p.operator, (weights_of(p.operator) != 0).astype(np.float64))
        total += apply(ones, spikes.reshape(*spikes.shape[:2], *p.operator.source_shape)).sum()
    return int(total)


def events(result):
    return sum(layer.counts.synaptic_events for layer in result.energy.layers)


@pytest.mark.parametrize("target", FAMILIES)
def test_a_run_is_the_same_with_fewer_events(opened, samples, target):
    options = Options(target=target, data=samples, steps=8)
    whole, without = (run(opened, replace(options, drop_zeros=drop)) for drop in (False, True))
    for name, population in whole.activity.populations.items():
        found = without.activity.populations[name]
        np.testing.assert_array_equal(found.spikes.unpack(), population.spikes.unpack())
    np.testing.assert_array_equal(whole.activity.predictions, without.activity.predictions)
    assert any(isinstance(p.operator, Sparse) for p in without.program.projections)
    assert events(without) == events_by_hand(whole) < events(whole)
    if whole.energy.dynamic_pj is not None:
        assert without.energy.dynamic_pj <= whole.energy.dynamic_pj
    assert sum("are not loaded" in note for note in without.program.notes) == 2


def test_lists_of_synapses_take_less_memory(opened, samples):
    """Of matrices; a convolution loses its shared weights."""
    options = Options(data=samples, steps=8)
    whole, without = (
        compile_network(opened, replace(options, drop_zeros=drop)).check for drop in (False, True)
    )
    for p, kept in zip(whole.program.projections, without.program.projections, strict=True):
        assert isinstance(kept.operator, Sparse)
        words = [
            sum(core_words(memory_of(made.target), one, made.mapping.assignment[p.target]).values())
            for made, one in ((whole, p), (without, kept))
        ]
        assert (words[1] < words[0]) is isinstance(p.operator, Dense)
    assert check(opened, Options(drop_zeros=True)).violations == ()


def test_the_table_over_widths_counts_what_is_loaded(opened, samples):
    options = Options(data=samples, steps=8)
    tables = [quantize_table(opened, replace(options, drop_zeros=d), (4, 8)) for d in (False, True)]
    for whole, without in zip(tables[0].rows, tables[1].rows, strict=True):
        assert without.predictions_differing == whole.predictions_differing
        if whole.weight_bits is not None:
            assert without.dynamic_nj < whole.dynamic_nj


def test_synapses_with_delays_of_their_own_stay(opened, samples):
    program = run(opened, Options(data=samples, steps=8)).program
    first, *rest = program.projections
    late = np.zeros((int(np.prod(first.operator.target_shape)), 6), np.int64)
    delayed = replace(first, delay=Delay(late, "synapse"))
    found = loaded(replace(program, projections=(delayed, *rest)), Options(drop_zeros=True))
    assert found.projections[0].operator is first.operator
    assert isinstance(found.projections[1].operator, Sparse)
