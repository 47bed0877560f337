"""Memory that a training frees and takes again at every step."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Options of mallopt(3), by glibc's malloc.h."""

_ALWAYS = 2**31 - 1


def keep_freed_memory() -> None:
    """Have this process keep freed memory for itself; nothing but glibc on Linux knows how.

    glibc maps large blocks one by one, so that the kernel clears the pages of every activation and
    gradient anew at every step: of students of images up to three tenths of the time.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _ALWAYS)
