"""Counting and pricing beside SANA-FE 2.2.9: CPU time, memory, and what other prices cost.

    python -m benchmarks.energy [--rounds 3] [--million] [--write docs/benchmarks.md]

SANA-FE's environment is that of ``make sanafe``; without it the command says so and measures
nothing. Its simulation is timed without its set-up, which takes longer; ours is counting and
pricing of a run whose spikes are there. Both sides give the same counts, energies and times, or the
command ends with 6; it ends with 7 where something that must hold does not. ``--million`` takes
minutes and 8 GB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.energy_side import CASES
from benchmarks.engine import busy
from benchmarks.limits import machine, versions
from benchmarks.page import Check, replace_figures
from snn2chip.graph.linear import synapses
from snn2chip.witness import Engine
from tests.energy.sanafe.engine import found_engine
from tests.energy.sanafe.networks import Case
from tests.energy.sanafe.networks_file import TIMINGS, run_cases

MISSED, DIFFERENT = 7, 6
BEGIN, END = "<!-- energy: begin -->", "<!-- energy: end -->"
RELATIVE = 1e-9
_LIMIT_S = 3600.0


@dataclass(frozen=True)
class Bench:
    """One network and what must hold.

    Attributes:
        least: times as quick as SANA-FE's ``simple`` simulation.
        memory: largest share of SANA-FE's peak, or None where nothing is claimed.
        own_chip: on the Loihi that SANA-FE brings.
        timings: SANA-FE's models that are run.
    """

    name: str
    steps: int
    least: float
    memory: float | None
    own_chip: bool = True
    timings: tuple[str, ...] = TIMINGS


BENCHES = (
    Bench("dense", 1000, 50, None),
    Bench("gesture", 1000, 20, 0.25),
)
MILLION = Bench("million", 100, 10, None, own_chip=False, timings=("simple",))
OTHER_TABLE, OTHER_MAPPING = 0.05, 0.25
"""Largest shares of a first run: simulated, counted and priced."""


@dataclass(frozen=True)
class Figures:
    """Both sides of one network; SANA-FE's seconds and peaks are medians over its processes.

    Attributes:
        ours: what ``energy_side`` prints.
        theirs: timing -> CPU seconds; ``setup``, ``peak_mb``.
        differences: counts and figures that are not the same.
    """

    bench: Bench
    title: str
    ours: dict[str, Any]
    theirs: dict[str, float]
    differences: tuple[str, ...]

    @property
    def priced_s(self) -> float:
        """Counting and pricing."""
        seconds = self.ours["seconds"]
        return float(seconds["count"] + seconds["price"])

    def checks(self) -> list[Check]:
        """What must hold."""
        times = self.theirs["simple"] / self.priced_s
        found = [
            Check(
                f"{self.bench.name}: counting and pricing beside SANA-FE's simulation",
                f"{times:,.1f} times as quick",
                f"at least {self.bench.least:,.0f} times",
                times >= self.bench.least,
            )
        ]
        if self.bench.memory is not None:
            share = self.ours["peak_mb"] / self.theirs["peak_mb"]
            found.append(
                Check(
                    f"{self.bench.name}: peak memory beside SANA-FE's",
                    f"{share:.0%}",
                    f"at most {self.bench.memory:.0%}",
                    share <= self.bench.memory,
                )
            )
        return found

    def table(self) -> str:
        """CPU times and peaks side by side."""
        seconds = self.ours["seconds"]
        lines = [
            f"**{self.title}**",
            "",
            "| CPU time, median | snn2chip in ms | SANA-FE in ms | times |",
            "|---|---:|---:|---:|",
        ]
        rows = [("counted, energy and `simple` times", self.priced_s, self.theirs["simple"])]
        if "detailed" in self.theirs:
            both = seconds["count"] + seconds["detailed"]
            rows.append(("counted, energy and `detailed` times", both, self.theirs["detailed"]))
        lines += [
            f"| {what} | {1e3 * a:,.1f} | {1e3 * b:,.0f} | {b / a:,.1f} x |" for what, a, b in rows
        ]
        lines += [
            f"| set-up of SANA-FE | | {1e3 * self.theirs['setup']:,.0f} | |",
            "",
            f"Peak of the process: snn2chip {self.ours['peak_mb']:,.0f} MB, with the network and "
            f"its spikes; SANA-FE {self.theirs['peak_mb']:,.0f} MB.",
        ]
        return "\n".join(lines)


def main() -> int:
    """Prints the tables, and keeps them in a page where that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--million", action="store_true", help="a million neurons too")
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="keep the tables in a page")
    options = parser.parse_args()
    engine = found_engine()
    if engine is None:
        print("SANA-FE: left out, `make sanafe` makes its environment")
        return 0
    if (warning := busy()) is not None:
        print(warning)
    measured = [
        figures(engine, bench, options.rounds)
        for bench in (*BENCHES, *((MILLION,) if options.million else ()))
    ]
    checks = [check for one in measured for check in one.checks()]
    tables = [one.table() for one in measured]
    kept, more = kept_activity()
    print("\n\n".join([*tables, kept, *map(str, checks + more)]))
    if options.write:
        keep(options.write, [*tables, kept], checks + more, warning)
    wrong = [line for one in measured for line in one.differences]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    if wrong:
        return DIFFERENT
    return MISSED if any(not check.holds for check in checks + more) else 0


def figures(engine: Engine, bench: Bench, rounds: int) -> Figures:
    """One network on both sides, in turns."""
    case = CASES[bench.name](bench.steps)
    runs = [theirs(engine, bench, case) for _ in range(rounds if bench.own_chip else 1)]
    found = ours(bench, rounds)
    middle = {key: median(run[0][key] for run in runs) for key in runs[0][0]}
    neurons = sum(p.size for p in case.program.populations)
    links = sum(synapses(p.operator) for p in case.program.projections)
    title = (
        f"{case.name}: {neurons:,} neurons, {links:,} synapses on {found['cores']:,} cores, "
        f"{bench.steps:,} steps"
    )
    return Figures(bench, title, found, middle, differences(bench.name, found, runs[0][1]))


def ours(bench: Bench, rounds: int) -> dict[str, Any]:
    """Our side, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.energy_side", bench.name, str(bench.steps)]
    done = subprocess.run([*command, str(rounds)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def theirs(engine: Engine, bench: Bench, case: Case) -> tuple[dict[str, float], dict[str, Any]]:
    """SANA-FE's CPU seconds and peak, each model in a process of its own, and its totals."""
    found: dict[str, float] = {}
    totals: dict[str, Any] = {}
    for timing in reversed(bench.timings):
        run = run_cases(
            engine,
            [case],
            (timing,),
            raster=False,
            own_chip=bench.own_chip,
            limit_s=_LIMIT_S,
        )[case.name]
        found |= {timing: run.costs[f"{timing}_s"], "setup": run.costs["setup_s"]}
        found["peak_mb"] = run.costs["peak_mb"]
        totals = run.totals[timing]
    return found, totals


def differences(name: str, mine: dict[str, Any], totals: dict[str, Any]) -> tuple[str, ...]:
    """What is not the same; then the times compare nothing."""
    pairs = [
        ("spikes", mine["spikes"], totals["neurons_fired"]),
        ("synaptic events", mine["events"], totals["spikes"]),
        ("packets", mine["packets"], totals["packets_sent"]),
        ("energy in J", mine["dynamic_j"], totals["energy"]["total"]),
        ("time in s", mine["simple_s"], totals["sim_time"]),
    ]
    return tuple(
        f"{name}: {what}: ours {a}, SANA-FE's {b}"
        for what, a, b in pairs
        if abs(a - b) > RELATIVE * abs(b)
    )


def kept_activity() -> tuple[str, list[Check]]:
    """What other prices and another mapping cost, as shares of the whole first run."""
    command = [sys.executable, "-m", "benchmarks.energy_again"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    lines = [
        "| CPU time in ms | first run | another table | another mapping |",
        "|---|---:|---:|---:|",
    ]
    checks = []
    for row in rows:
        first, table, mapping = row["first"], row["table"], row["mapping"]
        lines.append(
            f"| {row['name']} | {1e3 * first:,.1f} | {1e3 * table:,.2f} ({table / first:.1%}) "
            f"| {1e3 * mapping:,.1f} ({mapping / first:.1%}) |"
        )
        for what, value, most in (
            ("another table", table, OTHER_TABLE),
            ("another mapping", mapping, OTHER_MAPPING),
        ):
            share = value / first
            limit = f"at most {most:.0%} of the first run"
            checks.append(Check(f"{row['name']}: {what}", f"{share:.1%}", limit, share <= most))
    return "\n".join(lines), checks


def keep(
    path: Path, tables: Sequence[str], checks: Sequence[Check], warning: str | None = None
) -> None:
    """The tables between their marks in a page, after a warning about them."""
    figures = "\n".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}, {machine()}; {versions()}; SANA-FE 2.2.9.",
            *(("", f"**{warning}**") if warning else ()),
            *(part for table in tables for part in ("", table)),
            *("", "| | found | wanted | |", "|---|---:|---:|---|"),
            *(
                f"| {c.what} | {c.found} | {c.wanted} | {'yes' if c.holds else '**no**'} |"
                for c in checks
            ),
        ]
    )
    replace_figures(path, BEGIN, END, figures)


if __name__ == "__main__":
    sys.exit(main())
