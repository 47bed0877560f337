"""ONNX: one step of a Graph out and in again, and classifiers of other tools as teachers.

The libraries onnx and onnxruntime are optional, and imported where they are used.
"""

from snn2chip.frontends.onnx.write import write_onnx

__all__ = ["write_onnx"]
