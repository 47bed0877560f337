"""The library is an extra: what happens where it is not installed."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "spikingjelly":
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocked())
"""


def run(code: str) -> str:
    source = BLOCKED + dedent(code)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_imports_the_library_before_it_is_needed() -> None:
    said = run(
        """
        import snn2chip
        from snn2chip.frontends.torch.framework import framework
        library = framework("spikingjelly")
        print(library.name, len(library.cells), "torch" in sys.modules)
        """
    )
    assert said.split() == ["spikingjelly", "7", "False"]


def test_without_the_library_it_says_what_to_install() -> None:
    said = run(
        """
        from snn2chip.errors import ConfigError
        from snn2chip.frontends.torch.framework import framework, require
        library = framework("spikingjelly")

        class Empty:
            def modules(self):
                return []

            named_children = modules

            def children(self):
                return iter([])

        for use in (
            lambda: library.twin(Empty(), None),
            lambda: library.record(Empty(), {}, None, None),
            lambda: require(library.package, library.extra),
        ):
            try:
                use()
            except ConfigError as error:
                print(error.exit_code, error.remedy)
        """
    )
    assert said.splitlines() == ['2 pip install "snn2chip[spikingjelly]"'] * 3
