"""``targets`` and ``doctor``."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn2chip.backends.loihi.witness import environment
from snn2chip.cli.commands import doctor
from snn2chip.resources import targets_dir
from snn2chip.targets import list_targets, load_target
from snn2chip.targets.vocabulary import COSTS, FORMATS, MESH, RESOURCES
from tests.cli.conftest import Cli, is_four_part


@pytest.fixture(autouse=True)
def wide(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which every row is one line."""
    monkeypatch.setenv("COLUMNS", "1000")


def test_list_names_every_bundled_target(cli: Cli) -> None:
    done = cli("targets", "list")
    assert done.code == 0
    first = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert first == list(list_targets())


@pytest.mark.parametrize("name", list_targets())
def test_show_prints_every_constant_with_its_source(cli: Cli, name: str) -> None:
    done, target = cli("targets", "show", name), load_target(name)
    assert done.code == 0
    tables = [target.resources, target.formats, *(t.constants for t in target.costs.values())]
    for constants in tables:
        for key, constant in constants.items():
            lines = [line for line in done.out.splitlines() if line.startswith(f"{key} ")]
            assert any(constant.grade in line and constant.source in line for line in lines)
    for table in target.costs.values():
        assert table.label in done.out
        assert all(term in done.out for term in table.unknown)
    assert target.sha256 in done.out


def test_show_prints_ranges_units_and_what_is_included(cli: Cli) -> None:
    done = cli("targets", "show", "spinnaker1")
    line = next(line for line in done.out.splitlines() if line.startswith("e_synop "))
    assert line.split()[1:6] == ["13300", "8000", "to", "43000", "pJ"]
    assert "Stromatias 2013" in line
    assert "within other prices: e_synop, e_neuron" in done.out
    assert "all-in: power of the whole chip" in cli("targets", "show", "odin").out


@pytest.mark.parametrize("origin", [None, *list_targets()])
def test_new_writes_a_file_that_is_valid(cli: Cli, folder: Path, origin: str | None) -> None:
    source = () if origin is None else ("--from", origin)
    done = cli("targets", "new", "my-chip", *source, "-o", "mine.toml")
    assert done.code == 0
    assert "validate mine.toml" in done.out
    assert cli("targets", "validate", "mine.toml").out == "mine.toml: ok\n"
    made = load_target(folder / "mine.toml")
    assert made.name == "my-chip"
    if origin is not None:
        old = load_target(origin)
        assert (made.costs, made.resources, made.formats) == (old.costs, old.resources, old.formats)


def test_a_new_file_names_every_key(cli: Cli, folder: Path) -> None:
    """Each of them may be uncommented, and is then where it belongs."""
    cli("targets", "new", "mine", "-o", "mine.toml")
    text = (folder / "mine.toml").read_text()
    for keys in (RESOURCES, FORMATS, MESH, COSTS):
        for key in keys:
            assert f"\n{key} = " in text or f"\n# {key} = " in text
    assert len(text.splitlines()) > 100
    (folder / "mine.toml").write_text(
        text.replace('# e_neuron = { value = 0.0, grade = "", source = "" }',
                     'e_neuron = { value = 3.5, grade = "measured", source = "x" }')
    )  # fmt: skip
    assert load_target(folder / "mine.toml").costs["mine"].value("e_neuron") == 3.5


@pytest.mark.parametrize(
    "words",
    [
        ("mine", "-o", "mine.txt"), ("mine", "-o", "taken.toml"), ('m"x', "-o", "mine.toml"),
        ("mine", "--from", "lohi1", "-o", "mine.toml"), ("", "-o", "mine.toml"),
        ("m\nx", "-o", "mine.toml"), ("mine", "--from", "taken.toml", "-o", "mine.toml"),
    ],
)  # fmt: skip
def test_new_refuses_what_it_cannot_write(cli: Cli, folder: Path, words: tuple[str, ...]) -> None:
    (folder / "taken.toml").write_text("mine")
    done = cli("targets", "new", *words)
    assert done.code == 2
    assert not (folder / "mine.toml").exists()
    assert (folder / "taken.toml").read_text() == "mine"


def test_unknown_target_gets_a_suggestion(cli: Cli) -> None:
    done = cli("targets", "show", "lohi2")
    assert done.code == 2
    assert is_four_part(done.err, parts=("has", "change"))
    assert "did you mean 'loihi2'?" in done.err


def test_validate_all_bundled_targets(cli: Cli) -> None:
    done = cli("targets", "validate")
    assert done.code == 0
    assert done.out.splitlines() == [f"{name}.toml: ok" for name in list_targets()]


def test_validate_names_every_problem_of_a_file_with_its_line(cli: Cli, folder: Path) -> None:
    text = (targets_dir() / "loihi2.toml").read_text()
    (folder / "mine.toml").write_text(
        text.replace("neurons_per_core", "neurons_per_cor", 1).replace('"vendor"', '"vendr"', 1)
    )
    done = cli("targets", "validate", "mine.toml")
    assert done.code == 2
    assert "neurons_per_cor" in done.out
    assert "vendr" in done.out
    assert "mine.toml" in done.out
    assert is_four_part(done.err, parts=("change",))


@pytest.mark.parametrize("content", [b"", b"[chip", b"\xff\xfe", b"a = 1\n", b"[chip]\nname = 3\n"])
def test_damaged_target_files_end_with_2(
    cli: Cli, folder: Path, network: Path, content: bytes
) -> None:
    (folder / "bad.toml").write_bytes(content)
    for command in (("targets", "validate", "bad.toml"), ("check", network, "-t", "bad.toml")):
        done = cli(*command)
        assert done.code == 2
        assert is_four_part(done.err)


def test_validate_a_folder_says_that_it_is_one(cli: Cli, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "x.toml").mkdir()
    for path in ("mine", "x.toml"):
        done = cli("targets", "validate", path)
        assert done.code == 2
        assert f"{path}: is a folder" in done.err
        assert is_four_part(done.err, parts=("needs", "change"))


def test_validate_a_file_that_is_not_there(cli: Cli) -> None:
    done = cli("targets", "validate", "absent.toml")
    assert done.code == 2
    assert "absent.toml" in done.err


def test_doctor_finds_a_whole_installation(cli: Cli) -> None:
    done = cli("doctor")
    assert done.code == 0, done.err
    assert "wrong" not in done.out
    for name in ("numpy", "torch", "targets", "models", "this folder"):
        assert any(line.startswith(name) for line in done.out.splitlines())


def test_doctor_names_what_is_missing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"numpy": "1", "torch": None, "norse": None, "h5py": None}
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, "9"))
    done = cli("doctor")
    assert done.code == 1
    assert "pip install 'snn2chip[train]'" in done.out
    assert "h5py" in done.err
    assert "torch" not in done.err


def test_doctor_tells_where_lava_is_or_how_to_get_it(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.delenv("SNN2CHIP_LAVA_PYTHON", raising=False)

    def line() -> str:
        done = cli("doctor")
        assert done.code == 0
        return next(text for text in done.out.splitlines() if text.startswith("lava "))

    assert "absent" in line()
    assert "snn2chip verify --prepare" in line()
    made = environment().folder / "bin" / "python"
    made.parent.mkdir(parents=True)
    made.touch()
    assert str(made) in line()
    monkeypatch.setenv("SNN2CHIP_LAVA_PYTHON", "mine/python")
    assert "mine/python (SNN2CHIP_LAVA_PYTHON)" in line()


def test_doctor_reports_unreadable_models(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snn2chip.pipeline.opening.models_dir", lambda: folder)
    done = cli("doctor")
    assert done.code == 1
    assert "models" in done.err


def test_models_list(cli: Cli) -> None:
    done = cli("models", "list")
    assert done.code == 0
    assert any(
        line.startswith("digits-mlp ") and "digits" in line for line in done.out.splitlines()
    )
