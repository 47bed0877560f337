"""A whole recipe, and how it is read from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from os.path import isabs
from pathlib import Path
from typing import Any

from snn2chip.distill.methods import method_from_table, name_of, penalty_from_table
from snn2chip.distill.methods.base import Method, Penalty
from snn2chip.distill.methods.cross_entropy import CrossEntropy
from snn2chip.distill.recipe.bounds import MAX_PENALTIES
from snn2chip.distill.recipe.data import DataConfig, EncodingConfig
from snn2chip.distill.recipe.quantization import FLAGS, QuantizationConfig
from snn2chip.distill.recipe.student import StudentConfig
from snn2chip.distill.recipe.teacher import TeacherConfig
from snn2chip.distill.recipe.training import TrainingConfig
from snn2chip.distill.tables import from_table, read_toml
from snn2chip.errors import ConfigError, UnsupportedError

FILES = (".npz", ".safetensors", ".onnx", ".toml")
"""Suffixes of files that a recipe may name."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A student, from its samples to its training; `read_recipe` reads one from TOML.

    Attributes:
        teacher: or None for a student that learns from labels alone.
        method: how it learns, a `snn2chip.distill.methods.base.Method`.
        penalties: further terms of its loss.
        quantization: fine-tuning after the training, or None.
        targets: chips that the student is made for; it is checked against them before training,
            and its card has its figures on them.
    """

    student: StudentConfig
    data: DataConfig = field(default_factory=DataConfig)
    encoding: EncodingConfig = field(default_factory=EncodingConfig)
    teacher: TeacherConfig | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)
    method: Method = field(default_factory=CrossEntropy)
    penalties: tuple[Penalty, ...] = ()
    quantization: QuantizationConfig | None = None
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.method.needs_teacher and self.teacher is None:
            raise ConfigError(
                f"method {name_of(type(self.method))!r} without a teacher",
                needs="a table [teacher] with kind, or with file",
            )
        if twice := sorted({name for name in self.targets if self.targets.count(name) > 1}):
            raise ConfigError(f"targets: {', '.join(twice)} named twice", remedy="name it once")
        if self.student.neuron == "relu":
            return
        shortest = min(*self.student.tau, self.student.tau_out)
        if shortest < self.encoding.dt:
            raise ConfigError(
                f"student: a time constant of {shortest} s",
                needs=f"at least one step, encoding.dt = {self.encoding.dt} s",
            )

    def check_penalties(self) -> None:
        """Refuse penalties that would do nothing, or not what they say, before any training.

        Raises:
            ConfigError: beside a method that trains nothing; removal of weights and of neurons.
            UnsupportedError: those that count synapses, of several members.
        """
        method = name_of(type(self.method))
        if self.penalties and not self.method.trains:
            raise ConfigError(
                f"[[penalty]] with the method {method!r}",
                needs="a method that trains",
                remedy="leave the penalties out, or a student that starts converted: lasnn",
            )
        counting = [name_of(type(p)) for p in self.penalties if p.counts_synapses]
        if counting and self.method.several:
            raise UnsupportedError(
                f"penalty {counting[0]!r} with the method {method!r}",
                needs="one student, whose synapses it counts",
                has="several members",
                remedy="rate or logits in its place",
            )
        pruning = any(p.prunes for p in self.penalties)
        if pruning and any(p.removes for p in self.penalties):
            raise ConfigError(
                "magnitude pruning beside remove_to_nj",
                has="neurons that are removed, whose weights are the smallest ones",
                remedy="one of the two",
            )

    @property
    def files(self) -> tuple[str, ...]:
        """Files beside it that it names: samples, a teacher, and targets of the user's own."""
        named = [self.data.name, *self.targets]
        named += [self.teacher.file] if self.teacher and self.teacher.file else []
        named += [self.quantization.target] if self.quantization else []
        named += [getattr(penalty, "target", None) or "" for penalty in self.penalties]
        names = (str(name) for name in dict.fromkeys(named))
        return tuple(name for name in names if Path(name).suffix in FILES and not isabs(name))

    @property
    def uses_teacher(self) -> bool:
        """Whether its method, or a term of its loss, asks the teacher anything."""
        return self.method.needs_teacher or any(p.needs_teacher for p in self.penalties)

    @property
    def drops_zeros(self) -> bool:
        """Whether chips get its student without synapses of weight 0.

        That is what pruned students are for; but an energy in the loss is the price of all
        synapses, and figures are not to differ from it.
        """
        pruned = any(penalty.prunes for penalty in self.penalties)
        return pruned and not any(penalty.prices_synapses for penalty in self.penalties)

    def to_dict(self) -> dict[str, Any]:
        """Plain tables and values with every default spelled out, ready for JSON."""
        named: dict[str, Any] = {
            "method": {"name": name_of(type(self.method)), **_plain(self.method)},
            "penalty": [{"kind": name_of(type(p)), **_plain(p)} for p in self.penalties],
        }
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in ("method", "penalties") and value is not None:
                named[item.name] = list(value) if item.name == "targets" else _plain(value)
        return named


def _plain(options: Any) -> dict[str, Any]:
    """The fields of a dataclass, as TOML has them: lists for tuples, nothing for None."""
    found: dict[str, Any] = {}
    for item in fields(options):
        value = getattr(options, item.name)
        if is_dataclass(value):
            found[item.name] = _plain(value)
        elif isinstance(value, tuple):
            found[item.name] = list(value)
        elif value is not None:
            found[item.name] = value
    return found


def with_quantization(
    recipe: Recipe, target: str | None, weight_bits: int | None, epochs: int | None
) -> Recipe:
    """The recipe with what flags say about its fine-tuning; None keeps what the recipe says.

    Raises:
        ConfigError: values that make no sense, or a width or epochs without any target.
    """
    given = {"target": target, "weight_bits": weight_bits, "epochs": epochs}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return recipe
    if recipe.quantization is not None:
        return replace(recipe, quantization=replace(recipe.quantization, **changes))
    if target is None:
        raise ConfigError(
            f"{', '.join(FLAGS[name] for name in changes)} without a target",
            needs="a chip for whose integers the student is fine-tuned",
            has="a recipe without [quantization]",
            remedy=f"{FLAGS['target']} loihi2, or a table [quantization] with a target",
        )
    return replace(recipe, quantization=QuantizationConfig(**changes))


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        ConfigError: no such file, no TOML, or a key or value that makes no sense; the message
            names the file and the key.
    """
    path = Path(path)
    tables = read_toml(path, "recipe")
    return recipe_from_dict(tables, str(path))


def recipe_from_dict(tables: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """The recipe in nested tables; ``source`` stands in front of every message."""
    tables = dict(tables)
    method = tables.pop("method", {"name": "ce"})
    penalties = tables.pop("penalty", [])
    if not isinstance(penalties, list) or len(penalties) > MAX_PENALTIES:
        raise ConfigError(
            f"{source}: penalty is no list of tables", needs=f"[[penalty]], at most {MAX_PENALTIES}"
        )
    plain = from_table(_Tables, tables, source, "", ("method", "penalty"))
    assert isinstance(plain, _Tables)
    named = {item.name: getattr(plain, item.name) for item in fields(plain)}
    method = method_from_table(method, source)
    terms = tuple(
        penalty_from_table(table, source, f"penalty[{k}]") for k, table in enumerate(penalties)
    )
    try:
        return Recipe(**named, method=method, penalties=terms)
    except ConfigError as error:
        raise ConfigError(
            f"{source}: {error.what}", needs=error.needs, has=error.has, remedy=error.remedy
        ) from None


@dataclass(frozen=True, slots=True)
class _Tables:
    """The tables of a recipe whose classes do not depend on what stands in them."""

    student: StudentConfig
    data: DataConfig = field(default_factory=DataConfig)
    encoding: EncodingConfig = field(default_factory=EncodingConfig)
    teacher: TeacherConfig | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)
    quantization: QuantizationConfig | None = None
    targets: tuple[str, ...] = ()
