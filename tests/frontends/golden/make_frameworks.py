"""Networks of Sinabs, Rockpool, Spyx and Nengo, and what these frameworks give on random spikes.

The first three are exported by the frameworks' own exporters; Nengo has none, so its networks are
built beside a NIR graph. Run in an environment of its own (Sinabs pins an old nir)::

    pip install torch sinabs==3.1.3 rockpool==3.1.0 spyx==1.0.0 nengo==4.1.0
    python tests/frontends/golden/make_frameworks.py

``frameworks.npz`` then holds per case: ``<case>.nir`` (bytes), ``<case>.x`` and ``<case>.out``
(spikes [step, sample, *shape]), and ``<case>.dt``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import nir
import numpy as np

STEPS, SAMPLES = 200, 2
Case = tuple[str, nir.NIRGraph, np.ndarray, np.ndarray, float]


def spikes(rng: np.random.Generator, *shape: int, rate: float = 0.15) -> np.ndarray:
    return (rng.random((STEPS, SAMPLES, *shape)) < rate).astype(np.float32)


def arrays(graph: nir.NIRGraph) -> nir.NIRGraph:
    """The graph with numpy arrays where exporters leave tensors."""
    for node in graph.nodes.values():
        if isinstance(node, nir.NIRGraph):
            arrays(node)
        for name, value in vars(node).items():
            if type(value).__module__.startswith(("torch", "jax")):
                setattr(node, name, np.asarray(value))
    return graph


def sinabs_cases(rng: np.random.Generator) -> Iterator[Case]:
    import sinabs.layers as sl
    import torch
    from sinabs.nir import to_nir

    def run(name: str, model: torch.nn.Module, shape: tuple[int, ...]) -> Case:
        x = spikes(rng, *shape)
        flat = torch.as_tensor(np.moveaxis(x, 1, 0).reshape(-1, *shape).copy())
        with torch.no_grad():
            to_nir(model, flat)
            sinabs_reset(model)
            out = model(flat).numpy()
            graph = to_nir(model, flat)
        out = np.moveaxis(out.reshape(SAMPLES, STEPS, *out.shape[1:]), 0, 1)
        return name, graph, x, out, 1.0

    def sinabs_reset(model: torch.nn.Module) -> None:
        for layer in model.modules():
            if hasattr(layer, "reset_states"):
                layer.reset_states()

    torch.manual_seed(5)
    neuron = {"batch_size": SAMPLES}
    dense = torch.nn.Sequential(
        torch.nn.Linear(12, 16),
        sl.IAFSqueeze(min_v_mem=-1.0, **neuron),
        torch.nn.Linear(16, 6),
        sl.IAFSqueeze(min_v_mem=-1.0, **neuron),
    )
    dense[0].weight.data.mul_(4.0)
    dense[2].weight.data.mul_(4.0)
    yield run("sinabs-dense", dense, (12,))
    image = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1, bias=False),
        sl.IAFSqueeze(min_v_mem=-1.0, **neuron),
        sl.SumPool2d(2, 2),
        torch.nn.Conv2d(4, 3, 2, stride=2),
        sl.IAFSqueeze(min_v_mem=-1.0, **neuron),
        torch.nn.Flatten(),
        torch.nn.Linear(12, 5, bias=False),
        sl.IAFSqueeze(min_v_mem=-1.0, **neuron),
    )
    image[0].weight.data.mul_(2.0)
    image[6].weight.data.mul_(3.0)
    case = run("sinabs-conv", image, (2, 8, 8))
    # Sinabs leaves input_shape (and Flatten's input_type) empty, which nir cannot write.
    case[1].nodes["0"].input_shape, case[1].nodes["3"].input_shape = (8, 8), (4, 4)
    case[1].nodes["5"].input_type = {"input": np.array([3, 2, 2])}
    yield case


def rockpool_cases(rng: np.random.Generator) -> Iterator[Case]:
    import torch
    from rockpool.nn.combinators import Sequential
    from rockpool.nn.modules import LIFNeuronTorch, LIFTorch, LinearTorch, to_nir

    torch.manual_seed(6)
    dt = 1e-3
    cuba = Sequential(
        LinearTorch((8, 10), has_bias=False),
        LIFTorch(10, tau_mem=20e-3, tau_syn=10e-3, threshold=1.0, dt=dt),
        LinearTorch((10, 4), has_bias=False),
        LIFTorch(4, tau_mem=10e-3, tau_syn=5e-3, threshold=0.5, dt=dt),
    )
    membrane = Sequential(
        LinearTorch((8, 10), has_bias=False),
        LIFNeuronTorch(10, tau_mem=20e-3, threshold=1.0, dt=dt),
        LinearTorch((10, 4), has_bias=False),
        LIFNeuronTorch(4, tau_mem=10e-3, threshold=0.5, dt=dt),
    )
    for layer in (0, 2):
        list(cuba.modules().values())[layer].weight.data.mul_(0.2)
    for name, model in (("rockpool-cuba", cuba), ("rockpool-lif", membrane)):
        x = spikes(rng, 8)
        with torch.no_grad():
            out, _, _ = model(torch.as_tensor(np.moveaxis(x, 1, 0).copy()))
            graph = to_nir(model, torch.as_tensor(x[:1, 0]))
        yield name, graph, x, np.moveaxis(out.numpy(), 0, 1), dt


def spyx_cases(rng: np.random.Generator) -> Iterator[Case]:
    import jax.numpy as jnp
    import spyx.nn as snn
    from flax import nnx
    from spyx.nir import to_nir

    keys = nnx.Rngs(7)
    lif = snn.Sequential(
        nnx.Linear(8, 12, rngs=keys), snn.LIF((12,), rngs=keys),
        nnx.Linear(12, 5, use_bias=False, rngs=keys), snn.LIF((5,), rngs=keys),
    )  # fmt: skip
    cuba = snn.Sequential(
        nnx.Linear(8, 12, use_bias=False, rngs=keys), snn.CuBaLIF((12,), rngs=keys),
        nnx.Linear(12, 5, rngs=keys), snn.IF((5,), rngs=keys),
    )  # fmt: skip
    loop = snn.Sequential(
        nnx.Linear(8, 12, use_bias=False, rngs=keys), snn.RCuBaLIF((12,), rngs=keys),
        nnx.Linear(12, 5, use_bias=False, rngs=keys), snn.LIF((5,), rngs=keys),
    )  # fmt: skip
    for name, model in (("spyx-lif", lif), ("spyx-cuba", cuba), ("spyx-recurrent", loop)):
        x = spikes(rng, 8, rate=0.4)
        for layer in model.layers[::2]:
            layer.kernel[...] = 3.0 * layer.kernel[...]
        out, _ = snn.run(model, jnp.asarray(x))
        ends = {"input": np.array([8])}, {"output": np.array([5])}
        graph = to_nir(model, *ends, dt=1.0)
        for key, node in graph.nodes.items():
            if isinstance(node, nir.NIRGraph):
                # Spyx leads the layer's input through its recurrent weights; its model does not.
                wrong = (f"{key}.input", f"{key}.w_rec")
                node.edges = [
                    (f"{key}.input", f"{key}.lif") if edge == wrong else edge for edge in node.edges
                ]
        yield name, graph, x, np.asarray(out), 1.0


def nengo_cases(rng: np.random.Generator) -> Iterator[Case]:
    import nengo

    dt = 1e-3
    w1, w2 = (rng.normal(4, 30, shape) for shape in ((10, 8), (4, 10)))
    b1, tau = rng.normal(0.5, 0.5, 10), (0.02, 0.01)
    x = spikes(rng, 8)

    def node(n: int, tau: float) -> nir.LIF:
        full = np.full(n, 1.0)
        return nir.LIF(tau * full, full, 0 * full, full, 0 * full)

    graph = nir.NIRGraph(
        {
            "in": nir.Input(np.array([8])), "w1": nir.Affine(w1, b1), "a": node(10, tau[0]),
            "w2": nir.Linear(w2), "b": node(4, tau[1]), "out": nir.Output(np.array([4])),
        },
        [("in", "w1"), ("w1", "a"), ("a", "w2"), ("w2", "b"), ("b", "out")],
    )  # fmt: skip
    out = np.zeros((STEPS, SAMPLES, 4), np.float32)
    for sample in range(SAMPLES):
        with nengo.Network() as model:
            signal = nengo.Node(nengo.processes.PresentInput(x[:, sample], dt))
            layers = [
                nengo.Ensemble(
                    n, 1, gain=np.ones(n), bias=bias,
                    neuron_type=nengo.LIF(
                        tau_rc=t, tau_ref=0, amplitude=dt,
                        initial_state={"voltage": nengo.dists.Choice([0])},
                    ),
                )
                for n, bias, t in ((10, b1, tau[0]), (4, np.zeros(4), tau[1]))
            ]  # fmt: skip
            nengo.Connection(signal, layers[0].neurons, transform=w1, synapse=None)
            nengo.Connection(layers[0].neurons, layers[1].neurons, transform=w2, synapse=None)
            probe = nengo.Probe(layers[1].neurons)
        with nengo.Simulator(model, dt, progress_bar=False) as simulator:
            simulator.run_steps(STEPS)
        out[:, sample] = simulator.data[probe] > 0
    yield "nengo-lif", graph, x, out, dt


def main() -> None:
    rng = np.random.default_rng(20)
    found: dict[str, np.ndarray] = {}
    for cases in (sinabs_cases, rockpool_cases, spyx_cases, nengo_cases):
        for name, graph, x, out, dt in cases(rng):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "net.nir"
                nir.write(path, arrays(graph))
                found[f"{name}.nir"] = np.frombuffer(path.read_bytes(), np.uint8)
            found[f"{name}.x"] = x.astype(np.uint8)
            found[f"{name}.out"] = out.astype(np.uint8)
            found[f"{name}.dt"] = np.array(dt)
            print(f"{name}: {int(out.sum())} spikes, at most {int(out.max())} in a step")
    np.savez_compressed(Path(__file__).parent / "frameworks.npz", **found)


if __name__ == "__main__":
    main()
