"""Damaged and hostile ``.net`` files: refused, without a traceback and without much memory."""

from __future__ import annotations

import resource

import h5py
import numpy as np
import pytest

from snn2chip.backends.loihi.netx import read_net
from snn2chip.errors import InputFileError, Snn2chipError, UnsupportedError

from .net_files import conv, cuba, dense, write_net


def small_file(path):
    """A file with every kind of layer."""
    weight = np.arange(-6, 6).reshape(2, 1, 2, 3)
    write_net(
        path,
        [
            {"type": "input", "shape": np.array([1, 3, 3]), "neuron": cuba(25), "bias": 4},
            conv(weight, (2, 2, 1), cuba(30), bias=np.array([3.0, -2])),
            {"type": "flatten", "shape": np.array([4])},
            dense(np.arange(12).reshape(3, 4) - 5, cuba(), weight_rec=np.eye(3)),
            dense(np.ones((4, 3)), cuba(), delay=np.array([1, 0, 2])),
            {"type": "average", "shape": np.array([2])},
        ],
        fixed_types=False,
    )
    return path


def edit(path):
    return h5py.File(path, "r+")


def test_the_small_file_itself_is_read(tmp_path):
    program = read_net(small_file(tmp_path / "small.net"))
    assert [p.name for p in program.populations] == [
        "input", "layer0", "layer1", "layer3", "layer4",
    ]  # fmt: skip
    assert program.readout_groups == 2


def test_a_pointer_of_git_lfs_says_how_to_get_the_file(tmp_path):
    path = tmp_path / "network.net"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2701856\n")
    with pytest.raises(InputFileError, match="git lfs pull"):
        read_net(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + b"\0" * 90])
def test_files_of_another_kind(content, tmp_path):
    path = tmp_path / "other.net"
    path.write_bytes(content)
    with pytest.raises(InputFileError) as caught:
        read_net(path)
    assert "nir.write" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(InputFileError, match="no such file"):
        read_net(tmp_path / "nothing.net")


def soft_link(file):
    del file["layer/3/weight"]
    file["layer/3/weight"] = h5py.SoftLink("/layer/1/weight")


def outside(file):
    del file["layer/3/weight"]
    file["layer/3/weight"] = h5py.ExternalLink("other.h5", "/x")


def huge(file):
    del file["layer/3/weight"]
    file["layer/3"].create_dataset("weight", (10**6, 10**6), "f4", chunks=(1000, 1000))


def many_zeros(file):
    del file["layer/3/weight"]
    file["layer/3"].create_dataset(
        "weight", data=np.zeros((6000, 6000), np.uint8), chunks=True, compression="gzip"
    )


def strings(file):
    del file["layer/3/weight"]
    file["layer/3/weight"] = "weights"


def group_for_array(file):
    del file["layer/1/stride"]
    file["layer/1"].create_group("stride")


def array_for_group(file):
    del file["layer/1/neuron"]
    file["layer/1/neuron"] = 3


def missing_layer(file):
    del file["layer/2"]


def no_layers(file):
    del file["layer"]
    file.create_group("layer")


def nameless(file):
    del file["layer/1/type"]


def number_for_type(file):
    del file["layer/1/type"]
    file["layer/1/type"] = 7


def two_types(file):
    del file["layer/1/type"]
    file["layer/1/type"] = np.array([b"conv", b"dense"])


@pytest.mark.parametrize(
    "change",
    [
        soft_link, outside, huge, many_zeros, strings, group_for_array, array_for_group,
        missing_layer, no_layers, nameless, number_for_type, two_types,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_changed_files_are_refused(change, tmp_path):
    path = small_file(tmp_path / "small.net")
    with edit(path) as file:
        change(file)
    with pytest.raises(InputFileError) as caught:
        read_net(path)
    assert "nir.write" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 * 2**20


def test_a_cycle_of_groups_is_not_walked(tmp_path):
    path = small_file(tmp_path / "small.net")
    with edit(path) as file:
        file["layer/3/again"] = file["layer"]
    assert read_net(path).readout_groups == 2


def test_too_many_layers(tmp_path):
    path = tmp_path / "many.net"
    with h5py.File(path, "w") as file:
        root = file.create_group("layer")
        for index in range(4097):
            root[str(index)] = 0
    with pytest.raises(InputFileError, match="4097 layers"):
        read_net(path)


def test_words_with_markup_are_only_shown(tmp_path):
    path = small_file(tmp_path / "small.net")
    with edit(path) as file:
        del file["layer/1/type"]
        file["layer/1/type"] = "<b>../../conv</b>"
    with pytest.raises(UnsupportedError, match="<b>"):
        read_net(path)


@pytest.mark.parametrize("seed", range(40))
def test_mutated_bytes_end_in_an_error_of_ours_or_in_a_program(seed, tmp_path):
    """Bit flips, cuts and overwritten pieces."""
    path = small_file(tmp_path / "small.net")
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for _ in range(6):
        for _ in range(rng.integers(1, 20)):
            content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        end = rng.integers(len(content) // 2, len(content)) if rng.random() < 0.2 else None
        mutated = tmp_path / "mutated.net"
        mutated.write_bytes(bytes(content[:end]))
        assert outcome(mutated) in ("a program", 3, 4)
        content = bytearray(path.read_bytes())


def outcome(path):
    """What reading gives: a program, or the exit code of the error."""
    try:
        read_net(path)
    except Snn2chipError as error:
        return error.exit_code
    return "a program"
