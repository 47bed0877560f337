"""Groups of flags: a parameter whose type is a group stands for its fields."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import Annotated

import pytest
import typer

from snn2chip.cli import groups
from snn2chip.cli.groups import grouped, options_of
from snn2chip.errors import ConfigError
from snn2chip.pipeline import Options, Thresholds

GROUPS = [
    groups.NetworkFlags,
    groups.QuantizationFlags,
    groups.SampleFlags,
    groups.EngineFlags,
]


@dataclass(frozen=True)
class Pair:
    """Two flags."""

    left: Annotated[int, typer.Option(help="One.")] = 1
    right: Annotated[str | None, typer.Option(help="Other.")] = None


def test_a_group_becomes_its_flags_and_comes_back_whole() -> None:
    seen: list[object] = []

    @grouped
    def command(pair: Pair, name: Annotated[str, typer.Argument()], more: bool = False) -> None:
        """What it does."""
        seen.extend((pair, name, more))

    assert list(inspect.signature(command).parameters) == ["name", "more", "left", "right"]
    assert command.__doc__ == "What it does."
    app = typer.Typer()
    app.command()(command)
    app(["x", "--right", "r", "--more"], standalone_mode=False)
    assert seen == [Pair(1, "r"), "x", True]


@pytest.mark.parametrize("group", GROUPS)
def test_flags_are_fields_of_the_options_with_their_defaults(group: type) -> None:
    plain = vars(Options())
    for field in fields(group):
        assert field.name in plain
        default = {} if field.name == "preset_set" else field.default
        assert plain[field.name] == default, field.name


def test_limits_are_fields_of_the_thresholds() -> None:
    names = {field.name for field in fields(groups.ThresholdFlags)}
    assert names == {field.name for field in fields(Thresholds)} | {"thresholds", "junit"}


def test_options_of_several_groups() -> None:
    made = options_of(groups.SampleFlags(data="digits", seed=3), groups.EngineFlags(), costs="c")
    assert made == Options(data="digits", seed=3, costs="c")
    with pytest.raises(ConfigError, match="--reset-interval"):
        options_of(groups.EngineFlags(reset_offset=3))
    with pytest.raises(ConfigError, match="--trace"):
        options_of(groups.TraceFlags(trace_state=True))
