"""Recipes: everything that decides a student, in one TOML file.

``[data]`` names the samples and their split, ``[encoding]`` how values become spikes, ``[student]``
the network, ``[teacher]`` whom it learns from, ``[method]`` how, ``[[penalty]]`` what else its loss
counts, ``[training]`` (with ``[training.augmentation]``) how it is trained, and ``[quantization]``
for which chip it is fine-tuned. Every key has a default except ``student.kind``, ``method.name``,
``penalty.kind`` and ``quantization.target``; an unknown key is an error with a suggestion.
"""

from snn2chip.distill.recipe.data import DataConfig, EncodingConfig
from snn2chip.distill.recipe.quantization import QuantizationConfig
from snn2chip.distill.recipe.reading import (
    Recipe,
    read_recipe,
    recipe_from_dict,
    with_quantization,
)
from snn2chip.distill.recipe.student import StudentConfig
from snn2chip.distill.recipe.teacher import TeacherConfig
from snn2chip.distill.recipe.training import AugmentationConfig, TrainingConfig

__all__ = [
    "AugmentationConfig",
    "DataConfig",
    "EncodingConfig",
    "QuantizationConfig",
    "Recipe",
    "StudentConfig",
    "TeacherConfig",
    "TrainingConfig",
    "read_recipe",
    "recipe_from_dict",
    "with_quantization",
]
