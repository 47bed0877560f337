"""``snn2chip export`` of an ensemble: a NIR file per member, each proven, and ``ensemble.json``."""

from __future__ import annotations

from pathlib import Path

from snn2chip.cli import console, outputs
from snn2chip.errors import UnsupportedError


def export_ensemble(file: Path, out: Path | None, data: str | None, samples: int) -> None:
    """Write an ensemble as NIR, every member that is a checkpoint proven against PyTorch.

    Args:
        out: the folder to write; None for one beside the ensemble's own.
        samples: of each proof.

    Raises:
        DriftError: a member would give other spikes; ``ensemble.json`` is not written then.
        ConfigError: the folder is the ensemble's own.
    """
    from snn2chip.files import write_bytes, write_text
    from snn2chip.frontends.checkpoint import open_checkpoint
    from snn2chip.frontends.ensemble import FILE, GATE, ensemble_text, gate_bytes, read_ensemble
    from snn2chip.frontends.load import load
    from snn2chip.frontends.nir import write_graph
    from snn2chip.frontends.torch.prove import export_module
    from snn2chip.graph import Graph
    from snn2chip.pipeline import Options
    from snn2chip.pipeline.samples import scored_samples

    folder = out or file.parent.with_name(f"{file.parent.resolve().name}-nir")
    inputs = {"checkpoint": file, "--data": data}
    outputs.check_files({"-o": folder / FILE}, inputs)
    found: list[Path] = []

    def open_member(path: Path) -> Graph:
        found.append(path)
        return load(path)

    ensemble = read_ensemble(file, open_member)
    chosen = scored_samples(ensemble.graph, Options(data=data, samples=samples))
    spikes = chosen.spikes[ensemble.graph.inputs[0].name]
    written = []
    for member, path in zip(ensemble.members, found, strict=True):
        place = folder / f"{member.name}.nir"
        outputs.check_files({"-o": place}, {f"member {member.name}": path})
        if path.suffix == ".safetensors":
            module, metadata, _ = open_checkpoint(path)
            proof = export_module(module, metadata, spikes, place)
            console.out(
                f"{member.name}: proven on {proof.samples} samples x {proof.steps} steps, "
                f"{proof.spikes:,} output spikes, membranes differ by at most "
                f"{proof.largest_difference:.1e} (float64)"
            )
        else:
            write_graph(member.graph, place)
        written.append(place)
    if ensemble.policy.gate is not None:
        written.append(write_bytes(folder / GATE, gate_bytes(ensemble.policy.gate)))
    written.append(write_text(folder / FILE, ensemble_text(ensemble)))
    console.wrote(*written)


def refuse_format(format: str, flags: list[str]) -> None:
    """Refuse what only single networks have.

    Raises:
        UnsupportedError: another format than NIR, or flags of a user's own module.
    """
    if format != "nir" or flags:
        raise UnsupportedError(
            "export of an ensemble as " + (format if format != "nir" else "a module of your own"),
            needs="NIR files of snn2chip's own checkpoints",
            has=f"--format {format}" if format != "nir" else ", ".join(flags),
            remedy="export a member's own file",
        )
