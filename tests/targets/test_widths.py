"""Targets with narrower weights than their files say."""

from __future__ import annotations

import pytest

from snn2chip.backends.loihi.formats import formats_of
from snn2chip.errors import ConfigError
from snn2chip.targets import list_targets, load_target
from snn2chip.targets.families import loihi_weights
from snn2chip.targets.widths import with_weight_bits


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
@pytest.mark.parametrize("bits", range(1, 9))
def test_every_width_of_the_chip(name: str, bits: int) -> None:
    target = load_target(name)
    narrow = with_weight_bits(target, bits)
    assert formats_of(narrow).weight_bits == bits
    for key, value in loihi_weights(bits).items():
        if key in narrow.formats:
            assert narrow.formats[key].value == value
    assert {k: v for k, v in narrow.formats.items() if not k.startswith("weight_")} == {
        k: v for k, v in target.formats.items() if not k.startswith("weight_")
    }
    assert narrow.costs == target.costs
    assert f"{bits} bits" in narrow.formats["weight_bits"].source


@pytest.mark.parametrize("bits", [-1, 0, 9, 33])
def test_widths_that_the_chip_has_not(bits: int) -> None:
    with pytest.raises(ConfigError, match=f"not {bits}") as caught:
        with_weight_bits(load_target("loihi2"), bits)
    assert "1 to 8 bits" in str(caught.value)


def test_no_width_beyond_the_chips_own() -> None:
    four = with_weight_bits(load_target("loihi2"), 4)
    assert formats_of(with_weight_bits(four, 3)).weight_bits == 3
    with pytest.raises(ConfigError, match="at most the 4 bits"):
        with_weight_bits(four, 5)


@pytest.mark.parametrize("name", [n for n in list_targets() if "loihi" not in n])
def test_targets_without_integer_weights(name: str) -> None:
    target = load_target(name)
    if "weight_bits" in target.formats:
        assert with_weight_bits(target, 1).formats["weight_bits"].value == 1
    else:
        with pytest.raises(ConfigError, match="computes in integers"):
            with_weight_bits(target, 4)
