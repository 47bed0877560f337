"""``docs/limits.md``, made from the rules that enforce the limits.

    python -m snn2chip.pipeline.limits_page [PAGE]

writes the page, or prints it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from snn2chip.backends.loihi.rules import LIMITS as LOIHI
from snn2chip.backends.spinnaker.rules import LIMITS as SPINNAKER
from snn2chip.backends.spinnaker2.rules import LIMITS as SPINNAKER2
from snn2chip.core import Limit
from snn2chip.energy.pricing.ticks import REAL_TIME
from snn2chip.files import write_text
from snn2chip.mapping.limits import LIMITS
from snn2chip.targets import list_targets, load_target
from snn2chip.targets.types import Constant, Target
from snn2chip.targets.vocabulary import RESOURCES

_HEAD = """\
# Limits of chips

<!-- Made from the rules by `make docs`; edit the rules. -->

Every rule runs on every network, and all violations come at once: `snn2chip check`, `compile` and
`simulate` list each with the object that breaks it, what that needs, what the chip has, where the
limit comes from, and what to change; they end with 5. A rule's id is the target's name and the
rule, for example `loihi1.neurons-per-core`. A limit that a target's file does not state is not
checked; those that it lists as unknown are named in the report's assumptions. The mapper spreads
neurons so that the limits of a core hold, wherever single neurons hold them
([mapping.md](mapping.md)).
"""


def page() -> str:
    """The page's text."""
    parts = [
        _HEAD,
        _section("Cores and their memory", "of every target", LIMITS),
        _section("Time", "of targets with ticks of real time", (REAL_TIME,)),
        _section(
            "Number formats of the Loihi family",
            "of `loihi1` and `loihi2`, and of your own targets of the family",
            LOIHI,
        ),
        _section(
            "Formats, chips and routers of the SpiNNaker family",
            "of `spinnaker1`, and of your own targets of the family",
            SPINNAKER,
        ),
        _section(
            "Formats and routers of the SpiNNaker 2 family",
            "of `spinnaker2`, and of your own targets of the family",
            SPINNAKER2,
        ),
        _values(),
    ]
    return "\n".join(parts)


def main() -> None:
    """Write or print the page."""
    if len(sys.argv) > 1:
        write_text(Path(sys.argv[1]), page())
    else:
        print(page(), end="")


def _section(title: str, where: str, limits: tuple[Limit, ...]) -> str:
    lines = [
        f"## {title}",
        "",
        f"Rules {where}.",
        "",
        "| rule | in the target's file | what must hold | what to change |",
        "|---|---|---|---|",
        *(
            f"| `{limit.rule}` | {f'`{limit.key}`' if limit.key else ''} | {limit.means} "
            f"| {limit.remedy} |"
            for limit in limits
        ),
        "",
    ]
    return "\n".join(lines)


def _values() -> str:
    """The limits of the bundled targets with their sources."""
    rules = (*LIMITS, *LOIHI, *SPINNAKER, *SPINNAKER2)
    keys = list(dict.fromkeys(limit.key for limit in rules if limit.key in RESOURCES))
    lines = ["## Limits of the bundled targets", "", "| target | limit | value | grade | source |"]
    lines.append("|---|---|---:|---|---|")
    for target in map(load_target, list_targets()):
        for key in keys:
            if (row := _row(target, key)) is not None:
                lines.append(row)
    return "\n".join([*lines, ""])


def _row(target: Target, key: str) -> str | None:
    if key in target.unknown:
        return f"| {target.name} | `{key}` | unknown | | no public number; not checked |"
    constant: Constant | None = target.resources.get(key)
    if constant is None:
        return None
    source = constant.source.replace("|", "\\|")
    return f"| {target.name} | `{key}` | {constant.value:,} | {constant.grade} | {source} |"


if __name__ == "__main__":
    main()
