"""The ANN baseline, computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snn2chip.energy import ann_baseline
from snn2chip.errors import ConfigError
from snn2chip.graph import Conv
from snn2chip.targets import load_target
from tests.energy.networks import dense, population, program, project, two_layers


def test_a_dense_network_by_hand() -> None:
    found = ann_baseline(two_layers(20, 10, 3))
    macs = 20 * 10 + 10 * 3
    assert found.macs_per_inference == macs
    assert found.compute_nj == pytest.approx(macs * (0.2 + 0.1) / 1000)
    weights = 29 * 10.0
    activations = (3 * 2 + 2 * 2 + 1 * 1) * 10.0
    assert found.memory_nj == pytest.approx((weights + activations) / 1000)
    assert found.energy_per_inference_nj == pytest.approx(found.compute_nj + found.memory_nj)
    assert "Horowitz" in found.source
    assert found.assumptions


@pytest.mark.parametrize(
    ("inputs", "price"), [(8192, 10.0), (8193, 20.0), (32769, 100.0), (2_000_000, 100.0)]
)
def test_the_smallest_memory_that_holds_the_weights(inputs: int, price: float) -> None:
    network = program(
        [population("input", (inputs,)), population("a", (1,))],
        [project("input", "a", dense((inputs,), (1,)))],
    )
    accesses = -(-inputs // 8)
    expected = accesses * price + 2 * accesses * price + 1 * 10.0
    assert ann_baseline(network).memory_nj * 1000 == pytest.approx(expected)


def test_a_kernel_is_stored_once_and_used_often() -> None:
    conv = Conv(np.ones((2, 1, 3, 3)), (1, 6, 6), (1, 1), ((0, 0), (0, 0)), (1, 1))
    network = program(
        [population("input", (1, 6, 6)), population("a", (2, 4, 4))], [project("input", "a", conv)]
    )
    found = ann_baseline(network)
    assert found.macs_per_inference == 2 * 4 * 4 * 9
    assert found.memory_nj * 1000 == pytest.approx((3 + 2 * 5 + 4) * 10.0)


def test_a_target_without_such_prices_is_refused() -> None:
    with pytest.raises(ConfigError, match="e_mul_int8"):
        ann_baseline(two_layers(), load_target("loihi1"))
    with pytest.raises(ConfigError, match="asic45"):
        ann_baseline(two_layers(), load_target("reference"))


def test_the_prices_may_stand_in_another_table_than_the_default() -> None:
    """asic45 prices spiking networks by default; the baseline takes the table of its own needs."""
    chip = load_target("asic45")
    assert chip.default_costs == "lemaire2022"
    assert "e_mul_int8" not in chip.costs["lemaire2022"].constants
    by_hand = replace(chip, default_costs="horowitz2014")
    network = two_layers()
    assert ann_baseline(network) == ann_baseline(network, chip) == ann_baseline(network, by_hand)
