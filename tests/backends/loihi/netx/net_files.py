"""Writes ``.net`` files as lava-dl's export_hdf5 lays them out. Needs numpy and h5py only."""

from __future__ import annotations

import h5py
import numpy as np


def write_net(path, layers, fixed_types=True):
    """A file of ``layers``: dicts with ``type`` and data sets; ``neuron`` is such a dict too.

    Args:
        fixed_types: types as bytes of shape (1,), else as a single word of variable length.
    """
    with h5py.File(path, "w") as file:
        root = file.create_group("layer")
        for index, layer in enumerate(layers):
            _fill(root.create_group(str(index)), layer, fixed_types)
        simulation = file.create_group("simulation")
        simulation["Ts"] = 1
        simulation["tSample"] = 64


def _fill(group, values, fixed_types):
    for key, value in values.items():
        if isinstance(value, dict):
            _fill(group.create_group(key), value, fixed_types)
        elif key == "type" and fixed_types:
            group.create_dataset("type", (1,), "S10", [value.encode("ascii")])
        elif key == "type":
            group["type"] = value.encode("ascii")
        else:
            group[key] = np.asarray(value)


def cuba(threshold=80, decay_u=4096, decay_v=128, kind="CUBA", **more):
    """A neuron group; decays of one value or one per neuron."""
    return {
        "type": kind,
        "iDecay": decay_u,
        "vDecay": decay_v,
        "vThMant": threshold,
        "refDelay": 1,
        "gradedSpike": False,
        **more,
    }


def dense(weight, neuron=None, **more):
    """A dense layer; ``weight_rec`` among ``more`` makes it recurrent."""
    weight = np.asarray(weight)
    layer = {
        "type": "dense_rec" if "weight_rec" in more else "dense",
        "shape": np.array([weight.shape[0]]),
        "inFeatures": weight.shape[-1],
        "outFeatures": weight.shape[0],
        "weight": weight.astype(np.float32),
        **more,
    }
    return layer if neuron is None else {**layer, "neuron": neuron}


def conv(weight, shape, neuron, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, **more):
    """A convolution whose neurons have ``shape`` (C, H, W); pairs are (y, x)."""
    weight = np.asarray(weight)
    return {
        "type": "conv",
        "shape": np.array(shape),
        "inChannels": weight.shape[1] * groups,
        "outChannels": weight.shape[0],
        "kernelSize": np.array(weight.shape[2:4]),
        "stride": np.array(stride),
        "padding": np.array(padding),
        "dilation": np.array(dilation),
        "groups": groups,
        "weight": weight.astype(np.float32),
        "neuron": neuron,
        **more,
    }
