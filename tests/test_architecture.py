"""Imports go one way, modules stay small, and the core needs no torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import snn2chip

PACKAGE = Path(snn2chip.__file__).parent

LEVELS = (
    ("errors", "__version__"),
    ("neurons", "resources", "files"),
    ("graph",),
    ("core", "targets"),
    ("data",),
    ("frontends",),
    ("engine",),
    ("mapping", "compiled"),
    ("energy", "quantize", "drift"),
    ("witness",),
    ("backends",),
    ("pipeline",),
    ("report",),
    ("distill",),
    ("study",),
    ("api",),
    ("cli",),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

EXCEPTIONS = {("frontends/checkpoint.py", "distill")}
"""Registered upward imports (module, room): lazy ones, inside functions only."""

MAX_LINES = 500

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def room_of(path: Path) -> str:
    """The room a module lives in; the package's own files are above all rooms."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imported_rooms(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Rooms that a module imports, with the statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "snn2chip" and len(parts) > 1:
                yield parts[1], node


def breaches(path: Path, source: str) -> list[str]:
    """Imports of ``source``, a module at ``path``, that do not go down."""
    room = room_of(path)
    tree = ast.parse(source)
    found = []
    for other, node in imported_rooms(tree):
        if room in ("__init__", "__main__") or other == room:
            continue
        lazy = node not in tree.body
        if lazy and (path.relative_to(PACKAGE).as_posix(), other) in EXCEPTIONS:
            continue
        if other not in LEVEL or LEVEL[other] >= LEVEL[room]:
            found.append(f"line {node.lineno}: {room} imports {other}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    assert breaches(path, path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("graph/types.py", "from snn2chip.core import Program", 1),
        ("data/digits.py", "from snn2chip.frontends import nir", 1),
        ("data/digits.py", "def f():\n    import snn2chip.cli.app", 1),
        ("graph/types.py", "from snn2chip.unheard_of import x", 1),
        ("graph/types.py", "from snn2chip import neurons, report", 1),
        ("frontends/checkpoint.py", "from snn2chip.distill import checkpoint", 1),
        ("frontends/checkpoint.py", "def f():\n    from snn2chip.distill import checkpoint", 0),
        ("cli/app.py", "from snn2chip.errors import ConfigError\nimport snn2chip.pipeline", 0),
        ("graph/types.py", "import numpy\nfrom snn2chip.graph.order import order", 0),
    ],
)
def test_the_rule_sees_what_it_must(module: str, source: str, wrong: int) -> None:
    assert len(breaches(PACKAGE / module, source)) == wrong


def test_every_room_has_a_level() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert rooms <= set(LEVEL)


def test_the_code_map_names_every_room_in_the_order_of_imports() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", text, re.MULTILINE)
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert set(named) == rooms
    levels = [LEVEL[room] for room in named]
    assert levels == sorted(levels)


def test_public_names_exist() -> None:
    assert sorted(snn2chip.__all__) == list(snn2chip.__all__)
    for name in snn2chip.__all__:
        assert getattr(snn2chip, name) is not None


def test_no_room_has_the_name_of_a_public_function() -> None:
    rooms = {room_of(path) for path in MODULES}
    assert rooms.isdisjoint(name for name in snn2chip.__all__ if name != "__version__")


HEAVY = ("torch", "norse", "torchvision", "sklearn", "scipy", "h5py", "numpy", "jinja2", "rich")

LIGHT_COMMANDS = {
    "--help": HEAVY,
    "--version": HEAVY,
    "simulate --help": HEAVY,
    "verify --help": HEAVY,
    "pareto --help": HEAVY,
    "targets list": ("torch", "norse", "sklearn", "scipy", "h5py"),
    "simulate --target loihi2 --samples 2": ("torch", "norse", "torchvision", "nir"),
}

PROBE = """
import sys
from snn2chip.cli import main
code = main(sys.argv[2:])
loaded = sorted(set(sys.argv[1].split(",")) & set(sys.modules))
print("loaded:", *loaded, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("command", LIGHT_COMMANDS)
def test_commands_import_no_more_than_they_need(command: str, tmp_path: Path) -> None:
    forbidden = ",".join(LIGHT_COMMANDS[command])
    done = subprocess.run(
        [sys.executable, "-c", PROBE, forbidden, *command.split()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(PACKAGE.parent), "PATH": ""},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].strip() == "loaded:"
