"""Data sets, files with samples, and spike encoders."""

from snn2chip.data.datasets import Dataset, load_calibration, load_data
from snn2chip.data.digits import Split, load_digits_split
from snn2chip.data.encode import Keys, encode
from snn2chip.data.splits import load_split

__all__ = [
    "Dataset",
    "Keys",
    "Split",
    "encode",
    "load_calibration",
    "load_data",
    "load_digits_split",
    "load_split",
]
