"""The compiled folder: a program on disk, and the folder that holds it with its manifest."""

from snn2chip.compiled.folder import Compiled, is_compiled, read_folder, write_folder
from snn2chip.compiled.program_file import dump_program, parse_program

__all__ = [
    "Compiled",
    "dump_program",
    "is_compiled",
    "parse_program",
    "read_folder",
    "write_folder",
]
