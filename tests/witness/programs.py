"""Programs that stand for uv and for interpreters: shell scripts that do what a test wants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

UV = """
while [ "${1#--}" != "$1" ]; do [ "$1" = --color ] && shift; shift; done
for last; do :; done
echo "$@" >>"$(dirname "$0")/uv.log"
"""
"""Leaves the global options out, and keeps what it was called with."""

MAKES = """
case "$1 $2" in
"venv "*) mkdir -p "$last/bin" && echo made >"$last/bin/python" && chmod +x "$last/bin/python" ;;
"pip install") cp "$last" "$(dirname "$0")/lock.txt" ;;
*) echo "error: nothing here" >&2; exit 2 ;;
esac
"""


@dataclass(frozen=True)
class Programs:
    """A folder of programs that is the whole PATH, and an empty cache and home."""

    folder: Path
    cache: Path
    home: Path

    def isolate(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for path in (self.folder, self.home):
            path.mkdir()
        monkeypatch.setenv("PATH", str(self.folder))
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache))
        monkeypatch.setenv("HOME", str(self.home))
        monkeypatch.delenv("PYENV_ROOT", raising=False)
        monkeypatch.delenv("SNN2CHIP_LAVA_PYTHON", raising=False)
        monkeypatch.setattr("snn2chip.witness.interpreters._installed_uv", lambda: None)

    def add(self, name: str, script: str, folder: Path | None = None) -> Path:
        """A program; its own PATH is that of any system."""
        path = (folder or self.folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)
        return path

    def uv(self, script: str = MAKES) -> Path:
        """A program that is called as uv is."""
        return self.add("uv", UV + script)

    def python(self, version: str = "3.10", folder: Path | None = None) -> Path:
        """A program that says that it is this version."""
        return self.add("python3.10", f"echo {version}", folder)

    def calls(self) -> list[str]:
        """What uv was called with."""
        log = self.folder / "uv.log"
        return log.read_text().splitlines() if log.exists() else []
