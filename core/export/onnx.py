"""Writes a network as ONNX and compares its outputs, computed by ONNX Runtime, with the original's."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor
from transformers import PreTrainedModel

from core.export.comparison import Run, compare
from core.export.exported import Exported
from core.export.inputs import example_length, sizes
from core.export.network import unsupported
from core.export.parts import Part, parts_of

OPSET = 18
"""ONNX opset version, supported by ONNX Runtime since 1.14 (2023)."""

_ONE_FILE_BYTES = 1_800_000_000
"""Protocol buffers are limited to 2 GiB; larger weights go to a separate file."""


def export_onnx(model: PreTrainedModel, out: Path) -> Exported:
    """Write ``model.onnx`` into ``out``; of an encoder with a decoder ``encoder_model.onnx`` and ``decoder_model.onnx``.

    The network is traced in fp32, for any batch and length. Then ONNX Runtime computes outputs for inputs of other sizes
    than the traced one, which must equal the network's.

    Raises:
        EngineError: ``export_unsupported`` if the network cannot be written as ONNX, ``export_differs`` if ONNX
            Runtime's outputs differ.
    """
    architecture = type(model).__name__
    parts = parts_of(model)
    for part in parts:
        write(part, out / file_of(part), architecture, example_length(model))
    runs = [(part, run_by_onnxruntime(out / file_of(part))) for part in parts]
    check = compare(architecture, runtime(), runs, sizes(model))
    return Exported.of(model, parts, check)


def file_of(part: Part) -> str:
    return f"{part.name}.onnx"


def runtime() -> str:
    return f"onnxruntime {onnxruntime.__version__}"


def run_by_onnxruntime(path: Path) -> Run:
    """The file as a function."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        given = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return [torch.from_numpy(found) for found in session.run(None, given)]

    return run


def write(part: Part, path: Path, architecture: str, length: int) -> None:
    """
    Raises:
        EngineError: ``export_unsupported``.
    """
    weights = sum(p.numel() * p.element_size() for p in part.network.parameters())
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    options: dict[str, Any] = {"dynamo": True, "verbose": False, "opset_version": OPSET}
    try:
        with warnings.catch_warnings():
            # A warning of torch about its own code, on every export.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                part.network,
                part.make(2, length, torch.Generator().manual_seed(0)),
                path,
                dynamic_shapes=(tuple(dict(axes) for axes in part.axes.values()),),
                input_names=list(part.axes),
                output_names=list(part.outputs),
                external_data=weights > _ONE_FILE_BYTES,
                **options,
            )
    except Exception as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise unsupported(architecture, why.rstrip(".")) from error
