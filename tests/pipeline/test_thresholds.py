"""Limits that a user sets on a run."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn2chip.errors import ConfigError, DriftError, InputFileError, ThresholdError
from snn2chip.pipeline import Result, Thresholds, judge, read_thresholds
from tests.report.synthetic_results import result as synthetic

NAMES = [field.name for field in fields(Thresholds)]


def measured(result: Result) -> dict[str, float]:
    """What each limit is held against, by definition."""
    energy, drift = result.energy, result.drift[0]
    assert energy.total_pj is not None
    assert energy.latency_us is not None
    assert result.accuracy is not None
    return {
        "max_energy_nj": energy.total_pj / energy.samples / 1000.0,
        "max_latency_us": energy.latency_us,
        "min_accuracy": result.accuracy,
        "max_cores": len(result.mapping.places),
        "max_drift": drift.predictions_differing / drift.samples,
    }


@pytest.fixture(scope="module")
def run() -> Result:
    return synthetic()


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_is_kept_up_to_its_value_and_not_beyond(run: Result, name: str) -> None:
    value = measured(run)[name]
    worse, better = (-1, 1) if name.startswith("max") else (1, -1)
    step = 1 if name == "max_cores" else 1e-9 * max(value, 1.0)
    for shift, kept in ((0, True), (better, True), (worse, False)):
        limit: Any = value + shift * step
        if limit < 0:
            continue
        (verdict,) = judge(run, Thresholds(**{name: limit})).verdicts
        assert (verdict.name, verdict.limit, verdict.kept) == (name, limit, kept)
        assert verdict.measured == pytest.approx(value, rel=1e-12)


def test_every_miss_is_said_at_once_in_four_parts(run: Result) -> None:
    judged = judge(run, Thresholds(0.0, 0.0, 1.0, 0, 0.0))
    assert [verdict.name for verdict in judged.verdicts] == NAMES
    assert not judged.kept
    assert len(judged.errors) == 5
    for error, verdict in zip(judged.errors, judged.verdicts, strict=True):
        assert isinstance(error, DriftError if verdict.name == "max_drift" else ThresholdError)
        assert all((error.what, error.needs, error.has, error.remedy))
        assert f"--{verdict.name.replace('_', '-')}" in error.needs
        assert f"{verdict.measured:.6g}" in error.has
    with pytest.raises(ThresholdError, match=r"(?s)energy.*time.*accuracy.*cores.*predictions"):
        judged.check()


def test_drift_alone_is_an_error_of_drift(run: Result) -> None:
    with pytest.raises(DriftError, match="predictions"):
        judge(run, Thresholds(max_drift=0.0)).check()
    judge(run, Thresholds(max_drift=1.0)).check()


def test_what_is_not_known_keeps_no_limit(run: Result) -> None:
    energy = replace(
        run.energy, total_pj=None, dynamic_pj=None, static_pj=None, latency_us=None, bottleneck=None
    )
    blind = replace(run, energy=energy, accuracy=None, labels=None, drift=())
    most = Thresholds(max_energy_nj=1e30, max_latency_us=1e30, min_accuracy=0.0, max_drift=1.0)
    judged = judge(blind, most)
    assert [verdict.kept for verdict in judged.verdicts] == [False] * 4
    assert all(verdict.measured is None for verdict in judged.verdicts)
    for error in judged.errors:
        assert error.has.startswith("unknown: ")
        assert error.remedy


def test_the_float_network_does_not_drift_from_itself(run: Result) -> None:
    program = replace(run.program, arithmetic="float64")
    judged = judge(replace(run, program=program, drift=()), Thresholds(max_drift=0.0))
    assert judged.kept
    assert judged.verdicts[0].measured == 0.0


def test_no_limit_is_kept(run: Result) -> None:
    judged = judge(run, Thresholds())
    assert judged.kept
    assert judged.verdicts == ()
    judged.check()


@given(limits=st.fixed_dictionaries({n: st.integers(0, 1) | st.none() for n in NAMES}))
def test_judging_all_is_judging_each(limits: dict[str, Any]) -> None:
    run = synthetic()
    together = judge(run, Thresholds(**limits)).verdicts
    each = [judge(run, Thresholds(**{n: v})).verdicts for n, v in limits.items() if v is not None]
    assert {(v.name, v.kept) for v in together} == {(v.name, v.kept) for (v,) in each}


@pytest.mark.parametrize(
    "limits",
    [
        {"max_energy_nj": -1},
        {"max_energy_nj": float("nan")},
        {"max_latency_us": float("inf")},
        {"max_latency_us": "fast"},
        {"max_cores": 1.5},
        {"max_cores": True},
        {"min_accuracy": 95},
        {"max_drift": 1.01},
        {"min_accuracy": False},
        {"max_cores": 10**400},
        {"max_energy_nj": 10**400},
    ],
)
def test_what_is_no_limit(limits: dict[str, Any]) -> None:
    (name,) = limits
    with pytest.raises(ConfigError, match=f"--{name.replace('_', '-')}"):
        Thresholds(**limits)


def test_per_cent_where_a_share_is_meant() -> None:
    with pytest.raises(ConfigError, match=r"--min-accuracy 0\.95, if 95 % is meant"):
        Thresholds(min_accuracy=95)


class TestFiles:
    def read(self, folder: Path, text: str) -> Thresholds:
        (folder / "limits.toml").write_text(text, "utf-8")
        return read_thresholds(folder / "limits.toml")

    def test_the_section_and_nothing_else(self, tmp_path: Path) -> None:
        text = 'title = "x"\n[thresholds]\nmax_cores = 3\nmin_accuracy = 0.5\n[other]\nx = 1\n'
        assert self.read(tmp_path, text) == Thresholds(max_cores=3, min_accuracy=0.5)

    def test_flags_go_before_the_file(self, tmp_path: Path) -> None:
        said = Thresholds(max_cores=9)
        file = self.read(tmp_path, "[thresholds]\nmax_cores = 3\nmax_drift = 0\n")
        assert said.over(file) == Thresholds(max_cores=9, max_drift=0.0)

    def test_an_unknown_key_is_named_with_its_line(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"line 4: unknown limit 'max_core'(?s:.*)max_cores"):
            self.read(tmp_path, "# limits\n[thresholds]\nmin_accuracy = 0.5\nmax_core = 3\n")

    def test_a_wrong_value_is_named_with_its_line(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"line 3: --max-cores 'few'"):
            self.read(tmp_path, "[thresholds]\nmin_accuracy = 0.5\nmax_cores = 'few'\n")

    def test_a_section_of_another_name(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"(?s)no section \[thresholds\].*did you mean"):
            self.read(tmp_path, "[treshold]\nmax_cores = 3\n")

    @pytest.mark.parametrize(
        "text",
        ["", "[thresholds", "thresholds = 3\n", "[[thresholds]]\nmax_cores = 1\n", "[" * 9999],
    )
    def test_no_such_file_or_section(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ConfigError):
            self.read(tmp_path, text)

    def test_what_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(InputFileError, match="cannot be read"):
            read_thresholds(tmp_path / "none.toml")
        (tmp_path / "latin.toml").write_bytes(b"[thresholds]\n# \xe9\n")
        with pytest.raises(InputFileError, match="UTF-8"):
            read_thresholds(tmp_path / "latin.toml")
        (tmp_path / "large.toml").write_bytes(b"#" * (2 << 20))
        with pytest.raises(InputFileError, match="larger"):
            read_thresholds(tmp_path / "large.toml")
