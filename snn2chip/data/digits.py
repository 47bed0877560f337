"""Scikit-learn's digits: 1,797 real images of 8 x 8 pixels, 17 grey levels, ten classes.

They come with scikit-learn, so nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from snn2chip.errors import ConfigError

SHAPE = (1, 8, 8)


@dataclass(frozen=True, eq=False)
class Split:
    """A data set in two parts that share no sample.

    Attributes:
        x_train, x_test: float64 [sample, *shape].
        y_train, y_test: int64 [sample], class indices.
        byte_scale: what the values were divided by where they are stored as bytes, else 1.
    """

    x_train: NDArray[np.float64]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float64]
    y_test: NDArray[np.int64]
    byte_scale: float = 1.0


def load_digits_split(seed: int = 0, test_size: float = 0.4) -> Split:
    """The digits, pixels divided by 16, split with equal class shares in both parts.

    Args:
        seed: of the split; a student's card names the one it was trained with.
        test_size: share of the samples that goes to the test part.

    Returns:
        x float64 [sample, 1, 8, 8] in [0, 1], y int64 [sample].

    Raises:
        ConfigError: a part would have fewer samples than there are classes.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x = (images / 16.0).reshape(-1, *SHAPE)
    y = labels.astype(np.int64)
    try:
        x_train, x_test, y_train, y_test = train_test_split(
            x, y, test_size=test_size, stratify=y, random_state=seed
        )
    except ValueError as error:  # too few samples on one side
        raise ConfigError(
            f"test_size = {test_size:g} of {len(y)} digits",
            needs="samples of each of the 10 classes in both parts",
            remedy="a share between 0.01 and 0.99",
        ) from error
    return Split(x_train, y_train, x_test, y_test)
