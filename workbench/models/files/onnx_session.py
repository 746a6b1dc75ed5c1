"""The one place that opens an ONNX file to run it, and so decides with how many threads. Imports no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from workbench import devices
from workbench.errors import BadWeights
from workbench.models.files.whole import said

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MOST = 8
"""Threads of one network where the settings name no number and the processor has as many cores."""


def open_session(path: Path, most: int = MOST, threads: int = 0) -> "InferenceSession":
    """The file as a network on the processor, with at most `most` threads, or exactly `threads`. They do not spin while
    they wait: spinning cost half of every look again where other work was to be done.

    Raises BadWeights when it is no ONNX file that can be read.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or devices.threads(most)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises types of its own that it does not export
        raise BadWeights(
            f"{path.name} is not a readable ONNX file ({reason(error, path)}). Delete it and fetch it again."
        ) from error


def reason(error: Exception, path: Path) -> str:
    """What onnxruntime has against a file, in few words."""
    return said(error, path).rpartition(" : ")[2][:120]
