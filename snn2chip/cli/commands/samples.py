"""``snn2chip data`` and ``noise``: data sets by name, and networks on noisy samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snn2chip.cli import console, outputs
from snn2chip.cli import options as o
from snn2chip.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from snn2chip.data.noise import NoiseKind
    from snn2chip.distill.robustness import NoiseRow

data = typer.Typer(help="Data sets by name.", no_args_is_help=True, rich_markup_mode=None)


@data.command("list")
def list_() -> None:
    """Data sets that ``--data`` and recipes take by name."""
    from snn2chip.data.hub import CATALOG

    head = ("data", "training", "test", "shape", "classes", "needs", "licence", "source")
    rows: list[tuple[object, ...]] = [
        ("digits", 1078, 719, "1 x 8 x 8", 10, "nothing", "CC BY 4.0", "scikit-learn, UCI 1998")
    ]
    for named in CATALOG.values():
        train, validation, test = named.samples
        rows.append(
            (
                named.name,
                train + validation,
                test,
                " x ".join(map(str, named.shape)),
                len(named.classes),
                "snn2chip[data]",
                named.licence,
                f"{named.source}; huggingface.co/datasets/{named.repository}",
            )
        )
    console.out(console.table(head, rows))


@data.command("save")
def save(
    name: Annotated[str, typer.Argument(help="A data set of the hub.", metavar="NAME")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .npz file to write.")],
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="SNN2CHIP_DATA",
            file_okay=False,
            help="Folder with local copies of Parquet files, as NAME/train-*.parquet.",
        ),
    ] = None,
) -> None:
    """Write a data set as an .npz file of bytes, which recipes and ``--data`` take as it is."""
    from io import BytesIO

    import numpy as np

    from snn2chip.data.hub import CATALOG, read_part
    from snn2chip.data.hub.reading import local_files
    from snn2chip.files import write_bytes

    if name not in CATALOG:
        raise _not_of_the_hub(name, list(CATALOG))
    read = [
        file for part in CATALOG[name].parts for file in local_files(CATALOG[name], part, data_dir)
    ]
    outputs.check_files(
        {"-o": out}, {f"part {number}": file for number, file in enumerate(read, 1)}
    )
    arrays: dict[str, Any] = {}
    for part in CATALOG[name].parts:
        key = {"validation": "val"}.get(part, part)
        arrays[f"x_{key}"], arrays[f"y_{key}"] = read_part(CATALOG[name], part, data_dir)
    stream = BytesIO()
    np.savez_compressed(stream, **arrays)
    write_bytes(out, stream.getvalue())
    rows = [(key, len(array)) for key, array in arrays.items() if key.startswith("x_")]
    console.out(console.table(("part", "samples"), rows))
    console.wrote(out)


def _not_of_the_hub(name: str, known: list[str]) -> ConfigError:
    if name == "digits":
        return ConfigError(
            "data set 'digits' comes with scikit-learn: there is nothing to save",
            needs=f"a data set of the hub: {', '.join(known)}",
            remedy='its name is enough: --data digits, or name = "digits" in [data] of a recipe; '
            "for a file of it numpy.savez (docs/your-own-npz.md)",
        )
    if name == "random":
        return ConfigError(
            "data 'random' are drawn for each network: there is nothing to save",
            needs=f"a data set of the hub: {', '.join(known)}",
            remedy="--data random",
        )
    return ConfigError(f"no data set {name!r} of the hub", remedy=did_you_mean(name, known))


def noise(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...", help="Checkpoints of students and teachers, or folders."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="A name of `snn2chip data list`, or an .npz file with labels.",
            show_default="what the first model was trained on",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="A kind of noise; repeatable.", show_default="all of them"),
    ] = None,
    strength: Annotated[
        list[float] | None,
        typer.Option(help="For the one kind named; repeatable.", show_default="three per kind"),
    ] = None,
    samples: o.Samples = None,
    seed: o.Seed = 0,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the table as JSON.")] = None,
) -> None:
    """Accuracy of networks on samples with noise: gaussian, salt_and_pepper, blur, contrast,
    dropped_events; every network sees the same samples."""
    from snn2chip.data.hub import kept_file
    from snn2chip.distill.robustness import evaluate_noise, open_models, samples_for, to_dict

    read = {f"model {place}": path for place, path in enumerate(models, 1)}
    outputs.check_files({"--json": json_}, {"--data": data, **read})
    chosen = _strengths(kind or (), strength or ())
    opened = open_models(models)
    files = {f"{f.name} of {name}": f for name, model in opened.items() for f in model.files}
    source = data or next(iter(opened.values())).metadata.data.name
    outputs.check_files({"--json": json_}, {"data": kept_file(source), **files})
    x, y = samples_for(opened, data, samples)
    rows = evaluate_noise(opened, x, y, chosen, seed)
    text = json.dumps(to_dict(rows, seed), indent=2) + "\n"
    if json_ != outputs.HERE:
        console.out(_table(rows))
    if json_ is not None:
        outputs.write_texts({json_: text})
        console.wrote(json_)


def _strengths(
    kinds: tuple[str, ...] | list[str], strengths: tuple[float, ...] | list[float]
) -> dict[NoiseKind, tuple[float, ...]]:
    from snn2chip.data.noise import STRENGTHS, check_noise

    if strengths and len(kinds) != 1:
        raise ConfigError("--strength", needs="one --kind, whose strengths they are")
    for name in kinds:
        check_noise(name, 0.0)
    names = [name for name in STRENGTHS if not kinds or name in kinds]
    return {name: tuple(strengths) or STRENGTHS[name] for name in names}


def _table(rows: tuple[NoiseRow, ...]) -> str:
    """One line per kind and strength, one column per model, in blocks where they are many."""
    models = list(dict.fromkeys(row.model for row in rows))
    cells = {(row.model, row.kind, row.strength): row.accuracy for row in rows}
    places = list(dict.fromkeys((row.kind, row.strength) for row in rows))

    def share(value: float | None) -> str:
        return "no events" if value is None else f"{value:.2%}"

    lines = [
        (kind, f"{strength:g}", *(share(cells[name, kind, strength]) for name in models))
        for kind, strength in places
    ]
    return console.table(("noise", "strength", *map(console.shown, models)), lines, names=2)
