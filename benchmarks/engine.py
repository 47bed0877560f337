"""Speed and memory of the simulator, beside Norse, beside Lava, and beside the machine's limits.

    python -m benchmarks.engine [--lava-python PATH] [--rounds 5] [--threads 2] [--quick]

Two networks of random even eight-bit weights: 784-128-64-10 with 32 steps of 256 samples, and nine
layers of PilotNet's shape on 3x66x200 images with 16 samples; one input in ten fires per step. All
candidates take turns, each for a second or more, and the medians are compared. Lava runs its best
case: one run of 3,200 steps, with LIFReset for the dense network. Run it on a machine that does
nothing else: Lava and Norse use all processors too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.limits import (
    alternating,
    float32_rate,
    int8_rate,
    memory_rate,
    seconds_per_call,
)
from benchmarks.networks import conv_network, dense_network, random_spikes
from benchmarks.rivals import lava_measure, lava_reason, norse_reason, norse_run
from snn2chip.backends.loihi.arithmetic import LoihiArithmetic
from snn2chip.core import Program
from snn2chip.engine import RunOptions, simulate, stream
from snn2chip.engine.accelerate import reason_against
from snn2chip.graph.linear import synapses

DENSE_STEPS, DENSE_SAMPLES = 32, 256
CONV_STEPS, CONV_SAMPLES = 8, 16
ARITHMETIC = LoihiArithmetic()


def main() -> None:
    """Prints every table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--lava-python", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="the two networks alone")
    parser.add_argument("--memory", choices=("run", "stream"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        memory(options.memory)
        return
    for name, reason in (
        ("numba", reason_against()),
        ("Norse", norse_reason()),
        ("Lava", lava_reason(options.lava_python)),
    ):
        print(f"{name}: {'there' if reason is None else 'left out, ' + reason}")
    busy, processors = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if busy > 0.3 * processors:
        print(f"this machine is busy (load {busy:.1f} on {processors}): ratios mean little")
    limits()
    compare(dense_network(), DENSE_STEPS, DENSE_SAMPLES, options, reset=DENSE_STEPS)
    compare(conv_network(), CONV_STEPS, CONV_SAMPLES, options, reset=0)
    if not options.quick:
        growth(options.threads)
        memory_table()


def limits() -> None:
    """The machine's own rates."""
    int8 = int8_rate()
    print(f"\nfloat32 products {float32_rate() / 1e9:8.1f} GOP/s   (numpy)")
    print(f"int8 products    {'-' if int8 is None else f'{int8 / 1e9:8.1f}'} GOP/s   (_int_mm)")
    print(f"memory           {memory_rate() / 1e9:8.1f} GB/s    (copy, read and written)")


def compare(
    program: Program, steps: int, samples: int, options: argparse.Namespace, reset: int
) -> None:
    """One network: ours, Norse and Lava in turns."""
    spikes = random_spikes(program, steps, samples)
    settings = RunOptions(samples, threads=options.threads)
    each = steps * samples
    candidates = {
        "snn2chip": lambda: seconds_per_call(
            lambda: simulate(program, spikes, ARITHMETIC, settings)
        ) / each
    }  # fmt: skip
    if norse_reason() is None:
        run = norse_run(program, spikes["input"], options.threads)
        candidates["Norse"] = lambda: seconds_per_call(run) / each
    if lava_reason(options.lava_python) is None:
        long = 3200 if reset else 12
        candidates["Lava"] = lava_measure(program, options.lava_python, long, reset)
    count = sum(synapses(p.operator) for p in program.projections)
    neurons = sum(p.size for p in program.populations)
    print(f"\n{program.name}: {neurons:,} neurons, {count:,} synapses; {steps} steps x {samples}")
    print(
        f"{'':10} {'us per sample and step':>22} {'smallest':>9} {'us per sample':>14}"
        f" {'ours is':>9}"
    )
    found = alternating(candidates, options.rounds)
    for name, (middle, least) in found.items():
        times = middle / found["snn2chip"][0]
        print(
            f"{name:10} {1e6 * middle:22.2f} {1e6 * least:9.2f} {1e6 * middle * steps:14.1f} "
            f"{times:8.1f}x"
        )
    rate = count / found["snn2chip"][0] / 1e9
    print(f"{'':10} {rate:.1f} billion synapses per second, silent ones included")


def growth(threads: int) -> None:
    """Time against steps, samples and synapses: linear where the last column stays."""
    print(f"\n{'':24} {'ms':>8} {'ns per step, sample and thousand synapses':>44}")
    cases: list[tuple[str, Program, int, int]] = []
    cases += [(f"{n} steps", dense_network(), n, 64) for n in (16, 32, 64, 128)]
    cases += [(f"{n} samples", dense_network(), 32, n) for n in (64, 128, 256, 512)]
    cases += [
        (f"{w} hidden neurons", dense_network((784, w, 10)), 32, 64) for w in (128, 256, 512, 1024)
    ]
    for name, program, steps, samples in cases:
        spikes = random_spikes(program, steps, samples)
        settings = RunOptions(threads=threads)
        spent = seconds_per_call(lambda: simulate(program, spikes, ARITHMETIC, settings))  # noqa: B023
        count = sum(synapses(p.operator) for p in program.projections)
        per = 1e9 * spent / steps / samples / count * 1000
        print(f"{name:24} {1e3 * spent:8.2f} {per:44.3f}")


def memory_table() -> None:
    """Peak memory of the conv network, in processes of their own."""
    print()
    for what in ("run", "stream"):
        command = [sys.executable, "-m", "benchmarks.engine", "--memory", what]
        print(subprocess.run(command, capture_output=True, text=True, check=True).stdout, end="")


def memory(what: str) -> None:
    """Runs the conv network and prints this process's peak, in megabytes."""
    program = conv_network()
    if what == "run":
        simulate(program, random_spikes(program, 32, 16), ARITHMETIC, RunOptions(16))
        print(f"conv network, 32 steps x 16 samples: peak {peak_mb():.0f} MB")
        return
    seen = 0

    def batches() -> Iterator[dict[str, object]]:
        for k in range(63):
            yield random_spikes(program, 8, 16, seed=k)

    for activity, _ in stream(program, batches(), ARITHMETIC, RunOptions(16)):
        seen += activity.samples
        if seen in (112, 1008):
            print(f"conv network, stream of {seen} samples, 8 steps: peak {peak_mb():.0f} MB")


def peak_mb() -> float:
    """Largest resident size of this process so far."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
