"""``distill``, ``export``, ``models``: commands that need PyTorch, and what they say without."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from snn2chip.resources import models_dir, targets_dir
from tests.cli.conftest import Cli, is_four_part, listing

RECIPE = """
[student]
kind = "mlp"
widths = [12]

[encoding]
steps = 4

[training]
epochs = 1
"""

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["norse"] = None
from snn2chip.cli import main
sys.exit(main(sys.argv[1:]))
"""

MODEL = """
import norse.torch as norse
import torch


def make():
    torch.manual_seed(0)
    p = norse.LIFBoxParameters(tau_mem_inv=torch.as_tensor(200.0))
    return norse.SequentialState(
        torch.nn.Linear(6, 5),
        norse.LIFBoxCell(p, dt=1e-3),
        torch.nn.Linear(5, 3),
        norse.LIFBoxCell(p, dt=1e-3),
    )


def make_gelu():
    return norse.SequentialState(torch.nn.Linear(6, 3), torch.nn.GELU())


def make_number():
    return 3
"""


@pytest.fixture
def recipe(folder: Path) -> Path:
    """tiny.toml: one epoch of a student with 12 hidden neurons."""
    pytest.importorskip("norse.torch")
    (folder / "tiny.toml").write_text(RECIPE)
    return folder / "tiny.toml"


@pytest.fixture
def checkpoint(folder: Path) -> Path:
    """A copy of the bundled student's checkpoint."""
    pytest.importorskip("norse.torch")
    path = folder / "student.safetensors"
    path.write_bytes((models_dir() / "digits-mlp" / "student.safetensors").read_bytes())
    return path


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """weights.pt and cli_net.py of a user, with timed samples."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("norse.torch")
    (folder / "cli_net.py").write_text(MODEL)
    monkeypatch.delitem(sys.modules, "cli_net", raising=False)
    monkeypatch.syspath_prepend(str(folder))
    import cli_net

    torch.save(cli_net.make().state_dict(), folder / "weights.pt")
    torch.save(cli_net.make_gelu().state_dict(), folder / "gelu.pt")
    np.savez(folder / "spikes.npz", x=np.random.default_rng(0).random((6, 20, 6)) < 0.5)
    return folder / "weights.pt"


OWN = ("--model", "cli_net:make", "--input-shape", "6", "--dt", "1e-3", "--data", "spikes.npz")


def test_models_list(cli: Cli) -> None:
    done = cli("models", "list")
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert "digits-mlp" in names
    for name in names:
        assert cli("info", name).code == 0


def test_distill_then_export_then_simulate(cli: Cli, folder: Path, recipe: Path) -> None:
    done = cli("distill", recipe, "-o", "tiny")
    assert done.code == 0, done.err
    assert "test accuracy" in done.out
    assert {p.name for p in (folder / "tiny").iterdir()} >= {"student.safetensors", "card.md"}
    done = cli("export", "tiny/student.safetensors", "-o", "tiny.nir", "--samples", "40")
    assert done.code == 0, done.err
    assert "proven on 40 samples x 4 steps" in done.out
    exact = cli("simulate", "tiny.nir", "-t", "reference", "--samples", "50", "--json", "-")
    direct = cli(
        *("simulate", "tiny/student.safetensors", "-t", "reference"),
        *("--samples", "50", "--json", "-"),
    )
    assert exact.code == direct.code == 0
    ours, theirs = json.loads(exact.out), json.loads(direct.out)
    assert ours["run"] == theirs["run"]
    assert [x["spikes"] for x in ours["layers"]] == [x["spikes"] for x in theirs["layers"]]


def test_a_folder_of_distill_is_a_network(cli: Cli, folder: Path, recipe: Path) -> None:
    assert cli("distill", recipe, "-o", "tiny").code == 0
    of_folder, of_file = (
        cli("simulate", name, "--samples", "20", "--json", "-")
        for name in ("tiny", "tiny/student.safetensors")
    )
    assert of_folder.code == 0, of_folder.err
    assert json.loads(of_folder.out)["run"] == json.loads(of_file.out)["run"]


def test_a_folder_hides_a_bundled_student_only_where_it_holds_a_network(
    cli: Cli, folder: Path, recipe: Path
) -> None:
    (folder / "digits-mlp").mkdir()
    (folder / "digits-mlp" / "notes.txt").write_text("of ours")
    done = cli("info", "digits-mlp")
    assert done.code == 0, done.err
    assert cli("distill", recipe, "-o", "digits-mlp").code == 0
    ours = cli("info", "digits-mlp")
    assert ours.code == 0
    assert ours.out != done.out
    assert "digits-mlp" in cli("models", "list").out
    (folder / "empty").mkdir()
    done = cli("info", "empty")
    assert done.code == 3
    assert "student.safetensors" in done.err


def test_a_student_that_is_replaced_is_named(cli: Cli, folder: Path, recipe: Path) -> None:
    assert cli("distill", recipe, "-o", "tiny").code == 0
    assert "replaces" not in cli("distill", recipe, "-o", "tiny").err
    recipe.write_text(RECIPE.replace("epochs = 1", "epochs = 2"))
    done = cli("distill", recipe, "-o", "tiny")
    assert done.code == 0, done.err
    assert "tiny: replaces the student of another recipe (training.epochs 1 -> 2)" in done.err


def test_a_budget_that_is_missed_is_said(cli: Cli, folder: Path, recipe: Path) -> None:
    budget = "\n[data]\nvalidation = 0.2\n[[penalty]]\nkind = 'energy'\ntarget = 'loihi2'\n"
    recipe.write_text(RECIPE + budget + "budget_nj = 400.0\n")
    done = cli("distill", recipe, "-o", "tiny")
    assert done.code == 0, done.err
    said = r"energy budget, loihi2, loihi2_from_loihi1 +(not )?met: .* of 400 nJ"
    assert re.search(said, done.out)


def test_tables_that_there_are_not_list_all_that_there_are(cli: Cli, recipe: Path) -> None:
    recipe.write_text(RECIPE + "[zzz]\n")
    done = cli("distill", recipe)
    assert done.code == 2
    for name in ("method", "penalty", "teacher", "targets"):
        assert name in done.err


@pytest.mark.parametrize(
    "content",
    ["[student]\nkind = 'mpl'\n", "[studnt]\n", "x =", "[student]\nkind='mlp'\nwidth=[3]"],
)
def test_wrong_recipes_end_with_2(cli: Cli, folder: Path, recipe: Path, content: str) -> None:
    recipe.write_text(content)
    before = listing(folder)
    done = cli("distill", recipe, "-o", "out")
    assert done.code == 2, done.err
    assert is_four_part(done.err)
    assert listing(folder) == before


def test_distill_with_senseless_options(cli: Cli, recipe: Path) -> None:
    assert cli("distill", recipe, "--folds", "1").code == 2
    assert cli("distill", "absent.toml").code in (2, 3)


def test_a_student_is_fine_tuned_for_a_chip(cli: Cli, folder: Path, recipe: Path) -> None:
    """Trained, tuned, tuned again from its float checkpoint, exported and simulated."""
    flags = ("--quantize-for", "loihi2", "--weight-bits", "2", "--finetune-epochs", "2")
    done = cli("distill", recipe, "-o", "tiny", *flags)
    assert done.code == 0, done.err
    for figure in ("float, before", "2-bit weights, quantized after", "2-bit weights, fine-tuned"):
        assert figure in done.out
    assert {p.name for p in (folder / "tiny").iterdir()} == {
        *("student.safetensors", "float.safetensors", "last.safetensors", "card.md", "recipe.toml")
    }
    card = (folder / "tiny" / "card.md").read_text()
    assert f"distill recipe.toml -o . {' '.join(flags)}\n" in card
    again = cli("distill", recipe, "-o", "again", "--from", "tiny/float.safetensors", *flags)
    assert again.code == 0, again.err
    for name in ("student.safetensors", "float.safetensors"):
        one, other = (folder / place / name for place in ("tiny", "again"))
        assert one.read_bytes() == other.read_bytes()
    assert "--from float.safetensors\n" in (folder / "again" / "card.md").read_text()
    assert cli("export", "tiny/student.safetensors", "-o", "tiny.nir", "--samples", "20").code == 0
    (folder / "narrow.toml").write_text(narrow_loihi2())
    student = cli("simulate", "tiny.nir", "-t", "narrow.toml", "--json", "-")
    assert student.code == 0, student.err
    accuracy = f"{100 * json.loads(student.out)['run']['accuracy']:.2f} %"
    assert f"2-bit weights, fine-tuned, test split | {accuracy} |" in card


def narrow_loihi2() -> str:
    """The target's file with weights of 2 bits, and the ends that follow from them left out."""
    text = (targets_dir() / "loihi2.toml").read_text().replace('name = "loihi2"', 'name = "narrow"')
    text = text.replace("weight_bits = { value = 8", "weight_bits = { value = 2", 1)
    ends = ("weight_min", "weight_max", "weight_excitatory_max", "weight_inhibitory_min")
    return "".join(line for line in text.splitlines(True) if line.split(" ")[0] not in ends)


@pytest.mark.parametrize(
    "flags",
    [
        ["--quantize-for", "loihi2", "--weight-bits", "0"],
        ["--quantize-for", "loihi2", "--weight-bits", "9"],
        ["--quantize-for", "loihi2", "--weight-bits", "-3"],
        ["--quantize-for", "loihi2", "--weight-bits", "two"],
        ["--quantize-for", "loihi2", "--finetune-epochs", "0"],
        ["--quantize-for", "loihi3"],
        ["--quantize-for", "absent.toml"],
        ["--quantize-for", ""],
        ["--quantize-for", "reference"],
        ["--quantize-for", "asic45"],
        ["--weight-bits", "2"],
        ["--finetune-epochs", "2"],
        ["--from", "student.safetensors"],
        ["--from", "out/student.safetensors", "--quantize-for", "loihi2"],
    ],
)
def test_fine_tuning_with_senseless_flags_ends_with_2(
    cli: Cli, folder: Path, recipe: Path, checkpoint: Path, flags: list[str]
) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "student.safetensors").write_bytes(checkpoint.read_bytes())
    before = listing(folder)
    done = cli("distill", recipe, "-o", "out", *flags)
    assert done.code == 2, done.err
    assert listing(folder) == before


@pytest.mark.parametrize("start", ["student.safetensors", "absent.safetensors", "tiny.toml"])
def test_fine_tuning_another_student_ends_with_3(
    cli: Cli, folder: Path, recipe: Path, checkpoint: Path, start: str
) -> None:
    """The bundled student is none of the recipe's, and the others are no students."""
    before = listing(folder)
    done = cli("distill", recipe, "-o", "out", "--from", start, "--quantize-for", "loihi2")
    assert done.code == 3, done.err
    assert is_four_part(done.err)
    assert listing(folder) == before


def test_export_proves_before_it_writes(cli: Cli, folder: Path, checkpoint: Path) -> None:
    done = cli("export", checkpoint)
    assert done.code == 0, done.err
    assert "are equal to PyTorch's" in done.out
    assert "proven on 256 samples x 16 steps" in done.out
    assert (folder / "student.nir").is_file()
    assert cli("info", "student.nir", "--text").out.startswith("network student\n")


def test_a_failed_proof_ends_with_6_and_writes_nothing(
    cli: Cli, folder: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snn2chip.frontends.torch import prove

    run_graph = prove.run_graph

    def other(graph, spikes):
        states = run_graph(graph, spikes)
        name = graph.outputs[0]
        states[name] = states[name].copy()
        states[name][3, 0] = 1 - states[name][3, 0]
        return states

    monkeypatch.setattr(prove, "run_graph", other)
    before = listing(folder)
    done = cli("export", checkpoint, "--samples", "4")
    assert done.code == 6, done.err
    assert is_four_part(done.err, parts=("needs", "has", "change"))
    assert "step 3" in done.err
    assert listing(folder) == before


def test_export_of_a_network_of_ones_own(cli: Cli, folder: Path, own: Path) -> None:
    done = cli("export", own, *OWN)
    assert done.code == 0, done.err
    assert "proven on 6 samples x 20 steps" in done.out
    done = cli("simulate", "weights.nir", "--data", "spikes.npz")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--model", "cli_net"), 2),
        (("--model", "nonet:make"), 2),
        (("--model", "cli_net:mak"), 2),
        (("--model", "cli_net:make_number"), 2),
        (("--input-shape", "6,x"), 2),
        (("--input-shape", "0"), 2),
        (("--dt", "0"), 2),
        (("--readout", "v_mx"), 2),
        (("--encoding", "iff"), 2),
        (("--data", "absent.npz"), 3),
        (("--input-shape", "7"), 3),
        (("--format", "tflite"), 2),
        (("-o", "cli_net.py/x.nir"), 2),
    ],
)
def test_export_with_senseless_options(
    cli: Cli, folder: Path, own: Path, arguments: tuple[str, ...], code: int
) -> None:
    before = listing(folder)
    done = cli("export", own, *OWN, *arguments)
    assert done.code == code, done.err
    assert is_four_part(done.err)
    assert listing(folder) - before <= {"__pycache__"} | {
        name for name in listing(folder) if name.startswith("__pycache__")
    }


def test_export_without_the_shape_or_dt(cli: Cli, own: Path) -> None:
    for leave_out in (2, 4):
        arguments = OWN[:leave_out] + OWN[leave_out + 2 :]
        done = cli("export", own, *arguments)
        assert done.code == 2, done.err


def test_export_of_a_module_that_nir_cannot_hold(cli: Cli, folder: Path, own: Path) -> None:
    done = cli("export", "gelu.pt", "--model", "cli_net:make_gelu", *OWN[2:])
    assert done.code == 4, done.err
    assert "GELU" in done.err
    assert not (folder / "gelu.nir").exists()


def test_export_options_that_a_checkpoint_says_itself(cli: Cli, checkpoint: Path) -> None:
    done = cli("export", checkpoint, "--dt", "1e-3", "--readout", "v_max")
    assert done.code == 2
    assert "--dt, --readout without --model" in done.err


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04 pickled"])
def test_damaged_checkpoints_end_with_3(
    cli: Cli, folder: Path, checkpoint: Path, content: bytes
) -> None:
    checkpoint.write_bytes(content)
    before = listing(folder)
    for command in ("export", "info"):
        done = cli(command, checkpoint)
        assert done.code == 3, done.err
        assert is_four_part(done.err)
    assert listing(folder) == before


@pytest.mark.parametrize(
    "command", ["distill tiny.toml", "export student.safetensors", "info student.safetensors"]
)
def test_without_torch_the_command_that_adds_it_is_named(
    process: Cli, folder: Path, command: str
) -> None:
    (folder / "tiny.toml").write_text(RECIPE)
    path = folder / "student.safetensors"
    path.write_bytes((models_dir() / "digits-mlp" / "student.safetensors").read_bytes())
    done = process(*command.split(), prefix=("-c", WITHOUT_TORCH))
    assert done.code == 2, done.err
    assert is_four_part(done.err, parts=("change",))
    assert "snn2chip[train]" in done.err


def test_an_interrupted_training_says_how_it_goes_on(
    cli: Cli, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("snn2chip.distill.distill", interrupted)
    done = cli("distill", recipe)
    assert (done.code, done.out) == (130, "")
    assert "interrupted: the same command goes on" in done.err


def test_a_chip_without_values_names_the_key_of_the_recipe(cli: Cli, recipe: Path) -> None:
    direct = RECIPE.replace("steps = 4", 'steps = 4\nkind = "direct"')
    recipe.write_text('targets = ["loihi2"]\n' + direct)
    done = cli("distill", recipe)
    assert done.code == 4
    assert 'encoding.kind = "if" in the recipe' in done.err
