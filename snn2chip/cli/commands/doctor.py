"""``snn2chip doctor``: is this installation whole, and what else could it do?"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from snn2chip.cli import console

CORE = ("numpy", "scikit-learn", "h5py", "safetensors", "rich", "typer", "jinja2")
EXTRAS = {"train": ("torch", "norse")}


class Finding(NamedTuple):
    """One line of the examination; ``state`` is ok, absent (an extra) or wrong."""

    subject: str
    state: str
    detail: str


def doctor() -> None:
    """Versions, extras, bundled data: is this installation whole? Ends with 1 if it is not."""
    from snn2chip.errors import Snn2chipError

    engines = _lava(), _firmware()
    findings = [*_versions(), *_extras(), _kernels(), *engines, *_bundled(), _writable(Path.cwd())]
    console.out(console.table(("part", "state", "detail"), findings))
    wrong = [found.subject for found in findings if found.state == "wrong"]
    if wrong:
        raise Snn2chipError(
            "this installation is not whole: " + ", ".join(wrong),
            remedy="pip install --force-reinstall snn2chip, in a fresh virtual environment",
        )


def _versions() -> Iterator[Finding]:
    from snn2chip import __version__

    yield Finding("snn2chip", "ok", __version__)
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    for name in CORE:
        version = _version(name)
        yield Finding(name, "ok" if version else "wrong", version or "not installed")


def _extras() -> Iterator[Finding]:
    for extra, names in EXTRAS.items():
        for name in names:
            version = _version(name)
            remedy = f"for training and export: pip install 'snn2chip[{extra}]'"
            yield Finding(name, "ok" if version else "absent", version or remedy)


def _kernels() -> Finding:
    from snn2chip.engine.kernels.accelerate import cache_folder, reason_against

    reason = reason_against()
    if reason is not None:
        remedy = "simulation is many times faster with it: pip install 'snn2chip[fast]'"
        return Finding("numba", "absent", f"{reason}; {remedy}")
    kept = cache_folder()
    where = "compiled anew by each process" if kept is None else f"kernels in {kept}"
    return Finding("numba", "ok", f"{_version('numba')}, {where}")


def _lava() -> Finding:
    from snn2chip.backends.loihi.witness import LAVA_PYTHON, found

    place = found(os.environ.get(LAVA_PYTHON))
    remedy = "to confirm Loihi's integers with Lava itself: snn2chip verify --prepare"
    return Finding("lava", "absent" if place is None else "ok", place or remedy)


def _firmware() -> Finding:
    from snn2chip.backends.spinnaker.witness import found_engine

    engine = found_engine()
    remedy = (
        "to confirm SpiNNaker's integers with its firmware: snn2chip verify --engine firmware "
        "--prepare"
    )
    return Finding(
        "spynnaker", "absent" if engine is None else "ok", str(engine.python) if engine else remedy
    )


def _version(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _bundled() -> Iterator[Finding]:
    yield _try("targets", _targets)
    yield _try("models", _models)


def _try(subject: str, examine: Callable[[], str]) -> Finding:
    from snn2chip.errors import Snn2chipError

    try:
        return Finding(subject, "ok", examine())
    except (Snn2chipError, OSError) as error:
        return Finding(subject, "wrong", str(error).splitlines()[0])


def _targets() -> str:
    from snn2chip.targets import list_targets, load_target

    return ", ".join(load_target(name).name for name in list_targets())


def _models() -> str:
    from snn2chip.cli.commands.students import bundled_models
    from snn2chip.errors import InputFileError

    if not bundled_models():
        raise InputFileError("none is there")
    return ", ".join(f"{name} ({neurons} neurons)" for name, neurons, *_ in bundled_models())


def _writable(folder: Path) -> Finding:
    state = "ok" if os.access(folder, os.W_OK) else "wrong"
    return Finding("this folder", state, "writable" if state == "ok" else "not writable")
