"""``snn2chip targets``: the chips there are, their numbers with sources, and files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snn2chip.cli import console, outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snn2chip.targets import Constant, CostTable, Target

app = typer.Typer(
    help="Chips: list, show, validate, new.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_() -> None:
    """The bundled targets."""
    from snn2chip.targets import list_targets, load_target

    rows = [_listed(load_target(name)) for name in list_targets()]
    head = ("target", "chip", "node", "cores", "networks run as", "cost tables (default first)")
    console.out(console.table(head, rows))


def _listed(target: Target) -> tuple[str, ...]:
    """One row of the list."""
    runs = {
        "none": "floats, then priced",
        "reference": "floats",
        "spinnaker2": "whole weights, floats",
    }
    tables = sorted(target.costs, key=lambda name: name != target.default_costs)
    cores = target.limit("cores")
    return (
        target.name,
        target.title,
        target.node or "-",
        "-" if cores is None else f"{cores:,}",
        runs.get(target.family, f"integers of {target.family}"),
        ", ".join(tables) or "-",
    )


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


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the new target.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    origin: Annotated[
        str | None,
        typer.Option("--from", help="Copy this bundled target.", show_default=False),
    ] = None,
) -> None:
    """A commented target file to fill in, valid as it is."""
    from snn2chip.errors import ConfigError
    from snn2chip.files import write_text
    from snn2chip.targets.template import template

    text = template(name, origin)
    outputs.check_files({"-o": output}, {})
    if output.suffix != ".toml":
        raise ConfigError(f"-o {output}", needs="a name that ends in .toml")
    if output.exists():
        raise ConfigError(f"-o {output}: there is such a file already", remedy="another name")
    write_text(output, text)
    console.out(f"{output}: fill it in, then `snn2chip targets validate {output}`")


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
    ranged = any(c.low is not None for c in constants.values())
    rows = [
        (
            key,
            _value(c.value),
            *([_range(c)] if ranged else []),
            _unit(key),
            c.grade,
            c.source + (f"; range: {c.range_source}" if c.range_source else ""),
        )
        for key, c in constants.items()
    ]
    head = (title, "value", *(["low to high"] if ranged else []), "unit", "grade", "source")
    return console.table(head, rows)


def _range(constant: Constant) -> str:
    return "" if constant.low is None else f"{_value(constant.low)} to {_value(constant.high)}"


def _unit(key: str) -> str:
    from snn2chip.targets.vocabulary import COSTS, FORMATS, RESOURCES

    return {**RESOURCES, **FORMATS, **COSTS}[key].unit


def _cost_table(table: CostTable, default: str) -> str:
    title = f"costs.{table.name}" + (" (default)" if table.name == default else "")
    lines = [console.shown(f"{title}: {table.label}"), _kind(table)]
    lines.append(_constants("price", table.constants))
    if table.included:
        lines.append("within other prices: " + ", ".join(table.included))
    if table.unknown:
        lines.append("unpriced: " + ", ".join(table.unknown))
    return "\n".join(line for line in lines if line)


def _kind(table: CostTable) -> str:
    """What the prices are: of what, and whether more may be added to them."""
    if table.scope == "all_in":
        return "all-in: power of the whole chip over its event rate, at one operating point"
    if table.formula == "memory":
        return "operations and accesses to memory, counted by layer"
    serial = "; a core sends and receives one after the other" if table.work == "serial" else ""
    return f"marginal prices of single events{serial}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " to ".join(_value(item) for item in value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)
