"""Writes a network as a program of ``torch.export`` (``.pt2``) and compares what it computes after loading."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim
from transformers import PreTrainedModel

from core.export.comparison import Run, compare
from core.export.exported import Exported
from core.export.inputs import example_length, sizes
from core.export.network import unsupported
from core.export.parts import Part, parts_of


def export_program(model: PreTrainedModel, out: Path) -> Exported:
    """Write ``model.pt2`` into ``out``; of an encoder with a decoder ``encoder_model.pt2`` and ``decoder_model.pt2``.

    Raises:
        EngineError: ``export_unsupported``, ``export_differs``.
    """
    parts = parts_of(model)
    architecture = type(model).__name__
    runs: list[tuple[Part, Run]] = []
    for part in parts:
        path = out / f"{part.name}.pt2"
        torch.export.save(program_of(part, architecture, example_length(model)), path)
        runs.append((part, run_by_torch(path)))
    check = compare(architecture, f"torch {torch.__version__}", runs, sizes(model))
    return Exported.of(model, parts, check)


def run_by_torch(path: Path) -> Run:
    """The file as a function."""
    module = torch.export.load(path).module()

    def run(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        with torch.no_grad():
            found: Sequence[Tensor] = module(*inputs)
        return found

    return run


def program_of(part: Part, architecture: str, length: int) -> torch.export.ExportedProgram:
    """The traced graph.

    Raises:
        EngineError: ``export_unsupported``.
    """
    shapes = (tuple(dict.fromkeys(axes, Dim.DYNAMIC) for axes in part.axes.values()),)
    example = part.make(2, length, torch.Generator().manual_seed(0))
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # Warnings of torch about its own code.
            warnings.simplefilter("ignore")
            return torch.export.export(part.network, example, dynamic_shapes=shapes)
    except Exception as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise unsupported(architecture, why.rstrip(".")) from error
