"""Speed and memory of the simulator, beside Norse, beside Lava, and beside the machine's limits.

    python -m benchmarks.engine [--lava-python PATH] [--rounds 5] [--threads 2] [--quick]
                                [--write docs/benchmarks.md]

Two networks of random even eight-bit weights: 784-128-64-10 with 32 steps of 256 samples, and nine
layers of PilotNet's shape on 3x66x200 images with 16 samples; one input in ten fires per step. All
candidates take turns, each for a second or more, and the medians are compared. Lava runs its best
case: one run of 3,200 steps, with LIFReset for the dense network. Run it on a machine that does
nothing else: Lava and Norse use all processors too. Ends with 7 where a ratio that must hold is
missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from benchmarks.growth import LINEAR, Series, draw, measure_growth
from benchmarks.limits import Limits, alternating, seconds_per_call
from benchmarks.memory import Memory, measure_memory
from benchmarks.networks import conv_network, dense_network, random_spikes
from benchmarks.page import Check, growth_table, memory_table, speed_table, write_page
from benchmarks.rivals import lava_measure, lava_reason, norse_reason, norse_run
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.core import Program
from snn2chip.engine import RunOptions, simulate, stream
from snn2chip.engine.kernels.accelerate import reason_against
from snn2chip.graph.linear import synapses

ARITHMETIC = LoihiArithmetic()
OURS, NORSE, LAVA = "snn2chip", "Norse", "Lava"
MISSED = 7
"""Exit code where something that must hold does not."""

MOST_MB, MOST_GROWTH = 2000, 1.1
WATCHED_S, OTHERS = 2.0, 0.1
"""How long the machine is watched, and the share of it that others may have."""


@dataclass(frozen=True)
class Case:
    """One network and what must hold for it: times as quick as the others.

    Attributes:
        lava_steps: of Lava's run; with LIFReset every ``steps``, where ``resets``.
        least: by rival, without and with int8 hardware.
    """

    program: Program
    steps: int
    samples: int
    lava_steps: int
    resets: bool
    least: dict[str, tuple[float, float]]

    @property
    def title(self) -> str:
        """What runs."""
        neurons = sum(p.size for p in self.program.populations)
        return (
            f"{self.program.name}: {neurons:,} neurons, {self.synapses:,} synapses; "
            f"{self.steps} steps of {self.samples} samples"
        )

    @property
    def synapses(self) -> int:
        """Of the whole network."""
        return sum(synapses(p.operator) for p in self.program.projections)


@dataclass(frozen=True)
class Speed:
    """Median and smallest seconds per sample and step, by candidate, and the machine's rates."""

    case: Case
    limits: Limits
    seconds: dict[str, tuple[float, float]]

    def times(self, rival: str) -> float:
        """How many times as long the rival takes, by medians."""
        return self.seconds[rival][0] / self.seconds[OURS][0]

    def checks(self) -> list[Check]:
        """What must hold of those that took part."""
        return [
            Check(
                f"{self.case.program.name}: speed beside {rival}",
                f"{self.times(rival):,.1f} times",
                f"at least {least[self.limits.int8_hardware]:,.0f} times",
                self.times(rival) >= least[self.limits.int8_hardware],
            )
            for rival, least in self.case.least.items()
            if rival in self.seconds
        ]


def main() -> int:
    """Prints every table, and writes the page where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lava-python", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="the two networks alone")
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="keep the tables in a page")
    options = parser.parse_args()
    if options.write and options.quick:
        parser.error("--write keeps everything: leave --quick out")
    tell_who_takes_part(options)
    if (warning := busy()) is not None:
        print(warning)
    tables, checks = [], []
    for case in cases():
        speed = compare(case, options)
        tables.append(speed_table(speed))
        checks += speed.checks()
        print(f"\n{tables[-1]}", flush=True)
    if not options.quick:
        series, memory = measure_growth(options.threads), measure_memory()
        checks += more_checks(series, memory)
        tables += [growth_table(series), memory_table(memory)]
        print(f"\n{tables[-2]}\n\n{tables[-1]}")
        if options.write:
            options.write.with_suffix(".svg").write_text(draw(series))
    print()
    for check in checks:
        print(check)
    if options.write:
        write_page(options.write, tables, checks, warning)
    return MISSED if any(not check.holds for check in checks) else 0


def cases() -> tuple[Case, ...]:
    """The two networks."""
    return (
        Case(
            dense_network(), 32, 256, lava_steps=3200, resets=True,
            least={LAVA: (1000, 5000), NORSE: (2, 10)},
        ),
        Case(
            conv_network(), 8, 16, lava_steps=12, resets=False,
            least={LAVA: (500, 500), NORSE: (2, 2)},
        ),
    )  # fmt: skip


def busy() -> str | None:
    """A warning where the machine does something else while we wait, or None.

    Not by the load average, which remembers what ran a minute ago: ``make bench`` itself.
    """
    before = processor_times()
    time.sleep(WATCHED_S)
    spent, idle = (after - then for after, then in zip(processor_times(), before, strict=True))
    others = 1 - idle / max(1, spent)
    if others <= OTHERS:
        return None
    return f"This machine was busy ({others:.0%} of its time went to others): ratios mean little."


def processor_times() -> tuple[int, int]:
    """(all, idle) of Linux's counters, over all processors."""
    with open("/proc/stat") as file:
        counts = [int(word) for word in file.readline().split()[1:]]
    return sum(counts[:8]), counts[3] + counts[4]


def tell_who_takes_part(options: argparse.Namespace) -> None:
    """Which of the candidates are there, and why others are not."""
    for name, reason in (
        ("numba", reason_against()),
        (NORSE, norse_reason()),
        (LAVA, lava_reason(options.lava_python)),
    ):
        print(f"{name}: {'there' if reason is None else 'left out, ' + reason}")


def compare(case: Case, options: argparse.Namespace) -> Speed:
    """One network: ours, Norse and Lava in turns. Lava's and ours are built before."""
    spikes = random_spikes(case.program, case.steps, case.samples)
    settings = RunOptions(case.samples, threads=options.threads)
    runs = stream(case.program, repeat(spikes), ARITHMETIC, settings)
    calls: dict[str, Callable[[], object]] = {
        OURS: lambda: next(runs),
        f"{OURS}, prepared anew": lambda: simulate(case.program, spikes, ARITHMETIC, settings),
    }
    if norse_reason() is None:
        calls[NORSE] = norse_run(case.program, spikes["input"], options.threads)
    each = case.steps * case.samples
    candidates: dict[str, Callable[[], float]] = {
        name: lambda call=call: seconds_per_call(call) / each  # type: ignore[misc]
        for name, call in calls.items()
    }
    if lava_reason(options.lava_python) is None:
        reset = case.steps if case.resets else 0
        candidates[LAVA] = lava_measure(case.program, options.lava_python, case.lava_steps, reset)
    limits = Limits.measure()
    return Speed(case, limits, alternating(candidates, options.rounds))


def more_checks(series: tuple[Series, ...], memory: Memory) -> list[Check]:
    """Linear growth, and bounded memory."""
    linear = [
        Check(
            f"time grows linearly with {one.name}",
            f"as size^{one.exponent:.2f}",
            f"at most size^{LINEAR}",
            one.exponent <= LINEAR,
        )
        for one in series
    ]
    return [
        *linear,
        Check(
            "peak memory of the conv network",
            f"{memory.run:,.0f} MB",
            f"below {MOST_MB:,} MB",
            memory.run < MOST_MB,
        ),
        Check(
            "a stream's peak does not grow",
            f"{memory.growth:.2f} times",
            f"at most {MOST_GROWTH} times",
            memory.growth <= MOST_GROWTH,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
