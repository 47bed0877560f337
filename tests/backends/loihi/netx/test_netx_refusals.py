"""Layers that cannot be computed, and layers that do not fit each other: by name, all at once."""

from __future__ import annotations

import numpy as np
import pytest

from snn2chip.backends.loihi.netx import read_net
from snn2chip.errors import InputFileError, UnsupportedError

from .net_files import conv, cuba, dense, write_net

ONES = np.ones((3, 4))
IMAGE = {"type": "input", "shape": np.array([1, 4, 4])}


def read(path, *layers):
    write_net(path / "case.net", layers)
    return read_net(path / "case.net")


def refused(path, kind, *layers):
    with pytest.raises(kind) as caught:
        read(path, *layers)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["pool", "convT", "unpool", "concat", "dense_comp", "affine"])
def test_layers_that_are_not_there(kind, tmp_path):
    text = refused(
        tmp_path, UnsupportedError, dense(ONES, cuba()), {"type": kind, "shape": np.array([3])}
    )
    assert text.startswith(f"layer1: a layer of type '{kind}'")
    assert "change:" in text


@pytest.mark.parametrize("kind", ["RF", "RF_PHASE", "ALIF"])
def test_neurons_that_are_not_there(kind, tmp_path):
    text = refused(tmp_path, UnsupportedError, dense(ONES, {"type": kind, "vThMant": 5}))
    assert text.startswith(f"layer0: {kind} neurons")


SDNN = {"type": "SDNN", "vThMant": 5}
RF = {"type": "RF_PHASE", "sinDecay": 900, "cosDecay": 3900, "vThMant": 5}
COMPLEX = {"weight": {"real": ONES, "imag": ONES}}


@pytest.mark.parametrize(
    ("layers", "fragment"),
    [
        ((IMAGE | {"neuron": RF},), "layer0: RF_PHASE neurons"),
        ((IMAGE, conv(np.ones((1, 1, 2, 2)), (1, 3, 3), RF)), "layer1: RF_PHASE neurons"),
        ((dense(ONES, cuba()) | COMPLEX,), "layer0: weights with a real and an imaginary part"),
        ((dense(ONES, SDNN) | COMPLEX,), "has:    SDNN neurons"),
        ((dense(ONES, {**SDNN, "sigma_output": True}, bias=[1, 2, 3]),), "layer0: a bias of"),
    ],
)
def test_neurons_that_netx_cannot_join_to_their_synapses(layers, fragment, tmp_path):
    assert fragment in refused(tmp_path, UnsupportedError, *layers)


@pytest.mark.parametrize(
    ("layer", "fragment"),
    [
        (dense(ONES, {"type": "SDNN"}), "layer0: neurons without vThMant"),
        (dense(ONES, {**SDNN, "vThMant": [1, 2, 3]}), "has:    shape (3,)"),
        (dense(ONES, {**SDNN, "vThMant": 2**40}), "no 32-bit integers"),
        (dense(ONES, {**RF, "sinDecay": 5000}) | COMPLEX, "sinDecay holds other values"),
        (dense(ONES, {**RF, "cosDecay": 0.5}) | COMPLEX, "cosDecay holds other values"),
        (dense(ONES, {"type": "RF", "vThMant": 5}) | COMPLEX, "neurons without sinDecay"),
        (dense(ONES, RF) | {"weight": {"real": ONES}}, "'weight/imag' is missing"),
        (dense(ONES, RF) | {"weight": {"real": ONES, "imag": ONES[:, :2]}}, "weight/imag has"),
        (dense(ONES, SDNN, bias=[1, 2]), "bias has shape (2,)"),
    ],
)
def test_values_that_make_no_such_neurons(layer, fragment, tmp_path):
    assert fragment in refused(tmp_path, InputFileError, layer)


def test_everything_unsupported_is_said_at_once(tmp_path):
    text = refused(
        tmp_path,
        UnsupportedError,
        {"type": "input", "shape": np.array([4]), "neuron": {"type": "ALIF"}},
        {"type": "pool", "shape": np.array([4])},
        {**dense(ONES, cuba()), "type": "dense_comp"},
        {"type": "average", "shape": np.array([3])},
        {**dense(ONES, cuba()), "weight": {"real": ONES, "imag": ONES}},
    )
    assert text.startswith("5 problems")
    for name in ("layer0", "layer1", "layer2", "layer3", "layer4"):
        assert name in text


def test_an_average_at_the_end_is_the_readout(tmp_path):
    program = read(
        tmp_path, dense(np.ones((6, 4)), cuba()), {"type": "average", "shape": np.array([3, 1, 1])}
    )
    assert program.readout_groups == 3
    assert program.outputs == ("layer0",)


@pytest.mark.parametrize(
    ("layers", "fragment"),
    [
        ((dense(ONES, cuba()), dense(ONES, cuba())), "layer1: weights for 4 inputs"),
        ((IMAGE, dense(np.ones((2, 16)), cuba())), "needs:  a flatten layer"),
        ((dense(ONES, cuba()), IMAGE), "layer1: an input behind other layers"),
        ((conv(np.ones((1, 1, 2, 2)), (1, 3, 3), cuba()),), "without an input layer"),
        ((IMAGE, conv(np.ones((1, 1, 2, 2)), (1, 4, 3), cuba())), "gives [1, 3, 3]"),
        ((IMAGE, conv(np.ones((1, 2, 2, 2)), (1, 3, 3), cuba())), "does not take 1 channels"),
        ((IMAGE, conv(np.ones((1, 1, 9, 9)), (1, 1, 1), cuba())), "larger than the padded input"),
        ((IMAGE, conv(np.ones((1, 1, 2, 2)), (1, 3, 3), cuba(), stride=(0, 1))), "stride [0, 1]"),
        ((dense(ONES, cuba(), delay=-1),), "negative steps"),
        ((dense(ONES, cuba(), delay=np.ones(7)),), "delay has shape (7,)"),
        ((dense(ONES, cuba(), bias=np.ones(5)),), "bias has shape (5,)"),
        ((dense(ONES, cuba(np.ones(2))),), "vThMant has shape (2,)"),
        ((dense(ONES, cuba(decay_u=5000)),), "iDecay holds other values"),
        ((dense(ONES, cuba(decay_v=0.5)),), "vDecay holds other values"),
        ((dense(ONES, {"type": "CUBA", "iDecay": 1, "vDecay": 1}),), "neurons without vThMant"),
        ((dense(ONES * np.nan, cuba()),), "no 32-bit integers"),
        ((dense(ONES * 1e12, cuba()),), "no 32-bit integers"),
        ((dense(ONES, cuba(), weight_rec=np.ones((3, 2))),), "weight_rec has shape"),
        ((dense(ONES, cuba(), weight_rec=np.ones((2, 2))),), "weight_rec has shape"),
        (
            (dense(ONES, cuba(), weight_rec=np.ones((3, 3)), delay=2),),
            "layer0: a recurrent layer with delays, of 3 neurons behind 4",
        ),
        (({**dense(ONES, cuba()), "shape": np.array([5])},), "since the layer has 5 neurons"),
        (({**dense(ONES, cuba()), "shape": np.array([0])},), "layer0: shape [0]"),
        (({**dense(ONES, cuba()), "shape": np.array([2**40])},), "no 32-bit integers"),
        (({**IMAGE, "shape": np.array([2**12, 2**12, 1])},), "at most 4194304 neurons"),
        (
            (IMAGE, conv(np.ones((1, 1, 1, 1)), (1, 1, 1), cuba(), padding=(9**6, 0))),
            "padding [531441, 0]",
        ),
        (({"type": "dense", "shape": np.array([3])},), "'weight' is missing"),
        ((IMAGE,), "no layer with synapses"),
        (
            (dense(ONES, cuba()), {"type": "average", "shape": np.array([2])}),
            "an average to 2 values",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_layers_that_do_not_fit(layers, fragment, tmp_path):
    text = refused(tmp_path, InputFileError, *layers)
    assert fragment in text


def test_misfits_are_said_at_once(tmp_path):
    text = refused(
        tmp_path,
        InputFileError,
        dense(ONES, cuba(), bias=np.ones(5)),
        dense(np.ones((2, 9)), cuba()),
        dense(np.ones((2, 2)), cuba(decay_u=-1)),
    )
    assert text.startswith("3 problems")
    for name in ("layer0: bias", "layer1: weights for 9 inputs", "layer2: iDecay"):
        assert name in text
