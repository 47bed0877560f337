"""What a ``.net`` file may hold and this Loihi cannot compute: refused by layer, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from snn2chip.backends.loihi.netx.neurons import CUBA
from snn2chip.backends.loihi.netx.storage import NetLayer
from snn2chip.errors import UnsupportedError, combine
from snn2chip.frontends.support import Support

KINDS = ("input", "dense", "dense_rec", "conv", "flatten", "average")

_REMEDIES = {
    "pool": "a conv layer with the pool's kernel and stride in its place, as netx needs too",
    "convT": "conv or dense layers in its place; netx has no transposed convolution either",
    "unpool": "conv or dense layers in its place; netx has no unpooling either",
    "concat": "one path through the network; netx has no branches either",
}

SUPPORT = Support(
    name="lava-dl",
    opens="`.net` (HDF5, as netx loads it), in",
    preset="none: the file's integers, in Lava's arithmetic",
    neurons=CUBA,
    layers=KINDS,
    refuses={**_REMEDIES, "dense_rec with delay": "the layer without delay"},
)


def refuse_unsupported(layers: Sequence[NetLayer]) -> None:
    """Names every layer that cannot be computed.

    Raises:
        UnsupportedError: layers or neurons of such a type.
    """
    errors = [error for layer in layers for error in _problems(layer, layers[-1])]
    if errors:
        raise combine(errors)


def _problems(layer: NetLayer, last: NetLayer) -> Iterator[UnsupportedError]:
    if layer.kind not in KINDS:
        yield UnsupportedError(
            f"{layer.name}: a layer of type {layer.kind!r}",
            has="layers " + ", ".join(KINDS),
            remedy=_REMEDIES.get(layer.kind, "a network of these layers"),
        )
        return
    if layer.kind == "average" and layer is not last:
        yield UnsupportedError(
            f"{layer.name}: a layer of type 'average' between others",
            has="averages as the last layer, where they are the readout",
            remedy="a dense layer in its place",
        )
    if layer.is_complex:
        yield UnsupportedError(
            f"{layer.name}: weights with a real and an imaginary part",
            has="real weights",
            remedy="CUBA neurons with real weights",
        )
    if layer.kind == "dense_rec" and "delay" in layer.arrays:
        yield UnsupportedError(
            f"{layer.name}: a layer of type 'dense_rec' with delays",
            has="recurrent layers without delay; netx loses their weights' exponent",
            remedy="the layer without delay",
        )
    if layer.neuron is not None and layer.neuron.kind not in CUBA:
        yield UnsupportedError(
            f"{layer.name}: {layer.neuron.kind} neurons",
            has="CUBA neurons (type CUBA or LOIHI)",
            remedy="CUBA neurons; sigma-delta and resonate-and-fire neurons are not there yet",
        )
