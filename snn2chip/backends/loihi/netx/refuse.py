"""What a ``.net`` file may hold and this Loihi cannot compute: refused by layer, all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from snn2chip.backends.loihi.netx.graded import SDNN, is_resonator
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
    neurons=(*CUBA, SDNN, "RF", "RF_PHASE"),
    layers=KINDS,
    refuses=_REMEDIES,
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
    yield from _misfits(layer)


def _misfits(layer: NetLayer) -> Iterator[UnsupportedError]:
    """Neurons that are not there, or that netx cannot join to the layer's synapses."""
    neuron, resonates = layer.neuron, is_resonator(layer.neuron)
    if neuron is not None and neuron.kind not in (*CUBA, SDNN) and not resonates:
        yield UnsupportedError(
            f"{layer.name}: {neuron.kind} neurons",
            has="CUBA (or LOIHI), SDNN, RF_PHASE and RF neurons",
            remedy="neurons of one of these types; netx has no others either",
        )
    elif layer.is_complex and (not resonates or layer.kind != "dense"):
        yield UnsupportedError(
            f"{layer.name}: weights with a real and an imaginary part",
            needs="resonators (RF_PHASE or RF) in a dense layer",
            has=f"{neuron.kind if neuron else 'no'} neurons in a layer of type {layer.kind!r}",
            remedy="real weights, or resonators",
        )
    elif resonates and not layer.is_complex:
        yield UnsupportedError(
            f"{layer.name}: {neuron.kind if neuron else ''} neurons",
            needs="a dense layer whose weights have a real and an imaginary part",
            has=f"a layer of type {layer.kind!r} with real weights, or none",
            remedy="complex synapses, as lava-dl's RF blocks have them",
        )
    elif (
        neuron is not None
        and neuron.kind == SDNN
        and "sigma_output" in neuron.arrays
        and "bias" in layer.arrays
        and layer.kind != "input"
    ):
        yield UnsupportedError(
            f"{layer.name}: a bias of neurons that only decode (sigma_output)",
            has="Sigma neurons without bias; netx cannot load them with one either",
            remedy="the layer without bias",
        )
