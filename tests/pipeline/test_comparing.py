"""One network on several targets: each figure is that of a run on the target alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.pipeline import Network, Options, compare_targets, open_network, run
from snn2chip.pipeline.results import comparing
from snn2chip.resources import targets_dir


@pytest.fixture(scope="module")
def opened(network: Path) -> Network:
    return open_network(network, Options())


@pytest.fixture(scope="module")
def options(data: Path) -> Options:
    return Options(data=str(data), samples=6)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Targets that are simulated, as it happens."""
    seen: list[str] = []

    def spy(network: Network, options: Options, progress: object = None) -> object:
        seen.append(options.target)
        return run(network, options)

    monkeypatch.setattr(comparing, "run", spy)
    return seen


FLOAT = ["truenorth", "reference", "asic45"]
TARGETS = ["loihi1", "loihi1:sanafe_nahuku", "loihi2", *FLOAT]


@pytest.mark.parametrize("objective", [None, "packets", "latency"])
def test_a_row_is_a_run_of_its_own(
    opened: Network, options: Options, objective: str | None
) -> None:
    options = replace(options, objective=objective)
    found = compare_targets(opened, TARGETS, options)
    assert [one.target for one in found] == TARGETS
    for one in found:
        name, _, costs = one.target.partition(":")
        chosen = replace(options, target=name, costs=costs or None)
        if one.error is not None:
            with pytest.raises(ConfigError) as caught:
                run(opened, chosen)
            assert str(caught.value) == str(one.error)
            continue
        alone = run(opened, chosen)
        result = one.result
        assert result is not None
        assert result.target.name == name
        assert result.energy.dynamic_pj == alone.energy.dynamic_pj
        assert result.energy.static_pj == alone.energy.static_pj
        assert result.energy.latency_us == alone.energy.latency_us
        assert result.energy.assumptions == alone.energy.assumptions
        assert result.energy.unpriced == alone.energy.unpriced
        assert result.accuracy == alone.accuracy
        assert result.violations == alone.violations
        assert result.fidelity == alone.fidelity
        assert dict(result.mapping.places) == dict(alone.mapping.places)
        assert one.own == (result.target.family != "none")


def test_one_run_for_each_arithmetic(
    opened: Network, options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = counted(monkeypatch)
    text = (targets_dir() / "loihi1.toml").read_text().replace('name = "loihi1"', 'name = "twin"')
    (tmp_path / "twin.toml").write_text(text)
    twin = str(tmp_path / "twin.toml")
    found = compare_targets(opened, ["loihi1", "loihi1:sanafe_nahuku", twin, *FLOAT], options)
    assert seen == ["loihi1", "truenorth"]
    assert found[2].own
    assert found[2].result is not None
    assert not any("not simulated" in line for line in found[2].result.energy.assumptions)


def test_other_number_formats_are_another_arithmetic(
    opened: Network, options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (targets_dir() / "loihi1.toml").read_text().replace('name = "loihi1"', 'name = "mine"')
    for was, less in (("weight_bits", 3), ("weight_max", 192), ("weight_excitatory_max", 224)):
        text = re.sub(rf"(?m)^{was} = {{ value = \d+", f"{was} = {{ value = {less}", text)
    text = text.replace(
        "weight_inhibitory_min = { value = -255", "weight_inhibitory_min = { value = -224"
    )
    (tmp_path / "mine.toml").write_text(text)
    seen = counted(monkeypatch)
    mine = str(tmp_path / "mine.toml")
    first, other = compare_targets(opened, ["loihi1", mine], options)
    assert seen == ["loihi1", mine]
    assert first.result is not None
    assert other.result is not None
    assert other.result.quantization is not None
    assert other.result.quantization.weight_bits == 3


def test_options_of_a_quantization_are_the_chips_own(opened: Network, options: Options) -> None:
    chosen = Options(**{**vars(options), "calibration": "max", "weight_bits": 4})
    chip, plain = compare_targets(opened, ["loihi2", "reference"], chosen)
    assert chip.result is not None
    assert plain.result is not None
    assert chip.result.quantization is not None
    assert chip.result.quantization.weight_bits == 4
    assert plain.result.quantization is None


def test_what_a_target_cannot_run_is_part_of_the_answer(network: Path, options: Options) -> None:
    subtracting = open_network(network, Options(reset="subtract"))
    chip, plain = compare_targets(subtracting, ["loihi2", "truenorth"], options)
    assert chip.result is None
    assert isinstance(chip.error, UnsupportedError)
    assert plain.result is not None
    with pytest.raises(UnsupportedError, match="subtraction"):
        compare_targets(subtracting, ["loihi1", "loihi2"], options)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([], "none"),
        ([""], "names no target"),
        (["loihi1", "loihi1"], "each once"),
        (["loihi3"], "did you mean"),
        (["loihi1:sanafe"], "no cost table 'sanafe'"),
        (["none.toml"], "no such file"),
    ],
)
def test_targets_that_are_none(
    opened: Network, options: Options, targets: list[str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        compare_targets(opened, targets, options)


def test_without_samples_nothing_runs(opened: Network) -> None:
    with pytest.raises(ConfigError, match="no samples"):
        compare_targets(opened, ["loihi1", "truenorth"], Options())
