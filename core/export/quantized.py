"""Writes a network as ONNX with its weights in 8 bits, by ONNX Runtime's dynamic quantisation."""

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import PreTrainedModel

from core.export.comparison import Run, compare
from core.export.exported import Exported
from core.export.inputs import example_length, sizes
from core.export.network import unsupported
from core.export.onnx import file_of, run_by_onnxruntime, runtime, write
from core.export.parts import Part, parts_of

_QUANTIZED = frozenset(
    {"MatMulInteger", "DynamicQuantizeMatMul", "DynamicQuantizeLinear", "MatMulIntegerToFloat"}
)
_OPERATIONS = ["MatMul", "Gemm", "Gather"]
"""What is quantised: linear maps and embeddings. Convolutions of dynamically quantised inputs are slower than in fp32."""

Measure = Callable[[Sequence[Run]], Mapping[str, float]]
"""The task's measures of a network on held-out samples, from its parts as functions."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One measure on held-out samples."""

    name: str
    original: float
    """Of the network in fp32."""
    exported: float
    """Of the exported one."""


def export_quantized(
    model: PreTrainedModel, out: Path, measure: Measure | None
) -> tuple[Exported, list[Cost]]:
    """Write ``model_quantized.onnx`` into ``out``; of an encoder with a decoder ``encoder_model_quantized.onnx`` and the decoder's.

    Weights are stored in 8 bits; inputs of linear maps are rounded to 8 bits while they are computed. The network in fp32 is
    first compared with the original as every export is.

    Args:
        measure: None: what quantisation costs is not measured.

    Returns:
        The differences of outputs from the original's, and the measures of both.

    Raises:
        EngineError: ``export_unsupported``, ``export_differs``.
    """
    architecture = type(model).__name__
    parts = parts_of(model)
    with tempfile.TemporaryDirectory() as folder:
        whole = [_written(part, Path(folder), architecture, example_length(model)) for part in parts]
        originals = [run_by_onnxruntime(path) for path in whole]
        compare(architecture, runtime(), list(zip(parts, originals, strict=True)), sizes(model))
        made = [out / f"{part.name}_quantized.onnx" for part in parts]
        for source, target in zip(whole, made, strict=True):
            _quantize(source, target)
        if not any(_has_quantized(path) for path in made):
            raise unsupported(
                architecture, "none of its weights are in linear maps, so that there is nothing to quantise"
            )
        runs = [run_by_onnxruntime(path) for path in made]
        check = compare(
            architecture, runtime(), list(zip(parts, runs, strict=True)), sizes(model), tolerance=None
        )
        costs = [] if measure is None else _costs(measure(originals), measure(runs))
    return Exported.of(model, parts, check), costs


def _written(part: Part, folder: Path, architecture: str, length: int) -> Path:
    path = folder / file_of(part)
    write(part, path, architecture, length)
    return path


def _quantize(source: Path, target: Path) -> None:
    # It advises to run another tool before, which these graphs do not need.
    logging.getLogger().addFilter(_without_advice)
    try:
        quantize_dynamic(
            source, target, op_types_to_quantize=_OPERATIONS, per_channel=True, weight_type=QuantType.QInt8
        )
    finally:
        logging.getLogger().removeFilter(_without_advice)


def _without_advice(record: logging.LogRecord) -> bool:
    return "pre-processing before quantization" not in record.getMessage()


def _has_quantized(path: Path) -> bool:
    graph = onnx.load(path, load_external_data=False).graph
    return any(node.op_type in _QUANTIZED for node in graph.node)


def _costs(original: Mapping[str, float], exported: Mapping[str, float]) -> list[Cost]:
    return [Cost(name, value, exported[name]) for name, value in original.items()]
