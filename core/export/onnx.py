"""A checkpoint as one ONNX file, checked against the network it came from."""

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
"""What ONNX Runtime has understood since 1.14 (2023)."""
TOLERANCE = 1e-4
"""How far an output may be from the original's, beside the largest output there is, or 1: fp32 sums in another order.
Measured for the small networks of the tests: below 1e-6."""

_ONE_FILE_BYTES = 1_800_000_000
"""Protocol buffers end at 2 GiB; larger weights go to a file beside."""
_OUTPUTS = ("logits", "reconstruction", "last_hidden_state")
_NOT_COPIED = frozenset({MANIFEST, WEIGHTS})


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how it compared."""

    architecture: str
    inputs: list[str]
    outputs: list[str]
    parameters: int
    batches: int
    largest_difference: float
    tolerance: float


def export_onnx(checkpoint: Path, out: Path) -> Exported:
    """Write ``model.onnx`` into ``out``, and beside it what the checkpoint has for its readers: configuration, tokenizer.

    The network is traced in evaluation mode, in fp32, with batch and sequence of any size. Then ONNX Runtime computes
    inputs of other sizes than the traced one, and has to come to the same outputs.

    Args:
        checkpoint: a checkpoint directory, in the layout that `transformers` opens.
        out: an empty directory.

    Raises:
        EngineError: ``export_unsupported`` where the network cannot be written so, ``export_differs`` where ONNX Runtime
            comes to something else.
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
    """Tensors in, one tensor out: a network as ONNX sees it."""

    def __init__(self, model: PreTrainedModel, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self._names = list(names)
        # Caches of a generation are state between calls, and ONNX has none.
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
        # Written out as products, attention is what every version of ONNX knows.
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
            # Of torch about itself, on every export.
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
    """The largest difference of an output, and what is tolerated."""
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
    )
