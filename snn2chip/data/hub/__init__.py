"""Data sets of the Hugging Face hub in Parquet form, by name; `pip install 'snn2chip[data]'`."""

from snn2chip.data.hub.catalog import CATALOG, NamedSet
from snn2chip.data.hub.reading import BYTE_SCALE, VARIABLE, kept_file, read_part

__all__ = ["BYTE_SCALE", "CATALOG", "VARIABLE", "NamedSet", "kept_file", "read_part"]
