"""Conversion: chains, balancing, rates that come near the ReLU values, and the curve over T."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="teachers are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from torch import nn  # noqa: E402

from snn2chip.distill.conversion.balance import (  # noqa: E402
    activation_scales,
    balanced,
    rate_scale,
)
from snn2chip.distill.conversion.chain import chain_of, relu_values  # noqa: E402
from snn2chip.distill.conversion.spiking import (  # noqa: E402
    Curve,
    Dynamics,
    conversion_curve,
    half_biased,
    run,
)
from snn2chip.errors import ConfigError, UnsupportedError  # noqa: E402


def network(seed: int = 0, norm: bool = True) -> nn.Sequential:
    """Conv, BatchNorm, ReLU, pool, Linear, ReLU, Dropout, Linear with statistics of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(1, 4, 3, padding=1, bias=not norm),
                nn.BatchNorm2d(4) if norm else nn.Identity(),
                nn.ReLU(),
            ),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 20),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(20, 10),
        )
        if norm:
            bn = made[0][1]
            bn.running_mean.uniform_(-0.3, 0.3)
            bn.running_var.uniform_(0.2, 0.6)
            bn.weight.data.uniform_(0.5, 1.5)
            bn.bias.data.uniform_(-0.2, 0.4)
    return made.double().eval()


def images(samples: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(samples, 1, 8, 8, generator=generator).double()


@pytest.mark.parametrize("norm", [True, False])
def test_a_chain_computes_what_its_network_does(norm) -> None:
    made, x = network(norm=norm), images(5)
    links = chain_of(made)
    assert [(link.name, link.relu, link.norm is not None) for link in links] == [
        ("0.0", True, norm),
        ("3", True, False),
        ("6", False, False),
    ]
    with torch.no_grad():
        *_, plain = relu_values(links, x)
        *_, folded = relu_values([link.folded() for link in links], x)
        torch.testing.assert_close(plain, made(x), rtol=0.0, atol=1e-12)
        torch.testing.assert_close(folded, made(x), rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 2)], "Sigmoid"),
        (
            [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, 2)],
            "MaxPool",
        ),
        ([nn.Linear(4, 4), nn.Linear(4, 2)], "no ReLU between '0'"),
        ([nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2)], "BatchNorm1d"),
        ([nn.Linear(4, 4), nn.ReLU()], "logits"),
        ([nn.ReLU(), nn.Linear(4, 4)], "ReLU"),
        ([nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False)], "running"),
    ],
)
def test_what_no_spiking_chain_computes_is_refused_by_name(layers, named) -> None:
    with pytest.raises(UnsupportedError, match=named):
        chain_of(nn.Sequential(*layers))


def test_max_norm_makes_every_largest_activation_one() -> None:
    made, x = network(), images(40)
    links = chain_of(made)
    scales = activation_scales(links, x)
    with torch.no_grad():
        expected = [float(values.max()) for values in relu_values(links, x)]
    assert scales == pytest.approx(expected, rel=1e-12)
    scaled = balanced(links, scales)
    assert scaled.scales == (1.0, *scales)
    with torch.no_grad():
        for values in relu_values(scaled.links, x):
            assert float(values.max()) == pytest.approx(1.0, rel=1e-12)
        *_, logits = relu_values(scaled.links, x)
        torch.testing.assert_close(logits * scales[-1], made(x), rtol=0.0, atol=1e-12)


def test_a_percentile_is_that_of_sorted_values() -> None:
    links, x = chain_of(network()), images(40)
    with torch.no_grad():
        first = np.sort(next(iter(relu_values(links, x))).numpy().reshape(-1))
    found = activation_scales(links, x, percentile=99.0)
    assert found[0] == first[round(0.99 * first.size) - 1]
    assert all(p <= m for p, m in zip(found, activation_scales(links, x), strict=True))


def test_a_silent_layer_is_refused() -> None:
    made = network()
    with torch.no_grad():
        made[3].weight.zero_()
        made[3].bias.fill_(-1.0)
    with pytest.raises(ConfigError, match="'3' of the network to convert is silent"):
        activation_scales(chain_of(made), images(4))


def by_hand(links, x: np.ndarray, steps: int, reset: str, start: float):
    """The chain with plain numpy, neuron by neuron over time, for Linear links."""
    spikes, total = [], 0.0
    membranes = [np.full(len(link.bias), start) for link in links[:-1]]
    for _ in range(steps):
        values, fired = x, []
        for index, link in enumerate(links[:-1]):
            v = membranes[index] + link.weight.numpy() @ values + link.bias.numpy()
            values = (v > 1.0).astype(float)
            membranes[index] = v - values if reset == "subtract" else np.where(v > 1.0, 0.0, v)
            fired.append(values)
        total = total + links[-1].weight.numpy() @ values + links[-1].bias.numpy()
        spikes.append(fired)
    return total, spikes


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("start", [0.0, 0.5])
def test_every_spike_is_that_of_plain_numpy(reset, start) -> None:
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)
    ).double()
    x = torch.rand(4, 6, generator=torch.Generator().manual_seed(5)).double()
    links = chain_of(made)
    scaled = balanced(links, activation_scales(links, x)).links
    with torch.no_grad():
        steps = list(run(scaled, iter(x.expand(12, *x.shape)), Dynamics(reset, start)))
    for sample in range(4):
        total, fired = by_hand(scaled, x[sample].numpy(), 12, reset, start)
        np.testing.assert_allclose(steps[-1][0][sample].numpy(), total, atol=1e-12)
        for t, (_, spikes) in enumerate(steps):
            for layer, values in enumerate(spikes):
                np.testing.assert_array_equal(values[sample].numpy(), fired[t][layer])
    assert sum(float(s.sum()) for _, spikes in steps for s in spikes) > 20


def test_rates_come_near_the_relu_values() -> None:
    """With reset by subtraction the error falls as 1/T (Rueckauer et al.): max-norm, T = 400."""
    made, x = network(), images(8)
    links = chain_of(made)
    scaled = balanced(links, activation_scales(links, x))
    errors = {}
    with torch.no_grad():
        logits = made(x) / scaled.scales[-1]
        for t, (total, _) in enumerate(
            run(scaled.links, iter(x.expand(400, *x.shape)), Dynamics()), start=1
        ):
            errors[t] = float((total / t - logits).abs().max())
    assert errors[400] < 0.02
    assert errors[400] < 0.2 * errors[20]


def test_half_a_threshold_at_the_start_or_in_the_biases_helps_short_runs() -> None:
    """It turns the cutting of rates into rounding: less than two thirds of the error at T = 12."""
    made, x = network(seed=3), images(120, seed=4)
    links = chain_of(made)
    scaled = balanced(links, activation_scales(links, x, percentile=99.9))
    steps = 12
    frames = x.expand(steps, *x.shape)

    def error(links, dynamics: Dynamics) -> float:
        with torch.no_grad():
            *_, (total, _) = run(links, iter(frames), dynamics)
            return float((total / steps - made(x) / scaled.scales[-1]).abs().mean())

    plain = error(scaled.links, Dynamics())
    assert error(scaled.links, Dynamics(start=0.5)) < 0.67 * plain
    assert error(half_biased(scaled.links, steps), Dynamics()) < 0.67 * plain


def test_a_curve_is_many_runs_in_one() -> None:
    made, x = network(), images(300)
    y = np.arange(300) % 10
    links = chain_of(made)
    scaled = balanced(links, activation_scales(links, x))

    def curve(steps: int) -> Curve:
        def encode(values: torch.Tensor) -> torch.Tensor:
            return values.expand(steps, *values.shape)

        return conversion_curve(scaled, x, y, encode, Dynamics(), torch.float64)

    long = curve(9)
    for steps in (1, 4, 9):
        short = curve(steps)
        assert short.accuracy[-1] == long.accuracy[steps - 1]
        for name, counts in short.spikes.items():
            assert counts[-1] == pytest.approx(long.spikes[name][steps - 1], rel=1e-12)
    assert set(long.spikes) == {"0.0", "3"}
    assert all((np.diff(counts) >= 0).all() for counts in long.spikes.values())


def test_the_first_step_from_which_a_curve_stays_above() -> None:
    curve = Curve(np.array([0.1, 0.9, 0.5, 0.88, 0.9, 0.91]), {})
    assert curve.first_within(0.9, 0.05) == 4
    assert curve.first_within(0.9, 0.9) == 1
    assert curve.first_within(0.99, 0.005) is None
    assert curve.first_reached(0.9, 0.05) == 2
    assert curve.first_reached(0.9, 0.9) == 1
    assert curve.first_reached(0.99, 0.005) is None


def test_the_scale_of_encoded_rates_is_their_least_squares() -> None:
    x = np.random.default_rng(0).random(50)
    rates = 0.4 * x
    assert rate_scale(torch.tensor(x), torch.tensor(rates)) == pytest.approx(2.5, rel=1e-12)


@pytest.mark.parametrize("options", [{"reset": "soft"}, {"start": 1.0}, {"start": -0.1}])
def test_dynamics_are_checked(options) -> None:
    with pytest.raises(ConfigError):
        Dynamics(**options)
