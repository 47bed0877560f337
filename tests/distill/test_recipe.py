"""Recipes parse, spell out their defaults, and refuse what makes no sense, naming file and key."""

from __future__ import annotations

import tomllib

import pytest

from snn2chip.distill.recipe import (
    QuantizationConfig,
    Recipe,
    StudentConfig,
    read_recipe,
    recipe_from_dict,
    with_quantization,
)
from snn2chip.errors import ConfigError

FULL = """
[data]
name = "digits"
split_seed = 3
test_size = 0.25

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
tau_out = 1
v_threshold = 1.5
readout = "v_mean"
kernel = 5
dropout = 0
surrogate = "tanh"
alpha = 2

[training]
epochs = 7
lr = 1e-2

[training.augmentation]
share = 0.0

[teacher]
kind = "mlp"
widths = [32]

[method]
name = "kd"
temperature_teacher = 4
temperature_student = 1

[[penalty]]
kind = "rate"
weight = 0.5
"""


def test_every_value_arrives(write_toml) -> None:
    recipe = read_recipe(write_toml(FULL))
    assert recipe.data.split_seed == 3
    assert recipe.data.test_size == 0.25
    assert recipe.encoding.steps == 9
    assert recipe.encoding.to_graph().threshold == 0.9375
    assert recipe.student.widths == (4, 8)
    assert recipe.student.taus() == (0.002, 0.004)
    assert recipe.student.readout == "v_mean"
    assert recipe.student.kernel == 5
    assert recipe.training.epochs == 7
    assert recipe.training.augmentation.share == 0.0
    assert recipe.training.augmentation.rotate_deg == 10.0, "a default beside a given value"
    assert recipe.method.temperatures == (4.0, 1.0)
    assert [(p.weight, p.power) for p in recipe.penalties] == [(0.5, 1)]
    assert recipe.teacher.training.lr != recipe.training.lr
    assert recipe_from_dict(recipe.to_dict()) == recipe, "what a checkpoint keeps reads back"


def test_whole_numbers_pass_as_floats(write_toml) -> None:
    student = read_recipe(write_toml(FULL)).student
    assert (student.alpha, student.tau_out, student.dropout) == (2.0, 1.0, 0.0)
    assert type(student.alpha) is float


def test_one_value_is_a_list_of_one() -> None:
    recipe = recipe_from_dict({"student": {"kind": "mlp", "widths": 40, "tau": 0.003}})
    assert recipe.student.widths == (40,)
    assert recipe.student.taus() == (0.003,)


def test_one_time_constant_serves_all_widths() -> None:
    assert StudentConfig(kind="conv", widths=(4, 8, 8), tau=(0.002,)).taus() == (0.002,) * 3


def test_a_minimal_recipe_names_its_kind() -> None:
    assert recipe_from_dict({"student": {"kind": "mlp"}}) == Recipe(StudentConfig(kind="mlp"))


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_tables_and_back(kind, tiny_recipe) -> None:
    recipe = tiny_recipe(kind, training__seed=5, training__augmentation={"zoom": 0.0})
    assert recipe_from_dict(recipe.to_dict()) == recipe


def test_to_dict_spells_out_every_default() -> None:
    tables = recipe_from_dict({"student": {"kind": "mlp"}}).to_dict()
    assert tables["encoding"] == {
        "kind": "if", "steps": 16, "threshold": 1.0, "gain": 1.0, "dt": 1e-3
    }  # fmt: skip
    assert tables["training"]["augmentation"]["shift_px"] == 0.5
    assert tables["student"]["widths"] == [128]


@pytest.mark.parametrize(
    ("text", "key", "suggestion"),
    [
        ('[student]\nkind = "mlp"\nwidhts = [3]', "student.widhts", "widths"),
        ('[student]\nkind = "mlp"\n[trainig]\nlr = 1.0', "trainig", "training"),
        (
            '[student]\nkind = "mlp"\n[training.augmentation]\nrotate = 3',
            "training.augmentation.rotate",
            "rotate_deg",
        ),
        ('[student]\nkind = "mpl"', "student.kind", "mlp"),
        ('[student]\nkind = "mlp"\nreadout = "v_lats"', "student.readout", "v_last"),
    ],
)
def test_a_mistyped_word_gets_a_suggestion(write_toml, text, key, suggestion) -> None:
    path = write_toml(text)
    with pytest.raises(ConfigError) as caught:
        read_recipe(path)
    message = str(caught.value)
    assert str(path) in message
    assert key in message
    assert f"did you mean {suggestion!r}" in message


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("student", "widths", []),
        ("student", "widths", [0]),
        ("student", "widths", [8, 2.5]),
        ("student", "tau", [1e-3, 2e-3]),
        ("student", "tau", -1e-3),
        ("student", "tau_out", 1e-4),
        ("student", "tau_out", float("inf")),
        ("student", "tau_out", float("nan")),
        ("student", "dropout", 1.0),
        ("student", "kernel", 4),
        ("student", "v_threshold", 0.0),
        ("encoding", "steps", 0),
        ("encoding", "steps", True),
        ("encoding", "steps", "16"),
        ("encoding", "threshold", 0),
        ("data", "test_size", 1.0),
        ("data", "split_seed", -1),
        ("training", "epochs", 0),
        ("training", "epochs", 3.0),
        ("training", "lr", 0.0),
        ("training", "lr", float("nan")),
        ("training", "drive_weight", -1.0),
        ("data", "validation", 1.0),
        ("training", "seed", -3),
        ("training", "augmentation", 3),
        ("training", "augmentation", {"share": 1.5}),
        ("training", "augmentation", {"zoom": -0.1}),
    ],
)
def test_senseless_values_are_refused(tiny_tables, table, key, value) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_from_dict(tiny_tables("mlp", **{f"{table}__{key}": value}), "my.toml")
    message = str(caught.value)
    assert message.startswith("my.toml: ")
    where = (
        next(iter(value)) if isinstance(value, dict) else "time constant" if "tau" in key else key
    )
    assert where in message or key in message


def test_the_kind_is_required(write_toml) -> None:
    with pytest.raises(ConfigError, match=r"'student' is missing"):
        read_recipe(write_toml("[data]"))
    with pytest.raises(ConfigError, match=r"'student\.kind' is missing"):
        read_recipe(write_toml("[student]"))


@pytest.mark.parametrize("text", ["[student", "kind = ", "\x00"])
def test_no_toml(write_toml, text) -> None:
    with pytest.raises(ConfigError, match=r"recipe\.toml: no valid TOML"):
        read_recipe(write_toml(text))


def test_no_utf8(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="no valid TOML"):
        read_recipe(path)


def test_no_file_and_a_folder(tmp_path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recipe(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recipe(tmp_path)


def test_a_huge_file_is_not_read(tmp_path) -> None:
    path = tmp_path / "recipe.toml"
    with path.open("wb") as file:
        file.truncate(1 << 32)
    with pytest.raises(ConfigError, match="too large"):
        read_recipe(path)


@pytest.mark.parametrize("name", ["digits-mlp", "digits-conv"])
def test_bundled_recipes_parse(repository, name) -> None:
    path = repository / "models" / name / "recipe.toml"
    recipe = read_recipe(path)
    assert recipe.student.kind == name.removeprefix("digits-")
    assert recipe.data.test_size == 0.4
    assert tomllib.loads(path.read_text())["encoding"]["kind"] == "if"


STUDENT = {"student": {"kind": "mlp"}}


def test_quantization_is_a_table_of_its_own(write_toml) -> None:
    text = FULL + '[quantization]\ntarget = "loihi2"\nweight_bits = 3\nlr = 1\n'
    recipe = read_recipe(write_toml(text))
    assert recipe.quantization == QuantizationConfig("loihi2", 3, lr=1.0)
    assert recipe.to_dict()["quantization"]["epochs"] == QuantizationConfig("x").epochs
    assert recipe_from_dict(recipe.to_dict()) == recipe
    assert "quantization" not in recipe_from_dict(STUDENT).to_dict()
    own = recipe_from_dict({**STUDENT, "quantization": {"target": "my.toml"}})
    assert own.quantization == QuantizationConfig("my.toml")
    assert recipe_from_dict(own.to_dict()) == own


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "'quantization.target' is missing"),
        ({"target": 2}, "quantization.target = 2"),
        ({"target": "loihi2", "bits": 2}, "unknown key 'quantization.bits'"),
        ({"target": "loihi2", "weight_bits": 0}, "weight_bits = 0"),
        ({"target": "loihi2", "weight_bits": 2.5}, "weight_bits = 2.5"),
        ({"target": "loihi2", "weight_bits": True}, "weight_bits = True"),
        ({"target": "loihi2", "epochs": 0}, "epochs = 0"),
        ({"target": "loihi2", "lr": 0.0}, "lr = 0"),
        ("loihi2", "quantization is 'loihi2'"),
    ],
)
def test_senseless_quantization(table, message) -> None:
    with pytest.raises(ConfigError, match=message):
        recipe_from_dict({**STUDENT, "quantization": table})


def test_flags_create_and_change_the_table() -> None:
    plain = recipe_from_dict(STUDENT)
    assert with_quantization(plain, None, None, None) is plain
    made = with_quantization(plain, "loihi2", 2, None)
    assert made.quantization == QuantizationConfig("loihi2", 2)
    changed = with_quantization(made, None, None, 7)
    assert changed.quantization == QuantizationConfig("loihi2", 2, 7)
    assert with_quantization(made, "loihi1", 3, 7).quantization == QuantizationConfig(
        "loihi1", 3, 7
    )


def test_a_width_needs_a_target() -> None:
    with pytest.raises(ConfigError, match="--weight-bits, --finetune-epochs without a target"):
        with_quantization(recipe_from_dict(STUDENT), None, 2, 5)
