from __future__ import annotations

import math

import pytest

from snn2chip.errors import ConfigError
from snn2chip.neurons import NEURONS, PRESETS, Discretization, from_preset


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_gives_every_option(preset: str) -> None:
    made = from_preset(preset, 0.5)
    assert made.preset == preset
    assert made.dt == 0.5
    assert {name: getattr(made, name) for name in PRESETS[preset]} == PRESETS[preset]


def test_norse_is_what_its_source_says() -> None:
    made = from_preset("norse", 1e-3)
    assert (made.integrator, made.reset, made.fires) == ("euler", "zero", ">")
    assert (made.initial_v, made.early_bias) == ("v_leak", "dropped")


def test_single_options_go_before_the_preset() -> None:
    assert from_preset("norse", 1.0, reset="subtract").reset == "subtract"
    assert from_preset("norse", 1.0).override(dt=2.0).dt == 2.0


@pytest.mark.parametrize("dt", [0.0, -1.0, math.inf, math.nan])
def test_a_step_has_a_positive_finite_length(dt: float) -> None:
    with pytest.raises(ConfigError, match="dt"):
        from_preset("norse", dt)


def test_mistyped_names_get_a_suggestion() -> None:
    with pytest.raises(ConfigError) as preset:
        from_preset("nors", 1.0)
    assert "'norse'" in preset.value.remedy
    with pytest.raises(ConfigError) as option:
        from_preset("norse", 1.0, integratr="exact")
    assert "'integrator'" in option.value.remedy
    with pytest.raises(ConfigError) as value:
        from_preset("norse", 1.0, integrator="rk4")
    assert "euler, exact" in value.value.has


def test_values_compare_and_hash() -> None:
    assert from_preset("norse", 1.0) == from_preset("norse", 1.0)
    assert len({from_preset("norse", 1.0), from_preset("norse", 1.0)}) == 1
    assert isinstance(from_preset("norse", 1.0), Discretization)


def test_neurons_know_nirs_names() -> None:
    for name, cls in NEURONS.items():
        assert cls.__name__ == name
        assert cls.spiking is (name not in ("I", "LI", "CubaLI"))
