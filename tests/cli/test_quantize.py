"""``quantize``, and the flags of a quantization on the other commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from snn2chip.cli.commands.widths import COLUMNS, parsed_widths
from snn2chip.errors import ConfigError
from snn2chip.frontends.nir import write_graph
from tests.cli.conftest import Cli, is_four_part
from tests.networks import conv_net


def test_the_table_is_printed_written_and_the_same_everywhere(
    cli: Cli, folder: Path, network: Path, data: Path
) -> None:
    done = cli(
        *("quantize", network, "--data", data, "--bits", "8,2", "--calibration", "mse"),
        *("--granularity", "neuron", "--json", "w.json", "--csv", "w.csv"),
    )
    assert done.code == 0, done.err
    assert "wrote w.json\n" in done.err
    table = json.loads((folder / "w.json").read_text())
    assert table["schema"] == "snn2chip/quantization/1"
    assert table["quantization"] == {
        "calibration": "mse",
        "percentile": None,
        "granularity": "neuron",
        "weight_bits": 2,
        "fine_biases": False,
    }
    assert [row["weight_bits"] for row in table["rows"]] == [None, 8, 2]
    rows = list(csv.DictReader((folder / "w.csv").open()))
    assert tuple(rows[0]) == COLUMNS
    for written, row in zip(rows, table["rows"], strict=True):
        assert written == {k: "" if row[k] is None else str(row[k]) for k in COLUMNS}
    lines = done.out.splitlines()
    assert lines[0] == "net on loihi2: 8 samples of 16 steps, data data.npz"
    assert [line.split()[0] for line in lines[-3:]] == ["float", "8", "2"]
    for line, row in zip(lines[-3:], table["rows"], strict=True):
        assert f"{100 * row['accuracy']:.2f} %" in line


def test_json_on_standard_output_is_nothing_but_json(cli: Cli, network: Path, data: Path) -> None:
    done = cli("quantize", network, "--data", data, "--bits", "3", "--json", "-")
    assert done.code == 0
    assert len(json.loads(done.out)["rows"]) == 2


def test_a_table_is_repeatable_and_silent_in_a_pipe(cli: Cli, network: Path, data: Path) -> None:
    first, second = (cli("-q", "quantize", network, "--data", data) for _ in range(2))
    assert first.out == second.out
    assert first.err == ""
    assert [line.split()[0] for line in first.out.splitlines()[-9:]] == ["float", *"12345678"]


@pytest.mark.parametrize(
    ("text", "widths"),
    [
        ("1-8", range(1, 9)),
        ("4", [4]),
        ("8,4", [8, 4]),
        ("2-3,3-4", [2, 3, 4]),
        (" 5 - 6 ", [5, 6]),
    ],
)
def test_widths_are_lists_and_ranges(text: str, widths: list[int]) -> None:
    assert parsed_widths(text) == tuple(widths)


@pytest.mark.parametrize("text", ["", "a", "8-1", "1-", "-1", "1-2-3", "4,,5", "1.5", "²", "1" * 5])
def test_what_are_no_widths_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--bits"):
        parsed_widths(text)


WRONG = [
    ("--calibration", "entropy"),
    ("--calibration", "spike"),
    ("--granularity", "channel"),
    ("--percentile", "99"),
    ("--percentile", "0", "--calibration", "percentile"),
    ("--percentile", "101", "--calibration", "percentile"),
    ("--percentile", "nan", "--calibration", "percentile"),
    ("--percentile", "many", "--calibration", "percentile"),
    ("--calibration", "accuracy"),
]


@pytest.mark.parametrize("command", ["simulate", "compile", "quantize"])
@pytest.mark.parametrize("flags", WRONG, ids=" ".join)
def test_wrong_values_end_with_2(
    cli: Cli, network: Path, data: Path, command: str, flags: tuple[str, ...]
) -> None:
    out = ("-o", "out") if command == "compile" else ()
    done = cli(command, network, "--data", data, *out, *flags)
    assert done.code == 2, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    if flags != ("--percentile", "many", "--calibration", "percentile"):
        assert is_four_part(done.err)


@pytest.mark.parametrize("command", ["simulate", "compile", "check"])
@pytest.mark.parametrize("bits", ["0", "9", "many", "-1"])
def test_widths_that_the_target_has_not_end_with_2(
    cli: Cli, network: Path, data: Path, command: str, bits: str
) -> None:
    extra = {"compile": ("-o", "out", "--data", data), "simulate": ("--data", data), "check": ()}
    done = cli(command, network, *extra[command], "--weight-bits", bits)
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    if bits == "9":
        assert is_four_part(done.err, parts=("needs", "has", "change"))
        assert "1 to 8 bits" in done.err


@pytest.mark.parametrize("bits", ["0-8", "9", "1-9", "x"])
def test_a_table_of_widths_that_are_not_there_ends_with_2(
    cli: Cli, network: Path, data: Path, bits: str
) -> None:
    done = cli("quantize", network, "--data", data, "--bits", bits)
    assert done.code == 2
    assert is_four_part(done.err, parts=("needs",))


def test_the_report_says_how_scales_were_picked(cli: Cli, network: Path, data: Path) -> None:
    flags = ("--calibration", "percentile", "--percentile", "95", "--weight-bits", "5")
    done = cli("simulate", network, "--data", data, *flags, "--html", "r.html", "--json", "r.json")
    assert done.code == 0, done.err
    sentence = "percentile 95, a scale per layer, weights of 5 bits"
    assert f"scales         {sentence}" in done.out
    assert sentence in Path("r.html").read_text()
    run = json.loads(Path("r.json").read_text())["run"]
    assert run["quantization"] == {
        "calibration": "percentile",
        "percentile": 95.0,
        "granularity": "layer",
        "weight_bits": 5,
        "fine_biases": False,
    }
    assert any("hidden0: integer threshold" in note for note in run["notes"])
    again = cli("report", "r.json")
    assert sentence in again.out


def test_a_compiled_folder_keeps_thresholds_of_its_neurons(
    cli: Cli, folder: Path, network: Path, data: Path
) -> None:
    flags = ("--granularity", "neuron", "--weight-bits", "4")
    assert cli("compile", network, "-o", "out", "--data", data, *flags).code == 0
    direct = cli("simulate", network, "--data", data, *flags, "--json", "-")
    folded = cli("simulate", "out", "--data", data, "--json", "-")
    one, other = (json.loads(done.out) for done in (direct, folded))
    assert one["layers"] == other["layers"]
    assert one["run"]["notes"] == other["run"]["notes"]
    assert "scales by spikes, a scale per neuron, weights of 4 bits" in other["run"]["notes"]
    assert other["run"]["quantization"] is None
    assert cli("simulate", "out", "--data", data, "--weight-bits", "4").code == 2
    assert cli("quantize", "out", "--data", data).code == 4


def test_a_convolution_takes_every_flag(cli: Cli, folder: Path) -> None:
    write_graph(conv_net(np.random.default_rng(0)), folder / "conv.nir")
    done = cli(
        *("check", "conv.nir", "--granularity", "neuron", "--weight-bits", "3"),
    )
    assert done.code == 0, done.err
    assert "conv: integer thresholds" in done.err


def test_warnings_of_the_arithmetic_are_told_in_words(cli: Cli, folder: Path) -> None:
    """A membrane that only grows meets the end of its 24 bits; a quiet run says nothing of it."""
    from snn2chip.graph import Population
    from snn2chip.neurons import Input
    from tests.networks import dense, graph, li

    net = graph(
        [Population("input", Input(), (4,)), Population("out", li((2,), tau=1.0), (2,))],
        [dense("input", "out", np.full((2, 4), 1e-5), (4,), (2,))],
        readout="v_last",
    )
    write_graph(net, folder / "grows.nir")
    np.savez(folder / "loud.npz", x=np.ones((2, 2000, 4), bool))
    np.savez(folder / "quiet.npz", x=np.zeros((2, 20, 4), bool))
    done = cli(
        "simulate", "grows.nir", "--data", "loud.npz", "--json", "r.json", "--html", "r.html"
    )
    words = "out: the membrane met the end of its 24 bits and stayed there (v_saturated)"
    counted = json.loads(Path("r.json").read_text())["run"]["warnings"]
    assert counted["out"]["v_saturated"] > 0
    told = " ".join(done.out.split())
    assert f"{words} {counted['out']['v_saturated']:,} times" in told
    assert words in Path("r.html").read_text()
    quiet = cli("simulate", "grows.nir", "--data", "quiet.npz")
    assert "v_saturated" not in quiet.out
    assert "warnings" not in quiet.out
