"""Text of a new target file: from nothing, or from a bundled target."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from snn2chip.errors import ConfigError, did_you_mean
from snn2chip.resources import targets_dir
from snn2chip.targets import vocabulary
from snn2chip.targets.load import list_targets
from snn2chip.targets.schema import NAME, NAME_FORM
from snn2chip.targets.vocabulary import Key

_CHIP_KEY = r'(?m)^({key} = )"[^"\n]*"'
_EXAMPLES = {
    "size": "1", "count": "0", "integer": "0", "number": "0.0", "positive": "1.0",
    "range": "[0.0, 0.0]", "lookup": "{ 1 = 0.0 }",
}  # fmt: skip

_HEAD = """\
# {title}: a target made by `snn2chip targets new`; energies in pJ, times in ns, powers in mW.
# Every constant: value, grade and source; where it is uncertain also low, high and range_source.
# Grades, best first: measured, presilicon, regressed, derived, vendor, secondary, memory, assumed.
# A line that begins with "# name = {{" is a key that may be filled in. What is published nowhere
# goes into `unknown`: it is then listed as unpriced or unchecked, never taken as zero.
# `snn2chip targets validate` checks the file and names the line of every mistake.
"""


def template(name: str, origin: str | None = None) -> str:
    """A target file that is valid as it is, with comments on what may be filled in.

    Args:
        name: of the new target.
        origin: name of the bundled target to start from; None starts from nothing.

    Raises:
        ConfigError: no bundled target of that name, or a name that cannot be one.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"target name {name[:80]!r}",
            needs=NAME_FORM,
        )
    return _scratch(name) if origin is None else _copy(name, origin)


def _copy(name: str, origin: str) -> str:
    if origin not in list_targets():
        known = list_targets()
        raise ConfigError(
            f"--from {origin[:80]}: no bundled target",
            has=", ".join(known),
            remedy=did_you_mean(origin[:80], known),
        )
    text = (targets_dir() / f"{origin}.toml").read_text(encoding="utf-8")
    for key, value in (("name", name), ("title", f"{name}, from {origin}")):
        text = re.sub(_CHIP_KEY.format(key=key), rf'\g<1>"{value}"', text, count=1)
    return _HEAD.format(title=name) + "#\n# Below is a copy of " + origin + ".\n\n" + text


def _scratch(name: str) -> str:
    """Every key of the vocabulary, most of them commented out."""
    given = {
        "cores": '{ value = 1, grade = "derived", source = "replace me" }',
        "neurons_per_core": '{ value = 256, grade = "derived", source = "replace me" }',
        "e_synop": '{ value = 1.0, grade = "derived", source = "replace me", '
        'low = 0.5, high = 2.0, range_source = "replace me" }',
    }
    lines = [
        _HEAD.format(title=name),
        "[chip]",
        f'name = "{name}"',
        f'title = "{name}"',
        "# none: limits and prices alone, networks run as floats. loihi, spinnaker: integers of",
        "# these chips, which need formats below.",
        'family = "none"',
        'node = ""',
        'default_costs = "mine"',
        "",
        "[resources]",
        *_keys(vocabulary.RESOURCES, given),
        "",
        "[formats]",
        *_keys(vocabulary.FORMATS, given),
        "",
        "# All three, or no [mesh]: then all cores share one tile.",
        "# [mesh]",
        *_keys(vocabulary.MESH, given),
        "",
        "[costs.mine]",
        "# printed on every report: say here what the figures are, and what they are not",
        f'label = "prices of {name}"',
        "# per_term: marginal prices of single events. all_in: e_synop alone, the power of a whole",
        "# chip over its event rate. Never mix the two.",
        'scope = "per_term"',
        "# overlapping: a core sends while it receives. serial: one after the other.",
        '# work = "serial"',
        "# terms whose energy or time lies within another price of this table",
        "included = []",
        "# terms without a public price",
        "unknown = []",
        *_keys(vocabulary.COSTS, given),
        "",
    ]
    return "\n".join(lines)


def _keys(keys: Mapping[str, Key], given: Mapping[str, str]) -> Iterator[str]:
    """A line for each key; those that are not given are comments."""
    for name, key in keys.items():
        unit = f" [{key.unit}]" if key.unit else ""
        example = f'{{ value = {_EXAMPLES[key.kind]}, grade = "", source = "" }}'
        line = f"{name} = {given[name]}" if name in given else f"# {name} = {example}"
        yield f"{line}  # {key.meaning}{unit}"
