"""Opening a network: a file, a compiled folder, or the name of a bundled student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from snn2chip.backends.base import ProgramReader, find_reader
from snn2chip.compiled import is_compiled, read_folder
from snn2chip.core import Program
from snn2chip.errors import ConfigError, InputFileError, did_you_mean
from snn2chip.frontends import Repair, load, load_repaired
from snn2chip.frontends.ensemble import FILE as ENSEMBLE_FILE
from snn2chip.frontends.ensemble import find_ensemble, read_ensemble
from snn2chip.graph import Graph
from snn2chip.pipeline.ensembles.policies import parse_policy
from snn2chip.pipeline.types import Network, Options
from snn2chip.resources import models_dir

DEFAULT_MODEL = "digits-mlp"
OPENING = ("preset", "dt", "preset_set", "reset", "encoding", "repair", "policy", "idle")
"""Options that say what a network is; a compiled program no longer has them."""

ANSWERING = ("policy", "idle")
"""Options of ensembles."""

RESETTING = ("reset_interval", "reset_offset")
"""Options of files that are programs already, such as ``.net``."""

COMPILING = (
    "calibrate",
    "calibration",
    "percentile",
    "granularity",
    "weight_bits",
    "allow_latency",
    "fine_biases",
    "drop_zeros",
)
"""Options of the compilation only."""

CHECKPOINT = "student.safetensors"
"""In a folder of `snn2chip distill`."""

_STUDENT = "student.nir"
_LISTED = 5
"""Names in a message."""

_RESETS = {"zero": "zero", "value": "zero", "subtract": "subtract"}


def list_models() -> tuple[str, ...]:
    """Names of the bundled students, ensembles too."""
    found = [p for name in (_STUDENT, ENSEMBLE_FILE) for p in models_dir().glob(f"*/{name}")]
    return tuple(sorted({path.parent.name for path in found}))


def open_network(network: str | Path | None, options: Options) -> Network:
    """The network that a user means.

    Args:
        network: a file, a compiled folder, a bundled student's name, or None for the bundled MLP.

    Raises:
        InputFileError, ConfigError, UnsupportedError: as the front end says.
    """
    if not isinstance(network, str | PathLike | None):
        raise ConfigError(
            f"network of type {type(network).__name__}",
            needs="a file, a compiled folder, the name of a bundled student, or an opened Network",
        )
    if network is None:
        return open_bundled(DEFAULT_MODEL, options, note=" (no network was given)")
    path = Path(network)
    if (file := find_ensemble(path)) is not None:
        return _ensemble(file, str(network), options)
    if (path / CHECKPOINT).is_file() and not is_compiled(path):
        path = path / CHECKPOINT  # a folder of `snn2chip distill`
    bundled = str(network) in list_models()
    if path.is_dir() and (is_compiled(path) or not bundled):
        return _folder(path, options)
    if path.is_file():
        reader = find_reader(path)
        if reader is not None:
            return _program(path, reader, options)
        graph, repairs = _load(path, options)
        return Network(graph, str(path), path, repairs=repairs)
    if bundled:
        return open_bundled(str(network), options)
    known = list_models()
    raise InputFileError(
        f"network {str(network)!r}: no such file",
        needs="a file, a folder, or a bundled student (snn2chip models list)",
        remedy="check the path" if path.suffix else did_you_mean(str(network), known),
    )


def given_options(options: Options, names: Sequence[str]) -> list[str]:
    """Those of the names that the user gave, as flags."""
    plain = Options()
    given = [name for name in names if getattr(options, name) != getattr(plain, name)]
    return [f"--{name.replace('_', '-')}" for name in given]


def open_bundled(name: str, options: Options, note: str = "") -> Network:
    """A bundled student by one of the names in `list_models`, whatever lies in this folder."""
    origin = f"bundled student {name}{note}"
    if (file := find_ensemble(models_dir() / name)) is not None:
        return _ensemble(file, origin, options)
    path = models_dir() / name / _STUDENT
    return Network(replace(_load(path, options)[0], name=name), origin, path)


def _ensemble(file: Path, origin: str, options: Options) -> Network:
    """Members and policy, with the user's overrides of both."""
    alone = replace(options, policy=None, idle=None)
    repairs: list[Repair] = []

    def open_member(path: Path) -> Graph:
        graph, found = _load(path, alone)
        repairs.extend(found)
        return graph

    ensemble = read_ensemble(file, open_member)
    if options.policy is not None:
        ensemble = ensemble.with_policy(parse_policy(options.policy, ensemble))
    if options.idle is not None:
        ensemble = replace(ensemble, idle=options.idle)  # type: ignore[arg-type]
    return Network(ensemble.graph, origin, file, repairs=tuple(repairs), ensemble=ensemble)


def _folder(path: Path, options: Options) -> Network:
    if not is_compiled(path):
        raise InputFileError(
            f"{path}: a folder without manifest.json",
            needs="a network file, or a folder of `snn2chip compile`, of `snn2chip distill` (with "
            f"{CHECKPOINT}) or of an ensemble ({ENSEMBLE_FILE})",
        )
    given = given_options(options, (*OPENING, *COMPILING))
    if given:
        raise ConfigError(
            f"compiled folder {path}: " + ", ".join(given),
            has="a program whose numbers are fixed",
            remedy="compile the network again with these options",
        )
    compiled = read_folder(path)
    graph = replace(_load(compiled.network, options)[0], name=compiled.program.name)
    _require_same(path, graph, compiled.program)
    return Network(
        graph,
        f"compiled folder {path}",
        path,
        program=compiled.program,
        mapping=compiled.mapping,
        target=compiled.target,
        target_file=compiled.target_file,
    )


def _require_same(path: Path, graph: Graph, program: Program) -> None:
    """Refuse a folder whose network is not the one that its program was made of.

    Raises:
        InputFileError: other populations, or populations of other shapes.
    """
    sides = ({p.name: p.shape for p in made.populations} for made in (graph, program))
    ours, theirs = sides
    if ours != theirs:
        odd = sorted(n for n in {*ours, *theirs} if ours.get(n) != theirs.get(n))
        raise InputFileError(
            f"{path}: network.nir and program.safetensors are of different networks",
            needs="the same populations of the same shapes",
            has="unequal: " + ", ".join(odd[:_LISTED]) + (", ..." if odd[_LISTED:] else ""),
            remedy="compile the network again",
        )


def _program(path: Path, reader: ProgramReader, options: Options) -> Network:
    """A file that is a program already."""
    given = given_options(options, (*(name for name in OPENING if name != "encoding"), *COMPILING))
    program = reader.read(path)
    if options.encoding is not None and program.encoding.kind == "none":
        program = replace(program, encoding=replace(program.encoding, kind=options.encoding))  # type: ignore[arg-type]
    elif options.encoding not in (None, program.encoding.kind):
        given.append("--encoding")
    if given:
        raise ConfigError(
            f"{path}: " + ", ".join(given),
            has=f"a {path.suffix} file, whose numbers are {reader.family}'s and fixed",
            remedy="leave these options out, or export the network from PyTorch as NIR",
        )
    if options.reset_interval is not None:
        program = reader.resets(program, options.reset_interval, options.reset_offset)
    described = reader.describe(program)
    return Network(described, str(path), path, program=program, family=reader.family)


def _load(path: Path, options: Options) -> tuple[Graph, tuple[Repair, ...]]:
    """The graph of a file with the user's overrides of time, reset and encoding, and repairs."""
    given = given_options(options, RESETTING)
    if given:
        raise ConfigError(
            f"{path}: " + ", ".join(given),
            needs="a .net file, whose layers netx resets one after another",
            has="a network whose samples begin with fresh states anyway",
            remedy="leave the option out",
        )
    given = given_options(options, ANSWERING)
    if given:
        raise ConfigError(
            f"{path}: " + ", ".join(given),
            needs="an ensemble: ensemble.json, or the folder that it lies in",
            has="one network",
            remedy="leave the option out",
        )
    overrides = dict(options.preset_set)
    for key in ("preset", "dt"):
        if key in overrides:
            raise ConfigError(f"--preset-set {key}={overrides[key]}", remedy=f"--{key}")
    if options.reset is not None:
        if options.reset not in _RESETS:
            raise ConfigError(
                f"--reset {options.reset!r}", remedy=did_you_mean(options.reset, list(_RESETS))
            )
        overrides["reset"] = _RESETS[options.reset]
    repairs: tuple[Repair, ...] = ()
    if options.repair:
        graph, repairs = load_repaired(path, options.preset, options.dt, overrides)
    else:
        graph = load(path, options.preset, options.dt, overrides)
    if options.encoding is not None and options.encoding != graph.encoding.kind:
        encoding = replace(graph.encoding, kind=options.encoding)  # type: ignore[arg-type]
        graph = replace(graph, encoding=encoding)
    return graph, repairs
