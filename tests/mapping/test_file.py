"""mapping.json: read equals written; damaged or foreign files are refused with every reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn2chip.core import Place
from snn2chip.errors import InputFileError
from snn2chip.mapping import map_program, read_mapping, write_mapping
from snn2chip.mapping.file import mapping_text
from snn2chip.targets import load_target
from tests.energy.networks import mappings, programs, two_layers

LOIHI1 = load_target("loihi1")
NETWORK = two_layers(6, 5, 3)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_read_equals_written(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    network = data.draw(programs())
    mapping = data.draw(mappings(network))
    path = tmp_path_factory.mktemp("mapping") / "mapping.json"
    write_mapping(mapping, path)
    back = read_mapping(path, network, LOIHI1)
    assert (back.cores, back.places) == (mapping.cores, mapping.places)
    assert mapping_text(back) == mapping_text(mapping) == path.read_text()
    assert [p.name for p in path.parent.iterdir()] == ["mapping.json"], "no temporary file stays"


def test_the_form_of_the_file() -> None:
    mapping, _ = map_program(NETWORK, LOIHI1)
    document = json.loads(mapping_text(mapping))
    assert document["schema"] == "snn2chip/mapping/1"
    assert document["target"] == "loihi1"
    assert document["cores"]["hidden"] == [[0, 4, 1]]
    assert document["places"]["2"] == {"tile": 0, "x": 0, "y": 0}


def good() -> dict[str, Any]:
    mapping, _ = map_program(NETWORK, LOIHI1)
    document: dict[str, Any] = json.loads(mapping_text(mapping))
    return document


def write(folder: Path, document: object) -> Path:
    path = folder / "mapping.json"
    path.write_text(json.dumps(document))
    return path


def test_cores_alone_pin_a_mapping(tmp_path: Path) -> None:
    cores = {"out": [[0, 2, 20]], "hidden": [[3, 4, 4], [0, 2, 9]], "input": [[0, 5, 0]]}
    mapping = read_mapping(write(tmp_path, {"cores": cores}), NETWORK, LOIHI1)
    assert list(mapping.cores) == ["input", "hidden", "out"]
    assert [part.core for part in mapping.cores["hidden"]] == [9, 4]
    assert mapping.places == {
        0: Place(0, 0, 0),
        4: Place(1, 0, 1),
        9: Place(2, 0, 2),
        20: Place(5, 1, 1),
    }
    _, violations = map_program(NETWORK, LOIHI1, mapping)
    assert violations == ()


def change(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: {**document, key: value}


def cores(**rows: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: {**document, "cores": {**document["cores"], **rows}}


def without(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda document: {
        **document, "cores": {k: v for k, v in document["cores"].items() if k != name}
    }  # fmt: skip


BAD: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda document: [document], "must be an object"),
    (lambda document: {k: v for k, v in document.items() if k != "cores"}, "'cores' must be"),
    (change("cores", []), "'cores' must be an object"),
    (change("places", []), "'places' must be an object"),
    (change("core", {}), "unknown key 'core'; did you mean 'cores'"),
    (change("schema", "snn2chip/mapping/9"), "schema is 'snn2chip/mapping/9'"),
    (change("target", "loihi2"), "is for target 'loihi2', not 'loihi1'"),
    (without("hidden"), "population 'hidden' is missing"),
    (cores(hiden=[[0, 4, 1]]), "unknown population 'hiden'; did you mean 'hidden'"),
    (cores(hidden=[]), "0 neurons are mapped, it has 5"),
    (cores(hidden=[[0, 3, 1]]), "4 neurons are mapped, it has 5"),
    (cores(hidden=[[0, 9, 1]]), "10 neurons are mapped, it has 5"),
    (cores(hidden=[[0, 1, 1], [3, 4, 1]]), "neuron 2 is not mapped"),
    (cores(hidden=[[0, 2, 1], [2, 4, 1]]), "neuron 2 is twice mapped"),
    (cores(hidden=[[1, 4, 1]]), "neuron 0 is not mapped"),
    (cores(hidden=[[0, 4]]), "population 'hidden': must be a list"),
    (cores(hidden=[[0, 4, -1]]), "population 'hidden': must be a list"),
    (cores(hidden=[[0, 4.0, 1]]), "population 'hidden': must be a list"),
    (cores(hidden=[[0, True, 1]]), "population 'hidden': must be a list"),
    (cores(hidden=[[0, 4, 2**40]]), "population 'hidden': must be a list"),
    (cores(hidden="all"), "population 'hidden': must be a list"),
    (change("places", {"a": {"tile": 0, "x": 0, "y": 0}}), "place of core 'a'"),
    (change("places", {"9" * 99: {"tile": 0, "x": 0, "y": 0}}), "integers from 0"),
    (change("places", {"0": {"tile": 0, "x": 0}}), "place of core '0'"),
    (change("places", {"0": {"tile": 0, "x": 0, "y": -1}}), "place of core '0'"),
    (
        change("places", {"0": {"tile": 0, "x": 0, "y": 0}, "1": {"tile": 0, "x": 1, "y": 0}}),
        "tile 0 has another position",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), BAD)
def test_a_damaged_mapping_is_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(InputFileError) as caught:
        read_mapping(write(tmp_path, spoil(good())), NETWORK, LOIHI1)
    assert message in str(caught.value)
    assert caught.value.exit_code == 3


def test_all_reasons_come_at_once(tmp_path: Path) -> None:
    document = {"cores": {"input": [[0, 4, 0]], "hidden": [[1, 4, 1]], "exit": []}}
    with pytest.raises(InputFileError, match="4 problems"):
        read_mapping(write(tmp_path, document), NETWORK, LOIHI1)


@pytest.mark.parametrize("text", ["", "{", '{"cores": NaN', "[" * 100_000, '{"cores": {"a": 1e'])
def test_no_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(text)
    with pytest.raises(InputFileError):
        read_mapping(path, NETWORK, LOIHI1)


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such file"):
        read_mapping(tmp_path / "mapping.json", NETWORK, LOIHI1)


def test_a_pinned_file_changes_routing_but_not_the_rest(tmp_path: Path) -> None:
    from snn2chip.energy import count
    from tests.energy.networks import random_activity

    document = cores(hidden=[[0, 2, 1], [3, 4, 40]])(good())
    pinned = read_mapping(write(tmp_path, {"cores": document["cores"]}), NETWORK, LOIHI1)  # type: ignore[index]
    activity = random_activity(NETWORK, 3, 2, seed=0)
    one = count(NETWORK, activity, map_program(NETWORK, LOIHI1)[0])
    two = count(NETWORK, activity, map_program(NETWORK, LOIHI1, pinned)[0])
    assert two.layers[0].packets == 2 * one.layers[0].packets
    assert two.layers[0].hops > one.layers[0].hops == 0
    assert two.layers[1].synaptic_events == one.layers[1].synaptic_events
    assert two.cores_used == one.cores_used + 1
