"""The application: global options, and every command by its name."""

from __future__ import annotations

from typing import Annotated

import typer

from snn2chip.cli import console
from snn2chip.cli.commands import (
    chips,
    compare,
    conversion,
    deploy,
    doctor,
    export,
    networks,
    pareto,
    reports,
    samples,
    students,
    verify,
    widths,
)

app = typer.Typer(
    help="From a trained spiking neural network to a neuromorphic chip, with energy per layer.",
    epilog="Exit codes: 0 ok, 1 a fault of ours, 2 usage or configuration, 3 bad input file, "
    "4 unsupported by the target, 5 does not fit, 6 drift, 7 a threshold missed, 8 no witness, "
    "130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from snn2chip import __version__

        console.out(f"snn2chip {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Results and errors only, no notes or progress.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Add a traceback to errors.")
    ] = False,
) -> None:
    """Options before the command."""
    console.verbosity.quiet = quiet
    console.verbosity.verbose = verbose


app.command()(deploy.demo)
app.command()(students.distill)
app.command()(conversion.convert)
app.command()(pareto.pareto)
app.command()(export.export)
app.command()(networks.info)
app.command()(networks.check)
app.command("compile")(networks.compile_)
app.command()(deploy.simulate)
app.command()(compare.compare)
app.command()(widths.quantize)
app.command()(verify.verify)
app.add_typer(chips.app, name="targets")
app.add_typer(students.models, name="models")
app.add_typer(samples.data, name="data")
app.command()(samples.noise)
app.command()(reports.report)
app.command()(doctor.doctor)
