"""What NIR has no room for: our own keys, one JSON text in the outermost graph's metadata.

nir.read and nir.write keep it. ``dt``, the preset and its overrides, the encoding, the readout,
class names, data set and split of a network thus travel in its NIR file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from snn2chip.errors import ConfigError, InputFileError
from snn2chip.graph import Discretization, Encoding, ModuleSize, Readout
from snn2chip.neurons import PRESETS, from_preset

KEY = "snn2chip"
SCHEMA = "snn2chip/nir/1"

_DAMAGE = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What values of the wrong kind raise where they are used."""

_SEEDS = 2**32
_MOST_STEPS = 2**31
_SHORTEST, _LONGEST = 1e-60, 1e60


@dataclass(frozen=True)
class Metadata:
    """What a file says about running its network; every part may be missing.

    Attributes:
        overrides: options of the discretization that differ from the preset's.
        outputs: names of the output populations, the answer first.
        readout: None where the file names none.
        module: size of the PyTorch module that the network comes from, where it is known.
    """

    dt: float | None = None
    preset: str | None = None
    overrides: Mapping[str, str | int] = field(default_factory=dict)
    encoding: Encoding = field(default_factory=Encoding)
    readout: Readout | None = None
    classes: tuple[str, ...] = ()
    data: str = ""
    split_seed: int = 0
    outputs: tuple[str, ...] = ()
    module: ModuleSize | None = None


def to_text(metadata: Metadata) -> str:
    """The JSON text, the same for equal metadata."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "dt": metadata.dt,
        "preset": metadata.preset,
        "discretization": dict(metadata.overrides),
        "encoding": metadata.encoding.to_dict(),
        "readout": None if metadata.readout is None else metadata.readout.kind,
        "classes": list(metadata.classes),
        "data": metadata.data,
        "split_seed": metadata.split_seed,
        "outputs": list(metadata.outputs),
    }
    if metadata.module is not None:
        content["module"] = asdict(metadata.module)
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)


def from_text(text: str, file: str) -> Metadata:
    """Metadata of the JSON text in ``file``.

    Raises:
        InputFileError: no JSON, another schema, or values of the wrong kind.
    """
    try:
        content = json.loads(text)
        if content["schema"] != SCHEMA:
            raise InputFileError(
                f"{file}: metadata of schema {content['schema']!r}",
                needs=SCHEMA,
                remedy="the file was written by another version of snn2chip: export it again",
            )
        return _metadata(content)
    except InputFileError:
        raise
    except ConfigError as error:
        raise InputFileError(
            f"{file}: metadata {KEY!r}: {error.what}", has=error.has, remedy=error.remedy
        ) from error
    except _DAMAGE as error:
        raise InputFileError(
            f"{file}: metadata {KEY!r} is damaged",
            needs=f"JSON of schema {SCHEMA}",
            has=f"{type(error).__name__}: {error}",
            remedy="export the network again, or remove the metadata and give --preset and --dt",
        ) from error


def _metadata(content: Mapping[str, Any]) -> Metadata:
    encoding = dict(content["encoding"])
    steps = encoding["steps"]
    dt = content["dt"]
    preset, overrides = content["preset"], dict(content["discretization"])
    if preset is not None:
        from_preset(_word(preset), 1.0 if dt is None else float(dt), **overrides)
    readout = content["readout"]
    return Metadata(
        dt=None if dt is None else float(dt),
        preset=preset,
        overrides={_word(key): _option(value) for key, value in overrides.items()},
        encoding=Encoding(
            encoding["kind"],
            None if steps is None else _whole("steps", steps, 1, _MOST_STEPS),
            float(encoding["threshold"]),
            float(encoding["gain"]),
            float(encoding.get("byte_scale", 1.0)),
        ),
        readout=None if readout is None else Readout(readout),
        classes=tuple(_word(name) for name in content["classes"]),
        data=_word(content["data"]),
        split_seed=_whole("split_seed", content["split_seed"], 0, _SEEDS - 1),
        outputs=tuple(_word(name) for name in content["outputs"]),
        module=_module(content.get("module")),
    )


def _module(value: Any) -> ModuleSize | None:
    if value is None:
        return None
    most = 2**53
    return ModuleSize(*(_whole(key, value[key], 0, most) for key in ("parameters", "bytes")))


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a word")
    return value


def _option(value: Any) -> str | int:
    return value if type(value) is int else _word(value)


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is {str(value)[:40]}, not a whole number from {least} to {most}")
    return value


def choose_discretization(
    metadata: Metadata,
    file: str,
    preset: str | None,
    dt: float | None,
    overrides: Mapping[str, Any] | None,
    needs_dt: bool,
) -> Discretization:
    """Flag before metadata before nothing.

    A preset given as a flag that is not the file's drops the file's overrides, which refine the
    file's preset; its dt stays, since it is a fact about the time constants. An option given for
    the network drops the file's exceptions from it.

    Args:
        needs_dt: False where no parameter of the network has a unit of time.

    Raises:
        ConfigError: neither flag nor file says what the network needs, or an override is none.
        InputFileError: the file's dt is no length that can be computed with.
    """
    for name in ("preset", "dt"):
        if overrides and name in overrides:
            raise ConfigError(
                f"discretization: {name} is {overrides[name]!r} among the overrides",
                has="options that refine a preset",
                remedy=f"give {name} by itself: --{name}",
            )
    chosen = preset if preset is not None else metadata.preset
    if chosen is None:
        raise ConfigError(
            f"{file}: how its continuous time becomes steps is unknown",
            needs="the preset of the framework that the network comes from",
            has="no such metadata in the file; presets: " + ", ".join(sorted(PRESETS)),
            remedy="--preset norse --dt 1e-3",
        )
    given = dict(overrides or {})
    kept = metadata.overrides if chosen == metadata.preset else {}
    options: dict[str, Any] = {
        key: value for key, value in kept.items() if key.rpartition(".")[2] not in given
    }
    options.update(given)
    step = dt if dt is not None else metadata.dt
    if step is None and not needs_dt and from_preset(chosen, 1.0, **options).if_gain != "dt":
        step = 1.0
    if step is None:
        raise ConfigError(
            f"{file}: the length of a step is unknown",
            needs="dt in the unit of the network's time constants",
            has="no such metadata in the file",
            remedy="--dt 1e-3",
        )
    _check_step(step, file, given=dt is not None)
    return from_preset(chosen, step, **options)


def _check_step(step: float, file: str, *, given: bool) -> None:
    """Refuses a positive dt whose quotients with other numbers are not finite."""
    if 0.0 < step < _SHORTEST or _LONGEST < step < float("inf"):
        kind = ConfigError if given else InputFileError
        raise kind(
            f"{file}: dt is {step}",
            needs=f"a step from {_SHORTEST:g} to {_LONGEST:g} in the unit of the time constants",
            remedy="--dt 1e-3",
        )
