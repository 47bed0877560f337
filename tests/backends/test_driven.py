"""Encoding ``direct`` on both SpiNNakers: what the host multiplies, and what neurons make of it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from math import frexp
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

import snn2chip
from snn2chip.backends.driven import (
    EXPONENT,
    HostedSums,
    constant_currents,
    driven_by_values,
    hosted,
)
from snn2chip.backends.reference.arithmetic import Float64
from snn2chip.backends.reference.arithmetic import realise as realise_float
from snn2chip.backends.spinnaker import neurons
from snn2chip.backends.spinnaker import realise as spinnaker1
from snn2chip.backends.spinnaker.arithmetic import SpinnakerArithmetic
from snn2chip.backends.spinnaker.emit.artefacts import NETWORK, artefacts
from snn2chip.backends.spinnaker.fixed import ONE
from snn2chip.backends.spinnaker.loaded import Loaded, SynapseShape
from snn2chip.backends.spinnaker.oracle import Synapses
from snn2chip.backends.spinnaker.oracle import run as run_oracle
from snn2chip.backends.spinnaker.witness import comparing, found_engine
from snn2chip.backends.spinnaker2 import realise as spinnaker2
from snn2chip.backends.spinnaker2.arithmetic import Spinnaker2Arithmetic, arithmetic_name
from snn2chip.backends.spinnaker2.artefacts import NIR
from snn2chip.backends.spinnaker2.artefacts import artefacts as artefacts2
from snn2chip.compiled.program_file import dump_program, parse_program
from snn2chip.core import Program, ProgramPopulation
from snn2chip.data.parts import as_values
from snn2chip.energy.baseline import ann_baseline
from snn2chip.energy.linear.costs import spike_costs
from snn2chip.energy.metrics import neurobench
from snn2chip.energy.terms import table_of
from snn2chip.engine import RunOptions, simulate
from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Delay, Dense, Encoding, Graph, Projection
from snn2chip.mapping import map_program, read_mapping
from snn2chip.mapping.file import write_mapping
from snn2chip.pipeline.results.reprice import reprice
from snn2chip.targets import load_target
from tests.backends.spinnaker2.oracle import run_neuron
from tests.backends.spinnaker2.test_artefacts import by_script
from tests.examples import examples
from tests.networks import NORSE, chain, conv_net, cuba, dense, integrate, lif

STEPS, SAMPLES = 11, 3
KINDS = {"lif": lif, "iaf": integrate, "cubalif": cuba}
TRACED = RunOptions(trace=True, trace_state=True)


def network(
    kind: str = "lif", seed: int = 0, subtracts: bool = False, bias: bool = True, **options: Any
) -> Graph:
    rng = np.random.default_rng(seed)
    made = replace(NORSE, reset="subtract") if subtracts else NORSE
    net = chain(rng, KINDS[kind], (6, 5, 3), bias=bias, discretization=made)
    return replace(net, encoding=Encoding("direct", steps=STEPS, **options))


def values(net: Graph, seed: int = 1) -> dict[str, np.ndarray]:
    """The same at every step, some of them negative: [step, sample, *shape]."""
    (source,) = net.inputs
    x = np.random.default_rng(seed).normal(0.4, 0.4, (SAMPLES, *source.shape))
    return {source.name: np.repeat(x[None], STEPS, axis=0)}


@settings(max_examples=examples(40), deadline=None)
@drawn(
    st.integers(0, 10_000),
    st.integers(-12, 12),
    st.integers(-40, 40),
    st.sampled_from([-15, 0, 3]),
)
def test_sums_of_the_host_are_exact(seed: int, size: int, large: int, unit: int) -> None:
    """Whatever the order: whole words times whole values, rounded once, in Python's fractions."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(3, 40)) * 2.0**size
    x = rng.normal(size=(2, 40)) * 2.0**large
    projection = hosted(
        Projection("a", "b", Dense(weight, (40,), (3,))), Dense(weight, (40,), (3,)), 2.0**unit
    )
    words = projection.operator.weight
    assert words.dtype == np.int64
    scale = Fraction(2) ** int(projection.parameters[EXPONENT])
    for order in (slice(None), slice(None, None, -1)):
        turned = replace(projection, operator=Dense(words[:, order], (40,), (3,)))
        found = HostedSums(turned, whole=False)(x[:, order])
        for sample, neuron in np.ndindex(2, 3):
            places = Fraction(2) ** (20 - frexp(np.abs(x[sample]).max())[1])
            sent = [round(Fraction(float(v)) * places) for v in x[sample]]
            total = sum(int(w) * v for w, v in zip(words[neuron], sent, strict=True))
            exact = scale * total / places
            assert Fraction(float(found[sample, neuron])) == exact
            rounded = int(HostedSums(turned)(x[:, order])[sample, neuron])
            assert rounded == max(-(2**31), min(2**31, round(exact)))
    # Coarse by no more than the places that were given.
    error = np.abs(HostedSums(projection, whole=False)(x) * 2.0**unit - x @ weight.T)
    assert error.max() <= np.abs(weight).sum(axis=1).max() * np.abs(x).max() * 2.0**-19


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_spinnaker1_equals_the_oracle(
    kind: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A constant current of each sample, and the same spikes and membranes as step by step."""
    if not compiled:
        monkeypatch.setattr(neurons, "kernels", lambda name: None)
    net = network(kind)
    given = values(net)
    program = spinnaker1.realise(net)
    _, trace = simulate(program, given, SpinnakerArithmetic(), TRACED)
    assert trace is not None
    currents = constant_currents(program, {"input": given["input"][0]})["hidden0"]
    fired = 0
    for sample in range(SAMPLES):
        p = program.population("hidden0")
        wanted = run_oracle(
            loaded(p, currents[sample]),
            np.broadcast_to(p.parameters["v0"], p.shape),
            [Synapses(*(np.zeros(0, np.int64),) * 4)] * 2,
            (0, 0),
            np.zeros((STEPS, 1), np.bool_),
        )
        np.testing.assert_array_equal(trace.arrays["hidden0"][sample, :STEPS], wanted.fired)
        ours = trace.arrays["hidden0.v"][sample, : STEPS - 1]
        np.testing.assert_array_equal(ours, wanted.v[1:])
        fired += int(wanted.fired.sum())
    assert 0 < fired < SAMPLES * STEPS * 5


def loaded(p: ProgramPopulation, current: np.ndarray) -> Loaded:
    held = {k: np.broadcast_to(v, p.shape) for k, v in p.parameters.items() if v.ndim <= 1}
    shapes = (
        (
            SynapseShape(held["init_e"], held["decay_e"]),
            SynapseShape(held["init_i"], held["decay_i"]),
        )
        if "init_e" in held
        else ()
    )
    return Loaded(
        model=p.model,  # type: ignore[arg-type]
        resistance=held["resistance"],
        membrane_decay=held["membrane_decay"],
        rest=held["rest"],
        reset=held["reset"],
        threshold=held["threshold"],
        offset=held["offset"] + current,
        hold=held["hold"],
        synapses=shapes,
        per_step=ONE,
    )


@pytest.mark.parametrize("subtracts", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_spinnaker2_equals_scalars(kind: str, subtracts: bool) -> None:
    net = network(kind, subtracts=subtracts)
    given = values(net)
    program = spinnaker2.realise(net, spinnaker2.Formats(8, 5), arithmetic_name("chip"))
    _, trace = simulate(program, given, Spinnaker2Arithmetic(), TRACED)
    assert trace is not None
    (projection,) = program.hosted
    sums = HostedSums(projection, whole=False)(given["input"][0])
    p = program.population("hidden0")
    for sample, neuron in np.ndindex(SAMPLES, 5):
        offset = np.broadcast_to(p.parameters["i_offset"], p.shape) + sums[sample]
        one = replace(p, parameters={**p.parameters, "i_offset": offset})
        fired, v = run_neuron(one, neuron, [0] * STEPS, 0)
        np.testing.assert_array_equal(trace.arrays["hidden0"][sample, :STEPS, neuron], fired)
        np.testing.assert_array_equal(trace.arrays["hidden0.v"][sample, :STEPS, neuron], v)


def both(net: Graph, reference: Any = None) -> list[tuple[Program, Any]]:
    formats = spinnaker2.Formats(8, 5)
    return [
        (spinnaker1.realise(net, None, reference), SpinnakerArithmetic()),
        (spinnaker2.realise(net, formats, arithmetic_name("chip")), Spinnaker2Arithmetic()),
    ]


@pytest.mark.parametrize("make", [network, lambda: conv_values()])
def test_the_first_layer_spikes_as_in_floats(make: Any) -> None:
    """Its weights lose nothing that matters: the host has 32 bits for them."""
    net = make()
    given = values(net)
    reference, _ = simulate(realise_float(net), given, Float64(net.discretization))
    first = net.projections[0].target
    wanted = reference.populations[first].spikes.unpack()
    assert wanted.any()
    for program, arithmetic in both(net, reference):
        assert (program.population(first).latency, program.population("out").latency) == (0, 1)
        found, _ = simulate(program, given, arithmetic)
        np.testing.assert_array_equal(found.populations[first].spikes.unpack(), wanted)


def conv_values() -> Graph:
    return replace(conv_net(np.random.default_rng(5)), encoding=Encoding("direct", steps=STEPS))


def test_no_cut_changes_a_number() -> None:
    net = network()
    given = values(net)
    for program, arithmetic in both(net):
        whole, _ = simulate(program, given, arithmetic)
        cut, _ = simulate(program, given, arithmetic, RunOptions(batch=2, block_steps=3))
        for name, population in whole.populations.items():
            again = cut.populations[name]
            np.testing.assert_array_equal(population.spikes.unpack(), again.spikes.unpack())


def test_a_filter_starts_full_and_that_is_said() -> None:
    for program, _ in both(network("cubalif")):
        assert any("its current is there from the first step on" in n for n in program.notes)


def test_values_take_no_core_and_send_no_packet(tmp_path: Path) -> None:
    write_graph(network(), tmp_path / "net.nir")
    np.savez(tmp_path / "x.npz", x=values(network())["input"][0])
    for target in ("spinnaker1", "spinnaker2"):
        for objective in (None, "packets"):
            run = snn2chip.simulate(
                tmp_path / "net.nir",
                target,
                data=tmp_path / "x.npz",
                encoding="direct",
                steps=STEPS,
                objective=objective,
            )
            result = run.result
            layers = {layer.name: layer for layer in result.counts.layers}
            assert (layers["input"].cores, layers["input"].packets) == (0, 0)
            assert layers["hidden0"].synaptic_events == 0
            assert layers["out"].synaptic_events == 3 * layers["hidden0"].spikes > 0
            assert result.mapping.assignment["input"].size == 0
            assert any("30 multiplications a sample" in note for note in result.program.notes)
            assert not any("not checked" in note for note in result.program.notes)
        chip = load_target(target)
        mapping, _ = map_program(result.program, chip)
        write_mapping(mapping, tmp_path / "mapping.json")
        again = read_mapping(tmp_path / "mapping.json", result.program, chip)
        assert again.cores == mapping.cores


def test_a_compiled_program_is_the_same() -> None:
    net = network()
    given = values(net)
    for program, arithmetic in both(net):
        again = parse_program(dump_program(program), "program")
        assert dump_program(again) == dump_program(program)
        runs = [simulate(p, given, arithmetic)[0] for p in (program, again)]
        np.testing.assert_array_equal(runs[0].scores, runs[1].scores)


def test_values_that_change_are_refused(tmp_path: Path) -> None:
    write_graph(network(), tmp_path / "net.nir")
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(2).normal(size=(2, STEPS, 6)))
    for target in ("spinnaker1", "spinnaker2"):
        with pytest.raises(ConfigError, match="change over time"):
            snn2chip.simulate(
                tmp_path / "net.nir", target, data=tmp_path / "x.npz", encoding="direct"
            )


def test_values_that_no_current_can_be() -> None:
    net = network()
    back = dense("out", "hidden0", np.ones((5, 3)), (3,), (5,), delay=Delay(np.array(2)))
    late = replace(net.projections[0], delay=Delay(np.array(1)))
    both_ways = replace(net, projections=(late, *net.projections[1:], back))
    with pytest.raises(UnsupportedError) as refused:
        driven_by_values(both_ways)
    assert "'hidden0': values (encoding 'direct') and spikes" in str(refused.value)
    assert "'input->hidden0': values (encoding 'direct') that are delayed" in str(refused.value)


def test_spynnakers_script_loads_the_same_currents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = network(gain=1.5)
    x = np.random.default_rng(3).random((2, 6))
    program = spinnaker1.realise(net)
    (tmp_path / NETWORK).write_bytes(artefacts(program).files[NETWORK])
    script = stood_in(monkeypatch)
    with np.load(tmp_path / NETWORK, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    document = json.loads(str(arrays.pop("network")))
    assert [p["name"] for p in document["populations"] if p["model"] is None] == ["bias of out"]
    np.savez(tmp_path / "x.npz", x=x)
    given = script.spikes(document, [str(tmp_path / "x.npz")])
    wanted = constant_currents(program, {"input": 1.5 * x})["hidden0"]
    for sample in range(2):
        one = {name: values[sample] for name, values in given.items()}
        found = script.currents(document, arrays, one)
        np.testing.assert_array_equal(found["hidden0"] * ONE, wanted[sample])
    assert script.spikes(document, [])["input"].shape == (1, 6)


def stood_in(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, beside a PyNN that is not asked for anything."""
    pynn = SimpleNamespace(spiNNaker=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "pyNN", pynn)  # type: ignore[arg-type]
    from snn2chip.backends.spinnaker.emit import run_spynnaker

    monkeypatch.delitem(sys.modules, run_spynnaker.__name__)
    return run_spynnaker


def test_py_spinnaker2s_script_spikes_alike(tmp_path: Path) -> None:
    net = network()
    program = spinnaker2.realise(net, spinnaker2.Formats(8, 5), arithmetic_name("chip"))
    given = values(net)
    found = by_script(program, tmp_path, given["input"][:1])
    activity, _ = simulate(program, given, Spinnaker2Arithmetic())
    np.testing.assert_array_equal(found, activity.scores)
    made = artefacts2(program)
    assert NIR not in made.files
    assert "constant currents that change by sample" in str(made.refused[0])


@pytest.mark.parametrize("bias", [True, False])
def test_cores_of_a_board_compute_it(bias: bool) -> None:
    """Without biases nothing sends spikes but the neurons themselves."""
    engine = found_engine()
    if engine is None:
        pytest.skip("no sPyNNaker: make spinnaker")
    net = network(bias=bias)
    given = {name: x[:, : 1 + bias] for name, x in values(net).items()}
    rows, _ = comparing.compare_firmware(engine, spinnaker1.realise(net), given, 300.0)
    assert [(row.population, row.mismatches) for row in rows] == [("hidden0", 0), ("out", 0)]
    assert all(row.spikes for row in rows)


def test_members_of_an_ensemble_have_currents_of_their_own() -> None:
    run = snn2chip.simulate(
        "digits-sne", "spinnaker2", data="digits", encoding="direct", steps=4, samples=20
    )
    program = run.result.program
    assert [p.target for p in program.hosted] == [f"m{k}/hidden1" for k in range(4)]
    assert run.result.mapping.assignment["input"].size == 0
    assert all(run.result.activity.populations[p.target].spikes.total() > 0 for p in program.hosted)


def saved(folder: Path, net: Graph, scale: float = 1.0) -> tuple[Path, Path]:
    """A network in a file, and data with a part to calibrate on."""
    write_graph(net, folder / "net.nir")
    rng = np.random.default_rng(8)
    parts = {"x_train": 40, "x_test": 20}
    arrays = {name: scale * rng.normal(0.4, 0.6, (n, 6)) for name, n in parts.items()}
    labels = {f"y{name[1:]}": np.arange(n) % 3 for name, n in parts.items()}
    np.savez(folder / "data.npz", **arrays, **labels)
    return folder / "net.nir", folder / "data.npz"


@pytest.mark.parametrize("target", ["spinnaker1", "spinnaker2"])
@pytest.mark.parametrize("calibration", ["spikes", "mse", "percentile", "max"])
def test_scales_of_later_layers_are_picked_on_spikes(
    tmp_path: Path, target: str, calibration: str
) -> None:
    """What feeds them are no values, so that a delay and a way back are as good as ever."""
    net = network()
    back = dense("out", "out", -np.eye(3), (3,), (3,), delay=Delay(np.array(2)))
    path, data = saved(tmp_path, replace(net, projections=(*net.projections, back)))
    run = snn2chip.simulate(path, target, data=data, calibration=calibration, encoding="direct")
    assert run.result.accuracy is not None
    assert run.result.activity.populations["hidden0"].spikes.total() > 0


def test_coarse_weights_are_searched_in_the_chips_own_numbers() -> None:
    """Two bits leave three weights: a scale that suits floats would lose most classes."""
    run = snn2chip.simulate(
        "digits-mlp", "spinnaker2", data="digits", encoding="direct", weight_bits=2, samples=200
    )
    assert run.result.accuracy > 0.9


@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_calibration_makes_room_for_large_values(tmp_path: Path, scale: float) -> None:
    path, data = saved(tmp_path, network(bias=False), scale)
    run = snn2chip.simulate(path, "spinnaker1", data=data, encoding="direct")
    assert run.result.violations == ()


def test_small_values_are_not_rounded_away() -> None:
    """Powers of two on weights and values cancel out, whatever they are."""
    net = network(bias=False)
    given = values(net)
    tiny = {name: x * 2.0**-30 for name, x in given.items()}
    first = net.projections[0]
    large = replace(first, operator=Dense(first.operator.weight * 2.0**30, (6,), (5,)))
    other = replace(net, projections=(large, *net.projections[1:]))
    seen, _ = simulate(realise_float(net), given, Float64(net.discretization))
    for (one, arithmetic), (two, _) in zip(both(net, seen), both(other, seen), strict=True):
        scores = simulate(one, given, arithmetic)[0].scores
        np.testing.assert_array_equal(simulate(two, tiny, arithmetic)[0].scores, scores)
        assert scores.sum() > 0


def test_currents_beyond_s16_15_are_counted(tmp_path: Path) -> None:
    net = network()
    program = spinnaker1.realise(net)
    for size in (1e6, 1e30):
        huge = {name: np.abs(x) * size for name, x in values(net).items()}
        found, _ = simulate(program, huge, SpinnakerArithmetic())
        assert found.populations["hidden0"].warnings[neurons.BEYOND] > 0


def test_values_stay_when_the_data_end() -> None:
    """A trace goes on until the last layer has seen all steps, and so does a constant current."""
    net = network()
    given = values(net)
    longer = {name: np.concatenate([x, x[:1]]) for name, x in given.items()}
    for program, arithmetic in both(net):
        _, short = simulate(program, given, arithmetic, TRACED)
        _, long = simulate(program, longer, arithmetic, TRACED)
        assert short is not None
        assert long is not None
        for name, array in short.arrays.items():
            np.testing.assert_array_equal(array, long.arrays[name][:, : array.shape[1]], name)


def test_no_other_family_is_given_the_first_layer_for_nothing(tmp_path: Path) -> None:
    path, data = saved(tmp_path, network())
    run = snn2chip.simulate(path, "spinnaker2", data=data, encoding="direct")
    with pytest.raises(UnsupportedError, match="whose first layer spinnaker2's host computes"):
        reprice(run.result, None, load_target("loihi2"))
    assert reprice(run.result, None, load_target("truenorth")).energy.layers[1].counts is not None


def test_what_the_host_multiplies_is_in_the_metrics_and_the_baseline(tmp_path: Path) -> None:
    path, data = saved(tmp_path, network())
    chip = snn2chip.simulate(path, "spinnaker2", data=data, encoding="direct").result
    plain = snn2chip.simulate(path, "reference", data=data, encoding="direct").result
    own, other = (neurobench(r.graph, r.program, r.activity) for r in (chip, plain))
    for name in ("dense", "effective_macs"):
        mine, theirs = (getattr(x.synaptic_operations, name) for x in (own, other))
        assert mine == theirs > 0
    assert ann_baseline(chip.program) == ann_baseline(plain.program)


def test_costs_of_a_spike_where_the_input_has_no_core() -> None:
    program = spinnaker1.realise(network())
    target = load_target("spinnaker1")
    mapping, _ = map_program(program, target)
    found = spike_costs(program, mapping, target, table_of(target, None))
    assert found is not None


@pytest.mark.parametrize("kind", [np.uint8, np.float16, np.float64])
def test_scripts_take_values_as_data_files_have_them(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = network(byte_scale=255.0)
    program = spinnaker1.realise(net)
    x = (np.random.default_rng(3).random((2, 6)) * (255 if kind is np.uint8 else 1)).astype(kind)
    content = artefacts(program).files[NETWORK]
    (tmp_path / NETWORK).write_bytes(content)
    np.savez(tmp_path / "x.npz", x=x)
    script = stood_in(monkeypatch)
    with np.load(tmp_path / NETWORK, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    document = json.loads(str(arrays.pop("network")))
    given = script.spikes(document, [str(tmp_path / "x.npz")])
    exact = as_values("x", "x", x, False, 255.0)
    np.testing.assert_array_equal(given["input"], exact)
    wanted = constant_currents(program, {"input": exact})["hidden0"]
    found = script.currents(document, arrays, {"input": given["input"][0]})["hidden0"]
    np.testing.assert_array_equal(found * ONE, wanted[0])
    np.savez(tmp_path / "x.npz", x=np.stack([x, x], axis=1))
    with pytest.raises(SystemExit, match="12 values to a sample, where it has 6 neurons"):
        script.spikes(document, [str(tmp_path / "x.npz")])
