"""ONNX: one step of a Graph out and in again, and classifiers of other tools as teachers.

The libraries onnx and onnxruntime are optional, and imported where they are used.
"""

from snn2chip.frontends.onnx.classifier import Classifier, open_classifier
from snn2chip.frontends.onnx.prove import OnnxReport, export_onnx
from snn2chip.frontends.onnx.read import read_onnx
from snn2chip.frontends.onnx.write import write_onnx

__all__ = [
    "Classifier",
    "OnnxReport",
    "export_onnx",
    "open_classifier",
    "read_onnx",
    "write_onnx",
]
