"""``snn2chip targets``: the chips there are, their numbers with sources, and files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snn2chip.cli import console, outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snn2chip.targets import Constant, CostTable, Target

app = typer.Typer(help="Chips: list, show, validate.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_() -> None:
    """The bundled targets."""
    from snn2chip.targets import list_targets, load_target

    targets = [load_target(name) for name in list_targets()]
    rows = [(t.name, t.title, t.family, t.default_costs or "-") for t in targets]
    console.out(console.table(("target", "chip", "family", "default costs"), rows))


@app.command()
def show(
    target: Annotated[str, typer.Argument(help="A bundled target's name, or a .toml file.")],
) -> None:
    """Every limit, number format and price of one target, with grade and source."""
    from snn2chip.targets import load_target

    outputs.check_files({}, {"--target": target})
    console.out("\n\n".join(_sections(load_target(target))))


@app.command()
def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Target files; without one, all bundled targets.", show_default=False),
    ] = None,
) -> None:
    """Everything that is wrong with target files, with line numbers."""
    from snn2chip.errors import ConfigError
    from snn2chip.resources import targets_dir
    from snn2chip.targets import validate_target

    wrong = 0
    for path in files or sorted(targets_dir().glob("*.toml")):
        outputs.check_files({}, {"--target": path})
        problems = validate_target(path)
        console.out("\n".join(map(str, problems)) if problems else f"{path.name}: ok")
        wrong += bool(problems)
    if wrong:
        raise ConfigError(
            f"{wrong} target file{'s have' if wrong > 1 else ' has'} problems",
            remedy="correct the lines named above",
        )


def _sections(target: Target) -> list[str]:
    parts = [
        console.shown(f"{target.name}: {target.title} (family {target.family})")
        + f"\nsha256 {target.sha256}",
        _constants("resources", target.resources),
        _constants("formats", target.formats),
    ]
    parts += [_cost_table(table, target.default_costs) for table in target.costs.values()]
    if target.unknown:
        parts.append("published nowhere: " + ", ".join(target.unknown))
    return [part for part in parts if part]


def _constants(title: str, constants: Mapping[str, Constant]) -> str:
    if not constants:
        return ""
    rows = [(key, _value(c.value), c.grade, c.source) for key, c in constants.items()]
    return console.table((title, "value", "grade", "source"), rows)


def _cost_table(table: CostTable, default: str) -> str:
    title = f"costs.{table.name}" + (" (default)" if table.name == default else "")
    lines = [console.shown(f"{title}: {table.label}"), "energies in pJ, times in ns, powers in mW"]
    lines.append(_constants("price", table.constants))
    if table.unknown:
        lines.append("unpriced: " + ", ".join(table.unknown))
    return "\n".join(line for line in lines if line)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " to ".join(_value(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
