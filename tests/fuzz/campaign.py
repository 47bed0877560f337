"""Many cases, a few at a time, and the figures of all."""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.cases import Case, lay_out
from tests.fuzz.judging import faults, listing
from tests.fuzz.kinds import OUT
from tests.fuzz.running import run

Maker = Callable[[int], Case]


@dataclass(frozen=True)
class Outcome:
    """What became of a case; ``faults`` is empty where all is well."""

    index: int
    kind: str
    name: str
    command: tuple[str, ...]
    code: int
    seconds: float
    wall_seconds: float
    peak_bytes: int
    said: str
    faults: tuple[str, ...]

    def line(self) -> str:
        """One line for a person."""
        return (
            f"case {self.index} ({self.kind}: {self.name}): {'; '.join(self.faults)}\n"
            f"  snn2chip {' '.join(map(ascii, self.command))}\n"
            f"  exit {self.code}, {self.seconds:.2f} s, {self.peak_bytes / 2**20:.0f} MB\n"
            + "".join(f"  | {ascii(line)[1:-1][:300]}\n" for line in self.said.splitlines()[-6:])
        )


def campaign(
    make: Maker, indices: Sequence[int], base: Path, work: Path, workers: int, keep: Path | None
) -> Iterator[Outcome]:
    """The outcome of every case, in the order in which they end.

    Args:
        base: folder with the companions of every case.
        work: folder for the cases; each is removed when it ends.
        keep: folder for the cases that fail.
    """
    waiting = list(reversed(indices))
    running: dict[int, int] = {}
    while waiting or running:
        while waiting and len(running) < workers:
            index = waiting.pop()
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                _child(make, index, base, work, keep)
            running[child] = index
        child, _ = os.wait()
        result = work / f"{running.pop(child)}.json"
        fields = json.loads(result.read_text())
        result.unlink()
        yield Outcome(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})


def _child(make: Maker, index: int, base: Path, work: Path, keep: Path | None) -> None:
    """One case; never returns. A fault of the harness itself is one of the case."""
    try:
        outcome = one(make(index), base, work, keep)
    except BaseException as error:
        told = "".join(traceback.format_exception(error)[-3:])
        outcome = Outcome(
            index, "harness", "", (), -1, 0.0, 0.0, 0, told, (f"the harness failed: {error}",)
        )
    try:
        (work / f"{index}.json").write_text(json.dumps(outcome.__dict__))
    finally:
        os._exit(0)


def one(case: Case, base: Path, work: Path, keep: Path | None) -> Outcome:
    """Runs and judges one case."""
    folder = work / f"case{case.index}"
    lay_out(case, base, folder)
    before = listing(folder)
    compiled = "compile" in case.command and case.kind == "manifest"
    writable = [folder / OUT, *([folder / "in"] if compiled else [])]
    done = run(case.command, folder, writable)
    wrong = faults(done, folder, before)
    if wrong and keep is not None:
        kept = keep / f"case{case.index}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept, symlinks=True)
    shutil.rmtree(folder)
    said = (done.out if done.code == 0 else "") + done.err
    return Outcome(
        case.index, case.kind, case.name, case.command, done.code, done.seconds,
        done.wall_seconds, done.peak_bytes, said[-2000:], tuple(wrong)
    )  # fmt: skip


def summary(outcomes: Sequence[Outcome]) -> str:
    """Cases and exit codes of every kind, the slowest and the largest."""
    codes = sorted({o.code for o in outcomes})
    lines = [
        "kind        cases" + "".join(f"{f'exit {c}':>9}" for c in codes) + "  slowest  largest"
    ]
    for kind in [*dict.fromkeys(sorted(o.kind for o in outcomes)), None]:
        chosen = [o for o in outcomes if kind in (o.kind, None)]
        count = Counter(o.code for o in chosen)
        lines.append(
            f"{kind or 'all':<12}{len(chosen):>5}"
            + "".join(f"{count[c]:>9}" for c in codes)
            + f"{max(o.seconds for o in chosen):>7.2f} s"
            + f"{max(o.peak_bytes for o in chosen) / 2**20:>6.0f} MB"
        )
    slow = max(outcomes, key=lambda o: o.seconds)
    large = max(outcomes, key=lambda o: o.peak_bytes)
    lines.append(
        f"slowest: case {slow.index} ({slow.kind}); largest: case {large.index} ({large.kind})"
    )
    failed = [o for o in outcomes if o.faults]
    lines.append(f"{len(failed)} of {len(outcomes)} cases failed")
    return "\n".join(lines)
