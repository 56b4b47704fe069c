"""Exports a checkpoint's folder: the network in another format, with its configuration and tokenizer or preprocessor."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.checkpoints.manifest import MANIFEST
from core.export.exported import Exported
from core.export.gguf_file import export_gguf
from core.export.network import open_network
from core.export.onnx import export_onnx
from core.export.program import export_program
from core.export.quantized import Cost, Measure, export_quantized
from core.spec.exports import ExportFormat

_WEIGHTS = ".safetensors"
"""In the names of files with weights, of the network and of what only training needs, and of their indices. They are not
copied."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What was written."""

    exported: Exported
    costs: Sequence[Cost] = ()
    """Measures on held-out samples, of a format that rounds."""


def export_checkpoint(
    checkpoint: Path, out: Path, file_format: ExportFormat = "onnx", *, measure: Measure | None = None
) -> Folder:
    """
    Args:
        checkpoint: A checkpoint directory; the network in its root is exported, which has low-rank updates merged.
        out: An empty directory.
        measure: Measures a network on held-out samples, for a format that rounds.

    Raises:
        EngineError: ``export_unsupported``, ``export_differs``.
    """
    model = open_network(checkpoint)
    if file_format == "onnx_int8":
        done = Folder(*export_quantized(model, out, measure))
    elif file_format == "torch_export":
        done = Folder(export_program(model, out))
    elif file_format == "gguf":
        done = Folder(export_gguf(model, checkpoint, out))
    else:
        done = Folder(export_onnx(model, out))
    for path in checkpoint.iterdir():
        if path.is_file() and path.name != MANIFEST and _WEIGHTS not in path.suffixes:
            shutil.copyfile(path, out / path.name)
    return done
