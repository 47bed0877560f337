"""A user's own module: found, loaded, and refused with every name at once."""

from __future__ import annotations

import sys

import pytest

torch = pytest.importorskip("torch", reason="users' modules are torch modules")
pytest.importorskip("norse", reason="students have Norse cells")

from safetensors.torch import save_file  # noqa: E402

from snn2chip.distill.user_model import load_user_model  # noqa: E402
from snn2chip.errors import ConfigError, InputFileError  # noqa: E402

SOURCE = """
import torch
import norse.torch as norse

def make():
    return norse.SequentialState(torch.nn.Linear(3, 2), norse.LIFBoxCell(), torch.nn.BatchNorm1d(2))

def number():
    return 3

value = 7
"""


@pytest.fixture
def mynet(tmp_path, monkeypatch):
    """A module ``mynet`` in the current folder, and the state of its network."""
    (tmp_path / "mynet.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mynet", raising=False)
    yield {
        "0.weight": torch.arange(6.0).reshape(2, 3),
        "0.bias": torch.tensor([1.0, -1.0]),
        "2.weight": torch.ones(2),
        "2.bias": torch.zeros(2),
        "2.running_mean": torch.tensor([0.5, 0.25]),
        "2.running_var": torch.ones(2),
        "2.num_batches_tracked": torch.tensor(5),
    }
    sys.modules.pop("mynet", None)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_state_dictionaries(mynet, tmp_path, wrapper, suffix) -> None:
    path = tmp_path / f"weights{suffix}"
    torch.save(mynet if wrapper is None else {wrapper: mynet, "epoch": 3}, path)
    module = load_user_model(path, "mynet:make")
    assert not module.training
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, mynet[name]), name


def test_safetensors(mynet, tmp_path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file(mynet, path)
    assert torch.equal(load_user_model(path, "mynet:make")[0].weight, mynet["0.weight"])


def test_all_mismatches_in_one_message(mynet, tmp_path) -> None:
    path = tmp_path / "weights.pt"
    del mynet["0.bias"], mynet["2.running_var"]
    torch.save({**mynet, "fc.weight": torch.zeros(1), "0.weight": torch.zeros(3, 2)}, path)
    with pytest.raises(InputFileError) as caught:
        load_user_model(path, "mynet:make")
    message = str(caught.value)
    assert "missing: 0.bias, 2.running_var" in message
    assert "unexpected: fc.weight" in message
    assert "of another shape: 0.weight: [3, 2], needs [2, 3]" in message


class Hostile:
    """Unpickling one of these would leave a mark."""

    ran = False

    def __reduce__(self):
        return (setattr, (Hostile, "ran", True))


def test_a_pickle_with_code_is_refused_and_not_run(mynet, tmp_path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"state_dict": mynet, "extra": Hostile()}, path)
    with pytest.raises(InputFileError, match="runs no code from checkpoints") as caught:
        load_user_model(path, "mynet:make")
    assert "state_dict()" in str(caught.value)
    assert not Hostile.ran


def test_a_whole_module_is_refused(mynet, tmp_path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(InputFileError, match="state dictionary"):
        load_user_model(path, "mynet:make")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"not a checkpoint at all" * 9, b"\x80\x02"]
)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_files(mynet, tmp_path, content, suffix) -> None:
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="weights"):
        load_user_model(path, "mynet:make")


def test_truncated_file(mynet, tmp_path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(mynet, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputFileError, match=r"weights\.pt"):
        load_user_model(path, "mynet:make")


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, torch.zeros(2)])
def test_no_state_dictionary(mynet, tmp_path, content) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(InputFileError) as caught:
        load_user_model(path, "mynet:make")
    assert str(path) in str(caught.value)


def test_other_wrappers_are_told_what_to_save(mynet, tmp_path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"epoch": 3, "net": mynet}, path)
    with pytest.raises(InputFileError, match="no tensors under epoch, net") as caught:
        load_user_model(path, "mynet:make")
    assert "torch.save(model.state_dict()" in caught.value.remedy


def test_not_finite(mynet, tmp_path) -> None:
    path = tmp_path / "weights.pt"
    mynet["2.bias"][1] = float("nan")
    torch.save(mynet, path)
    with pytest.raises(InputFileError, match=r"2\.bias has values that are not finite"):
        load_user_model(path, "mynet:make")


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("mynet", "module:factory"),
        (":make", "module:factory"),
        ("mynet:make()", "module:factory"),
        ("nonet:make", "no module 'nonet'"),
        ("nonet:make", "run from the folder that holds it"),
        ("mynet.py:make", "--model mynet:make"),
        ("./nets/mynet.py:make", "--model nets.mynet:make"),
        ("mynet:mak", "no function 'mak'"),
        ("mynet:value", "no function 'value'"),
        ("mynet:number", "returned int"),
    ],
)
def test_factories(mynet, tmp_path, factory, message) -> None:
    path = tmp_path / "weights.pt"
    torch.save(mynet, path)
    before = list(sys.path)
    with pytest.raises(ConfigError) as caught:
        load_user_model(path, factory)
    assert message in str(caught.value)
    assert sys.path == before


def test_no_file(mynet, tmp_path) -> None:
    with pytest.raises(InputFileError, match="cannot be read"):
        load_user_model(tmp_path / "absent.pt", "mynet:make")
