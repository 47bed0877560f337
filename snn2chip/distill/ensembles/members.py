"""Members side by side as one trainable student, and each of them folded into a student of its own.

A member ends in a leaky integrator per feature, g_k. The head, a matrix on all features, belongs to
the training only: because a leaky integrator is linear, W_k g_k is the membrane of C integrators
behind the product of both matrices. What an absent member leaves is its mean over the training
samples, mu_k::

    logits = s (b + sum_k W_k mu_k) + sum over active k of s W_k (g_k - mu_k)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import norse.torch as norse
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from snn2chip.distill.ensembles.partitions import Parts
from snn2chip.distill.recipe import Recipe
from snn2chip.distill.sequence import encode_spikes, readout_scores, run_layers
from snn2chip.distill.students import Layer, Parallel, Student, architecture, build_student
from snn2chip.distill.teachers.base import Teacher
from snn2chip.errors import ConfigError
from snn2chip.graph import Readout

MEMBERS, HEAD = "members", "head"
LINEAR_READOUTS = ("v_mean", "v_last")

_PART = 512


@dataclass(frozen=True, eq=False)
class Folded:
    """Students that end in logits.

    Attributes:
        gain: factor on a member's readout.
        offsets: [class] of each, added to it.
        bias: [class], of the ensemble.
    """

    students: tuple[norse.SequentialState, ...]
    architectures: tuple[list[Layer], ...]
    gain: float
    offsets: tuple[NDArray[np.float64], ...]
    bias: NDArray[np.float64]


def side_by_side(recipe: Recipe, input_shape: tuple[int, ...], sizes: Sequence[int]) -> Student:
    """Untrained members with so many features each, for a head of all of them.

    Raises:
        ConfigError: a readout that is not linear.
    """
    require_linear(recipe)
    parts = {
        f"m{k}": build_student(architecture(recipe.student, input_shape, size), recipe.encoding.dt)
        for k, size in enumerate(sizes)
    }
    return Student({MEMBERS: Parallel(parts, sum(sizes))})


def require_linear(recipe: Recipe) -> None:
    """Refuse a readout that no head can be folded into.

    Raises:
        ConfigError: it is not linear in the membranes.
    """
    if recipe.student.readout not in LINEAR_READOUTS:
        raise ConfigError(
            f'student.readout = "{recipe.student.readout}" of members',
            needs=" or ".join(LINEAR_READOUTS) + ": real values, into which the head is folded",
        )


def with_head(student: Student, weight: Tensor, bias: Tensor) -> Student:
    """The same members, and a head [class, feature] that the teacher's classifier begins with."""
    head = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)
    parts: Parallel = student.get_submodule(MEMBERS)
    return Student({MEMBERS: parts, HEAD: head})


def features_of(student: norse.SequentialState, recipe: Recipe, x: NDArray[np.floating]) -> Tensor:
    """g [sample, feature] of all members, in evaluation mode."""
    readout = Readout(recipe.student.readout)
    was_training = student.training
    student.eval()
    found = []
    with torch.no_grad():
        for part in torch.split(torch.as_tensor(x, dtype=torch.float32), _PART):
            spikes = encode_spikes(part, recipe.encoding.to_graph())
            result = run_layers(student, spikes, (MEMBERS,))
            found.append(readout_scores(result.taps[MEMBERS], readout))
    student.train(was_training)
    return torch.cat(found)


def set_means(student: norse.SequentialState, recipe: Recipe, x: NDArray[np.floating]) -> None:
    """What an absent member leaves: the mean of its features over x."""
    parts: Parallel = student.get_submodule(MEMBERS)
    with torch.no_grad():
        parts.mean.copy_(features_of(student, recipe, x).double().mean(0))


def fold(student: norse.SequentialState, recipe: Recipe) -> Folded:
    """Each member with its columns of the head in its last matrix, in float64 until the end."""
    parts: Parallel = student.get_submodule(MEMBERS)
    head: nn.Linear = student.get_submodule(HEAD)
    weight, mean = head.weight.detach().double(), parts.mean.detach().double()
    scale = recipe.training.logit_scale
    students, layers, offsets, first = [], [], [], 0
    for member in parts.members():
        last = [m for m in member.children() if isinstance(m, nn.Linear)][-1]
        columns = slice(first, first + last.out_features)
        own = weight[:, columns]
        made, layer = _folded(member, recipe, own)
        students.append(made)
        layers.append(layer)
        offsets.append((-scale * (own @ mean[columns])).numpy())
        first += last.out_features
    bias = scale * (head.bias.detach().double() + weight @ mean)
    return Folded(tuple(students), tuple(layers), scale, tuple(offsets), bias.numpy())


def _folded(
    member: Student, recipe: Recipe, own: Tensor
) -> tuple[norse.SequentialState, list[Layer]]:
    """A student whose last matrix is the head's columns times the member's."""
    layers: list[Layer] = [dict(layer) for layer in member.layers]
    index = max(k for k, layer in enumerate(layers) if layer["kind"] == "linear")
    layers[index]["outputs"] = own.shape[0]
    made = build_student(layers, recipe.encoding.dt)
    name = [name for name, _ in made.named_children()][index]
    state = dict(member.state_dict())
    state[f"{name}.weight"] = (own @ state[f"{name}.weight"].double()).float()
    state[f"{name}.bias"] = (own @ state[f"{name}.bias"].double()).float()
    made.load_state_dict(state)
    made.eval()
    return made, layers


def classifier_of(teacher: Teacher | None) -> tuple[str, nn.Linear]:
    """(module path of the features, the matrix that classifies them) of a teacher.

    Raises:
        ConfigError: the teacher is no PyTorch network that ends in a matrix.
    """
    module = None if teacher is None else teacher.module
    children = [] if module is None else list(module.named_children())
    if len(children) < 2 or not isinstance(children[-1][1], nn.Linear):
        raise ConfigError(
            "a teacher whose features are not known",
            needs="a PyTorch network whose last layer is a matrix, as [teacher] kind makes one",
        )
    return children[-2][0], children[-1][1]


def teacher_features(teacher: Teacher, path: str, x: Tensor) -> Tensor:
    """[sample, feature] of a tap, flattened."""
    parts = [teacher.outputs(part, (path,)).taps[path].flatten(1) for part in torch.split(x, _PART)]
    return torch.cat(parts)


def columns_of(parts: Parts) -> Tensor:
    """Features in the order of the members."""
    return torch.as_tensor(np.concatenate(parts))
