"""``snn2chip export``: a trained PyTorch network as NIR, proven before it is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snn2chip.cli import console, outputs
from snn2chip.cli import options as o
from snn2chip.errors import ConfigError, Snn2chipError

if TYPE_CHECKING:
    from snn2chip.frontends.nir.metadata import Metadata
    from snn2chip.frontends.torch.prove import ExportReport
    from snn2chip.graph import Graph

PROOF_SAMPLES = 256
"""Samples of the proof, where the user does not say."""


def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="A checkpoint (.safetensors or .pt), or an ensemble's folder; for onnx also a "
            ".nir file or a bundled model."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File to write.", show_default="<checkpoint>.<format>"),
    ] = None,
    format: Annotated[str, typer.Option(metavar="nir|onnx", help="Format of the file.")] = "nir",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FACTORY",
            help="Makes your own module. Its code is run, with all your rights.",
        ),
    ] = None,
    input_shape: Annotated[
        str | None,
        typer.Option(
            metavar="C,H,W", help="Of one sample, for --model.", show_default="that of digits"
        ),
    ] = None,
    dt: o.Dt = None,
    encoding: o.EncodingName = None,
    steps: o.Steps = None,
    readout: Annotated[
        str | None,
        typer.Option(metavar="spike_count|v_last|v_max|v_mean", help="The answer, for --model."),
    ] = None,
    data: o.Data = None,
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=o.MAX,
            help="Samples of the proof.",
            show_default=f"{PROOF_SAMPLES}; all for onnx",
        ),
    ] = None,
    preset: o.Preset = None,
) -> None:
    """Write a network as NIR, proven against PyTorch; or one step of it as ONNX, proven too.

    CHECKPOINT is one of snn2chip's own, or the weights of a module of yours with cells of Norse,
    snnTorch or SpikingJelly, which --model makes: MODULE is imported and FACTORY() called, so all
    code in it is run, and nothing is sandboxed. The weights themselves run no code. --dt may be
    left out where the library counts time in steps (snnTorch, SpikingJelly). Of an ensemble's
    folder (ensemble.json) every member is written, into the folder -o.
    """
    from snn2chip.cli import onnx_step
    from snn2chip.cli.ensembles import export_ensemble, refuse_format
    from snn2chip.frontends.ensemble import find_ensemble
    from snn2chip.frontends.torch.prove import export_module
    from snn2chip.pipeline import Options
    from snn2chip.pipeline.samples import scored_samples

    if (ensemble := find_ensemble(Path(checkpoint))) is not None:
        given = {"--model": model, "--input-shape": input_shape, "--dt": dt, "--steps": steps}
        given |= {"--encoding": encoding, "--readout": readout, "--preset": preset}
        refuse_format(format, [flag for flag, value in given.items() if value is not None])
        export_ensemble(ensemble, out, data, samples or PROOF_SAMPLES)
        return
    path = _path(checkpoint, out, format, data)
    scored = Options(data=data, steps=steps, samples=samples)
    if model is None:
        own = {"--dt": dt, "--encoding": encoding, "--preset": preset} if format == "nir" else {}
        given = {"--input-shape": input_shape, **own, "--readout": readout}
        _only_with_model([flag for flag, value in given.items() if value is not None])
        if format == "onnx":
            opening = Options(preset=preset, dt=dt, encoding=encoding)
            onnx_step.export_network(checkpoint, path, opening, scored)
            return
        module, metadata, shape = _checkpoint(Path(checkpoint))
    else:
        shape = _shape(input_shape, data)
        metadata = _metadata(dt, encoding, steps, readout, data, preset)
        module = _user_module(Path(checkpoint), model)
    graph = _graph(module, metadata, shape, path.stem)
    chosen = scored_samples(graph, scored)
    if format == "onnx":
        onnx_step.export_graph(graph, path, chosen.spikes)
        return
    spikes = chosen.spikes[graph.inputs[0].name][:, : samples or PROOF_SAMPLES]
    console.out(console.folded(_sentence(export_module(module, metadata, spikes, path))))
    console.wrote(path)


def _path(checkpoint: str, out: Path | None, format: str, data: str | None) -> Path:
    """Where the file goes, once what is given can be read and is not overwritten."""
    if format not in ("nir", "onnx"):
        raise ConfigError(f"--format {format!r}", has="nir, onnx", remedy="--format nir")
    outputs.check_files({}, {"checkpoint": checkpoint, "--data": data})
    path = out or Path(checkpoint).with_suffix(f".{format}")
    outputs.check_files({"-o": path}, {"checkpoint": checkpoint, "--data": data})
    return path


def _checkpoint(path: Path) -> tuple[Any, Metadata, tuple[int, ...]]:
    from snn2chip.frontends.checkpoint import open_checkpoint

    return open_checkpoint(path)


def _user_module(checkpoint: Path, factory: str) -> Any:
    from snn2chip.distill import load_user_model

    try:
        return load_user_model(checkpoint, factory)
    except (Snn2chipError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"--model {factory}: it failed with {type(error).__name__}: {error}",
            needs="a function that takes no arguments and returns a torch.nn.Module",
            remedy="correct it, or name another one (snn2chip -v export ... shows where)",
        ) from error


def _graph(module: Any, metadata: Metadata, shape: tuple[int, ...], name: str) -> Graph:
    from snn2chip.frontends.checkpoint import nodes_of_module
    from snn2chip.frontends.nir.read import graph_of

    nodes, _ = nodes_of_module(module, metadata, shape, name)
    return graph_of(nodes, name, None, None, None)


def _only_with_model(flags: list[str]) -> None:
    if flags:
        raise ConfigError(
            f"{', '.join(flags)} without --model",
            has="a checkpoint of snn2chip, which says this itself",
            remedy=f"leave {'them' if len(flags) > 1 else 'it'} out",
        )


def _shape(text: str | None, data: str | None) -> tuple[int, ...]:
    if text is None:
        if data == "digits":
            return (1, 8, 8)
        raise ConfigError(
            "--model without --input-shape",
            needs="the shape of one sample of your data",
            remedy="--input-shape 3,32,32",
        )
    sizes = text.split(",")
    if not all(size.strip().isdecimal() and int(size) > 0 for size in sizes):
        raise ConfigError(f"--input-shape {text!r}", needs="positive integers: 3,32,32")
    return tuple(int(size) for size in sizes)


def _metadata(
    dt: float | None,
    encoding: str | None,
    steps: int | None,
    readout: str | None,
    data: str | None,
    preset: str | None,
) -> Metadata:
    """What a network of the user's own says about itself, from the flags."""
    if dt is not None and not dt > 0:
        raise ConfigError(f"--dt {dt:g}", needs="a positive step length")
    from snn2chip.frontends.nir.metadata import Metadata
    from snn2chip.graph import Encoding, Readout

    return Metadata(
        dt=dt,
        preset=preset,
        encoding=Encoding(encoding or "none", steps=steps),  # type: ignore[arg-type]
        readout=None if readout is None else Readout(readout),  # type: ignore[arg-type]
        data="digits" if data == "digits" else "",
    )


def _sentence(proof: ExportReport) -> str:
    differing = proof.float32_differing
    silent = (
        ""
        if proof.spikes
        else "\nno neuron fired on these samples, so the proof says little: give data on which "
        "the network is active (--data)"
    )
    return (
        f"proven on {proof.samples} samples x {proof.steps} steps: {proof.values:,} outputs "
        f"({proof.spikes:,} spikes) are equal to PyTorch's, membranes differ by at most "
        f"{proof.largest_difference:.1e} (float64)\n"
        f"in float32 PyTorch gives {differing:,} other spike{'' if differing == 1 else 's'}{silent}"
    )
