"""Ensembles through the whole chain, against their members by themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import snn2chip
from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.frontends.ensemble import write_ensemble
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Ensemble, Policy
from snn2chip.pipeline import Options, Result, check, compile_network, open_network, run
from snn2chip.report import build

from .ensembles import ensemble, gate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble that gates by confidence, its members' files, and samples with labels."""
    place = tmp_path_factory.mktemp("trio")
    write_ensemble(ensemble(3, Policy("confidence", threshold=0.6), order=(1, 2, 0)), place)
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 6)).astype(np.float32), rng.integers(0, 4, 60)
    np.savez(place / "data.npz", x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    return place


def options(folder: Path, **more: object) -> Options:
    return Options(data=str(folder / "data.npz"), **more)  # type: ignore[arg-type]


def ran(folder: Path, **more: object) -> Result:
    chosen = options(folder, **more)
    return run(open_network(folder, chosen), chosen)


@pytest.fixture(scope="module")
def result(folder: Path) -> Result:
    return ran(folder)


def test_members_run_as_they_do_alone(folder: Path, result: Result) -> None:
    """Spikes, scores and scales of each member are those of its own file."""
    assert result.ensemble is not None
    for k in range(3):
        alone = snn2chip.simulate(folder / f"m{k}.nir", data=str(folder / "data.npz")).result
        for name, did in alone.activity.populations.items():
            joint = name if name == "input" else f"m{k}/{name}"
            np.testing.assert_array_equal(
                did.spikes.bits, result.activity.populations[joint].spikes.bits
            )
        member = result.ensemble.ensemble.members[k]
        np.testing.assert_array_equal(
            result.ensemble.logits[k], member.gain * alone.activity.scores + member.offset
        )
        assert alone.reference is not None
        assert result.ensemble.reference is not None
        np.testing.assert_array_equal(
            result.ensemble.reference[k], member.gain * alone.reference.scores + member.offset
        )


def test_answers_are_sums_over_who_ran(result: Result) -> None:
    found = result.ensemble
    assert found is not None
    for sample in range(30):
        mine = np.flatnonzero(found.decision.active[sample])
        total = found.ensemble.bias + found.logits[mine, sample].sum(axis=0)
        np.testing.assert_allclose(result.activity.scores[sample], total, atol=1e-12)
        assert set(mine) == set(found.ensemble.order[: len(mine)])
    assert result.accuracy == np.mean(result.activity.predictions == result.labels)
    assert 1.0 < found.decision.active.sum(axis=1).mean() < 3.0


def test_drift_counts_decisions_that_changed(result: Result) -> None:
    found = result.ensemble
    assert found is not None
    assert found.reference is not None
    plain = 0
    for sample in range(30):
        sides = []
        for logits in (found.logits, found.reference):
            total, count = found.ensemble.bias.copy(), 0
            for member in found.ensemble.order:
                total, count = total + logits[member, sample], count + 1
                if (np.exp(total) / np.exp(total).sum()).max() > 0.6:
                    break
            sides.append(count)
        plain += sides[0] != sides[1]
    (drift,) = result.drift
    assert drift.decisions_differing == plain
    assert [p.name for p in drift.populations] == [p.name for p in result.program.populations]


def test_the_curve_is_what_runs_of_other_policies_give(folder: Path, result: Result) -> None:
    assert result.ensemble is not None
    points = {(p.policy, p.setting): p for p in result.ensemble.curve}
    own = points["confidence", 0.6]
    assert own.own
    assert sum(p.own for p in points.values()) == 1
    assert own.accuracy == result.accuracy
    assert own.energy_nj == pytest.approx(result.energy.energy_per_inference_nj)
    for policy, key in (("budget=2", ("budget", 2.0)), ("all", ("budget", 3.0))):
        again = ran(folder, policy=policy)
        point = points[key]
        assert point.accuracy == again.accuracy
        assert point.energy_nj == pytest.approx(again.energy.energy_per_inference_nj)
        assert point.latency_us == pytest.approx(again.energy.latency_us)
        assert again.ensemble is not None
        assert len(again.ensemble.decision.rounds) == 1


def test_a_budget_of_one_gated_is_the_member_alone_on_its_cores(folder: Path) -> None:
    """Dynamic energy, static energy and latency of a file of one member, mapped likewise."""
    together = ran(folder, policy="budget=1", idle="gated")
    path = folder / "m1.nir"
    cores = {
        name.removeprefix("m1/"): [list(s) for s in slices]
        for name, slices in together.mapping.cores.items()
        if name == "input" or name.startswith("m1/")
    }
    import json

    used = {core for slices in cores.values() for *_, core in slices}
    places = {
        str(core): {"tile": p.tile, "x": p.x, "y": p.y}
        for core, p in together.mapping.places.items()
        if core in used
    }
    pinned = folder / "pinned.json"
    pinned.write_text(json.dumps({"target": "loihi2", "cores": cores, "places": places}))
    alone = snn2chip.simulate(path, data=str(folder / "data.npz"), mapping=pinned).result
    for name in ("dynamic_pj", "static_pj", "latency_us"):
        assert getattr(together.energy, name) == pytest.approx(getattr(alone.energy, name))
    assert together.mapping.cores_used > alone.mapping.cores_used


def test_idle_members_that_are_clocked_cost_more(folder: Path) -> None:
    gated, clocked = (ran(folder, policy="budget=1", idle=idle) for idle in ("gated", "clocked"))
    np.testing.assert_array_equal(gated.activity.scores, clocked.activity.scores)
    assert clocked.energy.dynamic_pj > gated.energy.dynamic_pj  # type: ignore[operator]
    assert any("gated" in line for line in gated.energy.assumptions)
    assert any("clocked" in line for line in clocked.energy.assumptions)


def test_a_gate_decides_before_the_run(tmp_path: Path, folder: Path) -> None:
    made = ensemble(3, Policy("gate", threshold=0.0, gate=gate()))
    write_ensemble(made, tmp_path)
    chosen = options(folder)
    found = run(open_network(tmp_path, chosen), chosen)
    assert found.ensemble is not None
    assert len(found.ensemble.decision.rounds) == 1
    spikes = found.activity.populations["input"].spikes.unpack()
    wanted = made.policy.gate.scores(spikes.mean(axis=0)) > 0  # type: ignore[union-attr]
    wanted[~wanted.any(axis=1), 0] = True
    np.testing.assert_array_equal(found.ensemble.decision.active, wanted)
    assert found.drift[0].decisions_differing == 0


def test_prices_only_targets_take_the_float_members(folder: Path) -> None:
    found = ran(folder, target="truenorth")
    floats = ran(folder, target="reference")
    np.testing.assert_array_equal(found.activity.scores, floats.activity.scores)
    assert found.energy.dynamic_pj is not None
    assert not found.simulated


def test_other_prices_of_the_same_run(folder: Path, result: Result) -> None:
    other = snn2chip.simulate(folder, target="loihi1", data=str(folder / "data.npz")).price(
        target="truenorth"
    )
    floats = ran(folder, target="truenorth")
    assert other.energy.dynamic_pj == pytest.approx(floats.energy.dynamic_pj)
    assert other.result.accuracy == floats.accuracy
    again = snn2chip.pipeline.reprice(result, None)
    assert again.energy.total_pj == result.energy.total_pj
    assert again.ensemble is not None
    assert again.ensemble.curve == result.ensemble.curve  # type: ignore[union-attr]


def test_compare_takes_ensembles(folder: Path) -> None:
    rows = snn2chip.compare(folder, ["loihi2", "truenorth"], data=str(folder / "data.npz"))
    assert len(rows.to_dict()["targets"]) == 2


def test_a_mapping_of_all_members_is_checked_at_once(folder: Path) -> None:
    found = check(open_network(folder, Options()), Options())
    assert set(found.mapping.assignment) == {p.name for p in found.program.populations}
    assert found.violations == ()
    assert found.program.max_latency == 3


def test_the_report_names_members_and_shares(result: Result) -> None:
    report = build(result)
    info = report.ensemble
    assert info is not None
    assert [row.name for row in info.members] == ["m1", "m2", "m0"]
    assert info.members[0].active == 1.0
    assert sum(info.active) == pytest.approx(1.0)
    shares = [row.active for row in info.members]
    assert info.active_members == pytest.approx(sum(shares))
    assert shares == sorted(shares, reverse=True)
    assert len({core for cores in result.mapping.assignment.values() for core in cores}) == 1 + sum(
        row.cores for row in info.members
    )


def test_traces_hold_every_member(folder: Path) -> None:
    found = ran(folder, trace=True, trace_state=True)
    assert found.trace is not None
    lengths = {array.shape[1] for array in found.trace.arrays.values()}
    assert lengths == {24 + found.program.max_latency}
    names = {p.name for p in found.program.populations}
    assert names <= set(found.trace.arrays)
    window = found.trace.arrays["m1/out"][:, 2:26]
    spikes = found.activity.populations["m1/out"].spikes.unpack()
    np.testing.assert_array_equal(np.moveaxis(window, 1, 0), spikes)


def test_what_has_one_network_only_is_refused(folder: Path, tmp_path: Path) -> None:
    network = open_network(folder, Options())
    with pytest.raises(UnsupportedError, match="compile of an ensemble"):
        compile_network(network, Options())
    with pytest.raises(UnsupportedError, match="steps-curve"):
        run(network, options(folder, steps_curve=True))
    with pytest.raises(UnsupportedError, match="no folder of a run"):
        snn2chip.simulate(folder, data=str(folder / "data.npz")).save(tmp_path / "run")
    with pytest.raises(UnsupportedError, match="quantize of an ensemble"):
        snn2chip.quantize_table(folder, data=str(folder / "data.npz"))


def test_policies_of_single_networks_are_refused(tmp_path: Path) -> None:
    write_graph(ensemble().members[0].graph, tmp_path / "one.nir")
    for name, value in (("policy", "all"), ("idle", "gated")):
        with pytest.raises(ConfigError, match=f"--{name}"):
            snn2chip.load(tmp_path / "one.nir", **{name: value})


def test_permuting_members_permutes_populations_only(folder: Path, tmp_path: Path) -> None:
    """The order says who runs first, not the place in the file."""
    made = ensemble(3, Policy("confidence", threshold=0.6), order=(1, 2, 0))
    turned: Ensemble = replace(
        made, members=(made.members[2], made.members[0], made.members[1]), order=(2, 0, 1)
    )
    write_ensemble(turned, tmp_path)
    chosen = options(folder)
    one = run(open_network(folder, chosen), chosen)
    other = run(open_network(tmp_path, chosen), chosen)
    np.testing.assert_array_equal(one.activity.scores, other.activity.scores)
    assert one.energy.dynamic_pj == pytest.approx(other.energy.dynamic_pj, rel=0.05)
    spikes = {layer.counts.name: layer.counts.spikes for layer in one.energy.layers}
    assert spikes == {layer.counts.name: layer.counts.spikes for layer in other.energy.layers}
