"""The command ``export``: writes a checkpoint in another format."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import onnxruntime
import torch

from core.checkpoints.manifest import ManifestError, verify
from core.commands.digests import Digests
from core.commands.endings import run_to_end
from core.commands.settling import environment_of
from core.errors import EngineError
from core.events import Events
from core.export.onnx import OPSET, export_onnx
from core.training.devices import choose_place


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options."""

    checkpoint: Path
    format: Literal["onnx"]
    out: Path
    threads: int | None = None
    digests: Digests = field(default_factory=Digests)


def export(options: Options, events: Events) -> int:
    """Write a checkpoint in another format. The last event but one is ``exported``; on an error the last is ``failed``.

    Returns:
        The exit code of ``docs/engine-protocol.md``.
    """
    return run_to_end(lambda _: _export(options, events), events, options.out)


def _export(options: Options, events: Events) -> None:
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    place = choose_place("cpu", "fp32")
    events.emit("started", pid=os.getpid(), **environment_of(place), resumed_from_step=0, steps=0)
    try:
        verify(options.checkpoint, options.digests.checkpoint)
    except ManifestError as error:
        raise EngineError(
            "checkpoint_damaged",
            f"{error}.",
            "Export another checkpoint, or download this one again.",
            error=error,
        ) from error
    options.out.mkdir(parents=True)
    done = export_onnx(options.checkpoint, options.out)
    events.emit(
        "exported",
        path=str(options.out),
        architecture=done.architecture,
        opset=OPSET,
        inputs=done.inputs,
        outputs=done.outputs,
        parameters=done.parameters,
        check={
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "inputs": done.batches,
            "largest_difference": done.largest_difference,
            "tolerance": done.tolerance,
        },
    )
