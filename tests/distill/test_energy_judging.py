"""Trained students priced on chips: the integer program decides, and reports say the same."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip import api  # noqa: E402
from snn2chip.data.digits import Split, load_digits_split  # noqa: E402
from snn2chip.distill import load_checkpoint  # noqa: E402
from snn2chip.distill.card import target_rows  # noqa: E402
from snn2chip.distill.energy.judging import Judged, priced_on  # noqa: E402
from snn2chip.distill.energy.mapped import Prices  # noqa: E402
from snn2chip.distill.on_target import TargetFigures, figures_on_target  # noqa: E402
from snn2chip.errors import ConfigError  # noqa: E402

CHOICES = [
    Prices("loihi2"),
    Prices("loihi1", "sanafe_nahuku"),
    Prices("loihi1", "davies2018"),
    Prices("truenorth", "akopyan2015"),
    Prices("truenorth", "merolla2014"),
]


@pytest.fixture(scope="module")
def bundled(repository):
    student, metadata = load_checkpoint(repository / "models/digits-mlp/student.safetensors")
    split = load_digits_split(metadata.data.split_seed, metadata.data.test_size)
    return student, metadata, split


@pytest.fixture(scope="module")
def priced(bundled):
    student, metadata, split = bundled
    x, y = split.x_test[:60], split.y_test[:60]
    return priced_on(Judged(student, metadata, split.x_train, x, y), CHOICES)


def test_figures_are_those_of_simulate(priced, bundled, tmp_path) -> None:
    """Accuracy, dynamic, static and latency as the command line prints them."""
    split = bundled[2]
    data = tmp_path / "data.npz"
    np.savez(
        data,
        x_train=split.x_train,
        y_train=split.y_train,
        x_test=split.x_test[:60],
        y_test=split.y_test[:60],
    )
    for found, prices in zip(priced, CHOICES, strict=True):
        result = api.simulate(
            "digits-mlp", target=prices.target, costs=prices.table, data=data, calibrate=data
        )
        report = result.energy
        assert found.accuracy == result.accuracy
        assert found.dynamic_nj == pytest.approx(report.dynamic_pj / 60e3, rel=1e-12)
        assert found.latency_us == report.latency_us
        if report.static_pj is None:
            assert found.static_nj is None
        else:
            assert found.static_nj == pytest.approx(report.static_pj / 60e3, rel=1e-12)


def test_the_parts_are_the_whole(priced) -> None:
    for row in priced:
        parts = row.spikes_nj + row.inputs_nj + row.updates_nj + row.constant_nj
        assert parts == pytest.approx(row.dynamic_nj, rel=1e-9)
        assert row.spikes_nj > 0
        assert row.inputs_nj > 0
        assert row.total_nj == row.dynamic_nj + (row.static_nj or 0.0)


def test_integers_where_there_are_some(priced) -> None:
    assert [row.integers for row in priced] == [True, True, True, False, False]
    assert [(row.target, row.table) for row in priced][:3] == [
        ("loihi2", "loihi2_from_loihi1"),
        ("loihi1", "sanafe_nahuku"),
        ("loihi1", "davies2018"),
    ]


def test_a_budget_is_met_at_its_own_energy_and_not_below(priced) -> None:
    for row in priced:
        assert row.met(row.dynamic_nj)
        assert not row.met(row.dynamic_nj * (1 - 1e-12))


def test_what_is_not_there_is_refused(bundled) -> None:
    student, metadata, split = bundled
    judged = Judged(student, metadata, split.x_train, split.x_test[:4], split.y_test[:4])
    for wrong in (Prices("loihi3"), Prices("loihi1", "akopyan2015"), Prices("reference")):
        with pytest.raises(ConfigError):
            priced_on(judged, [wrong])


@pytest.mark.parametrize("target", ["loihi2", "truenorth", "reference"])
def test_a_card_tells_what_the_energy_follows(bundled, target) -> None:
    student, metadata, split = bundled
    few = Split(split.x_train, split.y_train, split.x_test[:40], split.y_test[:40])
    found = figures_on_target(student, metadata, few, target)
    rows = target_rows(found)
    parts = (found.spikes_nj, found.inputs_nj, found.neurons_nj)
    if target == "reference":
        assert parts == (None, None, None)
        assert not any("by what it follows" in name for name in rows)
        return
    assert sum(parts) == pytest.approx(found.dynamic_nj, rel=1e-9)
    assert all(part >= 0 for part in parts)
    assert found.spikes_nj > 0
    shown = rows[f"dynamic energy on {target}, by what it follows"]
    assert shown.startswith(f"spikes {found.spikes_nj:.1f} nJ, input {found.inputs_nj:.1f} nJ")


def test_large_energies_have_a_unit_that_can_be_read() -> None:
    rows = target_rows(TargetFigures("chip", dynamic_nj=3.5e6, static_nj=99_999.4, costs="table"))
    assert rows["dynamic energy on chip"] == "3.50 mJ per sample, table"
    assert rows["static energy on chip"] == "99999.4 nJ per sample, table"
