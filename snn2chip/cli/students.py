"""``snn2chip distill``, ``export`` and ``models``: trained students, from recipe to NIR."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from snn2chip.cli import console

models = typer.Typer(help="Bundled students.", no_args_is_help=True, rich_markup_mode=None)


@models.callback()
def _group() -> None:
    """Keeps ``list`` a command of its own while it is the only one."""


@models.command("list")
def list_() -> None:
    """The students that come with snn2chip; any command takes their names as NETWORK."""
    rows = bundled_models()
    console.out(console.table(("model", "neurons", "synapses", "trained on"), rows))


def bundled_models() -> list[tuple[str, int, int, str]]:
    """Name, neurons, synapses and data set of every bundled student."""
    from snn2chip.graph.linear import synapses
    from snn2chip.pipeline import Options, list_models, open_network

    rows = []
    for name in list_models():
        graph = open_network(name, Options(target="reference")).graph
        neurons = sum(p.size for p in graph.populations if not p.is_input)
        count = sum(synapses(p.operator) for p in graph.projections)
        rows.append((name, neurons, count, graph.data))
    return rows


def distill(
    recipe: Annotated[Path, typer.Argument(help="A recipe, as a TOML file.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder to write.", show_default="the recipe's name"),
    ] = None,
    folds: Annotated[int, typer.Option(min=0, help="Cross-validate with so many folds first.")] = 0,
) -> None:
    """Train a student: checkpoint, card and NIR file."""
    need_torch("training")
    from snn2chip.distill import distill as train

    folder = out or Path(recipe.stem)
    train(recipe, folder, folds=folds)
    console.wrote(*sorted(path for path in folder.rglob("*") if path.is_file()))


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint (.safetensors or .pt).")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File to write.", show_default="<checkpoint>.nir"),
    ] = None,
    format: Annotated[str, typer.Option(metavar="nir", help="Format of the file.")] = "nir",
    model: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FACTORY", help="What makes your own module; it is run."),
    ] = None,
) -> None:
    """Write a network as NIR, after proving that it gives the same spikes as PyTorch does."""
    from snn2chip.errors import ConfigError

    if format != "nir":
        raise ConfigError(f"--format {format!r}", has="nir", remedy="--format nir")
    need_torch("exporting a PyTorch network")


def need_torch(purpose: str) -> None:
    """Refuse with the command that adds them where torch or norse are missing.

    Raises:
        ConfigError: one of them is not installed.
    """
    from importlib.util import find_spec

    from snn2chip.errors import ConfigError

    missing = [name for name in ("torch", "norse") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"{purpose} needs {' and '.join(missing)}",
            has="an installation of the core only",
            remedy="pip install 'snn2chip[train]'",
        )
