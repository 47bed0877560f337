"""The compiled folder as a user gets it: program, mapping, network, graph text, reports, manifest.

Every file but the manifest is the same byte for byte for the same input and seed.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from snn2chip import __version__
from snn2chip.backends import Artefacts, find_backend
from snn2chip.compiled import ACTIVITY, dump_program, write_folder
from snn2chip.errors import ConfigError, UnsupportedError, combine
from snn2chip.frontends.nir import write_graph
from snn2chip.graph import Graph
from snn2chip.graph.text import to_text
from snn2chip.mapping.file import mapping_text
from snn2chip.pipeline import Check, Compilation, Network, Options, Result
from snn2chip.pipeline.results.saved import dump_result
from snn2chip.report import html, jsonfile
from snn2chip.report.build import build


def write_compiled(
    out: Path, network: Network, compilation: Compilation, options: Options
) -> tuple[Path, ...]:
    """Write the folder whole or not at all, and return its files.

    Raises:
        ConfigError: ``out`` exists and is not a compiled folder or an empty one.
    """
    check = compilation.check
    files = {
        "program.safetensors": dump_program(check.program),
        "mapping.json": mapping_text(check.mapping).encode("utf-8"),
        "network.nir": _nir(check.graph),
        "graph.txt": to_text(check.graph).encode("utf-8", "backslashreplace"),
    }
    if compilation.result is not None:
        report = build(compilation.result)
        files["report.json"] = jsonfile.text(report).encode("utf-8")
        files["report.html"] = html.text(report).encode("utf-8", "backslashreplace")
        files[ACTIVITY] = dump_result(compilation.result)
    files.update(compilation.artefacts.files)
    write_folder(out, files, manifest(network, compilation, options))
    return tuple(sorted(path for path in out.iterdir() if path.is_file()))


def write_run(out: Path, network: Network, result: Result, options: Options) -> tuple[Path, ...]:
    """The same folder of a run, with what the chip's tools load where it is theirs to load.

    Raises:
        ConfigError: as ``write_compiled``.
        UnsupportedError: a ``.net`` file, of which there is no network to write.
    """
    require_graph(network)
    check = Check(result.graph, result.target, result.program, result.mapping, result.violations)
    own = options.arithmetic in (None, "chip") and not result.violations
    backend = find_backend(result.target.family)
    artefacts = (
        backend.artefacts(result.program, result.target, result.mapping) if own else Artefacts()
    )
    whole = Compilation(check, result, result.calibrated_on, artefacts, result.wall_times)
    return write_compiled(out, network, whole, options)


def require_graph(network: Network) -> None:
    """Refuses to save runs of what is no network in floats.

    Raises:
        UnsupportedError: a ``.net`` file, or an ensemble.
    """
    if network.ensemble is not None:
        raise UnsupportedError(
            f"{network.origin}: no folder of a run",
            needs="one network",
            has="members " + ", ".join(network.ensemble.names),
            remedy="--json, --csv, --html and --trace write what the run gave",
        )
    if network.family is not None:
        raise UnsupportedError(
            f"{network.origin}: no folder of a run",
            needs="a network in floats beside the program",
            has=f"integers for {network.family}, as they are",
            remedy="--json, --csv, --html and --trace write what the run gave",
        )


def require_artefact(compilation: Compilation, name: str) -> None:
    """Refuses a compilation without the file that a user asked for.

    Raises:
        UnsupportedError: every reason that keeps it out.
        ConfigError: the target's family has no such file.
    """
    if name in compilation.artefacts.files:
        return
    if compilation.artefacts.refused:
        raise combine(compilation.artefacts.refused)
    target = compilation.check.target
    raise ConfigError(
        f"{name} for {target.name}",
        has=f"no such file for chips of the family {target.family}",
        remedy="leave the option out, or --target loihi2",
    )


def manifest(network: Network, compilation: Compilation, options: Options) -> dict[str, Any]:
    """What made the folder; the only file that knows of the machine and the clock."""
    target = compilation.check.target
    return {
        "tool": {"name": "snn2chip", "version": __version__, "git": _git()},
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": platform.platform(),
        },
        "command": sys.argv,
        "target": target.name,
        "target_sha256": target.sha256,
        "inputs": _hashes(network, options),
        "calibrated_on": compilation.calibrated_on,
        "artefacts": {
            **compilation.artefacts.manifest,
            "refused": [str(error) for error in compilation.artefacts.refused],
        },
        "options": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(options).items()},
        "wall_s": dict(compilation.wall_times),
    }


def _nir(graph: Graph) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.nir"
        write_graph(graph, path)
        return path.read_bytes()


def _hashes(network: Network, options: Options) -> dict[str, str]:
    """sha256 of every file that went in."""
    paths = [network.path, options.mapping]
    paths += [Path(ref) for ref in (options.data, options.calibrate) if ref]
    return {
        str(path): sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path is not None and path.is_file()
    }


def _git() -> str | None:
    """Commit of the checkout that the package runs from, or None."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
