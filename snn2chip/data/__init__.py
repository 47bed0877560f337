"""Data sets, files with samples, and spike encoders."""

from snn2chip.data.datasets import Dataset, load_calibration, load_data
from snn2chip.data.digits import Split, load_digits_split
from snn2chip.data.encode import Keys, encode, encode_bytes

__all__ = [
    "Dataset",
    "Keys",
    "Split",
    "encode",
    "encode_bytes",
    "load_calibration",
    "load_data",
    "load_digits_split",
]
