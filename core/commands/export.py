"""The command ``export``: writes a checkpoint in another format."""

import math
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from core.assessment.dataset import read_for
from core.assessment.opened import open_checkpoint
from core.checkpoints.manifest import ManifestError, verify
from core.commands.digests import Digests
from core.commands.endings import run_to_end
from core.commands.settling import environment_of
from core.data import data_files
from core.data.files import ReadingByName
from core.errors import EngineError
from core.events import Events
from core.export.folder import export_checkpoint
from core.export.onnx import OPSET
from core.export.quality import Quality
from core.export.quantized import Measure
from core.spec.exports import FORMATS, ExportFormat
from core.training.devices import choose_place


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options."""

    checkpoint: Path
    format: ExportFormat
    out: Path
    data: tuple[Path, ...] = ()
    """The dataset that the checkpoint learned from, of whose held-out split a format that rounds is measured."""
    cache: Path | None = None
    threads: int | None = None
    reading: ReadingByName = field(default_factory=dict)
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
    with tempfile.TemporaryDirectory(prefix="export-") as directory:
        measure = _measure(options, Path(directory))
        done = export_checkpoint(options.checkpoint, options.out, options.format, measure=measure)
    exported = done.exported
    events.emit(
        "exported",
        path=str(options.out),
        architecture=exported.architecture,
        opset=OPSET if FORMATS[options.format].library == "onnxruntime" else None,
        inputs=exported.inputs,
        outputs=exported.outputs,
        parameters=exported.parameters,
        check=asdict(exported.check),
        costs=[
            {"name": cost.name, "original": _finite(cost.original), "exported": _finite(cost.exported)}
            for cost in done.costs
        ],
    )


def _measure(options: Options, scratch: Path) -> Measure | None:
    """
    Raises:
        DataError, EngineError: the data do not fit the checkpoint.
    """
    if not options.data or not FORMATS[options.format].reads_data:
        return None
    opened = open_checkpoint(options.checkpoint, options.digests.checkpoint)
    files = data_files(options.data, opened.job.task.modality, options.reading, options.digests.data)
    reading = read_for(opened, opened.job, files, options.cache or scratch / "cache", lambda *_: None)
    return Quality(options.checkpoint, reading.job, reading.data).measure


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
