"""Recipes changed on purpose: a configuration error that names the file, or a recipe."""

from __future__ import annotations

import os
import random
import tomllib
from pathlib import Path

import pytest

from snn2chip.distill.recipe import Recipe, read_recipe, recipe_from_dict
from snn2chip.errors import ConfigError, UnsupportedError

TEXT = """\
[data]
name = "digits"
split_seed = 3
test_size = 0.25
validation = 0.1

[encoding]
kind = "if"
steps = 9
threshold = 0.9375
dt = 1e-3

[student]
kind = "conv"
widths = [4, 8]
neuron = "iaf"
tau = [2e-3, 4e-3]
tau_out = 0.5
readout = "v_mean"
kernel = 5

[training]
epochs = 7
batch = 32
lr = 1e-2
seed = 1
threads = 2

[training.augmentation]
share = 0.0
"""
VALUES = [
    "0", "-1", "1", "1" + "0" * 30, "9" * 5000, "0x" + "f" * 6000, "1e999", "-1e308", "5e-324",
    "nan", "inf", "-0.0", "true", '"x"', '""', "[]", "[[1]]", "[1, 'a']", "{}", "{ a = 1 }",
    "1979-05-27", "07:32:00", "[" * 3000, '"digits"', "2.5", "[" + "1, " * 100 + "1]", "'\\ud800'",
]  # fmt: skip


def parsed(path: Path) -> Recipe | None:
    try:
        return read_recipe(path)
    except ConfigError as error:
        assert error.exit_code == 2  # noqa: PT017
        assert path.name in error.what  # noqa: PT017
        assert len(str(error)) < 2000  # noqa: PT017
        return None


def mutated(text: str, draw: random.Random) -> bytes:
    lines = text.split("\n")
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(lines))
        match draw.choice(["value", "value", "drop", "repeat", "bytes", "swap"]):
            case "value" if "=" in lines[at]:
                lines[at] = f"{lines[at].partition('=')[0]}= {draw.choice(VALUES)}"
            case "drop":
                lines[at] = ""
            case "repeat":
                lines.insert(draw.randrange(len(lines)), lines[at])
            case "swap":
                other = draw.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                place = draw.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + chr(draw.randrange(256)) + lines[at][place:]
    return "\n".join(lines).encode(draw.choice(["utf-8", "utf-8", "latin-1"]))


def test_three_hundred_changes(tmp_path: Path) -> None:
    path, draw = tmp_path / "mine.toml", random.Random(0)
    good = 0
    for _ in range(300):
        path.write_bytes(mutated(TEXT, draw))
        recipe = parsed(path)
        if recipe is not None:
            good += 1
            assert recipe_from_dict(recipe.to_dict()) == recipe
    assert 0 < good < 300


def test_every_key_takes_every_value_or_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for line in TEXT.split("\n"):
        if "=" in line:
            for value in VALUES:
                path.write_text(TEXT.replace(line, f"{line.partition('=')[0]}= {value}"))
                parsed(path)


@pytest.mark.parametrize(
    "key",
    ["data.split_seed", "encoding.steps", "student.widths", "student.kernel", "training.epochs",
     "training.batch", "training.threads", "training.seed"],
)  # fmt: skip
@pytest.mark.parametrize("value", [10**30 + 1, 2**63 - 1, 2**40 + 1, 1 << 50_000, -1], ids=range(5))
def test_integers_beyond_use(key: str, value: int) -> None:
    tables = tomllib.loads(TEXT)
    table, name = key.split(".")
    tables[table][name] = value
    with pytest.raises(ConfigError, match=name):
        recipe_from_dict(tables, "mine.toml")


def test_a_pipe_and_a_name_that_no_file_has(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.toml")
    for path in (tmp_path / "mine.toml", tmp_path, Path("a\0b"), tmp_path / ("x" * 5000)):
        with pytest.raises(ConfigError):
            read_recipe(path)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("test_size = 0.999999", "test_size"),
        ("test_size = 1e-9", "test_size"),
        ("validation = 0.999", "validation"),
        ("lr = 1e300", "lr"),
        ("dt = 1e-300", "dt"),
        ("weight_decay = 1e300", "weight_decay"),
    ],
)
def test_shares_and_magnitudes_that_leave_nothing_to_train(
    tmp_path: Path, line: str, word: str
) -> None:
    distill = pytest.importorskip("snn2chip.distill.run").distill
    text = TEXT.replace('kind = "conv"', 'kind = "mlp"').replace("epochs = 7", "epochs = 1")
    key = line.partition(" ")[0]
    lines = [line if old.startswith(f"{key} =") else old for old in text.split("\n")]
    if line not in lines:
        lines.insert(lines.index("[training]") + 1, line)
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=word) as caught:
        distill(tmp_path / "mine.toml", tmp_path / "out")
    assert caught.value.needs
    assert not (tmp_path / "out").exists()


RATE, ENERGY = {"kind": "rate"}, {"kind": "energy", "weight": 1.0}
PRUNED = {"kind": "magnitude"}


@pytest.mark.parametrize(
    ("method", "penalties", "kind", "said"),
    [
        ("conversion", [RATE], ConfigError, "trains"),
        ("sne", [ENERGY], UnsupportedError, "'energy' with the method 'sne'"),
        ("sne", [{"kind": "synops"}], UnsupportedError, "'synops' with the method 'sne'"),
        ("ce", [PRUNED, {**ENERGY, "remove_to_nj": 1.0}], ConfigError, "one of the two"),
    ],
)
def test_penalties_that_would_do_something_else_are_refused(method, penalties, kind, said) -> None:
    tables = {
        "student": {"kind": "mlp"},
        "teacher": {"kind": "mlp"},
        "method": {"name": method},
        "penalty": penalties,
    }
    with pytest.raises(kind) as caught:
        recipe_from_dict(tables).check_penalties()
    assert said in str(caught.value)
    recipe_from_dict({**tables, "penalty": []}).check_penalties()
    if method == "sne":
        recipe_from_dict({**tables, "penalty": [RATE]}).check_penalties()


def test_a_gate_has_a_threshold() -> None:
    method = {"name": "sne", "policy": "gate", "setting": float("nan")}
    tables = {"student": {"kind": "mlp"}, "teacher": {"kind": "mlp"}, "method": method}
    with pytest.raises(ConfigError, match="policy gate"):
        recipe_from_dict(tables)


def test_a_target_is_named_once() -> None:
    tables = {"student": {"kind": "mlp"}, "targets": ["loihi2", "loihi1", "loihi2"]}
    with pytest.raises(ConfigError, match="loihi2 named twice"):
        recipe_from_dict(tables)
