"""The compiled folder: a program on disk, and the folder that holds it with its manifest."""

from snn2chip.compiled.activity_file import SavedRun, dump_run, parse_run
from snn2chip.compiled.folder import (
    ACTIVITY,
    Compiled,
    check_folder,
    is_compiled,
    read_folder,
    read_manifest,
    require_file,
    target_file,
    vouched,
    write_folder,
)
from snn2chip.compiled.program_file import dump_program, parse_program

__all__ = [
    "ACTIVITY",
    "Compiled",
    "SavedRun",
    "check_folder",
    "dump_program",
    "dump_run",
    "is_compiled",
    "parse_program",
    "parse_run",
    "read_folder",
    "read_manifest",
    "require_file",
    "target_file",
    "vouched",
    "write_folder",
]
