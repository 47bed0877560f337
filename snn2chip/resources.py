"""Where bundled data lie: in the wheel under ``_data``, in a checkout beside the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from snn2chip.errors import Snn2chipError


def targets_dir() -> Path:
    """Folder with one TOML file per bundled target."""
    return _find("targets")


def models_dir() -> Path:
    """Folder with one folder per bundled student."""
    return _find("models")


def _find(name: str) -> Path:
    """``snn2chip/_data/<name>`` of a wheel, else ``<name>`` beside the package of a checkout."""
    package = Path(str(files("snn2chip")))
    return _find_beside(package, name)


def _find_beside(package: Path, name: str) -> Path:
    packed = package / "_data" / name
    if packed.is_dir():
        return packed
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise Snn2chipError(
        f"the installation of snn2chip lacks its {name}",
        needs=f"{packed}",
        remedy="install snn2chip again",
    )
