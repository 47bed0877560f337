"""Spoken words into spectrograms: logarithms of mel bands, as bytes.

One second at 16 kHz, cut or filled up with silence; windows of 30 ms every 20 ms (Hann), power
spectra of 512 points divided by 512, 40 triangular bands that are equally wide on the mel scale of
HTK, 2595 log10(1 + f/700), from 20 to 7600 Hz, natural logarithm of (power + 1e-6), and bytes that
run from that of silence (0) to a logarithm of 4 (255).
"""

from __future__ import annotations

import wave
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import InputFileError

RATE = 16_000
WINDOW, HOP, POINTS, BANDS = 480, 320, 512, 40
LOWEST_HZ, HIGHEST_HZ = 20.0, 7600.0
FLOOR = 1e-6
LOUDEST = 4.0
"""Logarithm that the byte 255 stands for; a full-scale tone is near it."""

MAX_BYTES = 1 << 22
"""Most of one sound file: two minutes."""


def spectrogram(data: bytes, where: str) -> NDArray[np.uint8]:
    """The spectrogram of a wav file, uint8 [1, 49, 40]: time, then band.

    Raises:
        InputFileError: no wav file of one channel, 16 bits and 16 kHz.
    """
    sound = samples_of(data, where)
    levels = log_mel(sound)
    silence = np.log(FLOOR)
    scaled = np.rint((levels - silence) * (255.0 / (LOUDEST - silence)))
    return np.asarray(scaled.clip(0, 255)[np.newaxis], np.uint8)


def log_mel(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of mel bands [49, 40] of one second, values from -1 to 1."""
    second = np.zeros(RATE)
    second[: min(RATE, len(sound))] = sound[:RATE]
    windows = np.lib.stride_tricks.sliding_window_view(second, WINDOW)[::HOP]
    spectra = np.fft.rfft(windows * _hann(), POINTS)
    power = (spectra.real**2 + spectra.imag**2) / POINTS
    return np.asarray(np.log(power @ filters().T + FLOOR), np.float64)


@cache
def _hann() -> NDArray[np.float64]:
    return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW), np.float64)


@cache
def filters() -> NDArray[np.float64]:
    """Weights of the mel bands [40, 257] over the points of a spectrum."""
    lowest, highest = (float(_mel(np.float64(f))) for f in (LOWEST_HZ, HIGHEST_HZ))
    ends = np.linspace(lowest, highest, BANDS + 2)
    points = _mel(np.arange(POINTS // 2 + 1) * (RATE / POINTS))
    low, middle, high = ends[:-2, None], ends[1:-1, None], ends[2:, None]
    up, down = (points - low) / (middle - low), (high - points) / (high - middle)
    return np.asarray(np.clip(np.minimum(up, down), 0.0, None), np.float64)


def _mel(f: Any) -> Any:
    return 2595.0 * np.log10(1.0 + f / 700.0)


def samples_of(data: bytes, where: str) -> NDArray[np.float64]:
    """The samples of a wav file, from -1 to 1.

    Raises:
        InputFileError: no wav file of one channel, 16 bits and 16 kHz, or a larger one.
    """
    if len(data) > MAX_BYTES:
        raise InputFileError(f"{where}: {len(data)} bytes", needs="a sound of at most 4 MiB")
    try:
        with wave.open(BytesIO(data)) as sound:
            form = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
            frames = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError, ValueError) as error:
        raise InputFileError(
            f"{where}: no wav file ({error})", remedy="download the data set again"
        ) from error
    if form != (1, 2, RATE):
        raise InputFileError(
            f"{where}: another form of sound",
            needs="one channel of 16 bits at 16000 Hz",
            has=f"{form[0]} of {8 * form[1]} bits at {form[2]} Hz",
        )
    return np.frombuffer(frames[: len(frames) // 2 * 2], "<i2") / 32768.0
