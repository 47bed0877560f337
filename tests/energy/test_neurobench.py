"""NeuroBench itself on PyTorch modules, and our metrics of what we export of them.

``make neurobench`` installs the harness alone; without it these tests skip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snn2chip.backends.reference import ReferenceBackend
from snn2chip.energy.metrics import NeuroBench, neurobench
from snn2chip.engine import RunOptions, simulate
from snn2chip.frontends.nir import read_graph
from snn2chip.graph import Graph
from snn2chip.graph.operators import Array

torch = pytest.importorskip("torch", reason="NeuroBench judges PyTorch modules")
snn = pytest.importorskip("snntorch", reason="NeuroBench knows snnTorch's neurons")
pytest.importorskip("neurobench", reason="NeuroBench itself: make neurobench")

from neurobench.metrics.static import (  # noqa: E402
    ConnectionSparsity,
    Footprint,
    ParameterCount,
)
from neurobench.metrics.workload import (  # noqa: E402
    ActivationSparsity,
    ActivationSparsityByLayer,
    MembraneUpdates,
    SynapticOperations,
)
from neurobench.models import SNNTorchModel  # noqa: E402

from snn2chip.frontends.nir.metadata import Metadata  # noqa: E402
from snn2chip.frontends.torch.prove import export_module  # noqa: E402

nn = torch.nn
STEPS, SAMPLES = 12, 5


def pruned(module: Any, share: float = 0.4) -> Any:
    """The module with some of its weights at zero, all of them multiples of 2^-6."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.round(parameter * 64) / 64)
            if parameter.ndim > 1:
                parameter[torch.rand(parameter.shape) < share] = 0.0
    return module


def mlp(bias: bool) -> tuple[Any, tuple[int, ...]]:
    cell = {"init_hidden": True, "reset_mechanism": "subtract"}
    layers = [nn.Linear(20, 13, bias=bias), snn.Leaky(beta=0.75, **cell)]
    layers += [nn.Linear(13, 7, bias=bias), snn.Leaky(beta=0.5, output=True, **cell)]
    return pruned(nn.Sequential(*layers)), (20,)


def integrators() -> tuple[Any, tuple[int, ...]]:
    """Membranes that stay as they are where nothing arrives."""
    layers = [nn.Linear(9, 11, bias=False), snn.Leaky(beta=1.0, init_hidden=True)]
    layers += [nn.Linear(11, 4, bias=False), snn.Leaky(beta=1.0, init_hidden=True, output=True)]
    return pruned(nn.Sequential(*layers)), (9,)


def conv(groups: int) -> tuple[Any, tuple[int, ...]]:
    """Padding, stride, groups and dilation; the currents of synapses as well as membranes."""
    layers = [
        nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=groups),
        snn.Synaptic(alpha=0.5, beta=0.75, init_hidden=True),
        nn.Conv2d(4, 6, (3, 2), padding=2, dilation=(1, 2), bias=False),
        snn.Leaky(beta=0.5, init_hidden=True, reset_mechanism="zero"),
        nn.Flatten(),
    ]
    inner = nn.Sequential(*layers)
    size = inner(torch.zeros(1, 2, 8, 7)).shape[1]
    layers += [nn.Linear(size, 10), snn.Leaky(beta=0.75, init_hidden=True, output=True)]
    return pruned(nn.Sequential(*layers)), (2, 8, 7)


def recurrent() -> tuple[Any, tuple[int, ...]]:
    cell = {"init_hidden": True, "reset_mechanism": "subtract"}
    layers = [nn.Linear(12, 9), snn.RLeaky(beta=0.5, linear_features=9, **cell)]
    layers += [nn.Linear(9, 5), snn.Leaky(beta=0.75, output=True, **cell)]
    return pruned(nn.Sequential(*layers)), (12,)


def judged(module: Any, spikes: Array, batch: int = SAMPLES) -> dict[str, Any]:
    """What NeuroBench says of float64 spikes [step, sample, *shape], batch by batch."""
    model = SNNTorchModel(module)
    for part in module.modules():  # as the module was built, before its cells had states
        for name in part._non_persistent_buffers_set:
            setattr(part, name, torch.zeros(0))
    found: dict[str, Any] = {
        kind.__name__: kind()(model) for kind in (ConnectionSparsity, Footprint, ParameterCount)
    }
    model.register_hooks()
    kinds = (ActivationSparsityByLayer, SynapticOperations, MembraneUpdates)
    metrics = {kind.__name__: kind() for kind in kinds}
    data = torch.from_numpy(np.moveaxis(spikes, 1, 0).astype(np.float32))
    sparsity = []
    for part in data.split(batch):
        answers = model(part)
        for name, metric in metrics.items():
            found[name] = metric(model, answers, (part, None))
        sparsity.append(ActivationSparsity()(model, answers, (part, None)) * len(part))
        model.reset_hooks()
    model.cleanup_hooks()
    return {**found, "ActivationSparsity": sum(sparsity) / len(data)}


def ours(graph: Graph, spikes: Array) -> NeuroBench:
    backend = ReferenceBackend()
    program = backend.program(graph)
    (name,) = (p.name for p in graph.inputs)
    activity, _ = simulate(program, {name: spikes}, backend.arithmetic(graph), RunOptions())
    return neurobench(graph, program, activity)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "make",
    [
        lambda: mlp(True),
        lambda: mlp(False),
        integrators,
        lambda: conv(1),
        lambda: conv(2),
        recurrent,
    ],
    ids=["mlp", "mlp without biases", "integrators", "conv", "grouped conv", "recurrent"],
)
def test_the_same_metrics(make: Any, seed: int, tmp_path: Path) -> None:
    torch.manual_seed(seed)
    module, shape = make()
    rng = np.random.default_rng(seed)
    spikes = (rng.random((STEPS, SAMPLES, *shape)) < 0.35).astype(np.float64)
    export_module(module, Metadata(dt=1.0), spikes, tmp_path / "model.nir")
    theirs = judged(module, spikes)
    found = ours(read_graph(tmp_path / "model.nir"), spikes)
    assert found.parameter_count == theirs["ParameterCount"]
    assert found.footprint_bytes == theirs["Footprint"] > 4 * found.parameter_count
    assert found.connection_sparsity == theirs["ConnectionSparsity"] > 0.2
    assert found.activation_sparsity == pytest.approx(theirs["ActivationSparsity"], rel=1e-12)
    layers = list(theirs["ActivationSparsityByLayer"].values())
    assert list(found.activation_sparsity_by_layer.values()) == pytest.approx(layers, rel=1e-12)
    assert 0.0 < found.activation_sparsity < 1.0
    operations = found.synaptic_operations
    assert {
        "Effective_MACs": operations.effective_macs,
        "Effective_ACs": operations.effective_acs,
        "Dense": operations.dense,
    } == theirs["SynapticOperations"]
    assert operations.effective_acs > 0
    assert found.membrane_updates == theirs["MembraneUpdates"]
