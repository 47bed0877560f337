"""The trials of a study as a run read them, for a look at its results where there is no PyTorch.

Recipes are read with the classes of their methods, which need it. A run keeps what it read beside
its trials, in ``trials.json``, with digits of all that decides which trials there are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from snn2chip.distill.tables import read_toml
from snn2chip.errors import ConfigError, InputFileError
from snn2chip.files import write_bytes
from snn2chip.study.config import SEED, StudyConfig
from snn2chip.study.settings import changed, fingerprint
from snn2chip.study.types import Trial

FILE = "trials.json"
SCHEMA = "snn2chip/trials/1"
MAX_BYTES = 1 << 28


def reads_recipes() -> bool:
    """Whether PyTorch is there, which the methods of recipes need."""
    try:
        from snn2chip.distill import recipe_from_dict  # noqa: F401
    except ConfigError:
        return False
    return True


def trials_of(
    study: StudyConfig, folder: Path, able: bool
) -> tuple[dict[str, Any], Sequence[Trial]]:
    """Tables of the base recipe, and the trials of the grids or those that an earlier run kept.

    Args:
        able: recipes can be read, as `reads_recipes` says.

    Raises:
        ConfigError: a combination that is no recipe; nothing that was kept of this study.
        InputFileError: a damaged list of trials.
    """
    if able:
        from snn2chip.study.trials.grid import base_tables, grid_trials

        base = base_tables(study)
        return base, grid_trials(study, base)
    base = read_toml(Path(study.recipe), "recipe")
    return base, kept_trials(folder, digits_of(study, base))


def digits_of(study: StudyConfig, base: Mapping[str, Any]) -> str:
    """Equal for studies of the same trials.

    Args:
        base: tables of the base recipe, as its file has them.
    """
    decides = (study.grids, study.search, study.seeds, base)
    return sha256(repr(decides).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def keep_trials(folder: Path, digits: str, trials: Sequence[Trial]) -> None:
    """Write the trials that a study has so far."""
    document = {"schema": SCHEMA, "study": digits, "trials": [asdict(trial) for trial in trials]}
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    write_bytes(folder / FILE, text.encode("utf-8", "backslashreplace"))


def kept_trials(folder: Path, digits: str) -> tuple[Trial, ...]:
    """The trials that a run of the same study kept.

    Raises:
        ConfigError: there was none, or the study or its base recipe has changed since.
        InputFileError: a file that is damaged, or was written by something else.
    """
    path = folder / FILE
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        document = json.loads(path.read_text("utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError("another schema")
        known = document["study"] == digits
        trials = tuple(_trial(table) for table in document["trials"]) if known else ()
    except FileNotFoundError:
        known, trials = False, ()
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise InputFileError(
            f"{path}: no list of trials: {type(error).__name__}: {error}",
            remedy="remove the file: a run with PyTorch writes it again",
        ) from error
    if not known:
        raise ConfigError(
            f"{folder}: which trials the study has is not known without PyTorch",
            needs=f"{FILE} of a run of this very study and base recipe",
            has="that of another one" if path.exists() else "none",
            remedy="pip install 'snn2chip[train]'",
        )
    return trials


def _trial(table: Mapping[str, Any]) -> Trial:
    """One that is what its keys say, so that they lead nowhere else."""
    made = Trial(**table)
    keys = fingerprint(made.tables), fingerprint(changed(made.tables, {SEED: 0}))
    if (made.key, made.setting) != keys or type(made.seed) is not int:
        raise ValueError("a trial with the key of another one")
    if not isinstance(made.settings, dict):
        raise TypeError("settings that are none")
    return made
