"""The bundled target files: complete, sourced, and consistent with each other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from snn2chip import resources
from snn2chip.errors import ConfigError, Snn2chipError
from snn2chip.targets import Constant, Target, list_targets, load_target, validate_target

ALL = list_targets()


def constants(target: Target) -> list[Constant]:
    found = [*target.resources.values(), *target.formats.values()]
    return found + [c for table in target.costs.values() for c in table.constants.values()]


def test_the_targets_of_this_version() -> None:
    assert {"asic45", "loihi1", "loihi2", "reference"} <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_each_is_valid_and_named_after_its_file(name: str) -> None:
    path = resources.targets_dir() / f"{name}.toml"
    assert validate_target(path) == []
    target = load_target(name)
    assert target.name == name
    assert target.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_target(path) == target == load_target(str(path))


@pytest.mark.parametrize("name", ALL)
def test_each_constant_has_a_source(name: str) -> None:
    for constant in constants(load_target(name)):
        assert constant.source.strip()
        assert constant.source.lower() != "same"


@pytest.mark.parametrize("name", ALL)
def test_the_default_table_exists(name: str) -> None:
    target = load_target(name)
    assert (target.default_costs in target.costs) == bool(target.costs)


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
def test_the_mesh_holds_the_cores(name: str) -> None:
    target = load_target(name)
    mesh = target.mesh
    assert mesh.columns * mesh.rows * mesh.cores_per_tile == target.limit("cores") == 128


def test_loihi2_is_priced_from_loihi1() -> None:
    old = load_target("loihi1").costs["davies2018"]
    new = load_target("loihi2").costs["loihi2_from_loihi1"]
    faster = {"t_synop": 5, "t_neuron_active": 2, "t_neuron_inactive": 2, "t_spike_tile": 10}
    for name in new.constants:
        if name.startswith(("e_", "t_")) and name in old.constants:
            if name == "t_barrier":
                assert new.lookup(name) == old.lookup(name)
                continue
            expected = (old.value(name) or 0.0) / faster.get(name, 1)
            assert new.value(name) == pytest.approx(expected), name
            assert new.constants[name].grade == "derived"
    assert new.value("p_static_chip") == 232.0
    assert new.constants["p_static_chip"].grade == "measured"
    assert new.constants["e_synop_measured_bound"].value == (29.9, 59.8)


def test_every_priced_event_of_davies_is_carried_over() -> None:
    old = load_target("loihi1").costs["davies2018"]
    new = load_target("loihi2").costs["loihi2_from_loihi1"]
    left = set(old.constants) - set(new.constants)
    assert left == {"vdd", "e_stdp_update", "p_idle_chip", "p_host_active"}
    assert new.unknown == old.unknown


def test_what_is_unknown_has_no_value() -> None:
    target = load_target("loihi2")
    assert "axons_in_per_core" in target.unknown
    assert target.limit("axons_in_per_core") is None
    assert target.costs["loihi2_from_loihi1"].value("e_packet_out") is None


def test_the_reference_has_neither_limits_nor_costs() -> None:
    target = load_target("reference")
    assert (target.family, target.resources, target.costs) == ("reference", {}, {})
    assert target.mesh.cores_per_tile == 0


def test_an_unknown_name_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'loihi2'") as caught:
        load_target("lohi2")
    assert caught.value.exit_code == 2
    assert "reference" in str(caught.value)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    for function in (load_target, validate_target):
        with pytest.raises(ConfigError, match="no such file"):
            function(tmp_path / "mine.toml")


def test_data_of_a_wheel_come_before_those_of_a_checkout(tmp_path: Path) -> None:
    package = tmp_path / "snn2chip"
    for folder in (package / "_data" / "targets", tmp_path / "targets"):
        folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    assert resources._find_beside(package, "targets") == package / "_data" / "targets"
    (package / "_data" / "targets").rmdir()
    assert resources._find_beside(package, "targets") == tmp_path / "targets"


def test_a_folder_beside_an_installed_package_is_not_ours(tmp_path: Path) -> None:
    package = tmp_path / "snn2chip"
    (tmp_path / "targets").mkdir()
    with pytest.raises(Snn2chipError, match="lacks its targets"):
        resources._find_beside(package, "targets")


def test_the_folders_of_this_checkout() -> None:
    assert (resources.targets_dir() / "loihi2.toml").is_file()
    assert resources.models_dir().is_dir()
