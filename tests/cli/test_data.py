"""``snn2chip data``."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from snn2chip.data import load_split
from tests.cli.conftest import Cli, is_four_part


def test_the_list_has_every_name_with_licence_and_source(cli: Cli) -> None:
    done = cli("data", "list")
    assert done.code == 0
    for words in ("digits", "mnist", "fashion-mnist", "cifar10", "speech-commands"):
        assert words in done.out
    assert "CC BY-SA 3.0" in done.out
    assert "huggingface.co/datasets/google/speech_commands" in done.out


@pytest.mark.parametrize("command", [("data", "list"), ("targets", "list"), ("models", "list")])
def test_lists_fit_a_terminal_of_80_columns(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, cli(*command).out.splitlines())) <= 80


@pytest.fixture
def parquet(folder: Path) -> Path:
    """A local copy of CIFAR-10 with a dozen images."""
    pytest.importorskip("datasets", reason="reads Parquet files of the hub")
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    image = pytest.importorskip("PIL.Image")
    place = folder / "copies/cifar10/plain_text"
    place.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        rows = []
        for _ in range(12):
            stream = io.BytesIO()
            image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(stream, "PNG")
            rows.append({"bytes": stream.getvalue(), "path": None})
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        columns = {"img": pa.array(rows, kind), "label": pa.array(range(12)).cast(pa.int64())}
        columns["label"] = pa.array([k % 10 for k in range(12)], pa.int64())
        pq.write_table(pa.table(columns), place / f"{part}-00000-of-00001.parquet")
    return folder / "copies"


def test_a_data_set_is_saved_as_a_file_that_recipes_take(
    cli: Cli, folder: Path, parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = cli("data", "save", "cifar10", "-o", "c.npz", "--data-dir", "copies")
    assert done.code == 0, done.err
    assert "wrote c.npz" in done.err
    saved = load_split("c.npz", 0, 0.4, folder)
    monkeypatch.setenv("SNN2CHIP_DATA", str(parquet))
    named = load_split("cifar10", 0, 0.4)
    for part in ("x_train", "y_train", "x_test", "y_test", "byte_scale"):
        np.testing.assert_array_equal(getattr(saved, part), getattr(named, part))


@pytest.mark.parametrize(
    ("name", "says"), [("digits", "--data digits"), ("random", "--data random"), ("mnst", "mnist")]
)
def test_what_cannot_be_saved_says_what_to_do(cli: Cli, name: str, says: str) -> None:
    done = cli("data", "save", name, "-o", "d.npz")
    assert done.code == 2
    assert is_four_part(done.err, parts=("change",))
    assert says in done.err.split("change:")[1]


def test_a_local_copy_is_not_written_over(cli: Cli, folder: Path, parquet: Path) -> None:
    file = next(parquet.rglob("train-*.parquet")).relative_to(folder)
    before = file.read_bytes()
    assert cli("data", "save", "cifar10", "-o", file, "--data-dir", "copies").code == 2
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("mnst", "-o", "m.npz"), 2), (("mnist",), 2), (("mnist", "-o", "."), 2)],
)
def test_senseless_arguments_end_before_anything_is_written(
    cli: Cli, folder: Path, arguments: tuple[str, ...], code: int
) -> None:
    done = cli("data", "save", *arguments)
    assert done.code == code
    assert list(folder.iterdir()) == []
    if "-o" in arguments:
        assert is_four_part(done.err)
