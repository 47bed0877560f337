"""Encoders: static values in, what the inputs send out, [step, sample, *shape].

=========== =====================================================================================
``if``      one IF neuron per value, deterministic; every chip can do it
``rate``    a Bernoulli draw per value and step, keyed by seed and sample
``latency`` one spike per value that is above zero, the earlier the larger the value
``direct``  the value itself at every step
=========== =====================================================================================

Every sum and comparison is one of float64, whatever the type of the values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, UnsupportedError
from snn2chip.graph import Encoding

MAX_VALUES = 2**31
"""Most input spikes of one run: two GiB."""

DRAWS = 2**32
"""Values that a draw of the ``rate`` code can have; a probability is rounded up to a 2**-32."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """What the random numbers of an encoding hang on.

    Attributes:
        seed: of the run.
        samples: int64 [sample], index of each sample in its data set; None counts from 0. A sample
            of one index has the same spikes in every batch, alone or beside others.
        stream: another one gives other draws for the same seed and sample: the epoch of a
            training, from 1; 0 is where samples are scored.
        channel: number of the network's input, so that several of one network differ.
    """

    seed: int = 0
    samples: NDArray[np.int64] | None = None
    stream: int = 0
    channel: int = 0


def encode_if(
    x: NDArray[np.float64], steps: int, threshold: float = 1.0, gain: float = 1.0
) -> NDArray[np.bool_]:
    """Deterministic rate code: one IF neuron per value, which every chip can do.

    At every step v += gain * x; the neuron fires where v > threshold and is reset to zero.

    Args:
        x: values [sample, *shape].

    Returns:
        spikes [step, sample, *shape].
    """
    drive = np.asarray(x, np.float64) * gain
    v = np.zeros_like(drive)
    spikes = np.zeros((steps, *drive.shape), np.bool_)
    for step in range(steps):
        v += drive
        spikes[step] = v > threshold
        v[spikes[step]] = 0.0
    return spikes


def encode_rate(
    x: NDArray[np.float64], steps: int, gain: float = 1.0, keys: Keys | None = None
) -> NDArray[np.bool_]:
    """Random rate code: at every step a spike with probability clip(gain * x, 0, 1).

    The draws of a sample are the words of numpy's Philox4x64-10 with key (seed, sample index) and
    counter (0, 0, stream, channel): 32 bits each, the lower half of a word first, in the order of
    [step, *shape]. A value fires where its draw is below 2**32 times its probability, so 0 never
    fires and 1 always does, and a longer run begins with the shorter one.

    Args:
        x: values [sample, *shape].

    Returns:
        spikes [step, sample, *shape].
    """
    keys = keys or Keys()
    samples = np.arange(len(x)) if keys.samples is None else keys.samples
    limits = np.clip(np.asarray(x, np.float64) * gain, 0.0, 1.0).reshape(len(x), -1) * DRAWS
    spikes = np.empty((steps, *limits.shape), np.bool_)
    words = -(-steps * limits.shape[1] // 2)
    for row, sample in enumerate(samples.tolist()):
        bits = np.random.Philox(
            key=np.array([keys.seed, sample], np.uint64),
            counter=np.array([0, 0, keys.stream, keys.channel], np.uint64),
        )
        draws = bits.random_raw(words).astype("<u8", copy=False).view("<u4")
        drawn = draws[: steps * limits.shape[1]].reshape(steps, -1)
        np.less(drawn, limits[row], out=spikes[:, row])
    return spikes.reshape(steps, *x.shape)


def encode_latency(x: NDArray[np.float64], steps: int, gain: float = 1.0) -> NDArray[np.bool_]:
    """Time to first spike: a value above zero fires once, the earlier the larger it is.

    With p = clip(gain * x, 0, 1) the spike comes at step rint((steps - 1) * (1 - p)), halves to
    the even step; p = 0 never fires. This is the linear latency code of snnTorch
    (``spikegen.latency(linear=True, normalize=True, clip=True)`` for values up to 1 and above its
    threshold).

    Args:
        x: values [sample, *shape].

    Returns:
        spikes [step, sample, *shape].
    """
    p = np.clip(np.asarray(x, np.float64) * gain, 0.0, 1.0)
    first = np.rint((steps - 1) * (1.0 - p)).astype(np.int64)
    spikes = np.zeros((steps, *p.shape), np.bool_)
    np.put_along_axis(spikes, first[np.newaxis], (p > 0.0)[np.newaxis], axis=0)
    return spikes


def encode_direct(x: NDArray[np.float64], steps: int, gain: float = 1.0) -> NDArray[np.float64]:
    """The values gain * x at every step, float64 [step, sample, *shape]."""
    values = gain * np.asarray(x, np.float64)
    return np.repeat(values[np.newaxis], steps, axis=0)


_Encoded = NDArray[np.bool_] | NDArray[np.float64]
_ENCODERS: dict[str, Callable[[NDArray[np.float64], Encoding, int, Keys], _Encoded]] = {
    "if": lambda x, e, steps, _: encode_if(x, steps, e.threshold, e.gain),
    "rate": lambda x, e, steps, keys: encode_rate(x, steps, e.gain, keys),
    "latency": lambda x, e, steps, _: encode_latency(x, steps, e.gain),
    "direct": lambda x, e, steps, _: encode_direct(x, steps, e.gain),
}

_WIDTH = {"direct": 8}
"""Bytes of an encoded value; one elsewhere."""


def encode(
    x: NDArray[np.float64], encoding: Encoding, steps: int, keys: Keys | None = None
) -> NDArray[np.bool_] | NDArray[np.float64]:
    """What the inputs send of static values x [sample, *shape]: spikes, or with ``direct`` values.

    Args:
        keys: of the random code ``rate``; None for seed 0 and samples that are numbered from 0.

    Raises:
        UnsupportedError: static values, and an encoding ``none``.
        ConfigError: more values than memory should hold.
    """
    encoder = _ENCODERS.get(encoding.kind)
    if encoder is None:
        raise UnsupportedError(
            f"static values, and the encoding {encoding.kind!r}",
            needs="spikes over time",
            has="the encodings " + ", ".join(f"'{kind}'" for kind in _ENCODERS),
            remedy="--encoding if, or data with a step axis",
        )
    width = _WIDTH.get(encoding.kind, 1)
    if steps * x.size > MAX_VALUES // width:
        raise ConfigError(
            f"{len(x)} samples x {steps} steps: {steps * x.size:.2g} input values",
            has=f"room for {MAX_VALUES // width:.2g} ({width} bytes each)",
            remedy="fewer --samples or --steps",
        )
    return encoder(x, encoding, steps, keys or Keys())
