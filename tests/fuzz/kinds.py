"""What a fuzzed file is, and which commands open it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

Command = tuple[str, ...]

IN, OUT = "in", "out"
"""Folders of a case: what the command may read, and the only place where it may write."""

_REPORTS = "--json out/r.json --csv out/r.csv --html out/r.html"
_SMALL = "--steps 5 --samples 2"
_FILE = "{file}"


@dataclass(frozen=True)
class Seed:
    """A valid file.

    Attributes:
        kind: a key of `COMMANDS`.
        place: of the file, below the case's folder.
        flags: that make commands accept the file as it is.
    """

    kind: str
    name: str
    place: str
    content: bytes = field(repr=False)
    flags: Command = ()


def _lines(text: str) -> tuple[Command, ...]:
    return tuple(tuple(line.split()) for line in text.strip().splitlines())


COMMANDS: dict[str, tuple[Command, ...]] = {
    "nir": _lines(f"""
        info {_FILE}
        info {_FILE} --text --repair
        check {_FILE} -t loihi1 --repair
        check {_FILE} -t reference
        simulate {_FILE} --data random {_SMALL} -t reference {_REPORTS} --trace out/t.npz
        simulate {_FILE} --data random {_SMALL} -t loihi2 --repair --trace out/t.npz --trace-state
        simulate {_FILE} --data random {_SMALL} --encoding if {_REPORTS}
        compile {_FILE} -o out/made --data random --calibrate random"""),
    "net": _lines(f"""
        info {_FILE}
        check {_FILE}
        simulate {_FILE} --data random {_SMALL} {_REPORTS}
        simulate {_FILE} --data random {_SMALL} --encoding if --trace out/t.npz --trace-state
        compile {_FILE} -o out/made --data random"""),
    "onnx": _lines(f"""
        info {_FILE}
        check {_FILE} -t reference
        simulate {_FILE} --data random {_SMALL} -t reference {_REPORTS} --trace out/t.npz
        compile {_FILE} -o out/made --data random --calibrate random"""),
    "checkpoint": _lines(f"""
        info {_FILE}
        check {_FILE}
        simulate {_FILE} --data digits {_SMALL} -t reference
        export {_FILE} -o out/net.nir --data digits --samples 2 --steps 4
        export {_FILE} -o out/net.nir --data random --samples 2 --steps 4"""),
    "weights": _lines(f"""
        export {_FILE} -o out/net.nir --input-shape 6 --dt 1e-3 --data random --samples 2 --steps 4
        export {_FILE} -o out/net.nir --input-shape 6 --dt 1e-3 --data in/data.npz --encoding if \
 --readout spike_count --samples 2 --steps 4"""),
    "npz": _lines(f"""
        simulate in/net.nir --data {_FILE} --samples 3 -t reference {_REPORTS}
        simulate in/net.nir --data {_FILE} {_SMALL} --trace out/t.npz
        simulate in/net.nir --data {_FILE} --encoding none {_SMALL} -t reference
        simulate in/two.nir --data {_FILE} {_SMALL} -t reference
        simulate in/net.nir --data random {_SMALL} --calibrate {_FILE}
        compile in/net.nir --data {_FILE} -o out/made"""),
    "target": _lines(f"""
        targets validate {_FILE}
        targets show {_FILE}
        check in/net.nir -t {_FILE}
        simulate in/net.nir -t {_FILE} --data random {_SMALL} {_REPORTS}
        compile in/net.nir -t {_FILE} -o out/made --data random"""),
    "recipe": _lines(f"distill {_FILE} -o out/student"),
    "program": _lines(f"""
        info in/made
        check in/made
        simulate in/made --data random {_SMALL} {_REPORTS} --trace out/t.npz --trace-state"""),
    "mapping": _lines(f"""
        check in/net.nir --mapping {_FILE}
        simulate in/net.nir --mapping {_FILE} --data random {_SMALL} {_REPORTS}
        simulate in/made --data random {_SMALL}"""),
    "manifest": _lines(f"""
        info in/made
        simulate in/made --data random {_SMALL}
        compile in/net.nir -o in/made"""),
    "report": _lines("""
        report in/made/report.json
        report in/made/report.json --csv out/r.csv
        compare in/made/report.json in/made/report.json --html out/r.html --json out/r.json"""),
    "activity": _lines(f"""
        report in/made {_REPORTS}
        report in/made -t loihi1 --costs davies2018
        simulate in/made --data random {_SMALL}"""),
}

SHARES = {
    "nir": 24,
    "net": 14,
    "onnx": 14,
    "checkpoint": 8,
    "weights": 5,
    "program": 8,
    "npz": 10,
    "target": 6,
    "recipe": 4,
    "mapping": 2,
    "manifest": 1,
    "report": 2,
    "activity": 2,
}
"""Of the cases, in percent."""


def command_for(seed: Seed, place: str, draw: Random) -> Command:
    """One of the kind's commands about the file at ``place``, half of the time with flags."""
    words = draw.choice(COMMANDS[seed.kind])
    verbose = ("-q",) if draw.random() < 0.1 else ()
    return verbose + tuple(word.replace(_FILE, place) for word in words) + seed.flags
