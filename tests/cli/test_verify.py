"""``snn2chip verify``: every way in which a witness is missing, fails, or differs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snn2chip.backends.loihi.netx import read_net
from snn2chip.backends.spinnaker.witness import found_engine
from snn2chip.witness import Engine
from tests.backends.loihi.netx.net_files import cuba, dense, write_net
from tests.backends.loihi.witness.recorded import arrays, states
from tests.cli.conftest import Cli, Done, is_four_part
from tests.whole_networks import BUILDERS, write_network, write_spikes
from tests.witness.programs import Programs

STEPS = 9
Change = Callable[[dict[str, np.ndarray]], object]


@pytest.fixture
def programs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """No uv, no interpreter and no environment, but what a test adds."""
    made = Programs(folder / "bin", folder / "cache", folder / "home")
    made.isolate(monkeypatch)
    return made


@pytest.fixture
def net(folder: Path) -> Path:
    """two.net and x.npz, two samples of three inputs."""
    rng = np.random.default_rng(8)
    first = dense(rng.integers(-40, 90, (4, 3)), cuba(60), bias=rng.integers(0, 9, 4))
    write_net(folder / "two.net", [first, dense(rng.integers(-40, 90, (2, 4)), cuba(50))])
    np.savez(folder / "x.npz", x=(rng.random((2, STEPS, 3)) < 0.5).astype(np.uint8))
    return folder / "two.net"


@pytest.fixture
def fake_lava(net: Path, programs: Programs) -> Callable[..., Path]:
    """An interpreter that gives recordings made of our own run, changed by the test."""

    def make(change: Change = lambda found: None, save: bool = True) -> Path:
        with np.load("x.npz") as file:
            x = np.moveaxis(file["x"], 0, 1)
        found = arrays(states(read_net(net), x != 0))
        replaced = change(found)
        path = programs.folder / "recordings.npz"
        if isinstance(replaced, bytes):
            path.write_bytes(replaced)
        else:
            np.savez(path, **found)  # type: ignore[arg-type]
        return programs.add("lava", f'echo it ran; cp "{path}" "$3"' if save else "echo it ran")

    return make


VERIFY = ("verify", "two.net", "--data", "x.npz")


def test_equal_recordings_end_with_0(cli: Cli, fake_lava: Callable[..., Path]) -> None:
    done = cli(*VERIFY, "--lava-python", fake_lava(), "--json", "found.json")
    assert done.code == 0
    assert "0 mismatches in 324 values" in done.out
    assert "2 samples of x.npz, 9 steps of Lava each\nnever reset" in done.out
    found = json.loads(Path("found.json").read_text())
    assert found["schema"] == "snn2chip/verification/1"
    assert (found["engine"], found["mismatches"], found["steps"]) == ("lava", 0, STEPS)
    rows = {row["population"]: row for row in found["populations"]}
    assert rows["layer1"]["values"] == 3 * 2 * STEPS * 2
    assert rows["layer0"]["first"] is None


def test_json_on_standard_output_is_all_of_it(cli: Cli, fake_lava: Callable[..., Path]) -> None:
    done = cli(*VERIFY, "--lava-python", fake_lava(), "--json", "-")
    assert json.loads(done.out)["mismatches"] == 0


def test_the_variable_names_a_lava_too(
    cli: Cli, fake_lava: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNN2CHIP_LAVA_PYTHON", str(fake_lava()))
    assert cli(*VERIFY).code == 0


def test_fewer_samples_and_steps(cli: Cli, fake_lava: Callable[..., Path]) -> None:
    def cut(found: dict[str, np.ndarray]) -> None:
        found.update({k: v[:1, :5] for k, v in found.items() if k != "about"})

    done = cli(*VERIFY, "--samples", "1", "--steps", "5", "--lava-python", fake_lava(cut))
    assert done.code == 0
    assert "1 sample of x.npz, 5 steps of Lava each" in done.out


def test_a_tampered_recording_ends_with_6_and_names_the_place(
    cli: Cli, fake_lava: Callable[..., Path]
) -> None:
    def tamper(found: dict[str, np.ndarray]) -> None:
        found["layer1.v"][1, 4, 0] += 64
        found["layer1.u"][0, 6, 1] += 64

    done = cli(*VERIFY, "--lava-python", fake_lava(tamper), "--json", "found.json")
    assert done.code == 6
    assert is_four_part(done.err, parts=("needs", "has", "change"))
    assert "two.net: 2 of 324 values differ" in done.err
    assert "first layer1 (two.net), v at step 5, sample 1, neuron [0]" in done.err
    assert "2 mismatches" in done.out
    first = json.loads(Path("found.json").read_text())["populations"][1]["first"]
    assert (first["state"], first["step"], first["sample"]) == ("v", 5, 1)
    assert first["lava"] == first["ours"] + 64


def test_silence_is_said_to_prove_little(cli: Cli, fake_lava: Callable[..., Path]) -> None:
    write_net("two.net", [dense(np.full((4, 3), -9), cuba(60)), dense(np.eye(2, 4), cuba(9))])
    done = cli(*VERIFY, "--lava-python", fake_lava())
    assert done.code == 0
    assert "no neuron fired" in done.err


def remove(name: str) -> Change:
    return lambda found: found.pop(name)


def put(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda found: found.update({name: value(found[name])})


DAMAGE: dict[str, Change] = {
    "no file at all": lambda found: b"",
    "no zip": lambda found: b"PK, but no more",
    "a layer missing": lambda found: [found.pop(k) for k in list(found) if "layer1" in k],
    "no spikes": remove("layer0.spikes"),
    "nothing about": remove("about"),
    "about is no JSON": put("about", lambda x: np.array("{")),
    "versions are a list": put("about", lambda x: np.array('{"versions": [1]}')),
    "about has no versions": put("about", lambda x: np.array("{}")),
    "an unknown layer": lambda found: found.update({"layer9.v": found["layer1.v"]}),
    "too few steps": put("layer1.v", lambda x: x[:, 1:]),
    "too few neurons": put("layer1.v", lambda x: x[..., 1:]),
    "floats": put("layer1.v", lambda x: x + 0.5),
    "objects": put("layer1.v", lambda x: x.astype(object)),
    "a scalar": put("layer1.v", lambda x: np.array(3)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_recordings_end_with_8(cli: Cli, fake_lava: Callable[..., Path], name: str) -> None:
    done = cli(*VERIFY, "--lava-python", fake_lava(DAMAGE[name]))
    assert done.code == 8
    assert is_four_part(done.err, parts=("needs", "has", "change"))
    assert "it ran" in done.err


def test_no_recordings_end_with_8(cli: Cli, fake_lava: Callable[..., Path]) -> None:
    done = cli(*VERIFY, "--lava-python", fake_lava(save=False))
    assert done.code == 8
    assert "without whole recordings" in done.err
    assert "it ran" in done.err


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo broken inside; exit 3", "exit code 3"),
        ("echo broken inside; kill -9 $$", "signal 9"),
        ("echo broken inside; sleep 600", "no end after 1 s"),
    ],
)
def test_a_lava_that_fails_ends_with_8(
    cli: Cli, net: Path, programs: Programs, script: str, told: str
) -> None:
    python = programs.add("lava", script)
    done = cli(*VERIFY, "--lava-python", python, "--time-limit", "1")
    assert done.code == 8
    assert is_four_part(done.err, parts=("has", "change"))
    assert told in done.err
    assert "broken inside" in done.err
    assert done.out == ""


def test_an_interpreter_without_lava_ends_with_8(cli: Cli, net: Path) -> None:
    done = cli(*VERIFY, "--lava-python", sys.executable)
    assert done.code == 8
    assert "No module named 'lava'" in done.err


def test_an_interpreter_that_is_not_there_ends_with_8(cli: Cli, net: Path) -> None:
    done = cli(*VERIFY, "--lava-python", "absent/python")
    assert done.code == 8
    assert is_four_part(done.err, parts=("needs", "has", "change"))


PREPARE = ("verify", "--prepare")


@pytest.mark.parametrize("command", [PREPARE, VERIFY])
def test_without_uv_it_ends_with_8(
    cli: Cli, net: Path, programs: Programs, command: tuple[str, ...]
) -> None:
    done = cli(*command)
    assert done.code == 8
    assert is_four_part(done.err, parts=("needs", "change"))
    assert "change: pip install 'snn2chip[witness]'" in done.err
    assert done.out == ""


@pytest.mark.parametrize("command", [PREPARE, VERIFY])
def test_without_python_310_it_ends_with_8(
    cli: Cli, net: Path, programs: Programs, command: tuple[str, ...]
) -> None:
    programs.uv("echo 'error: no network' >&2; exit 1")
    done = cli(*command)
    assert done.code == 8
    assert "no Lava: no Python 3.10" in done.err
    assert "error: no network" in done.err
    assert "change: uv python install 3.10" in done.err


def test_another_python_ends_with_8(cli: Cli, programs: Programs) -> None:
    programs.uv()
    done = cli(*PREPARE, "--python-310", programs.add("mine", "echo 3.12"))
    assert done.code == 8
    assert "is no Python 3.10" in done.err
    assert "has:    Python 3.12" in done.err


def test_a_failed_installation_ends_with_8(cli: Cli, programs: Programs) -> None:
    programs.python()
    programs.uv('[ "$1" = venv ] && exit 0; echo one; echo "error: no lava-nc 0.10.0"; exit 2')
    done = cli(*PREPARE)
    assert done.code == 8
    assert is_four_part(done.err, parts=("needs", "has", "change"))
    assert "error: no lava-nc 0.10.0" in done.err


def test_prepare_prints_the_interpreter_alone(cli: Cli, programs: Programs) -> None:
    programs.uv()
    programs.python()
    first = cli(*PREPARE)
    assert first.code == 0
    assert "making the environment of lava" in first.err
    python = Path(first.out.removesuffix("\n"))
    assert programs.cache in python.parents
    assert python.is_file()
    assert cli(*PREPARE).out == first.out


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (("--engine", "lva"), "did you mean 'lava'"),
        (("--engine", "gpu"), "engines: lava"),
        (("--engine", "onnx", "--prepare"), "--prepare of --engine onnx"),
        (("--engine", "firmware", "--target", "loihi2"), "a chip of the family spinnaker"),
        (("--run-config", "gpu"), "sim or hw"),
        (("--run-config", "hw"), "--run-config hw without --lava-python"),
        (("--reset-offset", "3"), "--reset-offset without --reset-interval"),
        (("--target", "reference"), "a chip of the family loihi"),
        (("--target", "asic45"), "a chip of the family loihi"),
        (("--samples", "3"), "too few samples"),
        (("--json", "two.net"), "are one file"),
    ],
)
def test_what_makes_no_sense_ends_with_2(
    cli: Cli, fake_lava: Callable[..., Path], words: tuple[str, ...], fragment: str
) -> None:
    own = () if "hw" in words else ("--lava-python", str(fake_lava()))
    done = cli(*VERIFY, *own, *words)
    assert done.code == 2
    assert fragment in done.err
    assert "Traceback" not in done.err


def test_a_damaged_network_ends_with_3(cli: Cli, fake_lava: Callable[..., Path]) -> None:
    python = fake_lava()
    Path("two.net").write_bytes(b"nothing")
    assert cli(*VERIFY, "--lava-python", python).code == 3


def test_input_neurons_on_hardware_take_static_values(
    cli: Cli, fake_lava: Callable[..., Path]
) -> None:
    python = fake_lava()
    source = {"type": "input", "shape": np.array([3]), "neuron": cuba(25)}
    write_net("two.net", [source, dense(np.ones((2, 3)), cuba(50))])
    np.savez("x.npz", x=np.arange(2 * STEPS * 3).reshape(2, STEPS, 3))
    done = cli(*VERIFY, "--run-config", "hw", "--lava-python", python)
    assert done.code == 2
    assert "values that change over time" in done.err


def test_folders_without_a_net_are_refused(
    cli: Cli, network: Path, data: Path, fake_lava: Callable[..., Path]
) -> None:
    assert cli("compile", network, "--data", data, "-o", "made").code == 0
    manifest = json.loads(Path("made/manifest.json").read_text())
    manifest["files"].pop("network.net", None)
    Path("made/network.net").unlink(missing_ok=True)
    words = ("verify", "made", "--data", data, "--lava-python", fake_lava())
    for artefacts in (None, {}, {"refused": ["anything"]}):
        Path("made/manifest.json").write_text(json.dumps({**manifest, "artefacts": artefacts}))
        done = cli(*words)
        assert done.code == 4
        assert "compile the network again" in done.err


def test_folders_of_networks_that_branch_are_refused_by_name(
    cli: Cli, folder: Path, fake_lava: Callable[..., Path]
) -> None:
    write_spikes(folder, BUILDERS["branching"](np.random.default_rng(0)))
    write_network(folder, "branching")
    assert cli("compile", "branching.nir", "--data", "net.npz", "-o", "made").code == 0
    done = cli("verify", "made", "--data", "net.npz", "--lava-python", fake_lava())
    assert done.code == 4
    assert "feeds" in done.err


def test_a_folder_runs_on_its_own_target_only(
    cli: Cli, network: Path, data: Path, fake_lava: Callable[..., Path]
) -> None:
    assert cli("compile", network, "--data", data, "-o", "made").code == 0
    words = ("--data", data, "--lava-python", fake_lava())
    done = cli("verify", "made", "--target", "loihi1", *words)
    assert done.code == 2
    assert "compiled for loihi2" in done.err


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"layers": {"a": 1}},
        {"layers": [], "latency": {}, "reset_offset": 1, "samples_in_a_row": True},
        {"layers": {}, "latency": {}, "reset_offset": 1, "samples_in_a_row": True},
        {"layers": {"a": "1"}, "latency": {"a": 1}, "reset_offset": 1, "samples_in_a_row": True},
        {"layers": {"a": 1}, "latency": {"a": 2**40}, "reset_offset": 1, "samples_in_a_row": True},
        {"layers": {"a": 1}, "latency": {"b": 1}, "reset_offset": 1, "samples_in_a_row": True},
        {"layers": {"a": 1}, "latency": {"a": 1}, "reset_offset": -1, "samples_in_a_row": True},
        7,
    ],
)
def test_a_damaged_manifest_ends_with_3(
    cli: Cli, network: Path, data: Path, fake_lava: Callable[..., Path], entry: object
) -> None:
    assert cli("compile", network, "--data", data, "-o", "made").code == 0
    manifest = json.loads(Path("made/manifest.json").read_text())
    manifest["files"].pop("network.net", None)
    manifest["artefacts"] = {"net": entry, "refused": []}
    Path("made/manifest.json").write_text(json.dumps(manifest))
    Path("made/network.net").write_bytes(Path("two.net").read_bytes())
    done = cli("verify", "made", "--data", data, "--lava-python", fake_lava())
    assert done.code == 3
    assert is_four_part(done.err, parts=("needs", "change"))


def test_onnxruntime_confirms_the_float_graph(cli: Cli, network: Path, data: Path) -> None:
    pytest.importorskip("onnxruntime")
    done = cli("verify", network, "--engine", "onnx", "--data", data, "--json", "found.json")
    assert done.code == 0
    assert "proven on 4 samples x 16 steps" in done.out
    assert json.loads(Path("found.json").read_text())["values"] == 4 * 16 * 8


def test_onnxruntime_has_no_integers_of_a_chip(cli: Cli, net: Path) -> None:
    done = cli(*VERIFY, "--engine", "onnx")
    assert done.code == 4
    assert "--engine lava" in done.err


def test_a_net_in_lava_itself(cli: Cli, net: Path, lava: Engine) -> None:
    done = cli(*VERIFY, "--lava-python", lava.python, "--reset-interval", "4")
    assert done.code == 0
    assert "0 mismatches in 324 values" in done.out
    assert "reset every 4 steps from step 1 on" in done.out
    assert "lava-nc 0.10.0, lava-dl 0.6.0" in done.out


def skip_without_net(done: Done) -> None:
    if done.code == 4 and "compile the network again" in done.err:
        pytest.skip("compile writes no network.net yet")


@pytest.mark.parametrize("student", ["digits-mlp", "digits-conv"])
def test_students_in_lava_itself(cli: Cli, student: str, lava: Engine) -> None:
    """Every spike and state, in the file's own time and in the compiled program's windows."""
    done = cli("verify", student, "--lava-python", lava.python, "--json", "found.json")
    skip_without_net(done)
    assert done.code == 0, done.err
    found = json.loads(Path("found.json").read_text())
    assert found["mismatches"] == 0
    assert {row["against"] for row in found["populations"]} == {"network.net", "program"}
    assert all(row["spikes"] > 0 and not row["missing"] for row in found["populations"])


def test_a_student_in_spinnakers_firmware_itself(cli: Cli) -> None:
    """Every spike and membrane of emulated cores, on what sPyNNaker maps.

    ``digits-conv`` is compared in ``tests/backends/spinnaker/test_realise.py``.
    """
    if found_engine() is None:
        pytest.skip("no sPyNNaker: make spinnaker")
    words = ("--engine", "firmware", "--samples", "1", "--json", "found.json")
    done = cli("verify", "digits-mlp", *words)
    assert done.code == 0, done.err
    found = json.loads(Path("found.json").read_text())
    assert (found["engine"], found["mismatches"]) == ("firmware", 0)
    assert all(row["spikes"] > 0 and row["values"] > 0 for row in found["populations"])
    assert "0 mismatches in" in done.out


FIRMWARE = ("verify", "digits-mlp", "--engine", "firmware", "--samples", "1", "--time-limit", "5")


def test_a_spynnaker_that_fails_ends_with_8(
    cli: Cli, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = programs.add("broken", "echo broken inside; exit 3")
    monkeypatch.setenv("SNN2CHIP_SPINNAKER_PYTHON", str(python))
    done = cli(*FIRMWARE)
    assert done.code == 8
    assert is_four_part(done.err, parts=("has", "change"))
    assert "broken inside" in done.err


def test_recordings_that_are_none_end_with_8(
    cli: Cli, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = programs.add("empty", 'echo nothing > "$3"')
    monkeypatch.setenv("SNN2CHIP_SPINNAKER_PYTHON", str(python))
    done = cli(*FIRMWARE)
    assert done.code == 8
    assert "left no recordings" in done.err


def test_a_student_is_compiled_first(cli: Cli, network: Path, data: Path, lava: Engine) -> None:
    done = cli("verify", network, "--data", data, "--lava-python", lava.python)
    skip_without_net(done)
    assert done.code == 0, done.err
    assert "net.nir" in done.err
    assert " 0 mismatches" in f" {done.out.splitlines()[-1]}"


@pytest.mark.parametrize("engine", ["firmware", "onnx"])
def test_options_of_lava_are_refused_elsewhere(cli: Cli, engine: str) -> None:
    words = ("--run-config", "hw", "--lava-python", "python", "--reset-interval", "3")
    result = cli("verify", "digits-mlp", "--engine", engine, *words)
    assert result.code == 2
    assert f"--run-config, --reset-interval of --engine {engine}" in result.err
