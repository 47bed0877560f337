"""How many examples a property is tried on: a quarter in the suite, all in its long form.

``HYPOTHESIS_PROFILE=explore make test`` is the long form; it draws new examples, too.
"""

from __future__ import annotations

import os

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "same")


def examples(long: int) -> int:
    """Examples of a costly property, of ``long`` in the long form."""
    return long if PROFILE == "explore" else max(4, long // 4)
