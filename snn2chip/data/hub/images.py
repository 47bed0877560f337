"""Image files into arrays."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError, InputFileError

FORMATS = ("PNG", "JPEG")


def pixels(data: bytes, shape: tuple[int, ...], where: str) -> NDArray[np.uint8]:
    """The pixels of an image file, uint8 [channel, height, width].

    Args:
        shape: that the image must have: 1 channel for grey values, 3 for red, green and blue.

    Raises:
        ConfigError: Pillow is not installed.
        InputFileError: no PNG or JPEG, or another size; nothing is decoded then.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise ConfigError(
            "images of Parquet files need Pillow", remedy="pip install 'snn2chip[data]'"
        ) from error
    channels, height, width = shape
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.size != (width, height):
                raise InputFileError(
                    f"{where}: an image of another size",
                    needs=f"{width} x {height} pixels",
                    has=f"{image.size[0]} x {image.size[1]}",
                )
            found = np.asarray(image.convert("L" if channels == 1 else "RGB"), np.uint8)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise InputFileError(
            f"{where}: no image ({type(error).__name__}: {str(error)[:120]})",
            needs=" or ".join(FORMATS),
            remedy="download the data set again",
        ) from error
    return found.reshape(height, width, channels).transpose(2, 0, 1)
