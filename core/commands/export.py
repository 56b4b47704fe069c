"""The command ``export``: writes a checkpoint in another format."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

import onnxruntime
import torch

from core.checkpoints.manifest import ManifestError, verify
from core.commands.digests import Digests
from core.commands.run import environment_of, explain
from core.errors import STOPPED, EngineError
from core.events import Events
from core.export.onnx import OPSET, export_onnx
from core.training.devices import choose_place
from core.training.signals import StopSignals


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

    def stop() -> NoReturn:
        with events.lock:
            events.emit("finished", step=0, reason="stopped", values={})
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(STOPPED)

    try:
        with StopSignals() as signals, signals.at_once(stop):
            _export(options, events)
    except Exception as error:  # noqa: BLE001 - the last event must report every kind of error
        failure, exit_code = explain(error, options.out)
        events.emit(
            "failed",
            code=failure.code,
            message=failure.message,
            hint=failure.hint,
            step=0,
            details=dict(failure.details),
        )
        return exit_code
    events.emit("finished", step=0, reason="completed", values={})
    return 0


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
