"""The formats that checkpoints are exported in, and which networks each is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.spec.job import JobSpec
from core.spec.task import TaskSpec


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    title: str
    summary: str
    """What it is, one sentence."""
    file: str
    """The network's file; an encoder with a decoder has two, ``encoder_`` and ``decoder_`` before the name."""
    library: str
    """The library that opens it."""
    suited: str
    """Which networks it is for, as the end of the sentence "It is for …"."""
    text_head: str | None = None
    """`TaskSpec.text_head` of the tasks whose checkpoints it is for; None: all tasks."""
    architectures: frozenset[str] | None = None
    """Architectures of the networks that it is for; None: all."""
    unsuited: frozenset[str] = frozenset()
    """Architectures that it is not for."""
    reads_data: bool = False
    """Whether the export measures what the format costs on the held-out split of the checkpoint's dataset."""

    def suits(self, spec: JobSpec) -> bool:
        """Whether it is for the checkpoints of this spec."""
        return self.is_for(type(spec.task), spec.architecture)

    def is_for(self, task: type[TaskSpec], architecture: str) -> bool:
        """Whether it is for the networks of an architecture that a task trains."""
        return (
            self.text_head in {None, task.text_head}
            and (self.architectures is None or architecture in self.architectures)
            and architecture not in self.unsuited
        )


_CONVOLUTIONAL = frozenset({"resnet", "dcgan", "resgan"})

FORMATS: Mapping[str, Format] = {
    "onnx": Format(
        title="ONNX",
        summary="One file for ONNX Runtime, batch and sequence of any size.",
        file="model.onnx",
        library="onnxruntime",
        suited="all networks",
    ),
    "onnx_int8": Format(
        title="ONNX, int8",
        summary="The weights in 8 bits, a quarter of the size, with what that costs in the task's measures.",
        file="model_quantized.onnx",
        library="onnxruntime",
        suited="networks whose weights are in linear maps, not in convolutions",
        unsuited=_CONVOLUTIONAL,
        reads_data=True,
    ),
    "torch_export": Format(
        title="torch.export",
        summary="The traced graph, which torch runs and compiles without the network's Python code.",
        file="model.pt2",
        library="torch",
        suited="all networks",
    ),
    "gguf": Format(
        title="GGUF",
        summary="One file with the tokenizer for llama.cpp and programs that use it.",
        file="model.gguf",
        library="llama.cpp",
        suited="language models of the architecture llama (task causal_lm)",
        text_head="next_token",
        architectures=frozenset({"llama"}),
    ),
}

if TYPE_CHECKING:
    ExportFormat = str
else:
    ExportFormat = Literal[tuple(FORMATS)]
