"""NIR's linear primitives against torch's layers, as written by nir itself."""

from __future__ import annotations

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from snn2chip.frontends.nir import read_graph
from snn2chip.graph.oracle import run_graph
from tests.examples import examples

from .files import DT, chain, probe, sink, source

torch = pytest.importorskip("torch", reason="torch is the witness of the layers")
functional = torch.nn.functional


@st.composite
def layers(draw: st.DrawFn, shape: tuple[int, ...]):  # type: ignore[no-untyped-def]
    """One linear node for an input of ``shape``, and what torch does in its place."""
    seed = np.random.default_rng(draw(st.integers(0, 999)))
    kinds = {
        1: ["affine", "linear"],
        2: ["conv1d"],
        3: ["conv2d", "sum", "average"],
    }[len(shape)]
    kind = draw(st.sampled_from(["scale", "flatten", *kinds]))
    if kind == "scale":
        scale = seed.integers(-3, 4, shape) / 2.0
        return nir.Scale(scale), lambda x: x * torch.as_tensor(scale)
    if kind == "flatten":
        start = draw(st.integers(0, len(shape) - 1))
        node = nir.Flatten(np.array(shape), start_dim=start, end_dim=-1)
        return node, lambda x: torch.flatten(x, start + 1, -1)
    if kind in ("affine", "linear"):
        weight = seed.integers(-3, 4, (draw(st.integers(1, 4)), shape[0])) / 2.0
        bias = seed.integers(-3, 4, len(weight)) / 2.0
        if kind == "linear":
            return nir.Linear(weight), lambda x: functional.linear(x, torch.as_tensor(weight))
        tensors = torch.as_tensor(weight), torch.as_tensor(bias)
        return nir.Affine(weight, bias), lambda x: functional.linear(x, *tensors)
    axes = len(shape) - 1
    pick = [tuple(draw(st.integers(low, 2)) for _ in range(axes)) for low in (1, 1, 1, 0)]
    kernel, stride, dilation, padding = pick
    if kind in ("sum", "average"):
        padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True))
        cls = nir.SumPool2d if kind == "sum" else nir.AvgPool2d
        size = 1 if kind == "average" else kernel[0] * kernel[1]
        node = cls(np.array(kernel), np.array(stride), np.array(padding))
        return node, lambda x: functional.avg_pool2d(x, kernel, stride, padding) * size
    groups = draw(st.sampled_from([1, shape[0]]))
    weight = seed.integers(-3, 4, (groups * 2, shape[0] // groups, *kernel)) / 2.0
    bias = seed.integers(-3, 4, groups * 2) / 2.0
    word = draw(st.sampled_from(["numbers", "same", "valid"]))
    stride = (1,) * axes if word == "same" else stride
    options = dict(zip(["stride", "dilation"], [stride, dilation], strict=True))
    cls, conv = {
        1: (nir.Conv1d, functional.conv1d),
        2: (nir.Conv2d, functional.conv2d),
    }[axes]
    given_padding = padding if word == "numbers" else word
    as_nir = [np.array(v) for v in (stride, given_padding, dilation)]
    if word != "numbers":
        as_nir[1] = word  # type: ignore[call-overload]
    node = cls(None, weight, *as_nir, groups, bias)
    node.input_shape = np.array(shape[1:])
    tensors = torch.as_tensor(weight), torch.as_tensor(bias)
    return node, lambda x: conv(x, *tensors, padding=given_padding, groups=groups, **options)


@st.composite
def networks(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    axes = draw(st.integers(1, 3))
    shape = (draw(st.integers(1, 3)), *(draw(st.integers(3, 5)) for _ in range(axes - 1)))
    x = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 2, (2, *shape)).astype(float)
    nodes, y = [source(*shape)], torch.as_tensor(x)
    for _ in range(draw(st.integers(1, 4))):
        node, apply = draw(layers(tuple(y.shape[1:])))
        try:
            y = apply(y)
        except RuntimeError:  # a kernel larger than the image
            assume(False)
        nodes.append(node)
    target = tuple(y.shape[1:])
    return [*nodes, probe(target), sink(*target)], x, y.numpy()


@pytest.mark.filterwarnings("ignore:Using padding")
@given(networks())
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
def test_linear_chains_give_what_torch_gives(tmp_path_factory, network) -> None:  # type: ignore[no-untyped-def]
    """Multiples of 1/2 and sums below 2^53: equal, not close; averages to 1e-12."""
    nodes, x, expected = network
    path = chain(tmp_path_factory.mktemp("nir") / "net.nir", *nodes)
    graph = read_graph(path, "norse", DT)
    found = run_graph(graph, x[:, None])[graph.outputs[0]][:, 0]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)
