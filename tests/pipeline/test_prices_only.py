"""Chips of which only limits and prices are known: networks run as floats and are priced."""

from __future__ import annotations

import numpy as np
import pytest

from snn2chip import report as reports
from snn2chip.errors import ConfigError, DriftError
from snn2chip.pipeline import (
    Options,
    Thresholds,
    check,
    compile_network,
    judge,
    open_network,
    run,
)
from snn2chip.report import html, terminal
from snn2chip.targets import list_targets, load_target

PRICED = [name for name in list_targets() if load_target(name).family == "none"]


@pytest.fixture(scope="module")
def reference(network, data):
    options = Options(target="reference", data=str(data))
    return run(open_network(network, options), options)


@pytest.mark.parametrize("target", PRICED)
def test_the_spikes_are_those_of_the_float_reference(network, data, reference, target) -> None:
    options = Options(target=target, data=str(data))
    result = run(open_network(network, options), options)
    assert result.program.arithmetic == "float64"
    for name, population in result.activity.populations.items():
        np.testing.assert_array_equal(
            population.spikes.bits, reference.activity.populations[name].spikes.bits
        )
    assert result.accuracy == reference.accuracy
    assert result.reference is None
    assert result.drift == ()
    assert result.energy.total_pj is not None
    assert result.energy.total_pj > 0


@pytest.mark.parametrize("target", PRICED)
def test_the_report_says_whose_spikes_they_are(network, data, target) -> None:
    options = Options(target=target, data=str(data), samples=2)
    result = run(open_network(network, options), options)
    assert result.fidelity.bit_accurate == ()
    spikes, *done = result.fidelity.modelled
    assert spikes == "spikes of the float reference, not this chip's arithmetic"
    assert any("time: " in line for line in done) == (result.energy.latency_us is not None)
    assert result.energy.assumptions[0] == ("spikes of float64, not of this chip's own arithmetic")


def test_a_drift_that_is_not_known_keeps_no_limit(network, data, reference) -> None:
    options = Options(target="truenorth", data=str(data), samples=2)
    result = run(open_network(network, options), options)
    judged = judge(result, Thresholds(max_drift=1.0))
    assert judged.verdicts[0].measured is None
    with pytest.raises(DriftError, match="was not simulated"):
        judged.check()
    assert judge(reference, Thresholds(max_drift=0.0)).kept


def test_accuracy_and_fit_are_qualified(network, data, reference) -> None:
    """In the verdict, in the page's cards and where the reader is told what to trust."""
    options = Options(target="truenorth", data=str(data))
    made = reports.build(run(open_network(network, options), options))
    assert made.to_dict()["target"]["simulated"] is False
    banner = "ccuracy is the float network's: this chip's arithmetic was not simulated"
    for said in (terminal.text(made, 160), html.text(made).replace("&#39;", "'")):
        assert banner in said
        assert "(float network)" in said
        assert "number formats not checked" in said.lower()
    own = reports.build(reference)
    assert own.target.simulated
    assert "(float network)" not in terminal.text(own, 160)


def test_limits_are_checked(network, data) -> None:
    """ODIN has one core, which layers of a small network share; those of a larger one cannot."""
    options = Options(target="odin", data=str(data))
    found = check(open_network(network, options), options)
    assert found.violations == ()
    assert found.mapping.cores_used == 1
    large = Options(target="odin")
    (broken,) = check(open_network("digits-conv", large), large).violations[:1]
    assert broken.rule == "odin.cores"
    assert (broken.has, broken.remedy.split(",")[0]) == ("1 core", "--chips 7")
    roomy = Options(target="truenorth", data=str(data))
    assert check(open_network(network, roomy), roomy).violations == ()


def test_nothing_is_compiled_for_them(network, data) -> None:
    options = Options(target="darwin3", data=str(data))
    with pytest.raises(ConfigError, match="limits and prices only") as caught:
        compile_network(open_network(network, options), options)
    assert "simulate" in (caught.value.remedy or "")


@pytest.mark.parametrize("option", [{"weight_bits": 4}, {"granularity": "neuron"}])
def test_there_is_nothing_to_quantize(network, data, option) -> None:
    options = Options(target="truenorth", data=str(data), **option)
    with pytest.raises(ConfigError, match="float reference"):
        run(open_network(network, options), options)


def test_work_that_is_too_long_for_a_tick_is_a_broken_limit(network, data, tmp_path) -> None:
    """SpiNNaker at a clock that is a hundredth of its own."""
    from snn2chip.resources import targets_dir

    text = (targets_dir() / "spinnaker1.toml").read_text()
    slow = text.replace("clock_mhz = { value = 200.0", "clock_mhz = { value = 1.0")
    (tmp_path / "slow.toml").write_text(slow)
    options = Options(target=str(tmp_path / "slow.toml"), data=str(data))
    result = run(open_network(network, options), options)
    (found,) = [v for v in result.violations if v.rule.endswith("real-time")]
    assert "ticks of 1000 us" in found.has
    assert result.energy.latency_us is not None
    assert result.energy.latency_us > result.activity.steps * 1000.0
    fast = Options(target="spinnaker1", data=str(data))
    assert run(open_network(network, fast), fast).violations == ()


def test_a_whole_board_stands_beside_the_chip(network, data) -> None:
    """26.84 W of an idle board over the ticks of a sample, and what is dynamic."""
    options = Options(target="spinnaker1", data=str(data))
    energy = run(open_network(network, options), options).energy
    (found,) = [text for text in energy.assumptions if "whole board" in text]
    assert energy.latency_us is not None
    assert energy.dynamic_pj is not None
    mj = 26_840.0 * energy.latency_us / 1e6 + energy.dynamic_pj / energy.samples / 1e9
    assert f"draws 26.84 W idle, all its chips included: {mj:.4g} mJ" in found
