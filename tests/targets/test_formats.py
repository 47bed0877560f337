"""Number formats of target files: ranges, contradictions, and what a family needs."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from snn2chip.backends import base
from snn2chip.backends.loihi.formats import LoihiFormats, formats_of
from snn2chip.errors import ConfigError
from snn2chip.quantize.rounding import weight_range
from snn2chip.resources import targets_dir
from snn2chip.targets import Constant, families, load_target, validate_target

TEXT = (targets_dir() / "loihi2.toml").read_text()


def edited(folder: Path, **values: int) -> Path:
    text = TEXT
    for name, value in values.items():
        text, count = re.subn(rf"(?m)^({name} = {{ value = )[^,]+", rf"\g<1>{value}", text)
        assert count == 1
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight_min", -8), ("weight_max", 255), ("weight_excitatory_max", 254),
        ("weight_inhibitory_min", -7), ("weight_bits", 64), ("weight_bits", 9),
        ("weight_exponent_max", -8), ("weight_exponent_min", 8), ("weight_exponent_min", -25),
        ("decay_bits", 0), ("decay_bits", 11), ("decay_bits", 64), ("decay_bits", 2000),
        ("state_bits", 0), ("state_bits", 23), ("threshold_bits", 0), ("threshold_bits", 18),
        ("bias_mantissa_bits", 1), ("bias_exponent_max", 25), ("delay_max", 2**31),
        ("payload_bits", 63),
    ],
)  # fmt: skip
def test_a_format_that_is_not_there_has_its_line(tmp_path: Path, name: str, value: int) -> None:
    path = edited(tmp_path, **{name: value})
    problems = validate_target(path)
    line = (
        path.read_text()
        .split("\n")
        .index(next(row for row in path.read_text().split("\n") if row.startswith(f"{name} =")))
    )
    assert f"formats.{name}.value" in {p.key for p in problems if p.line == line + 1}
    with pytest.raises(ConfigError, match=name):
        load_target(path)


def test_all_wrong_formats_at_once(tmp_path: Path) -> None:
    path = edited(tmp_path, decay_bits=64, state_bits=0, weight_bits=64, threshold_bits=0)
    assert len(validate_target(path)) == 4


def test_fewer_bits_with_their_weights(tmp_path: Path) -> None:
    path = edited(tmp_path, weight_bits=4, weight_max=224)
    keys = {problem.key.split(".")[1] for problem in validate_target(path)}
    assert keys == {"weight_excitatory_max", "weight_inhibitory_min"}
    path = edited(
        tmp_path,
        weight_bits=4,
        weight_max=224,
        weight_excitatory_max=240,
        weight_inhibitory_min=-240,
    )
    assert validate_target(path) == []
    assert formats_of(load_target(path)).weight_bits == 4


@pytest.mark.parametrize("bits", range(1, 9))
def test_weights_are_those_that_rounding_makes(bits: int) -> None:
    assert families.loihi_weights(bits) == {
        "weight_min": weight_range("mixed", bits)[0],
        "weight_max": weight_range("mixed", bits)[1],
        "weight_excitatory_max": weight_range("excitatory", bits)[1],
        "weight_inhibitory_min": weight_range("inhibitory", bits)[0],
    }


def test_the_tables_are_those_of_the_back_ends() -> None:
    assert set(families.LOIHI) == {f.name for f in fields(LoihiFormats)}
    assert set(families.FAMILIES) == set(base._BUNDLED)
    assert families.ENTRY_POINT_GROUP == base.ENTRY_POINT_GROUP


def test_targets_made_in_code_are_checked_by_the_back_end() -> None:
    target = load_target("loihi2")
    wrong = {"decay_bits": 64, "state_bits": 0}
    formats = {**target.formats, **{k: Constant(v, "vendor", "x") for k, v in wrong.items()}}
    with pytest.raises(ConfigError, match=r"decay_bits must be 12.*state_bits must be 24"):
        formats_of(replace(target, formats=formats))


def test_an_unknown_family_is_no_valid_target(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace('family = "loihi"', 'family = "loihi9"'))
    (problem,) = validate_target(path)
    assert problem.key == "chip.family"
    assert "did you mean 'loihi'" in problem.message


def test_a_loihi_without_formats_is_no_valid_target(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(re.sub(r"(?s)\[formats\].*?(?=\[mesh\])", "", TEXT))
    (problem,) = validate_target(path)
    assert problem.key == "formats"
    assert "weight_bits" in problem.message
