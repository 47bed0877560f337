"""A short campaign, and a harness that finds what it is there to find."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.fuzz import mutate_arrays, mutate_bytes, mutate_hdf5, mutate_text, seeds
from tests.fuzz.cases import choose
from tests.fuzz.judging import LIMIT_BYTES, LIMIT_SECONDS, MARKUP, TAG, faults, listing
from tests.fuzz.kinds import SHARES, Seed
from tests.fuzz.running import Done, run

FINE = Done(3, "", "snn2chip: damaged\n", 0.1, 0.2, 2**20)


def test_a_short_campaign_finds_no_fault(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--count", "6", "--seed", "0", "--short"],
        cwd=repository,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert done.stdout.splitlines()[-2].startswith("0 of ")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seed, ...]:
    return seeds.all_seeds(tmp_path_factory.mktemp("seeds"))


def test_a_case_is_the_same_every_time(corpus: tuple[Seed, ...]) -> None:
    kinds = [kind for kind in SHARES if kind not in ("nir", "net")]  # HDF5 keeps the time in files
    for index in range(60):
        assert choose(corpus, 1, index, kinds) == choose(corpus, 1, index, kinds)
    assert choose(corpus, 1, 0, kinds) != choose(corpus, 2, 0, kinds)


@pytest.mark.parametrize(
    ("kind", "mutate"),
    [
        ("nir", mutate_hdf5.mutate),
        ("net", mutate_hdf5.mutate),
        ("npz", mutate_arrays.mutate_npz),
        ("program", mutate_arrays.mutate_safetensors),
        ("target", mutate_text.mutate_toml),
        ("mapping", mutate_text.mutate_json),
        ("net", mutate_bytes.mutate),
    ],
)
def test_mutations_differ_from_each_other_and_from_the_seed(
    corpus: tuple[Seed, ...], kind: str, mutate: Callable[[bytes, Random], bytes]
) -> None:
    content = next(seed.content for seed in corpus if seed.kind == kind)
    made = {mutate(content, Random(k)) for k in range(30)}
    assert len(made) > 20
    assert len(made - {content}) > 20


@pytest.mark.parametrize("code", [1, 6, 7, 99, 130, -6, -9, -11])
def test_other_exit_codes_and_signals_are_faults(tmp_path: Path, code: int) -> None:
    done = Done(code, "", "x", 0.1, 0.1, 1)
    assert faults(done, tmp_path, frozenset())[0].endswith(str(abs(code)))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"seconds": LIMIT_SECONDS + 0.1}, "10.1 s"),
        ({"peak_bytes": LIMIT_BYTES + 2**20}, "2049 MB"),
        ({"err": "Traceback (most recent call last):\n"}, "a traceback"),
        ({"err": "a fault in snn2chip: KeyError"}, "a fault of ours"),
        ({"err": "snn2chip/x.py:3: RuntimeWarning: overflow\n"}, "a warning"),
        ({"err": "red \x1b[31m"}, "control characters"),
        ({"out": "MARKUP is bold"}, "markup"),
        ({"err": "x" * 200_000}, "a message of 200000"),
        ({"err": ""}, "without a word"),
        ({"broken": ("os.system ls",)}, "os.system ls"),
    ],
)
def test_what_a_command_said_and_took(
    tmp_path: Path, changes: dict[str, object], fault: str
) -> None:
    assert faults(FINE, tmp_path, frozenset()) == []
    found = faults(Done(**{**FINE.__dict__, **changes}), tmp_path, frozenset())
    assert len(found) == 1
    assert fault in found[0]


def test_markup_that_was_escaped_is_none(tmp_path: Path) -> None:
    done = Done(0, f"{MARKUP} {TAG}\n", "", 0.1, 0.1, 1)
    assert faults(done, tmp_path, frozenset()) == []


def test_what_a_command_left_behind(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    before = listing(tmp_path)
    for name, content in {
        "out/good.html": "<p>&lt;fuzz&gt;</p>",
        "out/good.json": '{"a": 1.5}',
        "out/bad.html": f"<p>{TAG}</p>",
        "out/attribute.html": '<p title="" fuzz="1">',
        "out/bad.json": '{"a": NaN}',
        "out/.x.partial": "",
        "pwned": "",
    }.items():
        (tmp_path / name).write_text(content)
    with (tmp_path / "out/bad.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[1, 2], [1, 2, 3]])
    with zipfile.ZipFile(tmp_path / "out/t.npz", "w") as archive:
        archive.writestr("../x.npy", b"")
    found = "\n".join(faults(FINE, tmp_path, before))
    for name in ("bad.html", "attribute.html", "bad.json", ".x.partial", "pwned", "bad.csv", "t.n"):
        assert name in found
    assert "good" not in found


ESCAPES = {
    "opens '../x' to write": "open('../x', 'w')",
    "os.mkdir '/tmp": "import os, tempfile; os.mkdir('/tmp/fuzz-%d' % os.getpid())",
    "os.system": "import os; os.system('true')",
    "subprocess.Popen": "import subprocess; subprocess.run(['true'])",
    "unpickles posix.getpid": "import os, pickle; pickle.loads(pickle.dumps(os.getpid))",
}


@pytest.mark.parametrize("fault", ESCAPES)
def test_what_no_file_may_cause_is_seen(tmp_path: Path, fault: str) -> None:
    """Commands that misbehave, each in place of the real one."""
    folder = tmp_path / "case"
    (folder / "out").mkdir(parents=True)
    script = (
        "import sys, snn2chip.cli\n"
        "from pathlib import Path\n"
        "from tests.fuzz.running import run\n"
        f"snn2chip.cli.main = lambda words: exec({ESCAPES[fault]!r}) or 0\n"
        "done = run(['info'], Path(sys.argv[1]), [Path(sys.argv[1]) / 'out'])\n"
        "print(done.broken)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert fault in done.stdout


def test_a_command_is_run_in_its_folder_with_its_codes_and_words(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    (folder / "out").mkdir(parents=True)
    np.savez(folder / "x.npz", x=np.zeros(3))
    done = run(["info", "x.npz"], folder, [folder / "out"])
    assert done.code == 3
    assert "x.npz" in done.err
    assert done.broken == ()
    assert 0 < done.seconds < LIMIT_SECONDS
    assert done.peak_bytes > 2**20
