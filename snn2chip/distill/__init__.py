"""Students: recipes, torch modules of Norse cells, training, checkpoints and cards.

The only room that imports torch and Norse; its names are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from snn2chip.errors import ConfigError

if TYPE_CHECKING:
    from snn2chip.distill.card import CardFigures, QuantizedFigures, add_rows, render_card
    from snn2chip.distill.checkpoint import (
        CheckpointMetadata,
        DataSource,
        load_checkpoint,
        save_checkpoint,
    )
    from snn2chip.distill.quantized.finetune import QuantizedFit, finetune_quantized
    from snn2chip.distill.quantized.integers import Quantized
    from snn2chip.distill.quantized.tuning import Tuning
    from snn2chip.distill.recipe import (
        QuantizationConfig,
        Recipe,
        read_recipe,
        recipe_from_dict,
        with_quantization,
    )
    from snn2chip.distill.run import DistillResult, cross_validate, distill
    from snn2chip.distill.sequence import (
        Evaluation,
        encode_spikes,
        evaluate,
        readout_scores,
        run_layers,
        run_steps,
    )
    from snn2chip.distill.students import architecture, build_student
    from snn2chip.distill.training import Fit, Progress, fit
    from snn2chip.distill.user_model import load_user_model

_ROOM = {
    "card": ("CardFigures", "QuantizedFigures", "add_rows", "render_card"),
    "checkpoint": ("CheckpointMetadata", "DataSource", "load_checkpoint", "save_checkpoint"),
    "quantized.integers": ("Quantized",),
    "quantized.finetune": ("QuantizedFit", "finetune_quantized"),
    "recipe": (
        "QuantizationConfig",
        "Recipe",
        "read_recipe",
        "recipe_from_dict",
        "with_quantization",
    ),
    "run": ("DistillResult", "cross_validate", "distill"),
    "sequence": (
        "Evaluation",
        "encode_spikes",
        "evaluate",
        "readout_scores",
        "run_layers",
        "run_steps",
    ),
    "students": ("architecture", "build_student"),
    "training": ("Fit", "Progress", "fit"),
    "quantized.tuning": ("Tuning",),
    "user_model": ("load_user_model",),
}
_MODULE_OF = {name: module for module, names in _ROOM.items() for name in names}

__all__ = [
    "CardFigures",
    "CheckpointMetadata",
    "DataSource",
    "DistillResult",
    "Evaluation",
    "Fit",
    "Progress",
    "QuantizationConfig",
    "Quantized",
    "QuantizedFigures",
    "QuantizedFit",
    "Recipe",
    "Tuning",
    "add_rows",
    "architecture",
    "build_student",
    "cross_validate",
    "distill",
    "encode_spikes",
    "evaluate",
    "finetune_quantized",
    "fit",
    "load_checkpoint",
    "load_user_model",
    "read_recipe",
    "readout_scores",
    "recipe_from_dict",
    "render_card",
    "run_layers",
    "run_steps",
    "save_checkpoint",
    "with_quantization",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_MODULE_OF[name]}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("torch", "norse"):
            raise
        raise ConfigError(
            f"{error.name} is not installed, and checkpoints and training need it",
            remedy="pip install 'snn2chip[train]'",
        ) from error
    return getattr(module, name)
