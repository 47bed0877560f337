"""Every kind of malformed file: refused with node, cause and remedy, or repaired on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from snn2chip.errors import ConfigError, InputFileError, UnsupportedError
from snn2chip.frontends import load_repaired
from snn2chip.frontends.nir import Repair, read_graph, read_repaired
from snn2chip.graph import Conv, Graph
from snn2chip.graph.equality import differences
from snn2chip.graph.operators import weights_of
from snn2chip.graph.oracle import run_graph
from snn2chip.neurons import LIF
from tests.frontends.files import DT, chain, edit, lif, probe, save, simple, sink, source

RNG = np.random.default_rng


def conv(*weight: int, shape: tuple[int, int] = (6, 6)) -> nir.Conv2d:
    kernel = RNG(0).integers(-4, 5, weight) / 4
    return nir.Conv2d(shape, kernel, 1, 0, 1, 1, np.zeros(weight[0]))


def replaced(path: Path, place: str, value: object) -> Path:
    """A file in which one data set holds something else."""

    def change(file: h5py.File) -> None:
        del file[f"node/nodes/{place}"]
        file[f"node/nodes/{place}"] = value

    return edit(path, change)


def rewired(path: Path, edges: list[tuple[str, str]], place: str = "node/edges") -> Path:
    def change(file: h5py.File) -> None:
        del file[place]
        file[place] = edges

    return edit(path, change)


def image(path: Path, *, batch: bool) -> Path:
    """Input [2,6,6] -> Conv2d -> LIF -> SumPool2d -> Flatten -> Affine -> LIF -> Output."""
    axis = (1,) if batch else ()
    return chain(
        path,
        source(*axis, 2, 6, 6),
        conv(3, 2, 3, 3),
        lif((3, 4, 4)),
        nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        nir.Flatten({"input": np.array([*axis, 3, 2, 2])}, 1 if batch else 0, -1),
        nir.Affine(RNG(1).integers(-4, 5, (4, 12)) / 4, np.zeros(4)),
        lif(4),
        sink(*axis, 4),
    )


def matrices(path: Path, *, transposed: bool, square: bool = False) -> Path:
    """Input [3] -> Linear -> LIF [5] -> Affine -> LIF [2]; [in, out] if transposed."""
    hidden = 3 if square else 5
    first = RNG(0).integers(-4, 9, (hidden, 3)) / 4
    second = RNG(1).integers(-4, 9, (2, hidden)) / 4
    if transposed:
        first, second = first.T, second.T
    return chain(
        path,
        source(3),
        nir.Linear(first.copy()),
        lif(hidden),
        nir.Affine(second.copy(), np.array([0.25, 0.0])),
        lif(2),
        sink(2),
    )


def singles(path: Path, *, single: bool) -> Path:
    path = simple(path)
    if single:
        for name in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
            with h5py.File(path) as file:
                value = file[f"node/nodes/lif/{name}"][0]
            replaced(path, f"lif/{name}", value)
    return path


def nested(path: Path, edges: list[tuple[str, str]], inner: list[tuple[str, str]]) -> Path:
    """input -> fc -> cell (lif with a recurrent Linear) -> out -> output."""
    rec = nir.Linear(np.array([[0.0, 0.5], [-0.5, 0.25]]))
    cell = nir.NIRGraph(
        {"input": source(2), "lif": lif(2), "rec": rec, "output": sink(2)}, inner, type_check=False
    )
    nodes = {
        "input": source(3),
        "fc": nir.Linear(np.arange(6.0).reshape(2, 3) / 4),
        "cell": cell,
        "out": probe(2),
        "output": sink(2),
    }
    return save(path, nodes, edges)


OUTER = [("input", "fc"), ("fc", "cell"), ("cell", "out"), ("out", "output")]
INNER = [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]


def respelt(edges: list[tuple[str, str]], old: str, new: str) -> list[tuple[str, str]]:
    return [(new if a == old else a, new if b == old else b) for a, b in edges]


def without(path: Path, *names: str, edges: list[tuple[str, str]]) -> Path:
    def change(file: h5py.File) -> None:
        for name in names:
            del file[f"node/nodes/{name}"]

    return rewired(edit(path, change), edges)


def delayed(path: Path, delay: float) -> Path:
    return chain(
        path, source(2), nir.Delay(np.full(2, delay)), lif(2), sink(2), names=["wait", "n"]
    )


Make = Callable[[Path], Path]

KINDS: dict[str, tuple[Make, Make, str, str]] = {
    "output of shape [1,1,n]": (
        lambda p: replaced(simple(p), "output/shape", np.array([1, 1, 2])), simple,
        "output", "states the shape",
    ),
    "output without a shape": (
        lambda p: edit(simple(p), lambda f: f["node/nodes/output"].pop("shape")), simple,
        "output", "no shape",
    ),
    "batch dimension in the input": (
        lambda p: image(p, batch=True), lambda p: image(p, batch=False), "input", "batch dimension",
    ),
    "batch dimension before a matrix": (
        lambda p: replaced(simple(p), "input/shape", np.array([1, 3])), simple,
        "input", "batch dimension",
    ),
    "batch dimension in the parameters": (
        lambda p: _with_lif(p, (1, 2)), simple, "lif", "batch dimension",
    ),
    "flatten that counts the batch": (
        lambda p: replaced(image(p, batch=False), "3/start_dim", 1),
        lambda p: image(p, batch=False), "3", "batch dimension",
    ),
    "inner edges with another name": (
        lambda p: nested(p, OUTER, respelt(INNER, "lif", "neuron")),
        lambda p: nested(p, OUTER, INNER), "cell/lif", "does not exist",
    ),
    "inner edges with the graph's name before": (
        lambda p: nested(p, OUTER, respelt(INNER, "lif", "cell.lif")),
        lambda p: nested(p, OUTER, INNER), "cell/lif", "does not exist",
    ),
    "edges to a port of a nested graph": (
        lambda p: nested(
            p, [("input", "fc"), ("fc", "cell.input"), ("cell.output", "out"), ("out", "output")],
            INNER,
        ),
        lambda p: nested(p, OUTER, INNER), "cell", "does not exist",
    ),
    "dotted names in edges": (
        lambda p: rewired(
            chain(p, source(3), nir.Linear(np.ones((2, 3))), lif(2), sink(2), names=["m_0", "m_1"]),
            [("input", "m.0"), ("m.0", "m.1"), ("m.1", "output")],
        ),
        lambda p: chain(
            p, source(3), nir.Linear(np.ones((2, 3))), lif(2), sink(2), names=["m_0", "m_1"]
        ), "m_0", "does not exist",
    ),
    "weights stored as [in, out]": (
        lambda p: matrices(p, transposed=True), lambda p: matrices(p, transposed=False),
        "0", "[in, out]",
    ),
    "negative time constants": (
        lambda p: replaced(simple(p), "lif/tau", np.array([-4 * DT, -4 * DT])), simple,
        "lif", "tau",
    ),
    "one negative time constant": (
        lambda p: replaced(simple(p), "lif/tau", np.array([4 * DT, -4 * DT])), simple,
        "lif", "tau",
    ),
    "parameters of one value": (
        lambda p: singles(p, single=True), lambda p: singles(p, single=False), "lif", "shape",
    ),
    "one parameter of one value": (
        lambda p: replaced(simple(p), "lif/v_threshold", 1.0), simple, "lif", "v_threshold",
    ),
    "no output": (
        lambda p: without(simple(p), "output", edges=[("input", "fc"), ("fc", "lif")]), simple,
        "output", "no Output",
    ),
    "no input": (
        lambda p: without(simple(p), "input", edges=[("fc", "lif"), ("lif", "output")]), simple,
        "input", "no input",
    ),
    "neither input nor output": (
        lambda p: without(simple(p), "input", "output", edges=[("fc", "lif")]), simple,
        "fc", "no input",
    ),
    "a delay between steps": (
        lambda p: delayed(p, 2.4 * DT), lambda p: delayed(p, 2 * DT), "wait", "multiple of dt",
    ),
}  # fmt: skip


def _with_lif(path: Path, shape: tuple[int, ...]) -> Path:
    path = simple(path)
    for name in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
        with h5py.File(path) as file:
            value = file[f"node/nodes/lif/{name}"][()]
        replaced(path, f"lif/{name}", value.reshape(shape))
    return path


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_it_is_refused_with_node_cause_and_remedy(kind: str, tmp_path: Path) -> None:
    make, _, node, cause = KINDS[kind]
    with pytest.raises(InputFileError) as caught:
        read_graph(make(tmp_path / "n.nir"), "norse", DT)
    assert "n.nir" in str(caught.value)
    assert node in str(caught.value)
    assert cause.lower() in str(caught.value).lower()
    assert "--repair" in caught.value.remedy


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_it_becomes_the_sound_network(kind: str, tmp_path: Path) -> None:
    make, sound, node, _ = KINDS[kind]
    graph, repairs = read_repaired(make(tmp_path / "n.nir"), "norse", DT)
    assert repairs
    assert any(node in repair.node or node in repair.cause for repair in repairs) or node == "fc"
    expected = read_graph(sound(tmp_path / "sound.nir"), "norse", DT)
    assert differences(graph, expected) == []
    assert differences(read_graph(tmp_path / "n.nir", "norse", DT, repair=True), expected) == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_sound_file_is_not_touched(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind][1](tmp_path / "sound.nir")
    graph, repairs = read_repaired(path, "norse", DT)
    assert repairs == ()
    assert differences(graph, read_graph(path, "norse", DT)) == []


def test_a_repair_is_told_in_words() -> None:
    repair = Repair("a/b", "tau is negative", "the sign is flipped")
    assert str(repair) == "a/b: tau is negative; the sign is flipped"


REFUSED: dict[str, tuple[Make, str]] = {
    "a transposed weight whose bias fits only as stored": (
        lambda p: chain(p, source(3), nir.Affine(np.ones((3, 4)), np.zeros(3)), lif(4), sink(4)),
        "does not fit",
    ),
    "a transposed weight whose neurons fit only as stored": (
        lambda p: chain(p, source(3), nir.Linear(np.ones((3, 4))), lif(3), sink(3)),
        "does not fit",
    ),
    "several names and several nodes left": (
        lambda p: nested(p, OUTER, [("input", "a"), ("a", "b"), ("b", "a"), ("a", "output")]),
        "does not exist",
    ),
    "a time constant of zero": (
        lambda p: replaced(simple(p), "lif/tau", np.array([4 * DT, 0.0])), "tau is 0",
    ),
    "an output of another size": (
        lambda p: replaced(simple(p), "output/shape", np.array([3])), "states the shape",
    ),
    "a batch of several samples": (
        lambda p: replaced(simple(p), "input/shape", np.array([4, 3])), "does not fit",
    ),
    "two ends and no output": (
        lambda p: save(
            p, {"input": source(2), "a": lif(2), "b": lif(2)}, [("input", "a"), ("input", "b")]
        ), "no Output",
    ),
    "two beginnings and no input": (
        lambda p: save(
            p, {"a": lif(2), "b": lif(2), "c": probe(2), "output": sink(2)},
            [("a", "c"), ("b", "c"), ("c", "output")],
        ), "no Input",
    ),
    "no input before a convolution without a size": (
        lambda p: edit(
            save(
                p, {"conv": conv(3, 2, 3, 3), "n": lif((3, 4, 4)), "output": sink(3, 4, 4)},
                [("conv", "n"), ("n", "output")],
            ), lambda file: file["node/nodes/conv"].pop("input_shape"),
        ), "no Input",
    ),
    "parameters of two shapes": (
        lambda p: replaced(simple(p), "lif/tau", np.full(3, DT)), "shape",
    ),
    "a negative delay": (lambda p: delayed(p, -2.5 * DT), "delay"),
    "weights that are not finite": (
        lambda p: replaced(simple(p), "fc/weight", np.full((2, 3), np.nan)), "not finite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_what_has_several_readings_or_none_stays_refused(kind: str, tmp_path: Path) -> None:
    make, cause = REFUSED[kind]
    path = make(tmp_path / "n.nir")
    for repair in (False, True):
        with pytest.raises(InputFileError, match=cause) as caught:
            read_graph(path, "norse", DT, repair=repair)
        assert "--repair" not in str(caught.value)


def test_a_square_weight_beside_transposed_ones_is_refused_by_name(tmp_path: Path) -> None:
    layers = (nir.Linear(np.ones((3, 4))), lif(4), nir.Linear(np.ones((4, 4))), lif(4))
    path = chain(tmp_path / "n.nir", source(3), *layers, sink(4))
    with pytest.raises(InputFileError, match=r"node '2'.*square") as caught:
        read_graph(path, "norse", DT, repair=True)
    assert "transpose" in caught.value.remedy


def test_what_is_unsupported_stays_unsupported(tmp_path: Path) -> None:
    nodes = {"input": source(2), "lif": lif(2), "output": sink(2), "other": probe(2)}
    edges = [("input", "lif"), ("lif", "output"), ("input", "other"), ("other", "output")]
    path = save(tmp_path / "n.nir", nodes, edges)
    with pytest.raises(UnsupportedError, match="sums 2 populations"):
        read_graph(path, "norse", DT, repair=True)


def test_a_repair_guesses_no_discretization(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown"):
        read_repaired(delayed(tmp_path / "n.nir", 0.3 * DT))


@pytest.mark.parametrize("factor", [0.4, 0.5, 1.5, 2.5, 7.49])
def test_delays_go_to_the_nearest_step(factor: float, tmp_path: Path) -> None:
    path = delayed(tmp_path / "n.nir", factor * DT)
    graph, repairs = read_repaired(path, "norse", DT)
    assert graph.projections[0].delay.largest == round(factor)
    assert "at most" in repairs[0].change
    assert repairs[0].node == "wait"


def test_sound_delays_beside_repaired_ones_stay_exact(tmp_path: Path) -> None:
    delays = np.array([3.0, 1.3]) * DT
    path = chain(tmp_path / "n.nir", source(2), nir.Delay(delays), lif(2), sink(2))
    graph, repairs = read_repaired(path, "norse", DT)
    assert graph.projections[0].delay.steps.tolist() == [3, 1]
    assert "1 of 2" in repairs[0].cause


def test_a_convolution_without_its_image_is_no_malformed_file(tmp_path: Path) -> None:
    layer = conv(3, 2, 3, 3)
    path = chain(tmp_path / "n.nir", source(2, 6, 6), layer, lif((3, 4, 4)), sink(3, 4, 4))
    edit(path, lambda file: file["node/nodes/0"].pop("input_shape"))
    graph, repairs = read_repaired(path, "norse", DT)
    assert repairs == ()
    assert isinstance(graph.projections[0].operator, Conv)


@pytest.mark.parametrize("name", ["a.b", "0.1.2", "..hidden", "layer.0.weight"])
def test_dotted_names_are_names(name: str, tmp_path: Path) -> None:
    nodes = (source(3), nir.Linear(np.ones((2, 3))), lif(2), sink(2))
    path = chain(tmp_path / "n.nir", *nodes, names=["x", name])
    graph, repairs = read_repaired(path, "norse", DT)
    assert repairs == ()
    assert graph.outputs == (name,)


def test_tensors_in_nodes_are_arrays_once_nir_has_written_them(tmp_path: Path) -> None:
    """nir.write leaves tensors to h5py, which stores their numbers; those of no axes as scalars."""
    torch = pytest.importorskip("torch")
    weight, bias = torch.arange(6.0).reshape(2, 3) / 4, torch.tensor([0.5, 0.0])
    values = {"tau": 4 * DT, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0}
    full = nir.LIF(**{name: torch.full((2,), value) for name, value in values.items()})
    path = chain(
        tmp_path / "n.nir", source(3), nir.Affine(weight, bias), full, sink(2), names=["fc", "lif"]
    )
    expected = read_graph(simple(tmp_path / "sound.nir"), "norse", DT)
    graph, repairs = read_repaired(path, "norse", DT)
    assert repairs == ()
    assert differences(graph, expected) == []
    scalar = nir.LIF(**{name: torch.tensor(value) for name, value in values.items()})
    path = chain(
        tmp_path / "s.nir", source(3), nir.Affine(weight, bias), scalar, sink(2),
        names=["fc", "lif"],
    )  # fmt: skip
    graph, repairs = read_repaired(path, "norse", DT)
    assert [repair.node for repair in repairs] == ["lif"]
    assert differences(graph, expected) == []


def test_an_output_is_added_behind_a_recurrent_layer(tmp_path: Path) -> None:
    nodes = {"input": source(2), "n": lif(2), "rec": nir.Linear(np.eye(2) / 2)}
    path = save(tmp_path / "n.nir", nodes, [("input", "n"), ("n", "rec"), ("rec", "n")])
    graph, repairs = read_repaired(path, "norse", DT)
    assert graph.outputs == ("n",)
    assert [repair.node for repair in repairs] == ["output", "output"]


def test_ports_of_a_nested_graph_are_added(tmp_path: Path) -> None:
    parts = {"fc": nir.Linear(np.ones((2, 3))), "n": lif(2)}
    inner = nir.NIRGraph(parts, [("fc", "n")], type_check=False)
    nodes = {"input": source(3), "cell": inner, "output": sink(2)}
    path = save(tmp_path / "n.nir", nodes, [("input", "cell"), ("cell", "output")])
    with pytest.raises(InputFileError, match="no node of kind") as caught:
        read_graph(path, "norse", DT)
    assert "--repair" in caught.value.remedy
    graph, repairs = read_repaired(path, "norse", DT)
    assert graph.outputs == ("cell/n",)
    assert {"cell/input", "cell/output"} <= {repair.node for repair in repairs}


def test_a_nested_port_takes_the_shape_of_what_feeds_it(tmp_path: Path) -> None:
    path = nested(tmp_path / "n.nir", OUTER, INNER)
    replaced(path, "cell/nodes/input/shape", np.array([1, 2]))
    expected = read_graph(nested(tmp_path / "sound.nir", OUTER, INNER), "norse", DT)
    graph, repairs = read_repaired(path, "norse", DT)
    assert [repair.node for repair in repairs] == ["cell/input"]
    assert differences(graph, expected) == []


def test_several_faults_at_once(tmp_path: Path) -> None:
    path = matrices(tmp_path / "n.nir", transposed=True)
    replaced(path, "output/shape", np.array([1, 1, 2]))
    replaced(path, "1/tau", np.full(5, -4 * DT))
    replaced(path, "3/v_threshold", 1.0)
    replaced(path, "input/shape", np.array([1, 3]))
    graph, repairs = read_repaired(path, "norse", DT)
    assert {repair.node for repair in repairs} == {"input", "0", "1", "2", "3", "output"}
    expected = read_graph(matrices(tmp_path / "sound.nir", transposed=False), "norse", DT)
    assert differences(graph, expected) == []


def test_weights_stay_float32_through_a_repair(tmp_path: Path) -> None:
    weight = RNG(0).standard_normal((3, 5)).astype(np.float32)
    path = chain(tmp_path / "n.nir", source(3), nir.Linear(weight), lif(5), sink(5))
    graph, _ = read_repaired(path, "norse", DT)
    found = weights_of(graph.projections[0].operator)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, weight.T)


def test_a_repaired_neuron_has_an_array_per_parameter(tmp_path: Path) -> None:
    graph, _ = read_repaired(singles(tmp_path / "n.nir", single=True), "norse", DT)
    neuron = graph.population("lif").neuron
    assert isinstance(neuron, LIF)
    assert {value.shape for value in neuron.parameters().values()} == {(2,)}


FIXTURES = {
    "lif_rockpool": "output",
    "braille_noDelay_bias_zero_subgraph": "lif1/lif1",
}


@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_real_files_are_refused_and_repaired(name: str, shared_fixtures: Path) -> None:
    path = shared_fixtures / "malformed" / f"{name}.nir"
    with pytest.raises(InputFileError) as caught:
        read_graph(path, "norse", 1e-4)
    assert "--repair" in caught.value.remedy
    _, repairs = load_repaired(path, "norse", 1e-4)
    assert [repair.node for repair in repairs] == [FIXTURES[name]]


def test_the_repaired_braille_network_fires_as_the_flat_one(shared_fixtures: Path) -> None:
    nested_file = shared_fixtures / "malformed" / "braille_noDelay_bias_zero_subgraph.nir"
    repaired, _ = read_repaired(nested_file, "norse", 1e-4)
    flat = read_graph(shared_fixtures / "nir" / "braille_noDelay_bias_zero.nir", "norse", 1e-4)
    sample = np.load(shared_fixtures / "nir" / "braille_sample0.npy")[:, None, :]
    mine, theirs = (_spikes(graph, sample) for graph in (repaired, flat))
    assert [values.sum() for values in mine] == [values.sum() for values in theirs]
    for ours, other in zip(mine, theirs, strict=True):
        assert int((ours != other).sum()) == 0
    assert mine[0].any()


def _spikes(graph: Graph, sample: np.ndarray) -> list[np.ndarray]:
    """Spikes of the populations that are no input, the hidden first."""
    found = run_graph(graph, sample)
    return [found[p.name] for p in graph.populations if not p.is_input]


@pytest.mark.parametrize(
    "name", ["lif_norse", "two_lif_neurons", "braille_noDelay_bias_zero", "cnn_sinabs"]
)
def test_sound_files_of_others_need_no_repair(name: str, shared_fixtures: Path) -> None:
    path = shared_fixtures / "nir" / f"{name}.nir"
    graph, repairs = read_repaired(path, "norse", 1e-4)
    assert repairs == ()
    assert differences(graph, read_graph(path, "norse", 1e-4)) == []
