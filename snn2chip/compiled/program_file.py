"""``program.safetensors``: a Program as arrays plus a JSON header; no pickle anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from snn2chip.compiled.program_check import check_program
from snn2chip.core import Program, ProgramPopulation, ProgramProjection
from snn2chip.errors import InputFileError, Snn2chipError
from snn2chip.graph import Conv, Delay, Dense, Encoding, Identity, Operator, Readout, Sparse
from snn2chip.graph.operators import Array, weights_of

SCHEMA = "snn2chip/program/1"

DAMAGE = (
    SafetensorError,
    Snn2chipError,
    RecursionError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    ArithmeticError,
    MemoryError,
)
"""What a damaged file makes the parts of a program or an activity raise."""


def dump_program(program: Program) -> bytes:
    """The file's bytes: the same for equal programs."""
    arrays: dict[str, Array] = {}
    header = {
        "schema": SCHEMA,
        "name": program.name,
        "arithmetic": program.arithmetic,
        "outputs": program.outputs,
        "readout": asdict(program.readout),
        "encoding": program.encoding.to_dict(),
        "classes": program.classes,
        "notes": program.notes,
        "populations": [
            _dump_population(f"p{k}", p, arrays) for k, p in enumerate(program.populations)
        ],
        "projections": [
            _dump_projection(f"s{k}", p, arrays) for k, p in enumerate(program.projections)
        ],
    }
    if program.hosted:
        header["hosted"] = [
            _dump_projection(f"h{k}", p, arrays) for k, p in enumerate(program.hosted)
        ]
    stored = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(stored, {"snn2chip": json.dumps(header, sort_keys=True)})


def _dump_population(
    key: str, population: ProgramPopulation, arrays: dict[str, Array]
) -> dict[str, Any]:
    for name, value in population.parameters.items():
        arrays[f"{key}.{name}"] = np.asarray(value)
    arrays[f"{key}:scale"] = np.asarray(population.scale, np.float64)
    arrays[f"{key}:offset"] = np.asarray(population.offset, np.float64)
    return {
        "name": population.name,
        "model": population.model,
        "kind": population.kind,
        "shape": population.shape,
        "spiking": population.spiking,
        "latency": population.latency,
        "parameters": sorted(population.parameters),
    }


def _dump_projection(
    key: str, projection: ProgramProjection, arrays: dict[str, Array]
) -> dict[str, Any]:
    operator = projection.operator
    arrays[f"{key}:weight"] = weights_of(operator)
    if isinstance(operator, Sparse):
        arrays[f"{key}:targets"], arrays[f"{key}:first"] = operator.targets, operator.first
    arrays[f"{key}:delay"] = np.asarray(projection.delay.steps)
    for name, value in projection.parameters.items():
        arrays[f"{key}.{name}"] = np.asarray(value)
    options: dict[str, Any] = {"source_shape": operator.source_shape}
    match operator:
        case Conv():
            options |= {
                "stride": operator.stride,
                "padding": operator.padding,
                "dilation": operator.dilation,
                "groups": operator.groups,
            }
        case _:
            options["target_shape"] = operator.target_shape
    return {
        "source": projection.source,
        "target": projection.target,
        "kind": type(operator).__name__,
        "options": options,
        "delay_axis": projection.delay.axis,
        "weight_bits": projection.weight_bits,
        "model": projection.model,
        "parameters": sorted(projection.parameters),
    }


def parse_program(data: bytes, path: str) -> Program:
    """The program of a file's bytes; ``path`` is only for messages.

    Raises:
        InputFileError: damaged, or not a program.
    """
    try:
        header = json.loads(header_of(data))
        if header.get("schema") != SCHEMA:
            raise InputFileError(
                f"{path}: not a program of this version",
                needs=f"schema {SCHEMA}",
                has=f"schema {header.get('schema')}",
                remedy="compile the network again",
            )
        program = _program(header, load(data))
        check_program(program)
    except InputFileError:
        raise
    except DAMAGE as error:
        raise InputFileError(
            f"{path}: damaged program ({error})", remedy="compile the network again"
        ) from None
    return program


def header_of(data: bytes) -> str:
    """The JSON text of ours in a safetensors file's bytes."""
    length = int.from_bytes(data[:8], "little")
    if length > len(data):
        raise ValueError("truncated header")
    return str(json.loads(data[8 : 8 + length])["__metadata__"]["snn2chip"])


def _program(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Program:
    return Program(
        name=str(header["name"]),
        arithmetic=str(header["arithmetic"]),
        populations=tuple(
            _population(f"p{k}", p, arrays) for k, p in enumerate(header["populations"])
        ),
        projections=tuple(
            _projection(f"s{k}", p, arrays) for k, p in enumerate(header["projections"])
        ),
        outputs=tuple(header["outputs"]),
        readout=Readout(**header["readout"]),
        encoding=Encoding(**header["encoding"]),
        classes=tuple(header["classes"]),
        notes=tuple(header["notes"]),
        hosted=tuple(
            _projection(f"h{k}", p, arrays) for k, p in enumerate(header.get("hosted", ()))
        ),
    )


def _population(
    key: str, entry: Mapping[str, Any], arrays: Mapping[str, Array]
) -> ProgramPopulation:
    return ProgramPopulation(
        name=entry["name"],
        model=entry["model"],
        kind=entry["kind"],
        shape=tuple(entry["shape"]),
        parameters={name: arrays[f"{key}.{name}"] for name in entry["parameters"]},
        spiking=entry["spiking"],
        scale=arrays[f"{key}:scale"],
        offset=arrays[f"{key}:offset"],
        latency=entry["latency"],
    )


def _projection(
    key: str, entry: Mapping[str, Any], arrays: Mapping[str, Array]
) -> ProgramProjection:
    return ProgramProjection(
        source=entry["source"],
        target=entry["target"],
        operator=_operator(entry["kind"], entry["options"], key, arrays),
        delay=Delay(arrays[f"{key}:delay"], entry["delay_axis"]),
        parameters={name: arrays[f"{key}.{name}"] for name in entry["parameters"]},
        weight_bits=entry["weight_bits"],
        model=entry["model"],
    )


def _operator(
    kind: str, options: Mapping[str, Any], key: str, arrays: Mapping[str, Array]
) -> Operator:
    weight, source_shape = arrays[f"{key}:weight"], tuple(options["source_shape"])
    match kind:
        case "Conv":
            return Conv(
                weight,
                source_shape,
                tuple(options["stride"]),
                tuple((before, after) for before, after in options["padding"]),
                tuple(options["dilation"]),
                options["groups"],
            )
        case "Dense":
            return Dense(weight, source_shape, tuple(options["target_shape"]))
        case "Identity":
            return Identity(weight, source_shape, tuple(options["target_shape"]))
        case "Sparse":
            targets, first = arrays[f"{key}:targets"], arrays[f"{key}:first"]
            if {targets.dtype.kind, first.dtype.kind} - set("iu"):
                raise ValueError("ends of synapses that are no integers")
            return Sparse(weight, targets, first, source_shape, tuple(options["target_shape"]))
        case _:
            raise ValueError(f"unknown operator {kind!r}")
