"""Exports a checkpoint as one ONNX file and compares its outputs with the original network's."""

import json
import logging
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import torch
import transformers
from torch import Tensor, nn
from transformers import PreTrainedModel

from core.checkpoints.bundle import WEIGHTS
from core.checkpoints.manifest import MANIFEST
from core.errors import EngineError
from core.export.inputs import Input, example_length, inputs_of, lengths

MODEL = "model.onnx"
OPSET = 18
"""ONNX opset version, supported by ONNX Runtime since 1.14 (2023)."""
TOLERANCE = 1e-4
"""Largest allowed difference of an output from the original's, relative to the largest output or 1: fp32 sums in
another order differ. Measured for the small networks of the tests: below 1e-6."""

_ONE_FILE_BYTES = 1_800_000_000
"""Protocol buffers are limited to 2 GiB; larger weights go to a separate file."""
_OUTPUTS = ("logits", "reconstruction", "last_hidden_state")
_NOT_COPIED = frozenset({MANIFEST, WEIGHTS})


@dataclass(frozen=True, slots=True)
class Exported:
    """The files written, and the result of the comparison."""

    architecture: str
    inputs: list[str]
    outputs: list[str]
    parameters: int
    batches: int
    largest_difference: float
    tolerance: float


def export_onnx(checkpoint: Path, out: Path) -> Exported:
    """Write ``model.onnx`` into ``out``, with the checkpoint's configuration and tokenizer.

    The network is traced in evaluation mode, in fp32, with batch and sequence of any size. Then ONNX Runtime
    computes outputs for inputs of other sizes than the traced one, which must equal the network's.

    Args:
        checkpoint: a checkpoint directory, in the layout that `transformers` opens.
        out: an empty directory.

    Raises:
        EngineError: ``export_unsupported`` if the network cannot be written as ONNX, ``export_differs`` if ONNX
            Runtime's outputs differ.
    """
    model = _load(checkpoint)
    architecture = type(model).__name__
    try:
        inputs = inputs_of(model)
    except KeyError as error:
        raise _unsupported(architecture, f"its input {error} is of no known kind") from None
    network = _Plain(model, [item.name for item in inputs])
    _write(network, inputs, out / MODEL, architecture)
    for path in checkpoint.iterdir():
        if path.is_file() and path.name not in _NOT_COPIED:
            shutil.copyfile(path, out / path.name)
    batches = lengths(model)
    difference, tolerance = _compare(network, inputs, out / MODEL, batches)
    if not difference <= tolerance:
        raise EngineError(
            "export_differs",
            f"ONNX Runtime's outputs of {architecture} differ from the original's by {difference:.3g}, "
            f"and {tolerance:.3g} is tolerated.",
            "Use the checkpoint as it is, and report this.",
            difference=difference,
            architecture=architecture,
            tolerance=tolerance,
        )
    return Exported(
        architecture=architecture,
        inputs=[item.name for item in inputs],
        outputs=[network.output],
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        batches=len(batches),
        largest_difference=difference,
        tolerance=tolerance,
    )


class _Plain(nn.Module):
    """A wrapper with tensors as inputs and one tensor as output, as ONNX requires."""

    def __init__(self, model: PreTrainedModel, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self._names = list(names)
        # ONNX has no state between calls, so the cache for text generation is off.
        self._options = {"use_cache": False} if hasattr(model.config, "use_cache") else {}
        self.output = ""
        self.eval()

    def forward(self, *tensors: Tensor) -> Tensor:
        outputs = self.model(
            **dict(zip(self._names, tensors, strict=True)), **self._options, return_dict=True
        )
        self.output = next(name for name in _OUTPUTS if getattr(outputs, name, None) is not None)
        output: Tensor = getattr(outputs, self.output)
        return output


def _load(checkpoint: Path) -> PreTrainedModel:
    try:
        [name] = json.loads((checkpoint / "config.json").read_text())["architectures"]
        architecture: type[PreTrainedModel] = getattr(transformers, name)
        # Attention written as matrix products is supported by every version of ONNX.
        return architecture.from_pretrained(
            checkpoint, dtype=torch.float32, attn_implementation="eager", local_files_only=True
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unsupported(
            "the checkpoint", f"{checkpoint.name} does not open with transformers: {error}"
        ) from error


def _write(network: _Plain, inputs: Sequence[Input], path: Path, architecture: str) -> None:
    config = network.model.config
    generator = torch.Generator().manual_seed(0)
    example = tuple(item.make(config, 2, example_length(network.model), generator) for item in inputs)
    with torch.no_grad():
        network(*example)
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # A warning of torch about its own code, on every export.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                example,
                path,
                dynamo=True,
                dynamic_shapes=(tuple(dict(item.axes) for item in inputs),),
                input_names=[item.name for item in inputs],
                output_names=[network.output],
                opset_version=OPSET,
                external_data=weights > _ONE_FILE_BYTES,
                verbose=False,
            )
    except Exception as error:
        raise _unsupported(architecture, str(error).strip().splitlines()[0]) from error


def _compare(
    network: _Plain, inputs: Sequence[Input], path: Path, batches: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    """The largest difference of an output, and the tolerance."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(1)
    difference, largest = 0.0, 1.0
    for batch, length in batches:
        tensors = [item.make(network.model.config, batch, length, generator) for item in inputs]
        with torch.no_grad():
            expected = network(*tensors)
        [found] = session.run(
            None, {item.name: tensor.numpy() for item, tensor in zip(inputs, tensors, strict=True)}
        )
        actual = torch.from_numpy(found)
        if actual.shape != expected.shape:
            return float("inf"), TOLERANCE
        difference = max(difference, (actual - expected).abs().max().item())
        largest = max(largest, expected.abs().max().item())
    return difference, TOLERANCE * largest


def _unsupported(what: str, why: str) -> EngineError:
    return EngineError(
        "export_unsupported",
        f"{what} cannot be exported to ONNX: {why}",
        "Use the checkpoint as it is: it opens with transformers.",
        what=what,
        reason=why,
    )
