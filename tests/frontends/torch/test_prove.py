"""Export proven spike for spike, on random small networks of Norse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn2chip.errors import ConfigError, DriftError, InputFileError, UnsupportedError
from snn2chip.frontends.nir import read_graph
from snn2chip.frontends.nir.metadata import Metadata
from snn2chip.frontends.norse import FRAMEWORK
from snn2chip.frontends.torch import prove as module
from snn2chip.frontends.torch.prove import export_module
from snn2chip.graph import Encoding, Readout
from tests.examples import examples

torch = pytest.importorskip("torch", reason="the front end of PyTorch modules")
snn = pytest.importorskip("norse.torch", reason="the front end of Norse modules")
nn = torch.nn

DT = 1e-3
STEPS = 100


def spikes(*shape: int, seed: int = 0, steps: int = STEPS, samples: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((steps, samples, *shape)) < 0.4).astype(np.float64)


def scalar(low: float, high: float, seed: int) -> Any:
    """A parameter that float32 cannot hold exactly."""
    value = np.random.default_rng(seed).uniform(low, high)
    return torch.tensor(value, dtype=torch.float64)


def cell(kind: str, seed: int) -> Any:
    common = {"v_th": scalar(0.2, 0.8, seed), "v_reset": scalar(-0.2, 0.1, seed + 1)}
    leak = {"v_leak": scalar(-0.1, 0.15, seed + 2), "tau_mem_inv": scalar(60, 300, seed + 3)}
    synapse = {"tau_syn_inv": scalar(100, 400, seed + 4)}
    match kind:
        case "LIFBox":
            return snn.LIFBoxCell(snn.LIFBoxParameters(**common, **leak), dt=DT)
        case "IAF":
            return snn.IAFCell(snn.IAFParameters(**common), dt=DT)
        case "LIBox":
            return snn.LIBoxCell(snn.LIBoxParameters(**leak), dt=DT)
        case "LI":
            return snn.LICell(snn.LIParameters(**leak, **synapse), dt=DT)
        case _:
            return snn.LIFCell(snn.LIFParameters(**common, **leak, **synapse), dt=DT)


SPIKING = ("LIFBox", "IAF", "LIF")


def norm(module: Any) -> Any:
    module.running_mean.normal_(0, 0.1)
    module.running_var.uniform_(0.1, 0.5)
    return module


def image_block(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[list[Any], tuple[int, ...]]:
    """Perhaps a pool, a convolution, and perhaps a norm."""
    layers: list[Any] = [nn.AvgPool2d(2)] if shape[1] >= 4 and draw(st.booleans()) else []
    padding = draw(st.sampled_from([1, "same"]))
    groups, bias = draw(st.sampled_from([1, 2])), draw(st.booleans())
    layers.append(nn.Conv2d(shape[0], 4, 3, padding=padding, groups=groups, bias=bias))
    if draw(st.booleans()):
        layers.append(norm(nn.BatchNorm2d(4)))
    return layers, tuple(nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[1:])


def flat_block(draw: st.DrawFn, inputs: int, width: int) -> list[Any]:
    """A linear layer, perhaps with a norm or dropout."""
    extra = draw(st.sampled_from(["none", "norm", "dropout"]))
    layer = nn.Linear(inputs, width, bias=draw(st.booleans()))
    more = {"none": [], "norm": [norm(nn.BatchNorm1d(width))], "dropout": [nn.Dropout(0.5)]}
    return [layer, *more[extra]]


@st.composite
def models(draw: st.DrawFn) -> tuple[Any, tuple[int, ...]]:
    """Networks of one to five populations: images first, then flat ones, perhaps recurrent."""
    seed = draw(st.integers(0, 10_000))
    torch.manual_seed(seed)
    images = draw(st.integers(0, 2))
    shape: tuple[int, ...] = (2, 6, 6) if images else (5,)
    size, layers = shape, []
    for k in range(images):
        block, size = image_block(draw, size)
        layers += [*block, cell(draw(st.sampled_from(SPIKING)), seed + 10 * k)]
    layers += [nn.Flatten()] if images else []
    inputs = int(np.prod(size))
    if draw(st.booleans()):
        layers += [snn.LIFRecurrentCell(inputs, 6, dt=DT)]
        inputs = 6
    elif draw(st.booleans()):
        layers += [*flat_block(draw, inputs, 6), cell(draw(st.sampled_from(SPIKING)), seed + 50)]
        inputs = 6
    last = draw(st.sampled_from([*SPIKING, "LIBox", "LI"]))
    model = snn.SequentialState(*layers, *flat_block(draw, inputs, 4), cell(last, seed + 60))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    return model, shape


@given(models(), st.integers(0, 99))
@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("ignore:Using padding")
def test_random_networks_export_without_a_differing_spike(  # type: ignore[no-untyped-def]
    tmp_path_factory, model, seed: int
) -> None:
    network, shape = model
    path = tmp_path_factory.mktemp("nir") / "net.nir"
    report = export_module(network, Metadata(dt=DT), spikes(*shape, seed=seed), path)
    assert report.largest_difference < 1e-9
    assert (report.samples, report.steps) == (2, STEPS)
    assert report.values >= report.spikes
    assert path.is_file()


def small(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return snn.SequentialState(
        nn.Linear(3, 8), snn.LIFBoxCell(dt=DT), nn.Linear(8, 4), snn.LIFCell(dt=DT)
    )


def loud(seed: int = 0) -> Any:
    """A small network that spikes a lot."""
    model = small(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8.0)
    return model


def test_the_report_counts_what_was_compared(tmp_path: Path) -> None:
    report = export_module(loud(), Metadata(dt=DT), spikes(3, samples=5), tmp_path / "net.nir")
    assert report.populations == ("1", "3")
    assert report.values == STEPS * 5 * 12
    assert 0 < report.spikes < report.values
    assert report.float32_differing <= report.spikes
    assert report.path == tmp_path / "net.nir"


def test_batches_do_not_change_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = spikes(3, samples=5)
    whole = export_module(loud(), Metadata(dt=DT), samples, tmp_path / "net.nir")
    monkeypatch.setattr(module, "_BATCH_VALUES", 1)
    parts = export_module(loud(), Metadata(dt=DT), samples, tmp_path / "net.nir")
    assert parts == replace(whole, largest_difference=parts.largest_difference)


def test_the_file_carries_how_to_run_it(tmp_path: Path) -> None:
    metadata = Metadata(
        dt=DT,
        encoding=Encoding("if", STEPS),
        readout=Readout("spike_count"),
        classes=("a", "b", "c", "d"),
        data="digits",
        split_seed=5,
    )
    export_module(loud(), metadata, spikes(3), tmp_path / "student.nir")
    graph = read_graph(tmp_path / "student.nir")
    assert graph.name == "student"
    assert (graph.discretization.preset, graph.discretization.dt) == ("norse", DT)
    assert (graph.encoding, graph.readout) == (metadata.encoding, metadata.readout)
    assert (graph.classes, graph.data, graph.split_seed) == (metadata.classes, "digits", 5)
    nir.read(tmp_path / "student.nir")


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_module(loud(), Metadata(dt=DT), spikes(3), tmp_path / f"{name}.nir")
    assert (tmp_path / "one.nir").read_bytes() == (tmp_path / "two.nir").read_bytes()


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = loud().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export_module(model, Metadata(dt=DT), spikes(3), tmp_path / "net.nir")
    assert model.training
    assert all(value.dtype == torch.float32 for value in model.state_dict().values())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_plain_sequential_runs_too(tmp_path: Path) -> None:
    inner = nn.Sequential(nn.Linear(3, 4), snn.IAFCell(), nn.Linear(4, 2), snn.LIBoxCell(dt=DT))
    report = export_module(inner, Metadata(dt=DT), spikes(3), tmp_path / "net.nir")
    assert report.populations == ("1", "3")


def other(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Norse's framework with parts replaced, for the proof alone."""
    monkeypatch.setattr(module, "framework_of", lambda _: replace(FRAMEWORK, **changes))


@pytest.mark.parametrize(
    ("change", "population"),
    [
        (lambda cell: setattr(cell, "dt", DT * 1.001), "1"),
        (lambda cell: setattr(cell, "p", cell.p._replace(v_th=torch.tensor(0.9))), "1"),
        (lambda cell: setattr(cell, "p", cell.p._replace(v_reset=torch.tensor(0.1))), "1"),
    ],
)
def test_a_difference_is_found_and_nothing_is_written(  # type: ignore[no-untyped-def]
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change, population: str
) -> None:
    """PyTorch's copy is altered behind the walk's back."""
    path = tmp_path / "net.nir"
    path.write_bytes(b"older")

    def altered(model: Any, dtype: Any) -> Any:
        twin = FRAMEWORK.twin(model, dtype)
        change(twin[1])
        return twin

    other(monkeypatch, twin=altered)
    with pytest.raises(DriftError, match="'net': population") as caught:
        export_module(loud(), Metadata(dt=DT), spikes(3), path)
    assert caught.value.exit_code == 6
    assert f"population {population!r} differs from PyTorch at step " in caught.value.what
    assert "sample " in caught.value.what
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_difference_is_the_one_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One flipped output: step 7, sample 3, neuron 2 of the last population."""

    def flipped(*arguments: Any) -> dict[str, np.ndarray]:
        found = FRAMEWORK.record(*arguments)
        found["3"][7, 3, 2] = 1 - found["3"][7, 3, 2]
        found["3"][9, 0, 0] = 1 - found["3"][9, 0, 0]
        return found

    other(monkeypatch, record=flipped)
    with pytest.raises(DriftError, match=r"'3' differs .* step 7, neuron \[2\], sample 3"):
        export_module(loud(), Metadata(dt=DT), spikes(3, samples=5), tmp_path / "net.nir")


def test_a_membrane_beyond_the_tolerance_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shifted(*arguments: Any) -> dict[str, np.ndarray]:
        found = FRAMEWORK.record(*arguments)
        found["1.v"] = found["1.v"] + 2e-9
        return found

    other(monkeypatch, record=shifted)
    with pytest.raises(DriftError, match="'1' differs from PyTorch at step 0"):
        export_module(loud(), Metadata(dt=DT), spikes(3), tmp_path / "net.nir")


def test_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    for samples in (np.zeros((0, 2, 3)), np.zeros((2, 0, 3)), np.zeros((2, 3))):
        with pytest.raises(ConfigError, match="a proof on samples"):
            export_module(small(), Metadata(dt=DT), samples, path)
    with pytest.raises(ConfigError, match="length of a step"):
        export_module(small(), Metadata(), spikes(3), path)
    with pytest.raises(ConfigError, match="preset 'lava' for a module of norse"):
        export_module(small(), Metadata(dt=DT, preset="lava"), spikes(3), path)
    with pytest.raises(InputFileError, match="does not fit"):
        export_module(small(), Metadata(dt=DT), spikes(4), path)
    with pytest.raises(UnsupportedError, match=r"dt = 0\.001"):
        export_module(small(), Metadata(dt=0.5), spikes(3), path)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_diverged_are_named(tmp_path: Path) -> None:
    model = small()
    with torch.no_grad():
        model[2].weight[1, 2] = float("nan")
    with pytest.raises(InputFileError, match=r"'2'.*weight holds 1 values"):
        export_module(model, Metadata(dt=DT), spikes(3), tmp_path / "net.nir")


def test_an_inconsistent_network_is_called_as_its_file_will_be(tmp_path: Path) -> None:
    """Not as the file that stands in until the proof."""
    slow = snn.LIFBoxCell(snn.LIFBoxParameters(tau_mem_inv=torch.tensor(100.0)), dt=0.5)
    network = snn.SequentialState(nn.Linear(3, 2), slow).double()
    with pytest.raises(InputFileError, match="network 'named' is inconsistent"):
        export_module(network, Metadata(dt=0.5), spikes(3, steps=2), tmp_path / "named.nir")
