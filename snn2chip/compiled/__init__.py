"""The compiled folder: a program on disk, and the folder that holds it with its manifest."""

from snn2chip.compiled.folder import Compiled, check_folder, is_compiled, read_folder, write_folder
from snn2chip.compiled.program_file import dump_program, parse_program

__all__ = [
    "Compiled",
    "check_folder",
    "dump_program",
    "is_compiled",
    "parse_program",
    "read_folder",
    "write_folder",
]
