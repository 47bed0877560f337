"""The repository's own files: pins, packed data, make targets, scripts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import snn2chip
from snn2chip import resources

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENTS = [
    Requirement(text)
    for group in (
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
    )
    for text in group
]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_every_dependency_has_an_exact_pin_that_it_allows(requirement: Requirement) -> None:
    if requirement.name == "snn2chip":  # an extra that is made of others
        assert requirement.extras <= set(PROJECT["project"]["optional-dependencies"])
        return
    pins = {canonicalize_name(name): version for name, version in PINS.items()}
    assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_the_core_needs_no_torch() -> None:
    core = {Requirement(text).name for text in PROJECT["project"]["dependencies"]}
    assert core.isdisjoint({"torch", "norse", "nir", "pytest"})


def test_targets_and_models_are_packed_into_the_wheel() -> None:
    packed = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert packed == {"targets": "snn2chip/_data/targets", "models": "snn2chip/_data/models"}
    for name, place in packed.items():
        assert (ROOT / name).is_dir()
        assert place == f"snn2chip/_data/{name}"
    assert resources.targets_dir().name == "targets"
    assert resources.models_dir().name == "models"


def test_types_are_announced() -> None:
    assert (Path(snn2chip.__file__).parent / "py.typed").is_file()


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert PROJECT["project"]["license"] == "Apache-2.0"


def dry_run(target: str, *variables: str) -> str:
    """What make would do."""
    if shutil.which("make") is None:
        pytest.skip("make is not on this machine")
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        ["make", "-n", target, *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("target", "extras", "ends"),
    [("demo", "-e .", "snn2chip demo"), ("test", "-e '.[all,dev]'", "-m pytest")],
)
def test_make_creates_a_missing_environment(
    tmp_path: Path, target: str, extras: str, ends: str
) -> None:
    said = dry_run(target, f"VENV={tmp_path / 'venv'}")
    made, installed, run = (
        said.index(words) for words in (f"-m venv {tmp_path / 'venv'}", extras, ends)
    )
    assert made < installed < run
    assert "constraints.txt" in said


def test_make_uses_an_environment_made_by_hand_and_installs_once(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    said = dry_run("demo", f"VENV={tmp_path}")
    assert "-m venv" not in said
    assert "pip install" in said
    (tmp_path / ".snn2chip-core").touch()
    assert "pip install" not in dry_run("demo", f"VENV={tmp_path}")


@pytest.mark.parametrize("name", [".ci/run", ".ci/wheel-check"])
def test_scripts_are_executable_bash(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", path], check=True)


def test_the_targets_that_ci_calls_exist() -> None:
    called = re.findall(r"^make ([\w-]+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "test" in called
    assert set(called) <= set(targets)


def test_the_version_is_a_release_of_the_changelogs_form() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", snn2chip.__version__)
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
