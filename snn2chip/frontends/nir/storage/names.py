"""Names in HDF5 files: "/" parts groups there, "." is the group itself, and NUL ends a word.

Files with our metadata hold names with these characters as %XX; names of other files are as they
are.
"""

from __future__ import annotations

from urllib.parse import unquote


def escape(name: str) -> str:
    """A name that is one HDF5 link."""
    if name.strip(".") == "":
        return name.replace(".", "%2E")
    return name.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")


def unescape(name: str) -> str:
    """The inverse of ``escape``."""
    return unquote(name, errors="strict")
